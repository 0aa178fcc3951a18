"""The verification engine behind ``locara verify``."""

__version__ = "0.1.0"

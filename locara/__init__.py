"""Locara: fully-local AI apps whose powers are declared, enforced and proven."""

__version__ = "0.1.0"

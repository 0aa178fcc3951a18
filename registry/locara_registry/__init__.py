"""The service that builds, verifies, signs, attests, publishes and revokes apps from a commit."""

__version__ = "0.1.0"

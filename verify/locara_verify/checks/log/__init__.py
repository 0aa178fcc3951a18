"""Checks of the transparency log: whatever is forged must be refused, for its own reason."""

"""Checks of devices and the person's desktop."""

"""Checks of what a person is asked, and of what starts without their answer."""

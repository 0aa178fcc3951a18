"""Checks of locara.json and of what is derived from it."""

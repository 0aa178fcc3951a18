"""The window's process: its own sandbox, and the page in it."""

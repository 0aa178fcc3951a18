"""Independent judges: what a manifest permits, what a manifest may say, and what really happened outside."""

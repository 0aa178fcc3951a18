"""Models by content address: pins as a manifest writes them, and the cache all apps of one person share."""

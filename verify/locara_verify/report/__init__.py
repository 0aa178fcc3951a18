"""Reports: one value, one file per format. Nothing here decides anything."""

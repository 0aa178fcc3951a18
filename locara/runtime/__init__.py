"""One running app: its gate, its audit log, its files, its commands and the frames they travel in."""

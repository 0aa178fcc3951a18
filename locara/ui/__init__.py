"""The window: the untrusted half of the trust boundary, drawn by a process that has no network and no files."""

"""Addresses, redirects, header fields and downloads, against real servers on this machine."""

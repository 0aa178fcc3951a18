"""Revocations: the lists, what an entry names, and what follows from it. Pure: no file, no network, no clock."""

"""Signatures of macOS programs, read without a Mac: every slice, every page, both forms of the entitlements.

Written from Apple's headers (`mach-o/loader.h`, `mach-o/fat.h`, `cs_blobs.h`). Nothing is loaded, linked or run, and
a number of the file is believed only after it was compared with the size of the file.
"""

"""Kernel probes in the app's own launch plan, each with a control, and proof that a missing layer is
noticed.
"""

"""Grants projected onto kernels: what an app's process can reach at all, whatever its code does.

Import the module you need; importing this package loads nothing else, because the first program inside the
sandbox imports it on the launch path.
"""

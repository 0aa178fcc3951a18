"""Checks on an app's models: pinned bytes, flipped bits, undeclared models, inference in the live runtime."""

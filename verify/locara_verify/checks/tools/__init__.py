"""Checks on tools: hostile WebAssembly in the live runtime, its rights, its bounds, its cache."""

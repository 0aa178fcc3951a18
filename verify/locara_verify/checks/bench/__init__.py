"""Benchmarks against a raw engine in the same run. A rule fails only when the interval excludes its bound."""

"""Attestations: forged ones are refused, the right ones believed, and those of a bundle are judged."""

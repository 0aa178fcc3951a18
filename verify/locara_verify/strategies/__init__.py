"""Generators of hostile and ordinary inputs. All take a ``random.Random``: the same seed, the same inputs."""

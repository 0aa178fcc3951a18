"""Who verifies the verifier: planted faults that must be found by their rule, harmless changes that must
not."""

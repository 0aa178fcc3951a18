"""The window process on Linux. The system's Python runs it: `gi` and the standard library, nothing else."""

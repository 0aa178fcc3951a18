"""The programs that run inside the sandbox, and outside it as their own control. Standard library only."""

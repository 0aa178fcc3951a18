"""The TUF repository of a registry: who may sign what, and publishing so that a kill at any moment breaks nothing."""

"""Checks of the policy's decisions and of the set algebra of scopes."""

"""Sigstore bundles: who signed, when, and where it was logged, checked offline against one instance."""

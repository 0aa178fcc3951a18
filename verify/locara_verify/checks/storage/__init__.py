"""Attacks on the app's store: SQL through the real IPC of the sandboxed runtime, judged by canaries."""

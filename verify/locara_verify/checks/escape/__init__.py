"""Attacks on the running, sandboxed app through its real IPC, judged by canaries outside."""

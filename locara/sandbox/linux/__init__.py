"""The Linux backend: bubblewrap namespaces, a seccomp filter and a Landlock domain, all three or nothing."""

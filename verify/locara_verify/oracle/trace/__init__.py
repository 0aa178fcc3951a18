"""What a process really asks of the kernel while it is attacked: its system calls, by ptrace.

A process of its own (`tracer`) follows every thread of the traced ones and says of each call that names or opens a
file, reaches for a socket, starts something or asks for a power, which thing it was about (`calls`, `lookups`). Which
file that is, the kernel says: device and inode of the descriptor while its thread stands at the end of the call, and
the folder found by walking up from it. Names are only shown.
"""

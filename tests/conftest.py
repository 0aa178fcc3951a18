"""What holds for every test run, however it was started."""

from __future__ import annotations

import signal
import threading


def pytest_configure() -> None:
    """A shell that starts a run in the background has it ignore Ctrl-C, and so would each process a test starts.

    Tests send that signal to processes of their own; with a handler here those begin as they do for a person.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)

"""What happens to an app that is running when a list that names it arrives.

Nothing here asks a network: the files of the lists are looked at, and read again when they changed. A block ends
the app at its next start, so that nobody loses what they are writing; one for malware ends it now.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from locara.core.grant import Grants
from locara.runtime.origin import origin_of
from locara.runtime.revocation import LIST_NAME, MEMORY_NAME, URGENT_NAME, subject_of, verdict_on
from locara.runtime.state import StartError, StateFolder

EVERY: Final = 15.0
_NAMES: Final = (LIST_NAME, URGENT_NAME, MEMORY_NAME)


@contextmanager
def recalled(
    state: StateFolder,
    grants: Grants,
    *,
    kill: Callable[[], None],
    tell: Callable[[str], None],
    every: float | None = None,
) -> Iterator[None]:
    """While the block runs: ``tell`` once what a new list says about this app, and ``kill`` it for malware.

    Looks every ``every`` seconds, None is `EVERY`. ``kill`` and ``tell`` are called from another thread.
    """
    done = threading.Event()
    pause = EVERY if every is None else every

    def watch() -> None:
        last: tuple[object, ...] | None = None  # the first look judges, too: a list may have come since
        told = ""
        while not done.wait(pause):
            seen = _seen(state)
            if seen == last:
                continue
            last = seen
            try:
                origin = origin_of(state, grants)
                found = verdict_on(state, subject_of(grants, origin), "run", now=time.time())
            except StartError:
                continue  # the next start says so; a list that is being replaced is read again
            if found.action == "block" and found.because != told:
                told = found.because
                when = "it is ended now" if found.ends_now else "it will not start again; save what you need"
                tell(f"{grants.app_id} {grants.version}: {found.because}; {when}")
                if found.ends_now:
                    kill()
                    return

    thread = threading.Thread(target=watch, name="revocations", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _seen(state: StateFolder) -> tuple[object, ...]:
    found: list[object] = []
    for name in _NAMES:
        try:
            status = (state.path / name).lstat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)

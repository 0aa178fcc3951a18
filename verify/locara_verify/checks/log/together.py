"""LC756, two witnesses with one memory: what one cosigns while the other waits, the other knows afterwards.

The check plays the first witness: it holds the folder and puts the memory of a cosigned checkpoint in place. The second
is shown a log that goes on otherwise; it must wait until the folder is free, and then refuse.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from locara.errors import LocaraError
from locara.trust.log_policy import LogPolicy
from locara.trust.log_source import FolderSource
from locara.trust.witness import Witness
from locara_verify.checks.log.trial import Trial
from locara_verify.checks.waiting import happens
from locara_verify.oracle import log as oracle

RULE: Final = "LC756"
SECONDS: Final = 5.0
_LOCKS: Final = Path("/proc/locks")
Serve = Callable[[Path, list[bytes]], Path]


def two_at_once(trial: Trial, folder: Path, serve: Serve, policy: LogPolicy) -> None:
    """Both ways to a cosignature, each with its twin: a wait in which nothing was cosigned."""
    begun = [b"%d" % number for number in range(5)]
    honest, other = [*begun, b"honest"], [*begun, b"other", b"more"]
    Witness.create(folder / "pair", "pair.example.org")
    place = folder / "pair/seen.json"

    def witness() -> Witness:
        return Witness.open(folder / "pair", policy.logs)

    def visit(log: Path) -> object:
        return witness().visit(FolderSource(log))

    memories = []
    for what, entries in (("a log that begins", begun), ("a log that goes on", honest)):
        trial.believed(RULE, what, partial(visit, serve(folder / what, entries)))
        if RULE in trial.broken:
            return
        memories.append(place.read_bytes())
    before, after = memories
    shown = serve(folder / "other", other)
    proof = oracle.consistency(len(begun), other)
    ways: dict[str, Callable[[], object]] = {
        "visits a log": partial(visit, shown),
        "is sent a checkpoint": lambda: witness().add(len(begun), proof, (shown / "checkpoint").read_bytes()),
    }
    for what, act in ways.items():
        for memory in (before, after):
            place.write_bytes(before)
            answered, waited, kept = _while_held(place, memory, act)
            told = f"a witness that {what} while another one cosigns: answered {answered}, kept {kept!r}"
            trial.holds(RULE, "a witness does not wait for the other one", told, fault=not waited)
            if memory is before and not answered and waited:
                trial.broken.setdefault(RULE, f"the allow twin failed: a witness that {what} after a wait")
            if memory is after:
                fault = answered or kept != after
                trial.holds(RULE, "two witnesses with one memory cosign two histories", told, fault=fault)
    place.write_bytes(after)


def _while_held(place: Path, memory: bytes, act: Callable[[], object]) -> tuple[bool, bool, bytes]:
    """Do it on another thread while the folder is held, and put this memory in place before letting go.

    Says whether there was an answer, whether it came after that, and what is kept at the end.
    """
    answers: list[object] = []

    def run() -> None:
        try:
            answers.append(act())
        except LocaraError:
            return

    fd = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)  # whoever would share the folder does not wait for this either
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        waits = happens(lambda: not thread.is_alive() or _waits_for(place.parent), SECONDS)
        held = waits and thread.is_alive()
        if held:
            place.write_bytes(memory)
    finally:
        os.close(fd)
    thread.join(SECONDS)
    return bool(answers), held, place.read_bytes()


def _waits_for(folder: Path) -> bool:
    """Whether the kernel knows of somebody who waits for the folder. Where it does not tell, half a second is enough
    for whoever does not wait."""
    if not _LOCKS.exists():
        time.sleep(0.5)
        return True
    inode = f":{folder.stat().st_ino} "
    return any(" -> " in line and inode in line for line in _LOCKS.read_text().splitlines())

"""LC112 of what is held against others: for as long as something is done, and where others look for it.

The kernel says which locks this process has. A folder in which something is made is its maker's alone, and what stands
in the place of one (a link, a file, a folder with links in it) leads nothing away.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from locara_verify.checks.names import ENOUGH, guessable
from locara_verify.tally import Tally

MODES: Final = "LC112"
_LOCKS: Final = Path("/proc/locks")
Holding = Callable[[], AbstractContextManager[object]]


def held(tally: Tally, folder: Path) -> None:
    """Each lock: there from the beginning of its block to the end, on one place for one name, and gone afterwards."""
    for name, (hold, lasting) in _holders(folder).items():
        wrong = unheld(hold, lasting=lasting)
        tally.judge(MODES, not wrong, wrong or "something is held for too short", name)


def unheld(hold: Holding, *, lasting: bool) -> str:
    """What is wrong with a lock; nothing where it is right. ``lasting``: two that follow each other hold the same."""
    before, places = _locked(), list[frozenset[str]]()
    for _ in range(2):
        with hold():
            places.append(_locked() - before)
    if not all(places):
        return "nothing is held while it is used alone"
    if lasting and places[0] != places[1]:
        return "two who want to be alone hold different places"
    return "" if _locked() == before else "something is held after its end"


def _holders(folder: Path) -> dict[str, tuple[Holding, bool]]:
    """What is held, and whether two that follow each other hold the same."""
    from locara.cli.dev_folder import dev_folder  # noqa: PLC0415 - loads the framework
    from locara.models.cache import ModelCache  # noqa: PLC0415
    from locara.runtime.audit import AuditLog  # noqa: PLC0415
    from locara.runtime.state import StateFolder  # noqa: PLC0415
    from locara.staging import attempt  # noqa: PLC0415
    from locara.trust import kept_files  # noqa: PLC0415

    for name in ("area", "dev", "witness", "cache"):
        (folder / name).mkdir(mode=0o700)
    cache = ModelCache(folder / "cache")
    (folder / "cache/.partial").mkdir(mode=0o700)

    @contextmanager
    def audit() -> Iterator[None]:
        log = AuditLog.open(folder / "audit.jsonl", app="x")
        try:
            yield
        finally:
            log.close()

    return {
        "a folder in which something is made": (lambda: attempt(folder / "area"), False),
        "the folder of a run in development": (lambda: dev_folder(folder / "dev"), False),
        "a model that is copied": (lambda: cache._lock("a" * 64), True),
        "the state of an app": (lambda: StateFolder(folder / "state").alone("consent"), True),
        "the memory of a witness": (lambda: kept_files.alone(folder / "witness", "working"), True),
        "the log of an app": (audit, True),
    }


def _locked() -> frozenset[str]:
    """The places that this process holds a lock of, as the kernel tells them."""
    own = str(os.getpid())
    found = (line.split() for line in _LOCKS.read_text("ascii").splitlines())
    return frozenset(one[5] for one in found if one[1] == "FLOCK" and one[3:5] == ["WRITE", own])


def led_away(tally: Tally, top: Path) -> None:
    """What is left in the area, and is no folder of a killed attempt, stays; so does what it leads to."""
    from locara.staging import attempt  # noqa: PLC0415 - loads the framework

    area, beyond = top / "area", top / "beyond"
    for folder in (area, beyond, beyond / "inner", area / "try-folder"):
        folder.mkdir()
    (beyond / "file").write_bytes(b"beyond")
    (area / "try-link").symlink_to(beyond)
    (area / "try-inner").symlink_to(beyond / "inner")
    (area / "try-folder/link").symlink_to(beyond)
    (area / "try-folder/again").symlink_to(area)
    (area / "try-file").write_bytes(b"a file")
    with suppress(OSError), attempt(area, "try-"):
        pass
    left = sorted(path.name for path in area.glob("*"))
    tally.judge(
        MODES,
        left == ["try-file", "try-inner", "try-link"],
        "what a killed attempt left is not what goes",
        str(left),
    )
    there = sorted(path.name for path in beyond.glob("*"))
    tally.judge(
        MODES, there == ["file", "inner"], "a link in the place of a killed attempt was followed", str(there)
    )


def names_taken(tally: Tally, area: Path) -> None:
    """Names of attempts are drawn; where one is taken all the same, what has it is not used."""
    from locara.staging import attempt  # noqa: PLC0415 - loads the framework

    names: list[str] = []
    with ExitStack() as stack, suppress(OSError):
        for _ in range(ENOUGH):
            names.append(stack.enter_context(attempt(area)).name)
    guessed = guessable(names) if len(names) == ENOUGH else f"{len(names)} of {ENOUGH} could begin"
    tally.judge(MODES, guessed is None, "where something will be made can be guessed", str(guessed))
    real = secrets.token_hex
    beyond = area / "beyond"
    beyond.mkdir()
    try:
        secrets.token_hex = lambda *_: "taken"  # as if it had been guessed
        (area / "new-taken").symlink_to(beyond)
        with suppress(OSError), attempt(area, "new-") as one:
            one.joinpath("made").write_bytes(b"made")
            tally.judge(MODES, not list(beyond.iterdir()), "something is made where a link leads", one.name)
    finally:
        secrets.token_hex = real

"""LC112 and LC228 at how files are kept: whole, on the disk before they have their name, and open to nobody else.

Whether a file outlives a loss of power shows only when there is one, so the calls that make it are looked at while they
are made: each is made in earnest, and what the file was at that moment is read from its descriptor.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.audit import file_limit
from locara_verify.checks.storage import alone
from locara_verify.context import Context
from locara_verify.tally import Tally

MODES: Final = "LC112"
WHOLE: Final = "LC228"
_DATA: Final = b'{"kept":"' + b"x" * 20_000 + b'"}\n'
_NEW: Final = "a file that is new"
NAMING: Final = ("replace", "rename", "link")


@dataclass(slots=True)
class Seen:
    """What was done while a file was kept: what was made durable, and what had got its name by then."""

    steps: list[tuple[str, int, int]] = field(default_factory=list)  # call, inode, bytes
    modes: list[int] = field(default_factory=list)

    def file(self, fd: int) -> os.stat_result:
        """Look at what a call is about to be made for."""
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode):
            self.modes.append(status.st_mode & 0o777)
        return status


@contextmanager
def watched() -> Iterator[Seen]:
    """While the block runs, calls that make a file durable, change its mode or name it are noted and then made."""
    seen = Seen()

    def noting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(what: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as the system's
            status = seen.file(what) if isinstance(what, int) else os.stat(what)  # noqa: PTH116 - as above
            seen.steps.append((name, status.st_ino, status.st_size))
            return real(what, *more, **named)

        return call

    with ExitStack() as stack:
        for name in ("fsync", "fdatasync", "fchmod", *NAMING):
            real = getattr(os, name)
            setattr(os, name, noting(name, real))
            stack.callback(setattr, os, name, real)
        yield seen


@check("storage-kept", rules=(MODES, WHOLE), quick=True)
def run(ctx: Context) -> CheckResult:
    """Each way of keeping a file: new, over another, beside another, and where there is no room; and staging."""
    tally = Tally()
    before = os.umask(0)
    try:
        for what, keep in _ways():
            whole(tally, ctx.fresh_dir("kept"), what, keep)
        not_replaced(tally, ctx.fresh_dir("kept"))
        staged(tally, ctx.fresh_dir("staged"))
        alone.held(tally, ctx.fresh_dir("held"))
        alone.led_away(tally, ctx.fresh_dir("staged"))
        alone.names_taken(tally, ctx.fresh_dir("staged"))
    finally:
        os.umask(before)
    return tally.result()


def _ways() -> Iterator[tuple[str, Callable[[Path], None]]]:
    from locara.durable import write_whole  # noqa: PLC0415 - loads the framework
    from locara.runtime.state import StateFolder  # noqa: PLC0415 - as above

    def new(place: Path) -> None:
        place.unlink(missing_ok=True)
        write_whole(place, _DATA, replace=False)

    def decision(place: Path) -> None:
        StateFolder(place.parent.parent).write(f"{place.parent.name}/{place.name}", {"answer": "yes"})

    yield "a file", lambda place: write_whole(place, _DATA)
    yield _NEW, new
    yield "a decision", decision


def whole(tally: Tally, folder: Path, what: str, keep: Callable[[Path], None]) -> None:
    """The bytes are on the disk before the name is, the name before the return; nobody else can look at either."""
    for turn in ("new", "over another"):
        place = folder / "kept" / "file"
        place.parent.mkdir(exist_ok=True, mode=0o700)
        with watched() as seen:
            keep(place)
        status, parent = place.stat(), place.parent.stat()
        told = f"{what}, {turn}: {[name for name, _, _ in seen.steps]}"
        named = [
            at for at, (name, inode, _) in enumerate(seen.steps) if name in NAMING and inode == status.st_ino
        ]
        tally.twin(WHOLE, bool(named), f"the name that a file is given is seen ({told})")
        first, last = (named[0], named[-1]) if named else (0, 0)
        synced = [
            name
            for name, inode, size in seen.steps[:first]
            if inode == status.st_ino and size == status.st_size
        ]
        held = any(name in {"fsync", "fdatasync"} for name in synced)
        tally.judge(WHOLE, held, "a file has its name before its bytes are on the disk", told)
        held = any(name == "fsync" and inode == parent.st_ino for name, inode, _ in seen.steps[last:])
        tally.judge(WHOLE, held, "a file is kept whose name is not on the disk", told)
        open_to = [mode for mode in seen.modes if mode & 0o077]
        told = f"{what}, {turn}: {[f'{mode:04o}' for mode in seen.modes]}"
        tally.judge(MODES, not open_to, "others can look at a file while it is written", told)
    left = [one.name for one in place.parent.iterdir() if one != place]
    tally.judge(WHOLE, not left, "keeping a file leaves another behind", f"{what}: {left}")
    _no_room(tally, place, what, keep)


def _no_room(tally: Tally, place: Path, what: str, keep: Callable[[Path], None]) -> None:
    from locara.errors import LocaraError  # noqa: PLC0415 - loads the framework

    if what == _NEW:
        return
    place.write_bytes(b"what was there before")
    with file_limit(0), suppress(OSError, LocaraError):
        keep(place)
    kept, left = place.read_bytes(), [one.name for one in place.parent.iterdir() if one != place]
    told = f"{what}: {len(kept)} bytes, {left} beside it"
    held = kept == b"what was there before" and not left
    tally.judge(WHOLE, held, "where there was no room, what was there before is not as it was", told)


def not_replaced(tally: Tally, folder: Path) -> None:
    """A file that must not take the place of another leaves it, be that a file, a link or a folder."""
    from locara.durable import write_whole  # noqa: PLC0415 - loads the framework

    (folder / "aim").write_bytes(b"elsewhere")
    kinds: dict[str, Callable[[Path], object]] = {
        "a file": lambda place: place.write_bytes(b"mine"),
        "a link": lambda place: place.symlink_to(folder / "aim"),
        "a link to nothing": lambda place: place.symlink_to(folder / "nothing"),
        "a folder": Path.mkdir,
    }
    for what, make in kinds.items():
        place = folder / what.replace(" ", "-")
        make(place)
        before = place.lstat().st_ino
        try:
            write_whole(place, _DATA, replace=False)
            code = "written"
        except OSError as error:
            code = type(error).__name__
        same = place.lstat().st_ino == before and (folder / "aim").read_bytes() == b"elsewhere"
        held = code == "FileExistsError" and same and not (folder / "nothing").exists()
        told = f"over {what}: {code}, it is {'the same' if same else 'another'}"
        tally.judge(WHOLE, held, "a file took the place of one that it must not replace", told)


def staged(tally: Tally, area: Path) -> None:
    """What is being made is for nobody else to look at, stays while it is made, and goes with its maker."""
    from locara.staging import attempt  # noqa: PLC0415 - loads the framework

    (area / "of-another").mkdir()
    (area / "try-left").mkdir()
    with attempt(area, "try-") as one:
        mode = one.stat().st_mode & 0o777
        tally.judge(MODES, mode == 0o700, "others can look at what is being made", f"{mode:04o}")
        (one / "file").write_bytes(b"being made")
        begun = False
        with suppress(OSError), attempt(area, "try-") as other:
            begun = other != one
        held = (one / "file").is_file()
        tally.judge(MODES, held, "what is being made was taken away by another", one.name)
        tally.judge(MODES, begun, "two attempts have one folder", one.name)
    left = sorted(path.name for path in area.iterdir())
    tally.judge(
        MODES, left == ["of-another"], "an attempt leaves something, or takes what is not its own", str(left)
    )

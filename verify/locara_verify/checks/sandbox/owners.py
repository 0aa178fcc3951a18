"""LC112 at the folders that a start makes or finds: whose they are afterwards, and who can look into them.

A launcher that is root starts the app as an ordinary user, who must own the app's folders. It gives away what root owns
and nothing else: not a folder of another person, and no file, which may have another name elsewhere.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from locara.durable import write_whole
from locara.errors import SandboxError
from locara.sandbox.linux.identity import ordinary_identity
from locara.sandbox.plan import Source
from locara.sandbox.profile import DATA, DATA_PARTS, SHARED
from locara.sandbox.sources import prepare_data
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC112"
_OTHER: Final = 4_321
_KINDS: Final = ((DATA, ""), *((DATA, part) for part in DATA_PARTS), (f"{SHARED}/circle", ""))


@check("sandbox.owners", rules=(RULE,), needs=frozenset({"kernel"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Folders that are not there yet, and folders that are, of root and of somebody else."""
    tally = Tally()
    before = os.umask(0)
    try:
        for dest, part in _KINDS:
            made(ctx, tally, dest, part)
    finally:
        os.umask(before)
    foretold(ctx, tally)
    if os.getuid() == 0:
        for (dest, part), whose in itertools.product(_KINDS, (0, _OTHER)):
            found(ctx, tally, (dest, part), whose)
        for dest, part in _KINDS:
            exchanged(ctx, tally, dest, part)
    return tally.result()


def _prepared(ctx: Context, dest: str, place: Path) -> int:
    """Who is to own the folders after a start."""
    identity = ordinary_identity(os.getuid(), os.environ)
    prepare_data([Source(place, dest, "dir", writable=True)], identity)
    return os.getuid() if identity is None else identity.uid


def made(ctx: Context, tally: Tally, dest: str, part: str) -> None:
    """A folder that is made is the app's, and nobody else looks into it whatever the launcher's umask is."""
    place = ctx.fresh_dir("made") / "data"
    owner = _prepared(ctx, dest, place)
    seen = (place / part).stat()
    told = f"{dest}/{part}: {seen.st_mode & 0o777:04o} of user {seen.st_uid}"
    tally.judge(RULE, seen.st_mode & 0o077 == 0, "a folder that a start makes is open to others", told)
    tally.twin(RULE, seen.st_uid == owner, f"a folder that a start makes is the app's ({told})")


def foretold(ctx: Context, tally: Tally) -> None:
    """The names under which a file was drafted are links to something else when it is written again: a folder that
    came from somebody else can hold any name that can be foretold."""
    folder, canary, opens = ctx.fresh_dir("foretold"), ctx.fresh_dir("beside") / "canary", os.open
    canary.write_bytes(b"as it was")
    drafts: list[Path] = []

    def noted(path: object, flags: int, *more: int, **named: int) -> int:
        if flags & os.O_CREAT and isinstance(path, str | os.PathLike):
            drafts.append(Path(path))
        return opens(path, flags, *more, **named)  # type: ignore[arg-type]

    os.open = noted  # type: ignore[assignment]
    try:
        for number in range(3):
            write_whole(folder / "kept.json", f"{number}".encode())
            for draft in {one for one in drafts if not os.path.lexists(one)}:
                draft.symlink_to(canary)
    finally:
        os.open = opens
    held = canary.read_bytes() == b"as it was" and not (folder / "kept.json").is_symlink()
    tally.judge(
        RULE, held, "a draft was written through a link of a name that can be foretold", str(drafts[:1])
    )
    tally.twin(
        RULE,
        bool(drafts) and (folder / "kept.json").read_bytes() == b"2",
        "a file is drafted and put in place",
    )


def exchanged(ctx: Context, tally: Tally, dest: str, part: str) -> None:
    """A folder that a start has open and looks at is exchanged for a link, at that very moment: what the link leads to
    is not given away."""
    top, look = ctx.fresh_dir("exchanged").resolve(), os.fstat
    place, outside, moved = top / "data", top / "outside", top / "moved"
    one = place / part
    for folder in (one, outside):
        folder.mkdir(parents=True)

    def looks(fd: int) -> os.stat_result:
        seen = look(fd)
        if os.readlink(f"/proc/self/fd/{fd}") == str(one) and not moved.exists():  # noqa: PTH115 - as it is told
            one.rename(moved)
            one.symlink_to(outside)
        return seen

    os.fstat = looks
    try:
        with suppress(SandboxError):
            _prepared(ctx, dest, place)
    finally:
        os.fstat = look
    told = f"{dest}/{part}: it is now of user {outside.stat().st_uid}"
    given = outside.stat().st_uid != 0
    tally.judge(RULE, not given, "what a link led to was given away by a start of root", told)
    tally.twin(RULE, moved.exists(), f"the folder {dest}/{part} is looked at while it is open")


def found(ctx: Context, tally: Tally, kind: tuple[str, str], whose: int) -> None:
    """A folder that root owns is given to the app; one that somebody else owns stays theirs; no file is given."""
    dest, part = kind
    place = ctx.fresh_dir("found") / "data"
    one = place / part
    one.mkdir(parents=True)
    (one / "file").touch()
    os.chown(one, whose, whose)
    owner = _prepared(ctx, dest, place)
    told = f"{dest}/{part} of user {whose} is now of user {one.stat().st_uid}"
    if whose:
        kept = one.stat().st_uid == whose
        tally.judge(RULE, kept, "a folder of another person was given away by a start of root", told)
    else:
        tally.twin(RULE, one.stat().st_uid == owner, f"a folder of root is given to the app ({told})")
    file = (one / "file").stat().st_uid
    tally.judge(
        RULE, file == 0, "a file was given away, which may have another name elsewhere", f"user {file}"
    )

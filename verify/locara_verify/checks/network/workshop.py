"""LC112 and LC323 beside the server of `locara dev`: its folders, its copy of the page, and how much it keeps.

What one session leaves is taken away by the next, and nothing else is; what a build links to is not in the page; and a
page that asks much, or does not read, makes neither grow without end.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.network.bridge import FRAMES, RULE, Stage, stage
from locara_verify.context import Context
from locara_verify.tally import Tally

FOLDERS: Final = "LC112"
PREFIX: Final = "locara-dev-"
MOST_FRAME: Final = 16 * 1024 * 1024
MOST_LINES: Final = 20_000
MOST_PAGES: Final = 64
_OTHER_USER: Final = 4_321
_SECRET: Final = b"a canary beside what is built"


@check("network.workshop", rules=(FOLDERS, RULE), quick=True)
def run(ctx: Context) -> CheckResult:
    """Folders, copies and bounds."""
    tally = Tally()
    swept(ctx, tally)
    mirrored(ctx, tally)
    with stage(ctx) as on:
        lengths(tally, on)
    kept(tally)
    return tally.result()


def _made(place: Path, *, lock: bool = True) -> Path:
    place.mkdir(mode=0o700)
    (place / "page").write_bytes(_SECRET)
    if lock:
        (place / "alive").touch()
    return place


@contextlib.contextmanager
def _alive(folder: Path) -> Iterator[None]:
    held = os.open(folder / "alive", os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)


def swept(ctx: Context, tally: Tally) -> None:
    """A session begins where all kinds of folders lie that are, or look like, those of others."""
    from locara.cli.dev_folder import dev_folder  # noqa: PLC0415 - loads the framework

    base, beside = ctx.fresh_dir("sessions"), ctx.fresh_dir("beside")
    dead, lives = _made(base / f"{PREFIX}dead"), _made(base / f"{PREFIX}lives")
    left = {
        "a folder of a session that goes on": lives,
        "a folder that is being made": _made(base / f"{PREFIX}new", lock=False),
        "a folder of another name": _made(base / "locara-build-x"),
        "what a link of that name leads to": _made(beside / "linked"),
        "a folder whose lock is a link": _made(base / f"{PREFIX}linked-lock", lock=False),
    }
    (base / f"{PREFIX}link").symlink_to(beside / "linked")
    (beside / "lock").touch()
    (base / f"{PREFIX}linked-lock/alive").symlink_to(beside / "lock")
    (base / f"{PREFIX}file").touch()
    (dead / "out").symlink_to(beside / "linked")
    if os.getuid() == 0:
        other = left["a folder of another person"] = _made(base / f"{PREFIX}other")
        for place in (other, *other.iterdir()):
            os.chown(place, _OTHER_USER, _OTHER_USER)
    with _alive(lives), dev_folder(base) as own:
        mode = own.stat().st_mode & 0o777
        tally.judge(FOLDERS, mode == 0o700, "the folder of a session is open to others", f"{mode:04o}")
        (own / "out").symlink_to(beside / "linked")
        for what, place in left.items():
            there = (place / "page").is_file()
            tally.judge(FOLDERS, there, "a session of development removed what is not its own", what)
    tally.twin(FOLDERS, not dead.exists() and not own.exists(), "what a session leaves is taken away")
    kept_beside = (beside / "linked/page").is_file()
    tally.judge(FOLDERS, kept_beside, "a session of development removed what it had a link to", "at its end")


def mirrored(ctx: Context, tally: Tally) -> None:
    """A built page with links of every kind in it is copied twice; the second time a file has become a link."""
    from locara.cli.dev_page import mirror  # noqa: PLC0415 - loads the framework

    source, target, beside = (ctx.fresh_dir(name) for name in ("built", "copy", "beside"))
    (beside / "secret").write_bytes(_SECRET)
    (beside / "secret").chmod(0o600)
    (source / "deep").mkdir()
    for name in ("index.html", "deep/a.js", "turns", "folder"):
        (source / name).write_text("of the page", "utf-8")
    (source / "link").symlink_to(beside / "secret")
    (source / "deep/up").symlink_to(beside)
    os.mkfifo(source / "pipe")
    for turn in range(2):
        mirror(source, target)
        copied = sorted(str(one.relative_to(target)) for one in target.rglob("*") if one.is_file())
        wanted = ["deep/a.js", "index.html", *(("folder", "turns") if turn == 0 else ())]
        tally.twin(FOLDERS, set(wanted) <= set(copied), f"a built page is copied ({copied})")
        more = sorted({*copied} - {*wanted})
        odd = [
            one.name for one in target.rglob("*") if not (one.is_file() or one.is_dir()) or one.is_symlink()
        ]
        told = f"turn {turn + 1}: {more}, {odd}"
        tally.judge(FOLDERS, not more and not odd, "what a build links to is in the copy of the page", told)
        for name in ("turns", "folder"):
            (source / name).unlink(missing_ok=True)
        (source / "turns").symlink_to(beside / "secret")
        (source / "folder").symlink_to(beside)
    state = ((beside / "secret").read_bytes(), (beside / "secret").stat().st_mode & 0o777)
    held = state == (_SECRET, 0o600) and os.listdir(beside) == ["secret"]  # noqa: PTH208 - names alone
    tally.judge(FOLDERS, held, "copying a page changed what it links to", f"{state[1]:04o}")


def lengths(tally: Tally, on: Stage) -> None:
    """Calls that say of themselves that they are longer than a frame may be, or no length at all."""
    host, body = on.bridge.host, b'{"id": 1, "cmd": "app.info", "args": {}}'

    def posted(*fields: str, page: str = "") -> int:
        lines = [f"POST {FRAMES} HTTP/1.1", f"Host: {host}", f"X-Locara-Token: {on.token}"]
        lines += [f"X-Locara-Page: {page or uuid.uuid4()}", *fields, "", ""]
        on.runtime.frames.clear()
        answer = b""
        with contextlib.suppress(OSError), socket.create_connection(on.place, 10.0) as line:
            line.sendall("\r\n".join(lines).encode() + body)
            line.shutdown(socket.SHUT_WR)  # whoever waits for more is told that there is none
            answer = line.recv(4_096)
        status = answer.split(b" ", 2)[1:2]
        return int(status[0]) if status and status[0].isdigit() else 0

    right = posted(f"Content-Length: {len(body)}")
    tally.twin(RULE, right == 204 and bool(on.runtime.frames), f"a call of its own length is taken ({right})")
    for length in (
        MOST_FRAME + 1,
        2**31,
        2**40,
        10**30,
        -1,
        -len(body),
        "",
        "0x28",
        "4 0",
        "1e3",
        f"+{len(body)}",
    ):
        status = posted(f"Content-Length: {length}")
        told = f"{length!r}: status {status}, {len(on.runtime.frames)} frames reached the app"
        held = not on.runtime.frames and status != 204
        tally.judge(RULE, held, "a call was taken that is longer than a frame, or of no length", told)
    one = str(uuid.uuid4())
    for name in (
        f"{one}0",
        one * 2,
        one[:-1],
        f"{one}\t{one}",
        one.replace("-", "x"),
        one.upper() + "A",
        f"{one}/..",
        "x",
    ):
        status = posted(f"Content-Length: {len(body)}", page=name)
        told = f"{name!r}: status {status}, {len(on.runtime.frames)} frames reached the app"
        held = not on.runtime.frames and status == 403
        tally.judge(RULE, held, "a call was taken of a page that is called as none is", told)
    for fields in ((), ("Transfer-Encoding: chunked",)):
        status = posted(*fields)
        held = not on.runtime.frames and status != 204
        tally.judge(RULE, held, "a call without a length was taken", f"{fields}: status {status}")


def kept(tally: Tally) -> None:
    """More pages than a person has, and one that does not read what it is told."""
    from locara.cli.dev_link import Pages  # noqa: PLC0415 - loads the framework

    pages = Pages()
    told = [pages.lines_of(str(uuid.uuid4())) for _ in range(4 * MOST_PAGES)]
    room = sum(one is not None for one in told)
    tally.judge(RULE, room <= MOST_PAGES, "a session takes as many pages as are asked for", f"{room}")
    tally.twin(RULE, room > 1, "more than one page is taken")
    pages = Pages()
    lines = pages.lines_of("a page")
    if lines is None:
        tally.twin(RULE, False, "a page is taken")
        return
    for number in range(MOST_LINES + 2_000):
        pages.tell({"frame": {"number": number}})
    waiting: list[Any] = [lines.get_nowait() for _ in range(lines.qsize())]
    bounded = len(waiting) <= MOST_LINES
    tally.judge(RULE, bounded, "what a page does not read is kept without end", f"{len(waiting)} lines")
    lost = MOST_LINES + 2_000 - sum("frame" in line for line in waiting)
    said = not lost or any("closed" in line for line in waiting)
    tally.judge(RULE, said, "a page is not told what it missed", json.dumps(waiting[:1]))

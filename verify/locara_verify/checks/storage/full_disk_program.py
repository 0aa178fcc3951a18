"""Runs for LC228 where the folder it is given is a small file system of its own: the app on a disk that fills up.

One JSON object on stdin (app, folder, fixture), one on stdout: what was tried, what was wrong, what did not work
although there was room.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

ROOMS: Final = (0, 1, 2, 4, 9, 17)
"""How many blocks are left when a write begins: from none to nearly enough."""
BLOCK: Final = 4_096
LAST: Final = 64
"""Blocks that are written one by one, whatever the file system says of its room."""
SIZE: Final = 20 * BLOCK
OLD, NEW = "o" * 300, "n" * SIZE
CLEAR: Final = frozenset({"quota_exceeded", "storage_error", "limit_exceeded", "io_error"})
APP: Final = "$APP_DATA"
MODES: Final = ("create", "replace", "append")

Json = Any


@dataclass
class Disk:
    """The small file system, and a file in it that takes all its room but some blocks."""

    folder: Path

    def fill(self, blocks: int) -> None:
        """Leave this many blocks free: most are only set aside, and the last are written until none is left."""
        self.empty()
        fd = os.open(self.folder / "filler", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            with contextlib.suppress(OSError):
                state = os.fstatvfs(fd)
                most = state.f_bavail * state.f_frsize - LAST * BLOCK
                if most > 0:
                    os.posix_fallocate(fd, 0, most)
                    os.lseek(fd, most, os.SEEK_SET)
            with contextlib.suppress(OSError):
                while True:
                    os.write(fd, b"\0" * BLOCK)
            size = os.fstat(fd).st_size
            os.ftruncate(fd, max(0, size - size % BLOCK - blocks * BLOCK))
        finally:
            os.close(fd)

    def empty(self) -> None:
        """Room again."""
        (self.folder / "filler").unlink(missing_ok=True)


@dataclass
class Trial:
    """What was found so far."""

    disk: Disk
    tried: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def note(self, fault: str) -> None:
        """Something that must not be."""
        if fault not in self.wrong:
            self.wrong.append(fault)


Call = Callable[[str, dict[str, Json]], Json]


def answer(running: RunningApp, cmd: str, args: dict[str, Json]) -> str:
    """The code of the answer, ``ok`` for a result."""
    from locara.errors import CallError, CapabilityDenied  # noqa: PLC0415 - the framework loads in the program

    try:
        running.client.call(cmd, args, timeout=30.0)
    except (CallError, CapabilityDenied) as error:
        return error.code
    return "ok"


def text(running: RunningApp, root: str, path: str) -> str | None:
    """A file as the app reads it, None when there is none."""
    from locara.errors import CallError  # noqa: PLC0415 - as above

    try:
        found = running.client.call("fs.read", {"root": root, "path": path, "encoding": "utf8"})
    except CallError:
        return None
    return str(found["data"])


def files(trial: Trial, running: RunningApp, root: str, folder: Path, *, alone: bool = False) -> None:
    """Create, replace and append: the old content or the new one, and nothing beside it. ``alone``: the root is a
    file."""
    call = running.client.call
    for mode in MODES[1:] if alone else MODES:
        for room in ROOMS:
            trial.disk.empty()
            path = "" if alone else f"{mode}-{room}"
            if mode != "create":
                old = {"root": root, "path": path, "data": OLD, "encoding": "utf8", "mode": "replace"}
                call("fs.write", old)
            names = {one.name for one in folder.iterdir()}
            trial.disk.fill(room)
            code = answer(
                running,
                "fs.write",
                {"root": root, "path": path, "data": NEW, "encoding": "utf8", "mode": mode},
            )
            trial.disk.empty()
            before = None if mode == "create" else OLD
            after = {"create": NEW, "replace": NEW, "append": OLD + NEW}[mode]
            where = APP if root == APP else "a picked file" if alone else "a picked folder"
            what = f"fs.write {mode} to {where}"
            judge(trial, what, code, seen=text(running, root, path), before=before, after=after)
            if code != "ok" and (more := {one.name for one in folder.iterdir()} - names):
                trial.note(f"{what} left a file: {min(more)}")


def judge(trial: Trial, what: str, code: str, *, seen: Json, before: Json, after: Json) -> None:
    """Refused by a clear code and as before, or done and whole."""
    trial.tried += 1
    trial.refused += code != "ok"
    if code != "ok" and code not in CLEAR:
        trial.note(f"{what} is answered {code} on a full disk")
    if seen != (after if code == "ok" else before):
        state = (
            "half of it is there" if seen not in (before, after) else "the opposite of the answer is there"
        )
        trial.note(f"{what} is answered {code}, and {state}")


def store(trial: Trial, running: RunningApp) -> None:
    """Settings, rows and batches."""
    call = running.client.call
    call("db.exec", {"sql": "CREATE TABLE IF NOT EXISTS full_disk(id INTEGER PRIMARY KEY, body TEXT)"})
    for room in ROOMS:
        trial.disk.empty()
        call("settings.set", {"key": "k", "value": OLD})
        call("db.exec", {"sql": "DELETE FROM full_disk"})
        call("db.exec", {"sql": "INSERT INTO full_disk VALUES(1, ?)", "params": [OLD]})
        insert = {"sql": "INSERT INTO full_disk(body) VALUES(?)", "params": [NEW]}
        update = {"sql": "UPDATE full_disk SET body = ?", "params": [NEW]}
        for cmd, args, what in (
            ("settings.set", {"key": "k", "value": NEW[:60_000]}, "settings.set"),
            ("db.exec", update, "db.exec UPDATE"),
            ("db.batch", {"statements": [update, insert, insert]}, "db.batch"),
        ):
            before = rows(running)
            trial.disk.fill(room)
            code = answer(running, cmd, args)
            during = rows(running)
            trial.disk.empty()
            seen = rows(running)
            trial.tried += 1
            trial.refused += code != "ok"
            if code != "ok" and code not in CLEAR:
                trial.note(f"{what} is answered {code} on a full disk")
            if (seen == before) is (code == "ok"):
                trial.note(f"{what} is answered {code}, and the opposite is there")
            if during not in (None, seen):
                trial.note(f"{what} shows another content while the disk is full than afterwards")


def rows(running: RunningApp) -> Json:
    """All that the store of this program holds; None while it cannot be read."""
    from locara.errors import CallError  # noqa: PLC0415 - as above

    try:
        table = running.client.call("db.query", {"sql": "SELECT id, body FROM full_disk ORDER BY id"})["rows"]
        return [running.client.call("settings.get", {"key": "k"}), table]
    except CallError:
        return None


@contextlib.contextmanager
def started(job: dict[str, Json], picker: Json) -> Iterator[RunningApp]:
    """The app in its sandbox, with everything it writes on the small file system."""
    from locara.models.cache import ModelCache  # noqa: PLC0415 - as above
    from locara.runtime.app import AppBundle  # noqa: PLC0415
    from locara.runtime.consent import StatedConsent  # noqa: PLC0415
    from locara.runtime.launch import start  # noqa: PLC0415

    folder = Path(job["folder"])
    with start(
        AppBundle.open(Path(job["app"])),
        home=folder / "apps",
        cache=ModelCache(folder / "models"),
        picker=picker,
        user_roots={},
        state=folder / "state",
        consent=StatedConsent(),
        person=folder / "nobody",
    ) as running:
        yield running


def the_app(trial: Trial, job: dict[str, Json]) -> None:
    """The runtime over its real channel; then its log and its database are looked at from outside."""
    import apsw  # noqa: PLC0415 - as above

    from locara.errors import LocaraError  # noqa: PLC0415
    from locara.runtime.audit import verify_chain  # noqa: PLC0415
    from locara.sandbox.picker import ScriptedPicker  # noqa: PLC0415

    picked = trial.disk.folder / "picked"
    picked.mkdir(mode=0o777)
    (picked / "alone").write_text(OLD)
    (picked / "alone").chmod(0o666)
    picker = ScriptedPicker([[picked], [picked / "alone"]])
    with started(job, picker) as running:
        asked = {"kind": "directory", "access": "read-write"}
        handle = running.client.call("fs.pick", asked)["handles"][0]["handle"]
        asked = {"kind": "file", "access": "read-write"}
        file = running.client.call("fs.pick", asked)["handles"][0]["handle"]
        files(trial, running, APP, running.home.files)
        files(trial, running, file, picked, alone=True)
        files(trial, running, handle, picked)
        store(trial, running)
        trial.disk.empty()
        if answer(running, "fs.write", {"root": APP, "path": "last", "data": "", "mode": "create"}) != "ok":
            trial.broken.append("with room again the app cannot write")
        unrecorded(trial, running)
        home = running.home
    chain = verify_chain(home.audit_log)
    if chain.problem is not None:
        trial.note(f"the audit log is damaged: {chain.problem}")
    connection = apsw.Connection(str(home.database), apsw.SQLITE_OPEN_READONLY)
    if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        trial.note("the database is damaged")
    connection.close()
    try:
        with started(job, picker) as running:
            if rows(running) is None:
                trial.note("the store does not open again")
    except LocaraError as error:
        trial.note(f"after a full disk the app does not start again: {error.message}")


def unrecorded(trial: Trial, running: RunningApp) -> None:
    """Where not even a line of the log finds room, nothing happens."""
    trial.disk.fill(0)
    made = 0
    for number in range(400):  # the log's last block has room for some lines
        if answer(running, "fs.mkdir", {"root": APP, "path": f"made-{number}"}) == "ok":
            made += 1
    lines = running.home.audit_log.read_bytes().count(b'"fs.mkdir"')
    folders = sum(path.name.startswith("made-") for path in running.home.files.iterdir())
    trial.disk.empty()
    trial.tried += 1
    if folders > lines or folders != made:
        trial.note(f"{folders} folders were made on a full disk, with {lines} lines in the log")


def the_person(trial: Trial, job: dict[str, Json]) -> None:
    """Models and decisions: all of it or none."""
    from locara.core.digest import Digest  # noqa: PLC0415 - as above
    from locara.errors import LocaraError  # noqa: PLC0415
    from locara.models.cache import ModelCache  # noqa: PLC0415
    from locara.runtime.state import StateFolder  # noqa: PLC0415

    source = Path(job["fixture"])
    digest = Digest.of(source.read_bytes())
    cache, state = ModelCache(trial.disk.folder / "cache"), StateFolder(trial.disk.folder / "decisions")
    state.write("consent/a.json", {"answer": OLD})
    for room in (0, 1, 4, 64, 256):
        trial.disk.fill(room)
        code = "ok"
        try:
            cache.add_file(source, expected=digest)
        except LocaraError as error:
            code = error.code
        trial.disk.empty()
        trial.tried += 1
        left = sum(one.stat().st_size for one in cache.root.rglob("*") if one.is_file())
        if code != "disk_full" or cache.blob(digest) is not None or left:
            trial.note(f"a model on a full disk: {code}, {left} bytes left")
    for room in (0, 1, 2):
        trial.disk.fill(room)
        code = "ok"
        try:
            state.write("consent/a.json", {"answer": NEW})
        except LocaraError as error:
            code = error.code
        trial.disk.empty()
        trial.tried += 1
        found = state.read("consent/a.json", code="consent_unreadable")
        names = sorted(path.name for path in (state.path / "consent").iterdir())
        if code != "state_unwritable" or found != {"answer": OLD} or names != ["a.json"]:
            trial.note(f"a decision on a full disk: {code}, {names}")
    cache.add_file(source, expected=digest)
    state.write("consent/a.json", {"answer": NEW})
    if cache.blob(digest) is None or state.read("consent/a.json", code="consent_unreadable") != {
        "answer": NEW
    }:
        trial.broken.append("with room again a model and a decision cannot be kept")


def main() -> int:
    """Read the job, try everything, say what came of it."""
    job = json.load(sys.stdin)
    trial = Trial(Disk(Path(job["folder"])))
    limit = os.statvfs(job["folder"])
    if limit.f_blocks * limit.f_frsize > 1 << 26:
        trial.broken.append("the folder is no small file system")
    else:
        the_person(trial, job)
        the_app(trial, job)
        if trial.refused < 20:
            trial.broken.append(f"only {trial.refused} writes met a full disk")
    print(json.dumps({"tried": trial.tried, "wrong": trial.wrong, "broken": trial.broken}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

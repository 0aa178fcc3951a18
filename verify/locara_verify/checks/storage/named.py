"""LC112 and LC228 at what a store and its neighbours keep beside small files: copies of a database, an export, an
import, tools and compiled code. Each is on the disk before it has its name, and is open to nobody else.

See `locara_verify.checks.storage.kept` for how the calls are looked at while they are made.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.outside import granted, serving
from locara_verify.checks.storage.kept import MODES, NAMING, WHOLE, Seen, watched
from locara_verify.checks.tools.modules import echo, make
from locara_verify.context import Context
from locara_verify.tally import Tally

_OTHERS: Final = 0o077
_SYNCED: Final = frozenset({"fsync", "fdatasync"})


@dataclass(frozen=True, slots=True)
class Kept:
    """What was made: a file or a folder, which modes it may not have, whether it gets its name when it is whole, and
    whether that name must last as well."""

    what: str
    place: Path
    never: int = _OTHERS
    named: bool = True
    lasting: bool = True


@check("storage-named", rules=(MODES, WHOLE))
def run(ctx: Context) -> CheckResult:
    """Each of them where there is none, made while the shell hides nothing from others."""
    tally = Tally()
    before = os.umask(0)
    try:
        steps = _makers(ctx.fresh_dir("named"))
        while True:
            with watched() as seen:
                made = next(steps, None)
            if made is None:
                break
            for one in made:
                _judge(tally, one, seen)
        _picked(tally, ctx)
        _no_room(tally, ctx)
    finally:
        os.umask(before)
    return tally.result()


def _makers(folder: Path) -> Iterator[tuple[Kept, ...]]:
    """Make one after the other, some at once; what is made only to make the next is no matter here."""
    import apsw  # noqa: PLC0415 - loads SQLite
    import wasmtime  # noqa: PLC0415 - loads native code

    from locara.storage.backups import make_backup  # noqa: PLC0415 - as above
    from locara.storage.store import Store  # noqa: PLC0415
    from locara.storage.transfer import Export, export_database, import_database  # noqa: PLC0415
    from locara.tools.cache import ToolCache  # noqa: PLC0415
    from locara.tools.compiled import Compiled  # noqa: PLC0415

    database, exported = folder / "app/app.sqlite3", folder / "out/exported"
    exported.parent.mkdir(0o700)
    with Store.open(database, schema_dir=None, quota_mb=4) as store:
        store.exec("CREATE TABLE kept(a)")
        yield (Kept("a database in use", database.parent, named=False),)
    connection = apsw.Connection(str(database))
    yield (Kept("a copy of a database", make_backup(database, connection, 1, 1)),)
    connection.close()
    export_database(database, exported, Export("acme/kept", "1.0.0", "2026-01-01T00:00:00Z"))
    yield (Kept("an export", exported),)
    import_database(exported, database, app="acme/kept", schema_dir=None, quota_mb=4, now=2)
    yield (Kept("an imported database", database),)
    tool = make("kept", echo())
    cache = ToolCache(folder / "tools")
    added = cache.add(tool.manifest, tool.wasm)
    yield (Kept("a tool", cache.root / added.digest.hex, never=0o022, lasting=False),)
    Compiled(wasmtime.Module, wasmtime.Engine(), folder / "code", engine_key="k" * 32).get(tool.wasm)
    compiled = next((folder / "code").glob("*.cwasm"))
    yield (
        Kept("compiled code", compiled, lasting=False),
        Kept("the secret of compiled code", folder / "code/key", named=False),
    )


def _judge(tally: Tally, made: Kept, seen: Seen) -> None:
    top = made.place.lstat()
    found = [made.place, *(sorted(made.place.rglob("*")) if stat.S_ISDIR(top.st_mode) else ())]
    modes = {path.name: path.lstat().st_mode & 0o777 for path in found}
    shown = {name: f"{mode:04o}" for name, mode in modes.items() if mode & made.never}
    tally.judge(MODES, not shown, "others can look at, or into, what is kept", f"{made.what}: {shown}")
    named = [at for at, (name, inode, _) in enumerate(seen.steps) if name in NAMING and inode == top.st_ino]
    if not made.named:
        return
    tally.twin(WHOLE, bool(named), f"the call that gives it its name is seen ({made.what})")
    if not named:
        return
    told = f"{made.what}: {[name for name, _, _ in seen.steps]}"
    for path in found:
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            whole = {(name, status.st_ino, status.st_size) for name in _SYNCED}
            held = not whole.isdisjoint(seen.steps[: named[0]])
            tally.judge(WHOLE, held, "what is kept has its name before its bytes are on the disk", told)
    if made.lasting:
        parent = ("fsync", made.place.parent.stat().st_ino)
        held = any(step[:2] == parent for step in seen.steps[named[-1] :])
        tally.judge(WHOLE, held, "what is kept has a name that is not on the disk", told)


def _picked(tally: Tally, ctx: Context) -> None:
    """What an app makes in a folder that a person picked: nobody else writes it, and nobody else reads what is new in
    a file that they could not read."""
    folder = ctx.fresh_dir("picked")
    for mode in (0o600, 0o640, 0o666):
        (folder / f"{mode:o}").touch(mode)
    modes = {"new": 0o644, "added": 0o644, "over-none": 0o644, "600": 0o600, "640": 0o640, "666": 0o644}
    with serving(granted(ctx, "read-write"), folder) as peer:
        handle = peer.pick("directory", "read-write").reply["handles"][0]["handle"]
        for name, most in {**modes, "made": 0o755}.items():
            way = {"new": "create", "added": "append"}.get(name, "replace")
            if name == "made":
                peer.ask(op="mkdir", handle=handle, path=name)
            else:
                answer = peer.ask(op="open", handle=handle, path=name, mode=way)
                if token := answer.reply.get("commit"):
                    peer.ask(op="commit", commit=token)
            found = (folder / name).stat().st_mode & 0o777 if (folder / name).exists() else None
            tally.twin(MODES, found is not None and found & 0o600 == 0o600, f"{name} is made ({way})")
            told = f"{name} by {way}: {found or 0:04o}, at most {most:04o}"
            held = not (found or 0) & ~most
            tally.judge(
                MODES, held, "others can read or change more of what an app makes in a picked folder", told
            )


def _no_room(tally: Tally, ctx: Context) -> None:
    """A picked file is to be written anew, and its file system gives a part of the room before it says that there is
    no more: the file is as it was."""
    place, real = ctx.fresh_dir("no-room") / "file", os.posix_fallocate

    def some(fd: int, _offset: int, size: int) -> None:
        os.ftruncate(fd, size // 2)
        raise OSError(number, os.strerror(number))

    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, 0):
        place.write_bytes(b"what was there before")
        os.posix_fallocate = some if number else real
        try:
            with serving(granted(ctx, "read-write"), place) as peer:
                handle = peer.pick("file", "read-write").reply["handles"][0]["handle"]
                answer = peer.ask(op="open", handle=handle, path="", mode="replace", size=100_000)
        finally:
            os.posix_fallocate = real
        if not number:
            tally.twin(
                WHOLE, answer.put, f"a picked file is written anew where there is room ({answer.reply})"
            )
            continue
        kept = place.read_bytes()
        told = f"{os.strerror(number)}: {answer.reply.get('code', 'ok')}, {len(kept)} bytes"
        held = not answer.ok and kept == b"what was there before"
        tally.judge(WHOLE, held, "a file that found no room is not as it was", told)

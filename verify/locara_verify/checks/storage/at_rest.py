"""LC112 where a person's verb opens what an app left: `locara db` follows no link out of the app's data, gives away no
file that has another name, and leaves the data of an app that is running alone.

A verb runs outside of the sandbox, so whatever wrote into the app's folder could lead it to where the app itself never
comes. The real command line is given folders with one thing exchanged; what it did is read off the tree outside.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.starts import bare
from locara_verify.checks.in_process import verb
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC112"
_DATABASE: Final = "db/app.sqlite3"
_LOG: Final = "audit/log.jsonl"
_ACTIONS: Final = ("diff", "migrate", "export", "import")
_WITH_A_FILE: Final = frozenset({"export", "import"})
_LINKED: Final = ("", "db", "audit", _DATABASE, _LOG, "db/backups")
_NAMED_TWICE: Final = (_DATABASE, _LOG, "db/backups/app-000000000000001-v0000.sqlite")
_MADE: Final = frozenset({"", "db", "audit"})  # an import makes those that are not there
# A copy of what lies behind these would be shown to whoever takes the export, or to the app.
_SHOWN: Final = frozenset({("a link", name) for name in _LINKED[:-1]} | {("a second name", _DATABASE)})

Tree = dict[str, tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class Bench:
    """An app with a step that is pending, its data as a start left it, and an export of it."""

    ctx: Context
    app: Path
    data: Path
    exported: Path

    def verb(self, action: str, data: Path, file: Path, *, replace: bool = True) -> int:
        """The exit code of `locara db ACTION` for a folder of data; the file is what is written or read."""
        words = ["db", action, str(self.app), *([str(file)] if action in _WITH_A_FILE else [])]
        words += ["--replace"] if replace and action in _WITH_A_FILE else []
        return verb(*words, "--data", str(data))[0]

    def copy(self, action: str) -> tuple[Path, Path, Path]:
        """A copy of all apps' data, the app's own folder in it, and the file of an export or import."""
        data = self.ctx.fresh_dir("data") / "apps"
        shutil.copytree(self.data, data)
        (home,) = data.iterdir()
        file = data.parent / "file"
        if action == "import":
            shutil.copyfile(self.exported, file)
        return data, home, file


@check("storage-at-rest", rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Each verb on data as it should be, on that of an app that runs, and with one thing exchanged."""
    tally, bench = Tally(), _bench(ctx)
    for action in _ACTIONS:
        data, _, file = bench.copy(action)
        code = bench.verb(action, data, file)
        tally.twin(
            RULE, code == (1 if action == "diff" else 0), f"db {action} works on an app's data ({code})"
        )
        _in_use(tally, bench, action)
        if action in _WITH_A_FILE:
            _unasked(tally, bench, action)
    for what, name, exchange in _exchanges():
        for action in ("migrate", "export", *(("import",) if name in _MADE else ())):
            _exchanged(tally, bench, action, (what, name), exchange)
    return tally.result()


def _bench(ctx: Context) -> Bench:
    from locara.runtime.app import AppBundle  # noqa: PLC0415 - loads the framework
    from locara.runtime.app_home import AppHome  # noqa: PLC0415 - as above
    from locara.storage.store import Store  # noqa: PLC0415 - loads SQLite

    app, data = ctx.variant("at-rest", bare, page=False), ctx.fresh_dir("left") / "apps"
    shutil.rmtree(app / "db", ignore_errors=True)
    (app / "db/migrations").mkdir(parents=True)
    (app / "db/schema.sql").write_text("CREATE TABLE kept(a);\n", "utf-8")
    home = AppHome.of(AppBundle.open(app).grants, root=data)
    home.audit_log.parent.mkdir(parents=True)
    home.audit_log.touch(0o600)
    with Store.open(home.database, schema_dir=app / "db", quota_mb=16) as store:
        store.exec("INSERT INTO kept VALUES('what the app keeps')")
    bench = Bench(ctx, app, data, data.parent / "exported")
    bench.verb("export", data, bench.exported)
    backups = home.database.with_name("backups")
    backups.mkdir(0o700)
    (backups / Path(_NAMED_TWICE[2]).name).write_bytes(b"an older copy")
    (backups / "begun.partial").write_bytes(b"not done")
    (app / "db/migrations/0001_more.sql").write_text("CREATE TABLE more(a);\n", "utf-8")
    return bench


def _exchanges() -> Iterator[tuple[str, str, Callable[[Path, Path], None]]]:
    for name in _LINKED:
        yield "a link", name, _link
    for name in _NAMED_TWICE:
        yield "a second name", name, _name


def _link(place: Path, outside: Path) -> None:
    shutil.move(place, outside / "moved")
    place.symlink_to(outside / "moved")


def _name(place: Path, outside: Path) -> None:
    os.link(place, outside / "named")


def _exchanged(
    tally: Tally,
    bench: Bench,
    action: str,
    exchanged: tuple[str, str],
    exchange: Callable[[Path, Path], None],
) -> None:
    """One verb where one thing of the data leads outside: nothing there changes, and nothing of it is shown."""
    (data, home, file), outside = bench.copy(action), bench.ctx.fresh_dir("outside")
    exchange(home / exchanged[1], outside)
    before = _tree(outside)
    code, after = bench.verb(action, data, file), _tree(outside)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    told = f"db {action} with {exchanged[0]} at {exchanged[1] or 'the folder itself'}: {code}, {changed[:3]}"
    tally.judge(RULE, not changed, "a verb changed what lies outside of the app's data", told)
    if exchanged in _SHOWN:
        shown = code == 0 or (action == "export" and file.exists())
        tally.judge(RULE, not shown, "a verb used what lies outside of the app's data", told)


def _in_use(tally: Tally, bench: Bench, action: str) -> None:
    """The data of an app that runs: its process holds the log, as the kernel tells every other."""
    data, home, file = bench.copy(action)
    held = os.open(home / _LOG, os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        before = _bytes(home)
        code = bench.verb(action, data, file)
        same = _bytes(home) == before and (action == "import" or not file.exists())
    finally:
        os.close(held)
    told = f"db {action}: {code}, the data is {'as it was' if same else 'changed or copied'}"
    tally.judge(RULE, code != 0 and same, "a verb used the data of an app that is running", told)


def _unasked(tally: Tally, bench: Bench, action: str) -> None:
    """Nobody said that what is there may be replaced."""
    data, home, file = bench.copy(action)
    file.touch()
    before = _bytes(home) | {"file": file.read_bytes().hex()}
    code = bench.verb(action, data, file, replace=False)
    same = _bytes(home) | {"file": file.read_bytes().hex()} == before
    told = f"db {action}: {code}, what was there is {'as it was' if same else 'another'}"
    tally.judge(RULE, code != 0 and same, "a verb replaced what nobody said it may", told)


def _bytes(root: Path) -> dict[str, str]:
    return {name: digest for name, (_, _, digest) in _tree(root).items()}


def _tree(root: Path) -> Tree:
    """Kind and mode, owner, and bytes of everything below a folder."""
    found: dict[str, tuple[int, int, str]] = {}
    for one in sorted(root.rglob("*")):
        seen = one.lstat()
        data = one.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
        found[str(one.relative_to(root))] = (seen.st_mode, seen.st_uid, hashlib.sha256(data).hexdigest())
    return found

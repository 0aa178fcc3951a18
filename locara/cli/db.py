"""`locara db`: compare, migrate, export and import the database of an app that is not running."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locara.cli.exits import Exit
from locara.cli.terminal import bold, printable, size_text
from locara.errors import LocaraError, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locara.runtime.app import AppBundle
    from locara.runtime.app_home import AppHome
    from locara.storage.migrations import Applied, Step
    from locara.storage.schema_diff import Difference

summary = "compare, migrate, export or import an app's database"

_EPILOG = """examples:
  locara db diff apps/docvault                     db/ against the real database
  cp apps/notes/db/schema.sql next.sql             then edit next.sql: the schema as it should become
  locara db diff apps/notes --to next.sql --write add_tags
                                                   write db/migrations/NNNN_add_tags.sql from it
  locara db migrate apps/notes                     apply what is pending, after a copy to backups/
  locara db export apps/notes notes.locara-db      everything in one file: tables, settings, migrations
  locara db import apps/notes notes.locara-db --replace

db/schema.sql is the schema of the first release and is never edited after that; changes are migrations.
Safe changes are generated: new tables, indexes, views, triggers and most new columns. The rest is named, with
the reason, and stands in the file as a comment for you to write.
The app must not be running. Files of the app ($APP_DATA) are not part of an export.

Exit code: 0; diff: 1 when something differs, is pending or has to be written by hand; 1 other refusals,
4 no such app, database or export.
"""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """diff|migrate|export|import, APP, FILE, --data, --to, --write, --replace, --json."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("diff", "migrate", "export", "import"))
    parser.add_argument("app", metavar="APP", type=Path, help="folder of the app (it holds locara.json)")
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="export, import: the one file")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="the --data folder that the app was run with"
    )
    parser.add_argument("--to", metavar="SQL", type=Path, help="diff: the whole schema as it should become")
    parser.add_argument("--write", metavar="NAME", help="diff: write the next migration under this name")
    parser.add_argument(
        "--replace", action="store_true", help="export: over a file that is there; import: over a database"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the text")


def run(args: argparse.Namespace) -> int:
    """What the action says."""
    from locara.runtime.app import AppBundle
    from locara.runtime.app_home import AppHome

    _check_usage(args)
    bundle = AppBundle.open(args.app)
    home = AppHome.of(bundle.grants, root=args.data)
    if args.action == "diff":
        return _diff(args, bundle, home)
    if args.action == "migrate":
        return _migrate(args, bundle, home)
    return _export(args, bundle, home) if args.action == "export" else _import(args, bundle, home)


def _check_usage(args: argparse.Namespace) -> None:
    help_ = "see `locara db --help`"
    if (args.file is None) == (args.action in {"export", "import"}):
        raise UsageError(
            f"`locara db {args.action}` takes {'one FILE' if args.file is None else 'no FILE'}", fix=help_
        )
    if args.action != "diff" and (args.to or args.write):
        raise UsageError(f"--to and --write belong to `locara db diff`, not to {args.action}", fix=help_)
    if args.replace and args.action not in {"export", "import"}:
        raise UsageError("--replace belongs to export and import", fix=help_)
    if args.write is not None and not _NAME.fullmatch(args.write):
        raise UsageError(
            f"{args.write!r} is not a name for a migration", fix="lower case, digits, _ and -: add_tags"
        )


def _diff(args: argparse.Namespace, bundle: AppBundle, home: AppHome) -> int:
    from locara.storage.migrations import read_steps

    steps = read_steps(bundle.path / "db")
    if args.to is not None:
        return _diff_to(args, bundle, steps)
    return _diff_real(args, bundle, home, steps)


def _diff_to(args: argparse.Namespace, bundle: AppBundle, steps: Sequence[Step]) -> int:
    """The app's schema files against the schema as it should become."""
    from locara.storage.schema_diff import differences, scratch_schema

    target = scratch_schema([_wanted(args.to)])
    found = differences(scratch_schema(steps), target)
    written = _write(args.write, bundle, steps, found) if args.write and found else None
    return _tell(args, found, title=f"db/ → {args.to}", written=written)


def _wanted(path: Path) -> Step:
    from locara.core.digest import Digest
    from locara.storage.migrations import Step

    try:
        data = path.read_bytes()
        return Step(0, path.name, data.decode("utf-8"), Digest.of(data))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read as SQL text", fix="name a file of CREATE statements"
        ) from error


def _diff_real(args: argparse.Namespace, bundle: AppBundle, home: AppHome, steps: Sequence[Step]) -> int:
    """The app's schema files against its real database."""
    from locara.cli.app_data import database_of, stopped
    from locara.storage.schema_diff import differences, live_schema, scratch_schema

    with stopped(home):
        schema, applied = live_schema(database_of(home))
    edited = _edited(applied, steps)
    if args.write is not None:
        if edited != ["schema.sql"]:
            raise UsageError(
                "there is nothing to write a migration from",
                fix="name the schema as it should become: --to FILE, an edited copy of db/schema.sql",
            )
        found = differences(schema, scratch_schema(steps))
        print(f"{bold('db/schema.sql was edited')}: it is the schema of the first release and must stay.\n")
        written = _write(args.write, bundle, steps, found, check=False) if found else None
        code = _tell(args, found, title="database → db/", written=written)
        print("\nNow restore db/schema.sql from your version control; new databases run the migration, too.")
        return code
    last = max((one.number for one in applied), default=-1)
    pending = [step.name for step in steps if step.number > last]
    drift = () if edited else differences(scratch_schema([s for s in steps if s.number <= last]), schema)
    return _tell(args, drift, title="db/ → database", pending=pending, edited=edited)


def _edited(applied: Sequence[Applied], steps: Sequence[Step]) -> list[str]:
    """Names of steps that were applied and are not the same file any more."""
    known = {step.number: (step.name, str(step.digest)) for step in steps}
    return [one.name for one in applied if known.get(one.number) != (one.name, one.digest)]


def _write(
    name: str, bundle: AppBundle, steps: Sequence[Step], found: Sequence[Difference], *, check: bool = True
) -> Path:
    """The next migration, after it was run in a scratch database."""
    from locara.core.digest import Digest
    from locara.storage.migrations import Step
    from locara.storage.schema_diff import scratch_schema, script

    number = max((step.number for step in steps), default=0) + 1
    text = script(found)
    step = Step(number, f"{number:04d}_{name}.sql", text, Digest.of(text.encode()))
    if check:
        scratch_schema([*steps, step])
    folder = bundle.path / "db" / "migrations"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / step.name).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StorageError(
            f"{folder / step.name} cannot be written: {error.strerror}", code="io_error"
        ) from error
    return folder / step.name


def _tell(
    args: argparse.Namespace,
    found: Sequence[Difference],
    *,
    title: str,
    pending: Sequence[str] = (),
    edited: Sequence[str] = (),
    written: Path | None = None,
) -> int:
    by_hand = [one for one in found if one.why is not None]
    if args.json:
        rows = [
            {
                "change": one.change,
                "what": one.what,
                "name": one.name,
                "by_hand": one.why,
                "sql": one.statements,
            }
            for one in found
        ]
        facts: dict[str, Any] = {"differences": rows, "pending": pending, "edited": edited}
        print(json.dumps({**facts, "written": None if written is None else str(written)}, ensure_ascii=False))
    else:
        print(bold(printable(title)))
        for one in found:
            mark = {"added": "+", "removed": "-", "changed": "~"}[one.change]
            print(printable(f"  {mark} {one.what} {one.name}"))
            if one.why is not None and (args.to or args.write):
                print(printable(f"      to write by hand: {one.why}"))
        for name in pending:
            print(printable(f"  pending: {name} (`locara db migrate` applies it)"))
        for name in edited:
            print(printable(f"  edited or missing after it was applied: {name}"))
        if edited:
            print(
                "  the app will not start: restore the file and write the change as a new migration (--write)"
            )
        if not found and not pending and not edited:
            print("  the same")
        if written is not None:
            print(f"\nwrote {printable(str(written))}{': complete it before you ship it' if by_hand else ''}")
    if written is not None:
        return Exit.FINDINGS if by_hand else Exit.PASSED
    return Exit.FINDINGS if found or pending or edited else Exit.PASSED


def _migrate(args: argparse.Namespace, bundle: AppBundle, home: AppHome) -> int:
    from locara.cli.app_data import database_of, stopped
    from locara.storage.schema_diff import live_schema
    from locara.storage.store import Store

    with stopped(home):
        database = database_of(home)
        before = live_schema(database)[1]
        copies = set((database.parent / "backups").glob("*.sqlite"))
        schema = bundle.path / "db"
        with Store.open(
            database,
            schema_dir=schema if schema.is_dir() else None,
            quota_mb=bundle.grants.quota_mb,
        ) as store:
            done = [one.name for one in store.migrations[len(before) :]]
        made = sorted(set((database.parent / "backups").glob("*.sqlite")) - copies)
    if args.json:
        print(json.dumps({"applied": done, "backup": str(made[-1]) if made else None}, ensure_ascii=False))
        return Exit.PASSED
    for name in done:
        print(printable(f"applied {name}"))
    print("nothing is pending" if not done else f"{len(done)} applied")
    if made:
        print(printable(f"the database before is {made[-1]}"))
    return Exit.PASSED


def _export(args: argparse.Namespace, bundle: AppBundle, home: AppHome) -> int:
    from locara.cli.app_data import database_of, stopped
    from locara.storage.transfer import Export, export_database

    grants = bundle.grants
    about = Export(grants.app_id, grants.version, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    with stopped(home):
        size = export_database(database_of(home), args.file, about, replace=args.replace)
    if args.json:
        print(json.dumps({"file": str(args.file), "bytes": size, "app": about.app}, ensure_ascii=False))
    else:
        print(printable(f"{args.file}: {grants.app_id} {grants.version}, {size_text(size)}"))
    return Exit.PASSED


def _import(args: argparse.Namespace, bundle: AppBundle, home: AppHome) -> int:
    from locara.cli.app_data import stopped
    from locara.storage.transfer import import_database

    with stopped(home, make=True):
        if home.database.exists() and not args.replace:
            raise ReplaceError(
                f"{bundle.grants.app_id} has a database already",
                fix="say --replace to put the import in its place; it is copied to backups/ first",
            )
        done = import_database(
            args.file,
            home.database,
            app=bundle.grants.app_id,
            schema_dir=bundle.path / "db",
            quota_mb=bundle.grants.quota_mb,
            now=time.time_ns() // 1_000_000,
        )
    if args.json:
        facts = {
            "app": done.about.app,
            "version": done.about.version,
            "exported": done.about.exported,
            "extra": done.extra,
            "backup": None if done.backup is None else str(done.backup),
        }
        print(json.dumps(facts, ensure_ascii=False))
        return Exit.PASSED
    print(printable(f"imported {done.about.app} {done.about.version}, exported {done.about.exported}"))
    for name in done.extra:
        print(printable(f"  it holds what the schema files do not make: {name}"))
    if done.backup is not None:
        print(printable(f"the database before is {done.backup}"))
    return Exit.PASSED


class ReplaceError(LocaraError):
    """An import would replace a database and nobody said that it may."""

    code = "exists"

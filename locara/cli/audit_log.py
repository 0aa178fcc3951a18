"""`locara audit-log`: show or verify the record of every decision about an app."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from locara.cli.exits import Exit
from locara.cli.terminal import print_error, printable
from locara.errors import LocaraError

summary = "show or verify the record of an app's decisions"

_EPILOG = """examples:
  locara audit-log show apps/docvault --denied
  locara audit-log show apps/docvault --limit 20 --format json
  locara audit-log verify apps/docvault
  locara audit-log verify --file /backup/log.jsonl

Exit code of verify: 0 the chain is whole, 1 it is not, 4 there is no log.
"""


class NoLogError(LocaraError):
    """There is no audit log where one was looked for."""

    code = "unreadable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """show|verify, APP or --file, --data, --limit, --denied, --format."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("show", "verify"))
    parser.add_argument("app", metavar="APP", type=Path, nargs="?", help="folder of the app")
    parser.add_argument("--file", metavar="LOG", type=Path, help="a log itself, in place of an app")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="the --data folder that the app was run with"
    )
    parser.add_argument("--limit", metavar="N", type=_count, default=None, help="only the newest N entries")
    parser.add_argument("--denied", action="store_true", help="only what was denied")
    parser.add_argument("--format", choices=("human", "json"), default="human")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of entries")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """0, or 1 when the chain is not whole."""
    path = _log_path(args)
    return _verify(path, args.format) if args.action == "verify" else _show(path, args)


def _log_path(args: argparse.Namespace) -> Path:
    from locara.errors import UsageError

    if (args.app is None) == (args.file is None):
        raise UsageError("name an app or a --file", fix="see `locara audit-log --help`")
    if args.file is not None:
        path: Path = args.file
    else:
        from locara.runtime.app import AppBundle
        from locara.runtime.app_home import AppHome

        path = AppHome.of(AppBundle.open(args.app).grants, root=args.data).audit_log
    if not path.is_file():
        raise NoLogError(
            f"there is no audit log at {path}", fix="run the app once, or name the --data folder it used"
        )
    return path


def _verify(path: Path, form: str) -> int:
    from locara.runtime.audit import verify_chain

    state = verify_chain(path)
    if form == "json":
        facts = {
            "sound": state.sound,
            "entries": state.entries,
            "head": state.head,
            "problem": state.problem,
            "line": state.line,
        }
        print(json.dumps(facts))
    elif state.sound:
        print(f"whole: {state.entries} entries, head sha256:{state.head}")
    else:
        sys.stdout.flush()
        print_error(
            f"{path}:{state.line}: {state.problem}\nhelp: {state.entries} entries before it are whole"
        )
    return Exit.PASSED if state.sound else Exit.FINDINGS


def _show(path: Path, args: argparse.Namespace) -> int:
    from locara.runtime.audit import read_entries

    entries = [entry for entry in read_entries(path) if not (args.denied and entry.get("allowed"))]
    for entry in entries[-args.limit :] if args.limit else entries:
        print(json.dumps(entry) if args.format == "json" else _line(entry))
    return Exit.PASSED


def _line(entry: dict[str, Any]) -> str:
    verdict = "allowed" if entry.get("allowed") else "DENIED "
    request = " ".join(f"{key}={value}" for key, value in dict(entry.get("request", {})).items())
    return printable(
        f"{entry.get('time')}  {verdict}  {entry.get('cmd')}  {entry.get('capability')}  {request}  "
        f"({entry.get('because')})"
    )

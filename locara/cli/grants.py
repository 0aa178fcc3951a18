"""`locara grants`: the files and folders that apps may find again, and how to take them back."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.cli.exits import Exit
from locara.cli.terminal import bold, printable
from locara.core.fields import APP_ID_PATTERN
from locara.errors import UsageError

if TYPE_CHECKING:
    from locara.runtime.remembered import Remembered
    from locara.runtime.state import StateFolder

summary = "see what you let apps find again, and take it back"

_EPILOG = """examples:
  locara grants list                              of all apps
  locara grants list apps/docvault
  locara grants revoke apps/docvault 0f3a9c…      take one back; an app that runs loses it at once
  locara grants revoke acme/notes --all           by its id, when its folder is gone

An app finds again what you picked for it where you said so in the file dialog: the same file or folder, for what you
picked it for, until you take it back, withdraw your consent, or agree to a version that asks for more. Something
else at the same place is not it, and neither is a file that another program saved by putting a new one there.

The lists lie in $XDG_STATE_HOME/Locara/picked (~/.local/state/Locara/picked), where no app can write.

Exit code: 0; revoke: 1 when there is nothing of that name.
"""
_APP_ID: Final = re.compile(APP_ID_PATTERN)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list|revoke, APP, GRANT, --all, --json."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("list", "revoke"))
    parser.add_argument("app", metavar="APP", nargs="?", help="folder of the app, or its id publisher/name")
    parser.add_argument("grants", metavar="GRANT", nargs="*", help="revoke: as list shows it")
    parser.add_argument("--all", action="store_true", help="revoke: everything of this app")
    parser.add_argument("--json", action="store_true", help="list: one JSON object in place of the text")


def run(args: argparse.Namespace) -> int:
    """0, or 1 when `revoke` finds nothing. Raises StartError when a list cannot be believed."""
    from locara.runtime.state import StateFolder, default_state_root

    state = StateFolder(default_state_root())
    if args.action == "list":
        if args.grants or args.all:
            raise UsageError("list takes an app at most", fix="locara grants list [APP]")
        return _list(state, args.app, as_json=args.json)
    if args.app is None or bool(args.grants) == args.all:
        raise UsageError("say of which app, and what", fix="locara grants revoke APP GRANT…, or APP --all")
    return _revoke(state, _app_id(args.app), args.grants)


def _app_id(named: str) -> str:
    from locara.runtime.app import AppBundle

    if _APP_ID.fullmatch(named) and not Path(named).exists():
        return named
    return AppBundle.open(Path(named)).grants.app_id


def _list(state: StateFolder, named: str | None, *, as_json: bool) -> int:
    from locara.runtime.remembered import apps, load

    ids = apps(state) if named is None else (_app_id(named),)
    found = {app_id: load(state, app_id) for app_id in ids}
    if as_json:
        facts = {app_id: [_facts(state, app_id, item) for item in items] for app_id, items in found.items()}
        print(json.dumps({"grants": facts}, ensure_ascii=False))
        return Exit.PASSED
    shown = {app_id: items for app_id, items in found.items() if items}
    for app_id, items in shown.items():
        print(bold(printable(app_id)))
        for item in items:
            print(f"  {_line(_facts(state, app_id, item))}")
    if not shown:
        print("no app may find anything again" if named is None else "it may find nothing again")
    return Exit.PASSED


def _facts(state: StateFolder, app_id: str, item: Remembered) -> dict[str, Any]:
    from locara.cli.consent import moment
    from locara.runtime.consent import load

    record = load(state, app_id)
    agreed = record is not None and record.answer == "yes" and record.manifest == item.manifest
    kept = item.kept
    return {
        "grant": kept.key,
        "path": str(kept.path),
        "kind": kept.kind,
        "access": "read-write" if kept.writable else "read",
        "recursive": kept.recursive,
        "picked": moment(kept.picked),
        "manifest": str(item.manifest),
        "stands": agreed,
    }


def _line(facts: dict[str, Any]) -> str:
    use = "read and change" if facts["access"] == "read-write" else "read"
    deep = " and all that is in it" if facts["recursive"] and facts["kind"] == "directory" else ""
    ended = "" if facts["stands"] else "  (of another version: it does not open)"
    return f"{facts['grant']}  {use} {printable(facts['path'])}{deep}, picked {facts['picked']}{ended}"


def _revoke(state: StateFolder, app_id: str, keys: list[str]) -> int:
    from locara.runtime.remembered import forget_all, revoke

    if not keys:
        count = forget_all(state, app_id)
        print(f"taken back: {count}")
        return Exit.PASSED if count else Exit.FINDINGS
    missing = [key for key in keys if not revoke(state, app_id, key)]
    for key in keys:
        print(f"{printable(key)}: " + ("there is no such grant" if key in missing else "taken back"))
    return Exit.FINDINGS if missing else Exit.PASSED

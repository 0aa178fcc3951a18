"""`locara explain`: what a capability opens, what one app declares of it, and what a rule of the verifier
means."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.cli.exits import Exit
from locara.cli.terminal import bold, printable
from locara.errors import UsageError

if TYPE_CHECKING:
    from locara.core.capability import Kind

summary = "say what a capability or a rule means"

_EPILOG = """examples:
  locara explain                          every capability in one line
  locara explain net                      one capability: values, commands, the line to write
  locara explain net apps/docvault        and what this app declares of it
  locara explain LC202                    a rule of `locara verify`
  locara explain apps/docvault#17         entry 17 of the app's audit log: why, and what would allow it
"""

# Key to (what it gives, values, a line that declares it).
_KINDS: Final = {
    "net": (
        "connections to the hosts it names, by a proxy outside the sandbox; without it there is no socket",
        'false, true (any host), {"allowed_hosts": [...], "allowed_ports": [443]}; *.x.y: sub-domains only',
        '"net": {"allowed_hosts": ["api.example.com"]}',
    ),
    "fs.user-selected": (
        "the files and folders that the person picks, by handle; nothing else of the disk",
        'false, "read", "read-write"',
        '"fs.user-selected": "read"',
    ),
    "fs.app-data": (
        "the app's own folder ($APP_DATA); the one thing every app has when it says nothing",
        'false, "read", "read-write" (when absent)',
        '"fs.app-data": "read-write"',
    ),
    "fs.user-paths": (
        "whole folders of the person: documents, downloads, desktop, pictures, music, movies",
        '{"documents": "read" or "read-write", ...}',
        '"fs.user-paths": {"documents": "read"}',
    ),
    "device.microphone": ("the microphone", "true, false", '"device.microphone": true'),
    "device.camera": ("the camera", "true, false", '"device.camera": true'),
    "device.system-audio": ("what the machine plays", "true, false", '"device.system-audio": true'),
    "models": (
        "running these models, each pinned by the digest of its file, on this machine",
        '["name@sha256:<64 hexadecimal digits>", ...]; `locara models list` prints pins',
        '"models": ["name@sha256:<64 hexadecimal digits>"]',
    ),
    "tools": (
        "calling these tools, each pinned; a tool can do what it and the app may both do",
        '["name@sha256:<64 hexadecimal digits>", ...]',
        '"tools": ["name@sha256:<64 hexadecimal digits>"]',
    ),
    "shared-folders": (
        "a folder that other apps see too, open only when both sides declare it",
        '[{"id": "...", "with": ["publisher/name"], "access": "read" or "read-write"}]',
        '"shared-folders": [{"id": "notes", "with": ["acme/editor"], "access": "read"}]',
    ),
    "clipboard": ("the clipboard", '{"read": true, "write": true}', '"clipboard": {"write": true}'),
    "notifications": (
        "notifications",
        '{"modes": ["alert", "badge", "sound"]}',
        '"notifications": {"modes": ["alert"]}',
    ),
    "background": (
        "going on without a window",
        '{"mode": false, "passive" or "active", "reasons": [...]}',
        '"background": {"mode": "passive", "reasons": ["index new files"]}',
    ),
    "open-external": (
        "opening https pages of these hosts in the person's browser",
        '{"hosts": [...]}',
        '"open-external": {"hosts": ["example.com"]}',
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """NAME, for a capability APP, for an entry --data."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="a capability such as net, a rule such as LC202, or APP#SEQ"
    )
    parser.add_argument(
        "app", metavar="APP", type=Path, nargs="?", help="folder of an app, for its own grant"
    )
    parser.add_argument("--data", metavar="DIR", type=Path, help="APP#SEQ: the --data folder of that run")


def run(args: argparse.Namespace) -> int:
    """0; a name that is neither a capability nor a rule is a usage error with a suggestion."""
    if args.name is None:
        return _overview()
    if args.name in _KINDS:
        return _capability(args.name, args.app)
    if "#" in args.name:
        from locara.cli.denial import explain_entry, is_entry

        if is_entry(args.name):
            return explain_entry(args.name, args.data)
    return _rule(args.name)


def _overview() -> int:
    width = max(map(len, _KINDS))
    print(
        "Capabilities. An app has none of them, but for its own folder, unless its locara.json declares it.\n"
    )
    for key, (gives, _, _) in _KINDS.items():
        print(f"  {key:<{width}}  {gives.partition(';')[0]}")
    print("\n`locara explain NAME` says more; NAME can also be a rule of `locara verify`, such as LC202.")
    return Exit.PASSED


def _capability(key: str, app: Path | None) -> int:
    from locara.core.capability import Kind
    from locara.core.surface import COMMANDS

    gives, values, line = _KINDS[key]
    commands = sorted(
        name
        for name, spec in COMMANDS.items()
        if spec.capability == key or (key.startswith("fs.") and spec.capability == "fs.app-data")
    )
    print(f"{bold(key)}: {gives}\n")
    print(f"values    {values}")
    print(f"commands  {', '.join(commands) or 'none in this version: it is reported and opens nothing'}")
    print(f"declare   {line}")
    if app is not None:
        print(f"\n{_of_app(Kind(key), app)}")
    return Exit.PASSED


def _of_app(kind: Kind, app: Path) -> str:
    from locara.runtime.app import AppBundle

    grants = AppBundle.open(app).grants
    origin = grants.origin(kind)
    if origin is None:
        return f"{grants.app_id} does not have it: nothing in its manifest grants it."
    return printable(f"{grants.app_id} has it: {origin.declared} ({app / origin.source}:{origin.line})")


def _rule(name: str) -> int:
    from locara.cli import verbs
    from locara.cli.parser import closest

    rules = verbs.beside(
        "verify", "explain"
    )  # the text alone: the verifier takes longer to load than to read
    hint = closest(name, tuple(_KINDS), "`locara explain` lists the capabilities")
    if rules is None or not _is_rule(name) or hint.startswith("did you mean"):
        raise UsageError(f"{name!r} is no capability{'' if rules is None else ' and no rule'}", fix=hint)
    print(rules.explain(name), end="")
    return Exit.PASSED


def _is_rule(name: str) -> bool:
    """LC and digits, or a slug: the verifier itself says whether it exists."""
    return (name[:2].upper() == "LC" and name[2:].isdecimal()) or "-" in name

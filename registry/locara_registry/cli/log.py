"""`locara-registry log`: look after the transparency log of an instance."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.cli.exits import Exit
from locara.cli.parser import Parser
from locara_registry.home import default_root

if TYPE_CHECKING:
    from locara_registry.trust.log.log import Log

summary = "publish, check and witness the transparency log of an instance"

_EPILOG = """examples:
  locara-registry log status
  locara-registry log publish --policy log.policy     ask the witnesses of a policy, then publish
  locara-registry log cosign cosigned                 put a witness's signature under the checkpoint
  locara-registry log check                           hash every entry and tile again

The log is in the folder of the instance, its public files in public-log there. A log is never restored from a
backup: every action refuses a database that is older than what was published.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per action."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)

    def action(name: str, what: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=what, description=what)
        one.add_argument(
            "--home",
            type=Path,
            default=default_root(),
            metavar="DIR",
            help="folder of the instance (default: $LOCARA_REGISTRY_HOME, else your data folder)",
        )
        one.add_argument(
            "--anchor",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="a checkpoint of this log that was kept elsewhere, which the log must continue; repeatable",
        )
        return one

    action("status", "say how many entries are kept and how many are public")
    publish = action("publish", "sign a checkpoint of all entries and publish it with its files")
    publish.add_argument(
        "--policy", type=Path, metavar="FILE", help="witnesses with addresses; their quorum must sign first"
    )
    cosign = action("cosign", "put the signatures of a cosigned checkpoint under the published one")
    cosign.add_argument("file", type=Path, metavar="FILE", help="as `locara witness visit --out` writes it")
    action("check", "hash every entry and tile of the database again, and compare the public files")


def run(args: argparse.Namespace) -> int:
    """0, or 1 when something is not as it must be."""
    return _ACTIONS[args.action](args)


def _open(args: argparse.Namespace) -> Log:
    from locara.trust.kept_files import read_file
    from locara.trust.log_refusal import LogRefused
    from locara.trust.note import MAX_NOTE
    from locara_registry.home import Home
    from locara_registry.trust.instance import log_key
    from locara_registry.trust.log.log import Log
    from locara_registry.trust.record import Record

    anchors = []
    for path in args.anchor:
        raw = read_file(path, MAX_NOTE, code="state_unreadable")
        if raw is None:
            raise LogRefused(f"there is no checkpoint at {path}", code="anchor_missing")
        anchors.append(raw)
    home = Home(args.home)
    home.exists()
    key = log_key(Record.read(home.instance), home.keys)
    return Log.open(home.log, home.public_log, key, anchors=anchors)


def _status(args: argparse.Namespace) -> int:
    with _open(args) as log:
        print(f"log     {log.origin}\nkey     {log.key}")
        print(f"kept    {log.size} entries\npublic  {log.published.size} entries")
    return Exit.PASSED


def _publish(args: argparse.Namespace) -> int:
    from locara.trust.kept_files import read_file
    from locara.trust.log_policy import MAX_POLICY, LogPolicy
    from locara.trust.log_refusal import LogRefused
    from locara_registry.trust.log.witnesses import AskedWitnesses

    asked = None
    if args.policy is not None:
        raw = read_file(args.policy, MAX_POLICY, code="policy_malformed")
        if raw is None:
            raise LogRefused(f"there is no policy at {args.policy}", code="policy_malformed")
        asked = AskedWitnesses(LogPolicy.parse(raw))
    with _open(args) as log:
        seen = log.publish(asked)
        print(f"published {seen.size} entries of {log.origin}, {len(seen.note.signatures) - 1} cosignatures")
    return Exit.PASSED


def _cosign(args: argparse.Namespace) -> int:
    from locara.trust.kept_files import read_file
    from locara.trust.log_refusal import LogRefused
    from locara.trust.note import MAX_NOTE, Note

    raw = read_file(args.file, MAX_NOTE, code="source_unreadable")
    if raw is None:
        raise LogRefused(f"there is no file {args.file}", code="source_unreadable")
    note = Note.parse(raw)
    with _open(args) as log:
        if note.text != log.published.note.text:
            raise LogRefused(
                f"{args.file} is not of the checkpoint that is public now",
                code="wrong_entry",
                fix="let the witness visit again",
            )
        seen = log.add_cosignatures(note.signatures)
        print(f"published {seen.size} entries with {len(seen.note.signatures) - 1} cosignatures")
    return Exit.PASSED


def _check(args: argparse.Namespace) -> int:
    with _open(args) as log:
        tiles = log.check()
        print(f"sound: {log.size} entries and {tiles} public files are what the signed root says")
    return Exit.PASSED


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "status": _status,
    "publish": _publish,
    "cosign": _cosign,
    "check": _check,
}

"""`locara revocations`: how fresh the lists on this machine are, what they say, and what they say of one thing."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locara.cli.exits import Exit
from locara.cli.terminal import printable
from locara.errors import UsageError

if TYPE_CHECKING:
    from locara.runtime.revocation import Lists
    from locara.trust.revocation.document import Entry
    from locara.trust.revocation.judgement import Limits, Subject, Verdict

summary = "say what is revoked on this machine, and what that stops"

_EPILOG = """examples:
  locara revocations status                          how old the lists are, and what follows from that
  locara revocations show                            every entry
  locara revocations show LR-2027-3                  one entry
  locara revocations check apps/docvault             would it start, with its models and tools?
  locara revocations check --model sha256:2a9b…      a model; also --tool, --artifact, --key, --commit, --signer
  locara revocations check apps/docvault --for install

Nothing here asks a network; `locara trust update` fetches. What is on a list does not start however old the list
is. Blocked apps keep their data: `locara db export` gives it out.

Exit code: 0; show: 1 when there is no such entry; check: 1 when it is revoked; status and check: 5 when the lists
cannot be relied on or are too old for what is asked.
"""
_FACTS = ("artifact", "commit", "signer", "model", "tool", "key")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """status|show|check with the thing that is asked about."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("status", "show", "check"))
    parser.add_argument(
        "item", metavar="ID|APP", nargs="?", help="show: an entry; check: the folder of an app"
    )
    for name in _FACTS:
        shown = {"commit": "HASH", "signer": "IDENTITY"}.get(name, "DIGEST")
        parser.add_argument(f"--{name}", metavar=shown, help=f"check: this {name}")
    parser.add_argument(
        "--signed-at", metavar="SECONDS", type=float, help="check: when the signer signed, since 1970"
    )
    parser.add_argument(
        "--for",
        dest="operation",
        choices=("run", "install", "update"),
        default="run",
        help="check: what is about to be done (default: run)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the text")


def run(args: argparse.Namespace) -> int:
    """What the action says."""
    from locara.runtime.revocation import read_limits, read_lists
    from locara.runtime.state import StateFolder, default_state_root

    asked = [name for name in _FACTS if getattr(args, name) is not None]
    if args.action != "check" and (asked or args.signed_at is not None):
        raise UsageError(f"--{(asked or ['signed-at'])[0]} belongs to `locara revocations check`")
    if args.action == "status" and args.item is not None:
        raise UsageError("`locara revocations status` takes no argument")
    state = StateFolder(default_state_root())
    lists, limits = read_lists(state), read_limits()
    if args.action == "status":
        return _status(lists, limits, as_json=args.json)
    if args.action == "show":
        return _show(lists, args.item, as_json=args.json)
    return _check(args, asked)


def _status(lists: Lists, limits: Limits, *, as_json: bool) -> int:
    from locara.trust.revocation.judgement import DAY

    known, memory = lists.known, lists.memory
    now = max(time.time(), memory.clock)
    age = max(0.0, now - known.updated) if memory.since is not None else None
    effects = () if age is None else tuple(_effects(age, limits))
    facts: dict[str, Any] = {
        "follows": memory.since is not None,
        "seq": known.listed.seq,
        "urgent": None if known.urgent is None else known.urgent.seq,
        "updated": known.updated,
        "age_days": None if age is None else round(age / DAY, 2),
        "entries": len(known.listed.entries),
        "urgent_entries": len(known.urgent_entries),
        "effects": list(effects),
        "clock_ahead": max(0.0, round(memory.clock - time.time(), 1)),
    }
    if as_json:
        print(json.dumps(facts))
    else:
        print(
            f"list {facts['seq']} with {facts['entries']} entries, {facts['urgent_entries']} urgent ones more"
        )
        if age is None:
            print("no registry is followed: this is what Locara was shipped with (see `locara trust follow`)")
        else:
            print(f"issued {_when(known.updated)}, {age / DAY:.1f} days ago")
        for effect in effects:
            print(f"  {effect}")
        if facts["clock_ahead"] > 3_600:
            print(
                "  this machine's clock was ahead before; `locara trust update --clock-is-right` corrects that"
            )
    return Exit.TRUST if age is not None and age > limits.install else Exit.PASSED


def _effects(age: float, limits: Limits) -> list[str]:
    told = [
        (limits.warn, "apps start with a warning"),
        (limits.install, "nothing is installed or updated"),
        (limits.network, "apps that may use the network do not start"),
        (limits.local, "no app starts"),
    ]
    return [effect for limit, effect in told if limit is not None and age > limit]


def _show(lists: Lists, item: str | None, *, as_json: bool) -> int:
    known = lists.known
    found = [(entry, False) for entry in known.listed.entries]
    found += [(entry, True) for entry in known.urgent_entries]
    found = [pair for pair in found if item is None or pair[0].id == item]
    if as_json:
        rows = [
            {**entry.model_dump(mode="json", by_alias=True, exclude_none=True), "urgent": urgent}
            for entry, urgent in found
        ]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for entry, urgent in found:
            print(_line(entry, urgent=urgent))
        if not found:
            print("nothing is revoked" if item is None else printable(f"there is no entry {item}"))
    return Exit.FINDINGS if item is not None and not found else Exit.PASSED


def _line(entry: Entry, *, urgent: bool) -> str:
    from locara.trust.revocation.judgement import told

    extent = ""
    if entry.versions is not None:
        first, before = entry.versions.first, entry.versions.before
        extent = f"  versions {first or 'from the first'} to {f'before {before}' if before else 'the last'}"
    return printable(
        f"{entry.id}  {entry.severity} ({entry.kind}{', urgent' if urgent else ''}), {_when(entry.time)}\n"
        f"    {told(entry)}{extent}"
    )


def _check(args: argparse.Namespace, asked: list[str]) -> int:
    from locara.runtime.revocation import verdict_on
    from locara.runtime.state import StateFolder, default_state_root

    if args.item is None and not asked:
        raise UsageError("name an app's folder, or what to check", fix="see `locara revocations --help`")
    state = StateFolder(default_state_root())
    found = verdict_on(state, _subject(args, state), args.operation, now=time.time())
    if args.json:
        print(json.dumps(_facts(found), ensure_ascii=False))
    else:
        word = {"allow": "not revoked", "warn": "allowed, with a warning", "block": "blocked"}[found.action]
        print(word)
        for line in dict.fromkeys(text for text in (found.because, *found.notices) if text):
            print(printable(f"  {line}"))
    if found.action != "block":
        return Exit.PASSED
    return Exit.TRUST if found.code == "revocation_stale" else Exit.FINDINGS


def _facts(found: Verdict) -> dict[str, Any]:
    return {
        "action": found.action,
        "code": found.code,
        "because": found.because,
        "entry": None if found.entry is None else found.entry.id,
        "fixed_in": None if found.entry is None else found.entry.fixed_in,
        "notices": list(found.notices),
    }


def _subject(args: argparse.Namespace, state: Any) -> Subject:  # noqa: ANN401 - imported where it is used
    from dataclasses import replace

    from locara.runtime.app import AppBundle
    from locara.runtime.origin import origin_of
    from locara.runtime.revocation import subject_of
    from locara.trust.revocation.judgement import Subject

    for name in ("artifact", "model", "tool", "key"):
        text = getattr(args, name)
        if text is not None and not _DIGEST.fullmatch(text):
            raise UsageError(
                f"--{name} {text!r} is not a digest", fix="write sha256: and 64 hexadecimal digits"
            )
    subject = Subject()
    if args.item is not None:
        grants = AppBundle.open(Path(args.item)).grants
        subject = subject_of(grants, origin_of(state, grants))
    more = {"models": args.model, "tools": args.tool, "keys": args.key}
    for field, value in more.items():
        if value is not None:
            subject = replace(subject, **{field: getattr(subject, field) | {value}})
    told = {name: getattr(args, name) for name in ("artifact", "commit", "signer", "signed_at")}
    return replace(subject, **{name: value for name, value in told.items() if value is not None})


def _when(seconds: float) -> str:
    from locara.cli.consent import moment

    return moment(seconds)

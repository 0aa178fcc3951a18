"""`locara log`: follow a transparency log, look at it, and keep and check proofs of its entries."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.cli.exits import Exit
from locara.cli.log_policy import add_policy, policy_of
from locara.cli.parser import Parser
from locara.cli.terminal import print_error, printable
from locara.errors import UsageError

if TYPE_CHECKING:
    from locara.trust.checkpoint import OpenedCheckpoint
    from locara.trust.log_source import LogSource
    from locara.trust.monitor import Pass

summary = "follow a transparency log, look at it, and check proofs of its entries"

_EPILOG = """examples:
  locara log monitor https://log.example.org --policy log.policy --state ./monitor --watch 'app:acme/*'
  locara log show https://log.example.org --policy log.policy
  locara log prove https://log.example.org --policy log.policy --entry statement.json --out statement.tlog-proof
  locara log check statement.tlog-proof --policy log.policy --entry statement.json
  locara log check fork-1f2e.json --policy log.policy

SOURCE is the address of the log's static files, or a folder of them. Only a SOURCE at an address uses the
network; `check` never does.
"""

_MONITOR = """examples:
  locara log monitor https://log.example.org --policy log.policy --state ./monitor
  locara log monitor ./public --key log.example.org+3f1c29aa+AW9… --state ./monitor --watch identity:ci@acme.example
  locara log monitor https://log.example.org --policy log.policy --state ./monitor --every 300

Each look verifies every new entry and tile and keeps what it saw in --state. Alarms are printed and kept in
alarms.jsonl there. A rule is identity:NAME, app:NAME, digest:sha256:HEX or text:WORDS; * at the end matches any rest.

Exit code: 0 nothing stood out, 1 an alarm, 4 the log cannot be read, 5 policy or state cannot be relied on.
"""

_SHOW = """examples:
  locara log show https://log.example.org --policy log.policy
  locara log show ./public --key log.example.org+3f1c29aa+AW9… --entries 0:10 --format json
"""

_PROVE = """examples:
  locara log prove https://log.example.org --policy log.policy --index 41 --out 41.tlog-proof
  locara log prove ./public --policy log.policy --entry statement.json --out statement.tlog-proof

With --entry the whole log is searched for it, which reads every entry.
"""

_CHECK = """examples:
  locara log check statement.tlog-proof --policy log.policy --entry statement.json
  locara log check fork-1f2e.json --policy log.policy            evidence that a witness or monitor kept

Exit code: 0 it is proven, 1 it is not. Nothing is fetched.
"""

_LONGEST: Final = 500  # characters of an entry that are shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per action."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)

    def action(name: str, what: str, epilog: str, first: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=what, description=what)
        one.epilog = epilog
        one.add_argument(first.lower(), metavar=first)
        add_policy(one)
        return one

    monitor = action("monitor", "verify what is new in a log and give alarm", _MONITOR, "SOURCE")
    monitor.add_argument(
        "--state", metavar="DIR", type=Path, required=True, help="where the monitor remembers"
    )
    monitor.add_argument(
        "--watch", metavar="RULE", action="append", default=[], help="give alarm for entries of this kind"
    )
    monitor.add_argument("--every", metavar="SECONDS", type=_seconds, help="go on looking, this often")
    monitor.add_argument("--format", choices=("human", "json"), default="human", help="how to print")
    show = action("show", "say what a log is now, and show entries", _SHOW, "SOURCE")
    show.add_argument("--entries", metavar="FROM:TO", type=_range, help="show these entries, proven")
    show.add_argument("--format", choices=("human", "json"), default="human", help="how to print")
    prove = action("prove", "write a file that proves that a log has an entry", _PROVE, "SOURCE")
    prove.add_argument("--index", metavar="N", type=_number, help="the entry at this place")
    prove.add_argument("--entry", metavar="FILE", type=Path, help="the entry with these bytes")
    prove.add_argument("--out", metavar="FILE", type=Path, required=True, help="the file to write")
    check = action("check", "check a proof or evidence file, offline", _CHECK, "FILE")
    check.add_argument("--entry", metavar="ENTRY", type=Path, help="the bytes that are said to be in the log")
    check.add_argument(
        "--max-age", metavar="SECONDS", type=_seconds, help="how old cosignatures may be (default: any age)"
    )
    check.add_argument("--format", choices=("human", "json"), default="human", help="how to print")


def run(args: argparse.Namespace) -> int:
    """0, or 1 for an alarm or for what is not proven."""
    return _ACTIONS[args.action](args)


def _monitor(args: argparse.Namespace) -> int:
    from locara.trust.log_refusal import LogRefused
    from locara.trust.log_source import source_of
    from locara.trust.monitor import Monitor
    from locara.trust.watch import Rule

    rules = tuple(Rule.parse(text) for text in args.watch)
    monitor = Monitor(args.state, policy_of(args), rules)
    source = source_of(args.source)
    worst = Exit.PASSED
    while True:
        try:
            look = monitor.look(source)
        except LogRefused as error:
            if args.every is None or error.code != "source_unreadable":
                raise
            print_error(error.diagnostics())  # a server that is away for a while comes back
        else:
            _print_look(look, args.format)
            worst = Exit.FINDINGS if look.alarms else worst
        if args.every is None:
            return worst
        time.sleep(args.every)


def _print_look(look: Pass, form: str) -> None:
    if form == "json":
        alarms = [
            {"kind": one.kind, "message": one.message, "index": one.index, "evidence": one.evidence}
            for one in look.alarms
        ]
        facts = {"size": look.size, "new": look.new, "sound": look.sound, "alarms": alarms}
        print(json.dumps(facts), flush=True)
        return
    for alarm in look.alarms:
        kept = f"\nhelp: both checkpoints are in {alarm.evidence}" if alarm.evidence else ""
        print_error(f"{alarm.kind}: {alarm.message}{kept}")
    if look.sound:
        print(f"sound: {look.size} entries, {look.new} new, every one verified", flush=True)


def _show(args: argparse.Namespace) -> int:
    from locara.trust.checkpoint import open_checkpoint
    from locara.trust.log_source import read_checkpoint, source_of

    source = source_of(args.source)
    opened = open_checkpoint(read_checkpoint(source), policy_of(args), now=time.time())
    low, high = args.entries or (0, 0)
    if high > opened.size:
        raise UsageError(f"the log has {opened.size} entries, not {high}")
    if args.format == "json":
        print(json.dumps({**_facts(opened), "entries": _shown(source, opened, low, high)}))
        return Exit.PASSED
    print(f"log     {printable(opened.checkpoint.origin)}\nsize    {opened.size}")
    print(f"root    sha256:{opened.root.hex()}")
    for one in opened.cosigned:
        print(f"seen by {printable(one.witness)} at {_when(one.time)}")
    if not opened.cosigned:
        print("seen by no witness of the policy")
    for entry in _shown(source, opened, low, high):
        print(f"{entry['index']:>8}  {entry['text']}")
    return Exit.PASSED


def _shown(source: LogSource, opened: OpenedCheckpoint, low: int, high: int) -> list[dict[str, object]]:
    from locara.trust.reading import entries

    return [
        {"index": index, "bytes": len(entry), "text": printable(entry[:_LONGEST].decode("utf-8", "replace"))}
        for index, entry in entries(source, opened, low, high)
    ]


def _facts(opened: OpenedCheckpoint) -> dict[str, object]:
    return {
        "origin": opened.checkpoint.origin,
        "size": opened.size,
        "root": f"sha256:{opened.root.hex()}",
        "witnesses": [{"name": one.witness, "time": one.time} for one in opened.cosigned],
    }


def _when(seconds: int) -> str:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} seconds after 1970"


def _prove(args: argparse.Namespace) -> int:
    from locara.trust.checkpoint import open_checkpoint
    from locara.trust.kept_files import replace_file
    from locara.trust.log_source import read_checkpoint, source_of
    from locara.trust.reading import find, prove

    if (args.index is None) == (args.entry is None):
        raise UsageError("name an --index or an --entry")
    policy, source = policy_of(args), source_of(args.source)
    opened = open_checkpoint(read_checkpoint(source), policy, now=time.time())
    index = args.index if args.entry is None else find(source, opened, _entry(args.entry))
    if index is None:
        print_error(f"the log of {opened.size} entries does not have {args.entry}")
        return Exit.FINDINGS
    proof = prove(source, opened, index)
    replace_file(args.out, proof.raw, mode=0o644)
    print(f"entry {index} of {opened.size}: the proof is in {args.out}")
    return Exit.PASSED


def _check(args: argparse.Namespace) -> int:
    from locara.trust.kept_files import read_file
    from locara.trust.log_refusal import LogRefused
    from locara.trust.merkle import leaf_hash
    from locara.trust.proof_file import HEADER, MAX_PROOF_FILE, ProofFile, check_proof

    policy = policy_of(args)
    raw = read_file(Path(args.file), 2 * MAX_PROOF_FILE, code="source_unreadable")
    if raw is None:
        raise LogRefused(f"there is no file {args.file}", code="source_unreadable")
    if not raw.startswith(HEADER.encode()):
        return _check_evidence(raw, args)
    if args.entry is None:
        raise UsageError("a proof is about an entry", fix="name its bytes with --entry FILE")
    proof = ProofFile.parse(raw)
    leaf = leaf_hash(_entry(args.entry))
    opened = check_proof(proof, leaf, policy, now=time.time(), max_age=args.max_age)
    if args.format == "json":
        print(json.dumps({"proven": True, "index": proof.index, **_facts(opened)}))
    else:
        seen = ", ".join(printable(one.witness) for one in opened.cosigned) or "no witness"
        origin = printable(opened.checkpoint.origin)
        print(f"proven: {args.entry} is entry {proof.index} of {opened.size} of {origin}, seen by {seen}")
    return Exit.PASSED


def _check_evidence(raw: bytes, args: argparse.Namespace) -> int:
    from locara.trust.evidence import Evidence, check_evidence

    evidence = Evidence.parse(raw)
    proven = check_evidence(evidence, policy_of(args))
    words = (
        "proven: the log signed two different histories"
        if proven
        else f"reported, not proven: both checkpoints are the log's own; {evidence.kind} is what the witness saw"
    )
    print(json.dumps({"proven": proven, "kind": evidence.kind}) if args.format == "json" else words)
    return Exit.PASSED if proven else Exit.FINDINGS


def _entry(path: Path) -> bytes:
    from locara.trust.kept_files import read_file
    from locara.trust.log_refusal import LogRefused
    from locara.trust.tiles import MAX_ENTRY

    raw = read_file(path, MAX_ENTRY, code="source_unreadable")
    if raw is None:
        raise LogRefused(f"there is no file {path}", code="source_unreadable")
    return raw


def _number(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not the index of an entry")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return int(text)


def _range(text: str) -> tuple[int, int]:
    low, gap, high = text.partition(":")
    if not gap or _number(low) >= _number(high) or int(high) - int(low) > 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not FROM:TO with at most 10000 entries")
    return int(low), int(high)


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "monitor": _monitor,
    "show": _show,
    "prove": _prove,
    "check": _check,
}

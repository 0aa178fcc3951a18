"""The log against the answers: what a page is told about a call, and what the log keeps of it, are one story.

Every entry point of the running app is called with ordinary and with refused objects in each of its places. After
each call the entries that it left are read from outside and held against the reply.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from locara.records import dataclass
from locara_verify.checks.escape.entry_points import entry_points
from locara_verify.checks.escape.link import Reply
from locara_verify.checks.escape.live import Trial, widen
from locara_verify.checks.escape.names import PLAUSIBLE, every_command

REFUSED: Final = frozenset({"capability_denied", "unknown_command"})
LONG: Final = "a/../" + "x" * 2_000
TEXTS: Final = ("$MOVIES", "no-such", "a/../b", LONG, "https://other.example:8443/x")
STATEMENTS: Final = ("ATTACH 'other.db' AS other", "PRAGMA writable_schema = 1")
WRITES: Final = frozenset({"fs.write", "fs.mkdir", "fs.remove"})
READS: Final = frozenset({"fs.read", "fs.list", "fs.stat"})
CLOCKS: Final = 1.0  # seconds by which two readings of one clock may be apart
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "net": ("host", "port"),
    "models": ("model",),
    "tools": ("tool",),
    "clipboard": ("access",),
    "notifications": ("mode",),
    "background": ("mode",),
    "open-external": ("host",),
    **dict.fromkeys(("fs.user-selected", "fs.app-data", "fs.user-paths", "shared-folders"),
                    ("root", "path", "access")),
    **dict.fromkeys(("device.microphone", "device.camera", "device.system-audio"), ("device",)),
}  # fmt: skip
"""What an entry keeps of a request, by the capability it turned on."""

Json = Any


def everything(document: dict[str, Any]) -> None:
    """Open as many commands as there are without anything to set up: what is behind them is mostly refused."""
    widen(document)
    document["capabilities"] |= {
        "net": {"allowed_hosts": ["granted.example"]},
        "open-external": {"hosts": ["granted.example"]},
        "clipboard": {"write": True},
        "notifications": {"modes": ["badge"]},
    }


@dataclass(slots=True)
class Reader:
    """A log that grows, read from outside, and the lines of the manifest that its reasons name."""

    log: Path
    lines: Sequence[str]
    at: int = 0
    left: list[Mapping[str, Json]] = field(default_factory=list)

    def entries(self) -> list[Mapping[str, Json]]:
        """What was appended since the last time."""
        with self.log.open("rb") as file:
            file.seek(self.at)
            data = file.read()
        self.at += len(data)
        self.left = [json.loads(line) for line in data.splitlines()]
        return self.left

    def line_of(self, key: str) -> int:
        """The line of the manifest on which ``key`` is declared; 0 when it is not written."""
        return next((number for number, line in enumerate(self.lines, 1) if f'"{key}":' in line), 0)


def attack_agreement(trial: Trial, rule: str, log: Path) -> None:
    """Call everything there is, and everything there is not, and compare."""
    arena = trial.arena
    manifest = (arena.app.bundle.path / "locara.json").read_text("utf-8")
    reader = Reader(log, manifest.splitlines())
    reader.entries()
    told = refused = 0
    for command, args in calls(trial):
        begun = time.time()
        reply = arena.link.ask(command, args)
        entries = reader.entries()
        trial.tried(rule)
        told += any(entry["allowed"] for entry in entries)
        refused += reply.code in REFUSED
        for problem in problems(reader, command, args, reply, (begun, time.time())):
            trial.fail(rule, "the log and the answer tell two stories", f"{command}: {problem}", command)
    trial.twin(rule, bool(told and refused), "some calls are allowed and some are refused")
    shown = arena.link.ask("audit.capabilityLog", {"limit": 20})
    if shown.ok:
        kept = [json.loads(line) for line in log.read_bytes().splitlines()[-20:]]
        trial.tried(rule)
        if shown.result != {"entries": kept}:
            trial.fail(rule, "the app is shown another log than the one that is kept", "audit.capabilityLog")


def calls(trial: Trial) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Each live command as it is meant, then with each text in each of its places; then commands that are absent."""
    arena = trial.arena
    for point in entry_points(arena):
        yield point.command, point.base
        for place in point.texts:
            for text in STATEMENTS if place[-1] == "sql" else TEXTS:
                yield point.command, point.with_text(place, text)
    for command in sorted(every_command() - arena.commands):
        yield command, PLAUSIBLE


def problems(
    reader: Reader, command: str, args: Mapping[str, Json], reply: Reply, when: tuple[float, float]
) -> Iterator[str]:
    """What is wrong with the entries that one call left."""
    entries = reader.left
    if others := {entry["cmd"] for entry in entries} - {command}:
        yield f"it left entries of {', '.join(sorted(others))}"
    refusals = [entry for entry in entries if entry["allowed"] is not True]
    refused = reply.code in REFUSED or any(statement in json.dumps(args) for statement in STATEMENTS)
    if refused != bool(refusals) or len(refusals) > 1:
        yield f"the answer is {reply.code or 'ok'}, and the log has {len(refusals)} refusals"
    # What SQL may not do no line of a manifest could lift: such an answer has words alone.
    said = {name: reply.error[name] for name in ("capability", "because") if name in reply.error}
    for entry in refusals:
        for member, text in said.items():
            if entry[member] != text:
                yield f"refused for {member} {text!r}, and the log says {entry[member]!r}"
        if not said and entry["because"] not in str(reply.error.get("message")):
            yield f"refused with {reply.error.get('message')!r}, and the log says {entry['because']!r}"
    for entry in entries:
        yield from of_entry(reader, entry, args)
        # Of a command that is not there nothing was asked; and what a capability has no object of has no fields.
        expected = () if reply.code == "unknown_command" else FIELDS.get(entry["capability"], ())
        if tuple(entry["request"]) != expected:
            kept = ", ".join(entry["request"]) or "nothing"
            yield f"of a request for {entry['capability']} the log keeps {kept}"
        if command in WRITES | READS and entry["request"].get("access", "") not in (
            "", "write" if command in WRITES else "read"
        ):  # fmt: skip
            yield f"the log has it as {entry['request']['access']}"
        at = datetime.fromisoformat(entry["time"]).timestamp()
        if not when[0] - CLOCKS <= at <= when[1] + CLOCKS:
            yield f"the log says it was at {entry['time']}, {at - when[1]:.1f} s apart from when it was"


def of_entry(reader: Reader, entry: Mapping[str, Json], args: Mapping[str, Json]) -> Iterator[str]:
    """What is wrong with one entry by itself: its reason and its values."""
    capability, request, because = entry["capability"], entry["request"], entry["because"]
    if not capability or not because:
        yield "an entry does not say what it turned on, or why"
    if request and entry["allowed"] and not because.startswith(f'"{capability}": '):
        yield f"allowed for {capability}, and the reason is {because!r}"
    line = reader.line_of(capability)
    if request and line and "locara.json:" in because and not because.endswith(f"locara.json:{line}"):
        yield f"{capability} is declared on line {line}, and the reason is {because!r}"
    for name, value in request.items():
        asked = asked_for(name, args)
        if asked is not None and value != asked and not says_so(value, asked):
            yield f"asked for the {name} {asked[:80]!r}, and the log has {str(value)[:80]!r}"


def asked_for(name: str, args: Mapping[str, Json]) -> str | None:
    """What the arguments say about one field of a request; None when they do not."""
    value = args.get("root" if name == "root" else "url" if name == "host" else name)
    if not isinstance(value, str):
        return None
    if name == "root":
        return value[1:].lower().replace("_", "-") if value.startswith("$") else None
    if name == "host":
        return urlsplit(value).hostname
    return value if name in ("path", "model", "tool") else None


def says_so(value: Json, asked: str) -> bool:
    """Tell whether ``value`` is the beginning of a long text and says how long that was."""
    return isinstance(value, str) and value[:100] == asked[:100] and f"({len(asked)} characters)" in value

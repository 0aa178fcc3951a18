"""Reading an audit log: its files in order, and whether every line still follows from the one before.

A log is `log.jsonl` and the older files `log.000001.jsonl`, `log.000002.jsonl` … that were closed when they
were full. The chain runs through all of them. What is verified is the bytes as stored, never a value that was
parsed and written again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from locara.errors import AuditError
from locara.records import dataclass

GENESIS: Final = "0" * 64
FIELDS: Final = [
    *("v", "seq", "time", "app", "cmd", "capability", "request", "allowed", "because", "prev", "hash")
]
_HASH: Final = re.compile(rb',"hash":"([0-9a-f]{64})"\}\n\Z')
_HASH_BYTES: Final = len(',"hash":""}\n') + 64
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ChainState:
    """What a walk over a log found: how many entries the chain has, and the hash of the last of them.

    `problem` is None for a sound chain; else it says what is wrong in which `file` and `line` (from 1).
    `good_bytes` is the length of the sound part of the last file that was read, `torn` what follows it there
    when that is one unfinished last line.
    """

    entries: int
    head: str
    file: Path
    good_bytes: int = 0
    torn: bytes = b""
    problem: str | None = None
    line: int | None = None

    @property
    def sound(self) -> bool:
        """True when every line is whole and chained."""
        return self.problem is None


def older_files(path: Path) -> list[Path]:
    """The closed files of the log at path, oldest first."""
    named = re.compile(rf"{re.escape(path.stem)}\.[0-9]{{6}}{re.escape(path.suffix)}")
    return sorted(entry for entry in path.parent.iterdir() if named.fullmatch(entry.name))


def verify_chain(path: Path) -> ChainState:
    """Walk the log at path from its first entry. Raises AuditError(unreadable) only when a file cannot be
    read."""
    try:
        state = ChainState(0, GENESIS, path)
        for file in (*older_files(path), path):
            state = walk(file, state.entries, state.head)
            if not state.sound:
                break
    except OSError as error:
        raise AuditError(f"the audit log cannot be read: {error.strerror}", code="unreadable") from error
    return state


def walk(path: Path, entries: int, head: str) -> ChainState:
    """Walk one file whose first line must be number `entries + 1` and follow `head`. Raises OSError."""
    good = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return ChainState(entries, head, path, good, line, "the last line is unfinished", number)
            problem = _fault(line, entries + 1, head)
            if problem is not None:
                return ChainState(entries, head, path, good, b"", problem, number)
            head = line[-67:-3].decode("ascii")
            entries += 1
            good += len(line)
    return ChainState(entries, head, path, good)


def _fault(line: bytes, seq: int, prev: str) -> str | None:
    """Why this line does not continue the chain, or None."""
    found = _HASH.search(line)
    if found is None:
        return "the line is not an audit entry"
    if hashlib.sha256(line[:-_HASH_BYTES] + b"}").hexdigest().encode() != found[1]:
        return "the line was changed: its hash does not match its bytes"
    entry = _parsed(line)
    if list(entry) != FIELDS or entry["v"] != 1:
        return "the line does not have the fields of an audit entry"
    if entry["prev"] != prev:
        return "the line does not follow the one before: a line was removed, added or moved"
    return None if entry["seq"] == seq else f"the line has number {entry['seq']} where {seq} is due"


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    return entry if isinstance(entry, dict) else {}


def read_entries(path: Path, *, limit: int | None = None) -> list[dict[str, Any]]:
    """The newest `limit` entries of the log at path (all for None), oldest first.

    Lines that are not entries are left out: `verify_chain` is what judges a log. Raises
    AuditError(unreadable).
    """
    newest: list[dict[str, Any]] = []
    try:
        for file in reversed((*older_files(path), path)):
            for line in _lines_backwards(file):
                if limit is not None and len(newest) == limit:
                    break
                entry = _parsed(line)
                if list(entry) == FIELDS:
                    newest.append(entry)
    except OSError as error:
        raise AuditError(f"the audit log cannot be read: {error.strerror}", code="unreadable") from error
    return newest[::-1]


def _lines_backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file, last first, read from its end as far as they are asked for."""
    with path.open("rb") as file:
        at = file.seek(0, 2)
        rest = b""
        while at:
            step = min(_CHUNK, at)
            at -= step
            file.seek(at)
            rest, *lines = (file.read(step) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
        if rest:
            yield rest

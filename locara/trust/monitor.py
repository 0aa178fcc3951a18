"""A monitor: follows a log from its static files, verifies every tile and entry, and says what stands out.

It keeps the newest checkpoint it has verified and the right edge of that tree; every entry since is hashed
here, so what the log says of itself is never taken for granted. Alarms are kept on the disk before the state
moves on: after a kill an alarm may be given twice, never lost.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from locara.durable import sync_folder
from locara.records import dataclass
from locara.trust.checkpoint import OpenedCheckpoint, open_checkpoint
from locara.trust.evidence import Evidence
from locara.trust.kept_files import alone, make_private, read_file, replace_file, unwritable
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.log_source import LogSource, read_checkpoint, read_tile
from locara.trust.log_text import read_base64, write_base64
from locara.trust.merkle import HASH_BYTES, leaf_hash, verify_consistency
from locara.trust.tiles import WIDTH, Edge, Tile, entries_of
from locara.trust.tree import Tree
from locara.trust.watch import Rule, matching

SCHEMA: Final = "locara-log-monitor/1"
MAX_STATE: Final = 4 * 1024 * 1024
ALARMS: Final = "alarms.jsonl"
_STATE: Final = "monitor.json"
_EVIDENCE: Final = "evidence"


@dataclass(frozen=True, slots=True)
class Alarm:
    """What stood out: `kind` is `watch`, or the code of the refusal. An entry has its index."""

    kind: str
    message: str
    index: int | None = None
    evidence: str | None = None

    @property
    def against_the_log(self) -> bool:
        """True for everything but a watched entry."""
        return self.kind != "watch"


@dataclass(frozen=True, slots=True)
class Pass:
    """What one look at the log gave: the checkpoint that is verified now, how many entries were new."""

    size: int
    new: int
    alarms: tuple[Alarm, ...]

    @property
    def sound(self) -> bool:
        """True when nothing speaks against the log."""
        return not any(alarm.against_the_log for alarm in self.alarms)


class Monitor:
    """A monitor of one log in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        policy: LogPolicy,
        rules: tuple[Rule, ...] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        make_private(folder)
        self.folder = folder
        self._policy = policy
        self._rules = rules
        self._clock = clock

    def look(self, source: LogSource) -> Pass:
        """Read what is new, verify it, keep the result. Raises LogRefused only for what is no statement about
        the log: `source_unreadable`, `in_use`, or a state that cannot be read or written."""
        with alone(self.folder, "monitoring"):
            seen, edge = self._load()
            try:
                opened = open_checkpoint(read_checkpoint(source), self._policy, now=self._clock())
                if seen is not None and seen.checkpoint.origin != opened.checkpoint.origin:
                    raise LogRefused("the source shows another log than before", code="wrong_origin")
                if seen is not None:
                    self._follows(source, seen, opened)
                grown = edge.copy()
                hits = list(self._read(source, grown, opened.size))
                if grown.root != opened.root:
                    raise LogRefused(
                        f"the {opened.size} entries that are served are not those of the signed root",
                        code="tile_mismatch",
                    )
            except LogRefused as error:
                if error.code in ("source_unreadable", "state_unreadable", "state_unwritable", "disk_full"):
                    raise
                alarm = Alarm(error.code, error.message, evidence=self._evidence(error))
                self._keep_alarms([alarm])
                return Pass(edge.size, 0, (alarm,))
            self._keep_alarms(hits)
            self._save(opened, grown)
            return Pass(opened.size, opened.size - edge.size, tuple(hits))

    def _follows(self, source: LogSource, seen: OpenedCheckpoint, opened: OpenedCheckpoint) -> None:
        """The new checkpoint continues the one seen before. That is asked first, for it is what evidence is
        made of."""
        tree = Tree(opened.size, lambda tile: read_tile(source, tile))
        proof = tree.consistency(seen.size) if seen.size <= opened.size else ()
        try:
            verify_consistency(seen.size, opened.size, seen.root, opened.root, proof)
        except LogRefused as error:
            raise _Contradiction(error, seen, opened) from error

    def _read(self, source: LogSource, edge: Edge, size: int) -> Iterator[Alarm]:
        """Grow the edge by the new entries; every tile they touch must be the one that is served."""
        while edge.size < size:
            n, known = divmod(edge.size, WIDTH)
            width = min(WIDTH, size - n * WIDTH)
            first = edge.size
            entries = entries_of(read_tile(source, Tile(None, n, width)), width)
            leaves = [leaf_hash(entry) for entry in entries]
            if leaves[:known] != edge.tails[0]:
                raise LogRefused(f"entries {n * WIDTH} to {first} were changed", code="tile_mismatch")
            for (level, number), data in edge.append(leaves[known:]).items():
                if len(data) == WIDTH * HASH_BYTES:
                    self._same(source, Tile(level, number), data)
            for index, entry in enumerate(entries[known:], first):
                for rule in matching(self._rules, entry):
                    yield Alarm("watch", f"entry {index} is what {rule} looks for", index)
        for level, tail in enumerate(edge.tails):
            if tail:
                self._same(source, Tile(level, (size >> (8 * level)) // WIDTH, len(tail)), b"".join(tail))

    def _same(self, source: LogSource, tile: Tile, data: bytes) -> None:
        if read_tile(source, tile) != data:
            raise LogRefused(f"{tile.path} is not made of the log's entries", code="tile_mismatch")

    def _evidence(self, error: LogRefused) -> str | None:
        if not isinstance(error, _Contradiction):
            return None
        evidence = Evidence(error.code, error.seen.raw, error.shown.raw, int(self._clock()))
        return str(evidence.write(self.folder / _EVIDENCE))

    def _keep_alarms(self, alarms: list[Alarm]) -> None:
        if not alarms:
            return
        lines = [
            json.dumps(
                {
                    "time": int(self._clock()),
                    "kind": alarm.kind,
                    "message": alarm.message,
                    "index": alarm.index,
                    "evidence": alarm.evidence,
                }
            )
            for alarm in alarms
        ]
        path = self.folder / ALARMS
        try:
            with path.open("ab") as file:
                file.write("".join(f"{line}\n" for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self.folder)
        except OSError as error:
            raise unwritable(path, error) from error

    def _load(self) -> tuple[OpenedCheckpoint | None, Edge]:
        raw = read_file(self.folder / _STATE, MAX_STATE, code="state_unreadable")
        if raw is None:
            return None, Edge()
        try:
            document = json.loads(raw.decode())
            if document["schema"] != SCHEMA:
                raise ValueError("it is of another version")
            logs = LogPolicy(self._policy.logs)
            seen = open_checkpoint(document["checkpoint"].encode(), logs, now=self._clock())
            tails = [
                [read_base64(one, "a hash", code="state_unreadable") for one in row]
                for row in document["edge"]
            ]
            edge = Edge(seen.size, tails)
            if edge.root != seen.root:
                raise ValueError("its edge is not that of its checkpoint")
        except (LogRefused, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LogRefused(
                f"{self.folder / _STATE} cannot be relied on: {error}",
                code="state_unreadable",
                fix="keep the folder as it is and follow the log anew with another --state",
            ) from error
        return seen, edge

    def _save(self, opened: OpenedCheckpoint, edge: Edge) -> None:
        document = {
            "schema": SCHEMA,
            "checkpoint": opened.raw.decode(),
            "edge": [[write_base64(one) for one in tail] for tail in edge.tails],
        }
        replace_file(self.folder / _STATE, json.dumps(document, ensure_ascii=False).encode() + b"\n")


class _Contradiction(LogRefused):
    """Two checkpoints of one log that do not belong together."""

    def __init__(self, error: LogRefused, seen: OpenedCheckpoint, shown: OpenedCheckpoint) -> None:
        super().__init__(error.message, code=error.code)
        self.seen = seen
        self.shown = shown

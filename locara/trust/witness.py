"""A witness: remembers the newest checkpoint of each log, and cosigns what continues it.

The order is the promise: a checkpoint is checked, then kept on the disk, then answered. What contradicts the
kept one is never cosigned; both go into an evidence file. A witness whose memory cannot be read refuses to
answer: it must not begin anew.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from locara.trust.checkpoint import Checkpoint, OpenedCheckpoint, cosign, cosignatures, open_checkpoint
from locara.trust.evidence import Evidence
from locara.trust.kept_files import alone, make_private, read_file, read_key, replace_file, write_key
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.log_source import LogSource, read_checkpoint, read_tile
from locara.trust.merkle import EMPTY_ROOT, verify_consistency
from locara.trust.note import Note, Signature
from locara.trust.note_keys import COSIGNATURE, SigningKey, VerifierKey
from locara.trust.tree import Tree

SCHEMA: Final = "locara-witness/1"
MAX_STATE: Final = 64 * 1024 * 1024
_STATE: Final = "seen.json"
_KEY: Final = "witness.key"
_EVIDENCE: Final = "evidence"
_CONTRADICTED: Final = frozenset({"rollback", "fork", "inconsistent"})


class OldSize(LogRefused):
    """The proof does not begin at the size that was cosigned last, which is `size`. Nothing is wrong."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the checkpoint cosigned last has {size} entries", code="rollback")
        self.size = size


class Witness:
    """A witness in a folder of its own. Methods may be called from any thread and from several processes."""

    def __init__(
        self,
        folder: Path,
        key: SigningKey,
        logs: Sequence[VerifierKey] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.key = key.verifier
        self._key = key
        self._policy = LogPolicy(tuple(logs))
        self._own = ((key.name, key.verifier),)
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    def create(cls, folder: Path, name: str) -> Witness:
        """A new witness of that name, with a new key and an empty memory. Raises LogRefused."""
        make_private(folder)
        key = SigningKey.generate(name, COSIGNATURE)
        with alone(folder, "making a witness"):
            write_key(folder / _KEY, key)
            replace_file(folder / _STATE, _state_text({}))
        return cls(folder, key)

    @classmethod
    def open(
        cls, folder: Path, logs: Sequence[VerifierKey] = (), *, clock: Callable[[], float] = time.time
    ) -> Witness:
        """The witness of a folder, for these logs. Raises LogRefused when its key or memory cannot be relied
        on."""
        make_private(folder)
        witness = cls(folder, read_key(folder / _KEY, COSIGNATURE), logs, clock=clock)
        witness.seen()
        return witness

    def seen(self) -> dict[str, OpenedCheckpoint]:
        """The newest checkpoint of each log, by origin. Raises LogRefused `state_unreadable`."""
        raw = read_file(self.folder / _STATE, MAX_STATE, code="state_unreadable")
        if raw is None:
            raise self._unreadable("it is not there")
        try:
            document = json.loads(raw.decode())
            notes = {str(origin): note.encode() for origin, note in document["logs"].items()}
            if document["schema"] != SCHEMA:
                raise self._unreadable("it is of another version")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._unreadable("it is damaged") from error
        return {origin: self._own_memory(origin, note) for origin, note in notes.items()}

    def _own_memory(self, origin: str, raw: bytes) -> OpenedCheckpoint:
        """A kept checkpoint counts only under the witness's own cosignature."""
        try:
            note = Note.parse(raw)
            head = Checkpoint.parse(note.text)
            cosigned = cosignatures(note, self._own)
        except LogRefused as error:
            raise self._unreadable(f"what it says of {origin!r} is not right: {error}") from error
        if head.origin != origin or not cosigned:
            raise self._unreadable(f"what it says of {origin!r} is not the witness's own")
        return OpenedCheckpoint(head, note, self.key, cosigned)

    def _unreadable(self, why: str) -> LogRefused:
        return LogRefused(
            f"{self.folder / _STATE} cannot be relied on: {why}",
            code="state_unreadable",
            fix="a witness must not forget: bring the newest copy back, or make a new witness",
        )

    def add(self, old: int, proof: Sequence[bytes], raw: bytes) -> Signature:
        """The cosignature of a checkpoint that continues the one of `old` entries, which was cosigned last.

        Raises OldSize when another was cosigned last; LogRefused `wrong_origin`, `unsigned`, `bad_signature`
        for what is no checkpoint of a known log; `fork` and `inconsistent` for one that contradicts, `disk_full`
        and `state_unwritable` when it could not be kept, and then it is not answered either.
        """
        with self._lock, alone(self.folder, "cosigning", wait=True):
            opened = open_checkpoint(raw, self._policy, now=self._clock())
            memory = self.seen()
            last = memory.get(opened.checkpoint.origin)
            size, root = (0, EMPTY_ROOT) if last is None else (last.size, last.root)
            if old > opened.size:
                raise LogRefused("the old size is larger than the checkpoint's", code="request_malformed")
            if old != size:
                raise OldSize(size)
            return self._judge(
                opened, memory, last, lambda: verify_consistency(size, opened.size, root, opened.root, proof)
            )

    def visit(self, source: LogSource) -> tuple[OpenedCheckpoint, Signature]:
        """Read the checkpoint that a source shows, see from its tiles that it continues the one cosigned last,
        and cosign it. Raises LogRefused as `add`, and `rollback` when the source shows an older one."""
        with self._lock, alone(self.folder, "cosigning", wait=True):
            opened = open_checkpoint(read_checkpoint(source), self._policy, now=self._clock())
            memory = self.seen()
            last = memory.get(opened.checkpoint.origin)
            size, root = (0, EMPTY_ROOT) if last is None else (last.size, last.root)

            def check() -> None:
                tree = Tree(opened.size, lambda tile: read_tile(source, tile))
                proof = tree.consistency(size) if size <= opened.size else ()
                verify_consistency(size, opened.size, root, opened.root, proof)

            line = self._judge(opened, memory, last, check)
            return opened, line

    def _judge(
        self,
        opened: OpenedCheckpoint,
        memory: dict[str, OpenedCheckpoint],
        last: OpenedCheckpoint | None,
        check: Callable[[], None],
    ) -> Signature:
        try:
            check()
        except LogRefused as error:
            if error.code in _CONTRADICTED and last is not None:
                evidence = Evidence(error.code, last.raw, opened.raw, int(self._clock()))
                place = evidence.write(self.folder / _EVIDENCE)
                raise LogRefused(
                    f"{opened.checkpoint.origin}: {error.message}",
                    code=error.code,
                    fix=f"both checkpoints are in {place}; ask the log's operator, and tell others",
                ) from error
            raise
        line = cosign(opened.note, self._key, int(self._clock()))
        # Only the log's own line and ours are kept: others may put any number of lines under a note.
        own = tuple(one for one in opened.note.signatures if one.by(opened.log))
        notes = {origin: kept.raw for origin, kept in memory.items()}
        notes[opened.checkpoint.origin] = Note(opened.note.text, (*own, line)).raw
        replace_file(self.folder / _STATE, _state_text(notes))
        return line


def _state_text(notes: dict[str, bytes]) -> bytes:
    document = {"schema": SCHEMA, "logs": {origin: raw.decode() for origin, raw in sorted(notes.items())}}
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"

"""The writer of a transparency log.

The order is the promise: entries are on the disk before a checkpoint of them is signed, tiles and bundles are
on the disk before the checkpoint is published, and a checkpoint leaves the log only through `publish`. Killed at
any point, the next start finds a log that every published checkpoint is a beginning of, or refuses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from locara.records import dataclass
from locara.trust.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from locara.trust.kept_files import alone, make_private
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import HASH_BYTES, leaf_hash
from locara.trust.note import Note, Signature, sign_note
from locara.trust.note_keys import ED25519, Signer
from locara.trust.proof_file import ProofFile
from locara.trust.tiles import MAX_ENTRY, WIDTH, Edge, Tile
from locara.trust.tree import Tree
from locara_registry.trust.log.public import PublicFolder
from locara_registry.trust.log.store import Store

Cosigners: TypeAlias = "Callable[[Note, Log], Iterable[Signature]]"
"""Asks witnesses for their signature lines of a note; may use the log's `consistency`."""

_CHECKED = 64 * WIDTH
_RESTORED = "the database is older than what the log has published: was it restored from a backup?"
_NEVER = "a log must never go on from an old state; begin a new log with a new name, and say so"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an entry stands, and the proof of it under a published checkpoint."""

    index: int
    checkpoint: OpenedCheckpoint
    hashes: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """The size of the tree the proof is about."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root of the tree the proof is about."""
        return self.checkpoint.root

    @property
    def proof_file(self) -> ProofFile:
        """The receipt as a file that can be checked offline."""
        return ProofFile(self.index, self.hashes, self.checkpoint.raw)


class Log:
    """An open log. Every method may be called from any thread; one process at a time can hold it open.

    ``once`` is the rule for equal entries: true gives a second equal entry the index of the first, false
    appends it again.
    """

    def __init__(
        self, store: Store, public: PublicFolder, key: Signer, held: ExitStack, *, once: bool
    ) -> None:
        self.origin = key.name
        self.key = key.verifier
        self._policy = LogPolicy.of(self.key)
        self._signer = key
        self._store = store
        self._public = public
        self._held = held
        self._once = once
        self._lock = threading.RLock()
        self._edge = Edge()
        self._tree = Tree(0, store.tile)
        self._published: OpenedCheckpoint | None = None
        self._closed = False

    @classmethod
    def create(cls, folder: Path, public: Path, key: Signer, *, once: bool = True) -> Log:
        """A new, empty log in a folder of its own, published at once.

        Raises LogRefused: `not_a_log` when there is one in either folder, `in_use`, `key_malformed`.
        """
        with ExitStack() as held:
            place = _hold(folder, public, key, held)
            if place.checkpoint() is not None:
                raise LogRefused(f"a log was published in {public} already", code="not_a_log", fix=_NEVER)
            store = Store.create(folder, key.name, str(key.verifier))
            held.callback(store.close)
            log = cls(store, place, key, held, once=once)
            log.publish()
            log._held = held.pop_all()
        return log

    @classmethod
    def open(
        cls,
        folder: Path,
        public: Path,
        key: Signer,
        *,
        anchors: Iterable[bytes] = (),
        once: bool = True,
    ) -> Log:
        """The log in a folder, after comparing it with what it has published and with each anchor.

        An anchor is a checkpoint of this log that is kept elsewhere, say by a witness. Raises LogRefused:
        `rollback` when the database is older than one of them, `fork` when it contradicts one,
        `anchor_missing` when the published checkpoint is gone, `in_use` when another process writes,
        `damaged`, `not_a_log`, and what `open_checkpoint` raises for a checkpoint that is not this log's.
        """
        with ExitStack() as held:
            place = _hold(folder, public, key, held)
            store = Store.open(folder)
            held.callback(store.close)
            log = cls(store, place, key, held, once=once)
            log._start(anchors)
            log._held = held.pop_all()
        return log

    def _start(self, anchors: Iterable[bytes]) -> None:
        head = self._store.head
        if (head.origin, head.key) != (self.origin, str(self.key)):
            raise LogRefused(f"this is the log {head.origin}, and the key is of another", code="not_a_log")
        self._edge = self._store.edge()
        self._tree = Tree(head.size, self._store.tile)
        published = self._public.checkpoint()
        if published is None and head.size:
            raise LogRefused(
                f"the published checkpoint is not in {self._public.path}",
                code="anchor_missing",
                fix="bring the public folder back; without it nobody can tell whether the log forks",
            )
        for raw in (*([] if published is None else [published]), *anchors):
            seen = open_checkpoint(raw, self._policy, now=time.time())
            if seen.size > head.size:
                raise LogRefused(
                    f"{_RESTORED} ({head.size} of {seen.size} entries)", code="rollback", fix=_NEVER
                )
            if self._tree.root(seen.size) != seen.root:
                raise LogRefused(
                    f"the database contradicts the log's own checkpoint of size {seen.size}",
                    code="fork",
                    fix=_NEVER,
                )
        if published is None:
            self.publish()  # killed before its first checkpoint, which says that it is empty
        else:
            self._published = open_checkpoint(published, self._policy, now=time.time())

    @property
    def size(self) -> int:
        """How many entries are on the disk."""
        return self._edge.size

    @property
    def published(self) -> OpenedCheckpoint:
        """The checkpoint that is public now. Raises LogRefused `closed`."""
        if self._published is None or self._closed:
            raise LogRefused("the log is closed", code="closed")
        return self._published

    def append(self, entries: Sequence[bytes]) -> tuple[int, ...]:
        """Add a batch and return the index of each entry when all are on the disk.

        Raises LogRefused `entry_too_large` before anything is added; `disk_full` or `damaged` when it could
        not be added, and then nothing of the batch was.
        """
        for entry in entries:
            if len(entry) > MAX_ENTRY:
                raise LogRefused(
                    f"an entry has at most {MAX_ENTRY} bytes, not {len(entry)}",
                    code="entry_too_large",
                    fix="log the digest of a large document, not the document",
                )
        with self._lock:
            self._open()
            first = self._edge.size
            hashed = [(entry, leaf_hash(entry)) for entry in entries]
            placed, new = self._placed(hashed, first)
            if new:
                edge = self._edge.copy()
                tiles = edge.append([leaf for _, leaf in new])
                self._store.add(first, new, tiles, edge.root)
                self._edge = edge
                self._tree.size = edge.size
            return placed

    def _placed(
        self, hashed: Sequence[tuple[bytes, bytes]], first: int
    ) -> tuple[tuple[int, ...], Sequence[tuple[bytes, bytes]]]:
        """The index each entry has or will have, and those that are to be added."""
        if not self._once:
            return tuple(range(first, first + len(hashed))), hashed
        known = self._store.find(hashed)
        new: list[tuple[bytes, bytes]] = []
        placed = []
        for entry, leaf in hashed:
            index = known.get(entry)
            if index is None:
                index = known[entry] = first + len(new)
                new.append((entry, leaf))
            placed.append(index)
        return tuple(placed), new

    def publish(self, cosigners: Cosigners | None = None) -> OpenedCheckpoint:
        """Sign a checkpoint of all that is on the disk and publish it with its tiles and entries.

        With `cosigners` the signature lines they give are part of it; when they raise, the older checkpoint
        stays public and nothing is lost. Raises LogRefused.
        """
        with self._lock:
            self._open()
            before = 0 if self._published is None else self._published.size
            head = self._store.head  # what is committed, not what is in memory
            self._public.add(head.size, before, self._store.tile)
            note = sign_note(Checkpoint(self.origin, head.size, head.root).text, self._signer)
            if cosigners is not None:
                note = note.with_signatures(cosigners(note, self))
            opened = open_checkpoint(note.raw, self._policy, now=time.time())
            self._public.publish(note.raw)
            self._published = opened
            self._public.prune(before)
            return opened

    def add_cosignatures(self, lines: Iterable[Signature]) -> OpenedCheckpoint:
        """Put witnesses' signature lines under the published checkpoint. Whether they are right is judged by
        whoever reads it. Raises LogRefused."""
        with self._lock:
            self._open()
            note = self.published.note.with_signatures(lines)
            opened = open_checkpoint(note.raw, self._policy, now=time.time())
            self._public.publish(note.raw)
            self._published = opened
            return opened

    def receipt(self, index: int) -> Receipt:
        """The proof that the published log has the entry at index. Raises LogRefused `proof_malformed` for an
        entry that is not published yet."""
        with self._lock:
            self._open()
            seen = self.published
            return Receipt(index, seen, self._tree.inclusion(index, seen.size))

    def consistency(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        """The proof that the log of `old` entries is the beginning of the one of `size` (all when not given)."""
        with self._lock:
            self._open()
            return self._tree.consistency(old, size)

    def root(self, size: int | None = None) -> bytes:
        """The root of the log, or of its first `size` entries."""
        with self._lock:
            self._open()
            return self._tree.root(size)

    def entry(self, index: int) -> bytes:
        """The bytes of one entry."""
        with self._lock:
            self._open()
            return self._store.entries(index, index + 1)[0]

    def find(self, entry: bytes) -> int | None:
        """The index of exactly this entry, None when the log does not have it."""
        with self._lock:
            self._open()
            return self._store.find([(entry, leaf_hash(entry))]).get(entry)

    def check(self) -> int:
        """Hash every entry and tile of the database again and compare each public file; how many there are.

        Raises LogRefused `damaged` when the database does not hold what its root says, `fork` when a public
        file differs from it, `tile_mismatch` when one is not there.
        """
        with self._lock:
            self._open()
            edge = Edge()
            while edge.size < self.size:
                high = min(self.size, edge.size + _CHECKED)
                for (level, n), data in edge.append_entries(self._store.entries(edge.size, high)).items():
                    tile = Tile(level, n, len(data) // HASH_BYTES)
                    if self._store.tile(tile) != data:
                        raise LogRefused(f"{tile.path} is not made of the log's entries", code="damaged")
            if edge.root != self._edge.root:
                raise LogRefused("the entries are not those of the log's root", code="damaged")
            return self._public.compare(self.published.size, self._store.tile)

    def _open(self) -> None:
        if self._closed:
            raise LogRefused("the log is closed", code="closed")

    def close(self) -> None:
        """Let go of the log. Nothing is lost when this is not called."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._held.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _hold(folder: Path, public: Path, key: Signer, held: ExitStack) -> PublicFolder:
    """Both folders, held against a second writer until `held` is closed."""
    if key.kind != ED25519:
        raise LogRefused("a log signs with a log's key", code="key_malformed")
    make_private(folder)
    place = PublicFolder.make(public)
    held.enter_context(alone(folder, "writing a log"))
    held.enter_context(alone(public, "publishing a log"))
    place.tidy()
    return place

"""Entries that are read out of served files: each is the log's, or none is given."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from locara.trust.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.note import sign_note
from locara.trust.note_keys import ED25519, SigningKey
from locara.trust.reading import entries, find, prove
from locara.trust.tiles import HASH_BYTES, Edge, Tile, pack_entries

ENTRIES = [b"entry %d" % number for number in range(5)]


@dataclass
class Served:
    """A log of a few entries in memory."""

    files: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str, most: int) -> bytes | None:
        found = self.files.get(path)
        return None if found is None else found[: most + 1]


@pytest.fixture
def served() -> tuple[Served, OpenedCheckpoint]:
    edge, source = Edge(), Served()
    for (level, n), data in edge.append_entries(ENTRIES).items():
        source.files[Tile(level, n, len(data) // HASH_BYTES).path] = data
    source.files[Tile(None, 0, len(ENTRIES)).path] = pack_entries(ENTRIES)
    key = SigningKey.generate("log.example.org", ED25519)
    note = sign_note(Checkpoint(key.name, edge.size, edge.root).text, key)
    return source, open_checkpoint(note.raw, LogPolicy((key.verifier,)), now=0)


def test_what_is_served_is_read_found_and_proven(served: tuple[Served, OpenedCheckpoint]) -> None:
    source, opened = served
    assert list(entries(source, opened, 1, 4)) == list(enumerate(ENTRIES))[1:4]
    assert [find(source, opened, entry) for entry in ENTRIES] == list(range(5))
    assert find(source, opened, b"nothing of it") is None
    assert prove(source, opened, 3).index == 3


@pytest.mark.parametrize("place", range(5))
def test_an_entry_that_the_bundle_alone_has_is_neither_read_nor_found(
    place: int, served: tuple[Served, OpenedCheckpoint]
) -> None:
    source, opened = served
    other = [*ENTRIES[:place], b"another", *ENTRIES[place + 1 :]]
    source.files[Tile(None, 0, 5).path] = pack_entries(other)
    for act in (
        lambda: find(source, opened, b"another"),
        lambda: list(entries(source, opened, place, place + 1)),
        lambda: list(entries(source, opened, 0, 5)),
    ):
        with pytest.raises(LogRefused) as refused:
            act()
        assert refused.value.code == "not_included"

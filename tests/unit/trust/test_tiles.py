"""Tiles, their paths, and trees made from them, against the formula of the specification."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import verify_consistency, verify_inclusion
from locara.trust.tiles import (
    MAX_ENTRY,
    Edge,
    Tile,
    entries_of,
    hashes_of,
    pack_entries,
    tiles_of,
    width_of,
)
from locara.trust.tree import Tree
from locara_verify.oracle import log as oracle

ENTRIES = [f"entry {number}".encode() for number in range(1200)]


def read_of(entries: list[bytes]):  # type: ignore[no-untyped-def]
    kept: dict[Tile, bytes] = {}

    def read(tile: Tile) -> bytes:
        if tile not in kept:
            assert tile.level is not None
            kept[tile] = oracle.tile(entries, tile.level, tile.n)[: 32 * tile.width]
        return kept[tile]

    return read


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 1234067), "tile/1/x001/x234/067"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(2, 7, 1), "tile/2/007.p/1"),
        (Tile(None, 12, 255), "tile/entries/012.p/255"),
        (Tile(63, 999), "tile/63/999"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000", "tile/64/000", "tile/0/0", "tile/0/0000", "tile/0/x000/001", "tile/0/001/002",
        "tile/0/000.p/256", "tile/0/000.p/0", "tile/0/000.p/01", "tile/0/000.p/1/", "tile/0/000\n",
        "/tile/0/000", "tile/0/../000", "tile/0/٠٠٠", "tile/entries/x00/001", "tile/0/" + "x999/" * 9 + "999",
    ],
)  # fmt: skip
def test_any_other_path_is_refused(path: str) -> None:
    with pytest.raises(LogRefused) as caught:
        Tile.parse(path)
    assert caught.value.code == "tile_malformed"


@given(st.integers(0, 63), st.integers(0, 10**9), st.integers(1, 256))
@settings(max_examples=100, deadline=None)
def test_paths_are_read_back(level: int, n: int, width: int) -> None:
    assert Tile.parse(Tile(level, n, width).path) == Tile(level, n, width)


def test_the_example_of_the_specification() -> None:
    tiles = list(tiles_of(70_000))
    for level, whole, partial in ((0, 273, 112), (1, 1, 17), (2, 0, 1)):
        mine = [tile for tile in tiles if tile.level == level]
        assert [tile.width for tile in mine] == [256] * whole + [partial]
    assert [tile for tile in tiles_of(256) if tile.level == 1] == [Tile(1, 0, 1)]
    assert [width_of(1, n, 70_000) for n in (0, 1, 2)] == [256, 17, 0]
    assert list(tiles_of(0)) == list(tiles_of(5, 5)) == []


@given(st.lists(st.integers(0, 600), max_size=8))
@settings(max_examples=60, deadline=None)
def test_an_edge_grows_the_tiles_of_the_formula(steps: list[int]) -> None:
    edge, kept, size = Edge(), {}, 0
    for wanted in steps:
        step = min(wanted, len(ENTRIES) - size)
        tiles = edge.append_entries(ENTRIES[size : size + step])
        announced = {
            (tile.level, tile.n): tile.width for tile in tiles_of(size + step, size) if tile.level is not None
        }
        assert {at: len(data) // 32 for at, data in tiles.items()} == announced
        kept.update(tiles)
        size += step
    assert edge.size == size
    assert edge.root == oracle.tree_hash(ENTRIES[:size])
    for (level, n), data in kept.items():
        assert data == oracle.tile(ENTRIES[:size], level, n)
    assert Edge(size, edge.tails).root == edge.root


def test_an_edge_that_is_not_of_that_size_is_refused() -> None:
    edge = Edge()
    edge.append_entries(ENTRIES[:300])
    Edge(300, edge.tails)
    with pytest.raises(LogRefused):
        Edge(301, edge.tails)
    with pytest.raises(LogRefused):
        Edge(300, edge.tails[1:])


@given(st.integers(1, 1200), st.data())
@settings(max_examples=60, deadline=None)
def test_proofs_from_tiles_are_those_of_the_definition(size: int, data: st.DataObject) -> None:
    entries = ENTRIES[:size]
    tree = Tree(size, read_of(entries))
    within = data.draw(st.integers(1, size))
    index, old = data.draw(st.integers(0, within - 1)), data.draw(st.integers(0, within))
    assert tree.root(within) == oracle.tree_hash(entries[:within])
    path, proof = tree.inclusion(index, within), tree.consistency(old, within)
    assert list(path) == oracle.audit_path(index, entries[:within])
    assert list(proof) == oracle.consistency(old, entries[:within])
    verify_inclusion(tree.leaf(index), index, within, path, tree.root(within))
    verify_consistency(old, within, tree.root(old), tree.root(within), proof)


@pytest.mark.parametrize("ask", [lambda t: t.inclusion(9), lambda t: t.inclusion(-1), lambda t: t.leaf(9)])
def test_what_is_not_in_the_tree_has_no_proof(ask) -> None:  # type: ignore[no-untyped-def]
    tree = Tree(9, read_of(ENTRIES[:9]))
    tree.inclusion(8)
    with pytest.raises(LogRefused):
        ask(tree)
    with pytest.raises(LogRefused):
        tree.consistency(10)
    with pytest.raises(LogRefused):
        tree.root(10)


def test_a_tile_of_another_width_is_refused() -> None:
    assert hashes_of(bytes(64), 2) == [bytes(32)] * 2
    for data in (bytes(63), bytes(65), bytes(32), b""):
        with pytest.raises(LogRefused) as caught:
            hashes_of(data, 2)
        assert caught.value.code == "tile_malformed"


@given(st.lists(st.binary(max_size=300), max_size=20))
@settings(max_examples=60, deadline=None)
def test_bundles_are_read_back_and_nothing_else_is(entries: list[bytes]) -> None:
    data = pack_entries(entries)
    assert entries_of(data, len(entries)) == entries
    for bad, width in (
        (data + b"\0", len(entries)),
        (data[:-1], len(entries)),
        (data, len(entries) + 1),
        (data + b"\0\0", len(entries)),
    ):
        if bad == data and width == len(entries):
            continue
        with pytest.raises(LogRefused) as caught:
            entries_of(bad, width)
        assert caught.value.code == "tile_malformed"


def test_an_entry_of_64_kib_is_too_large() -> None:
    entry = bytes(MAX_ENTRY)
    assert entries_of(pack_entries([entry, b""]), 2) == [entry, b""]
    with pytest.raises(LogRefused) as caught:
        pack_entries([bytes(MAX_ENTRY + 1)])
    assert caught.value.code == "entry_too_large"

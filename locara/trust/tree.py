"""Proofs made from tiles, by whoever can read them: the writer from its database, a client from static files.

What is made from tiles of a stranger is only a claim: the caller verifies it with `merkle` against a root that
it believes, and that covers every tile the proof was made from.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import EMPTY_ROOT, node_hash
from locara.trust.tiles import WIDTH, Tile, hashes_of, width_of

_KEPT: Final = 64  # tiles, some 40 kB each with their rows


class Tree:
    """The tree of one size over tiles that `read` gives as bytes. Not for two threads at once."""

    def __init__(self, size: int, read: Callable[[Tile], bytes]) -> None:
        self.size = size
        self._read = read
        self._kept: OrderedDict[Tile, list[list[bytes]]] = OrderedDict()

    def root(self, size: int | None = None) -> bytes:
        """The root hash of the tree, or of its beginning of that size."""
        size = self._checked(size)
        return self._range(0, size) if size else EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """The hash of one leaf."""
        if not 0 <= index < self.size:
            raise LogRefused(f"there is no entry {index} in a tree of {self.size}", code="proof_malformed")
        return self._node(0, index)

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The proof that the entry at index is in the tree, from its sibling to the child of the root."""
        low, high = 0, self._checked(size)
        if not 0 <= index < high:
            raise LogRefused(f"there is no entry {index} in a tree of {high}", code="proof_malformed")
        path = []
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        return tuple(reversed(path))

    def consistency(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        """The proof that the tree of `old` entries is the beginning of this one."""
        low, high = 0, self._checked(size)
        if not 0 <= old <= high:
            raise LogRefused(f"a tree of {high} has no beginning of {old}", code="proof_malformed")
        if old in (0, high):
            return ()
        path, whole, at = [], True, old
        while at != high - low:
            half = _split(high - low)
            if at <= half:
                path.append(self._range(low + half, high))
                high = low + half
            else:
                path.append(self._range(low, low + half))
                at, low, whole = at - half, low + half, False
        if not whole:
            path.append(self._range(low, high))
        return tuple(reversed(path))

    def _checked(self, size: int | None) -> int:
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise LogRefused(f"a tree of {self.size} has no beginning of {size}", code="proof_malformed")
        return size

    def _range(self, low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            return self._node(height, low >> height)
        middle = low + _split(count)
        return node_hash(self._range(low, middle), self._range(middle, high))

    def _node(self, height: int, index: int) -> bytes:
        """The root of a complete subtree."""
        level, inside = divmod(height, 8)
        n, at = divmod(index << inside, WIDTH)
        return self._rows(Tile(level, n, width_of(level, n, self.size)))[inside][at >> inside]

    def _rows(self, tile: Tile) -> list[list[bytes]]:
        """The hashes of a tile, and above them row by row the roots of the complete subtrees over them.

        A proof needs many nodes of few tiles, so each tile is read and hashed once and kept.
        """
        kept = self._kept.get(tile)
        if kept is not None:
            self._kept.move_to_end(tile)
            return kept
        rows = [hashes_of(self._read(tile), tile.width)]
        for _ in range(7):
            row = rows[-1]
            rows.append([node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])
        self._kept[tile] = rows
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return rows


def _split(count: int) -> int:
    """The largest power of two smaller than count."""
    return 1 << ((count - 1).bit_length() - 1)

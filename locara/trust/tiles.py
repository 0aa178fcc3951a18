"""Tiles (C2SP tlog-tiles): where they lie, how wide they are, and how entries are bundled.

A tile is up to 256 hashes of one level; a hash of level L stands for 256^L entries. Entry bundles hold the
entries of one tile of level 0, each behind its length in two bytes. Pure: paths are text, tiles are bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from locara.records import dataclass
from locara.trust.log_refusal import LogRefused
from locara.trust.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE, leaf_hash, node_hash

WIDTH: Final = 256
LEVELS: Final = 8  # a tree of 2^63 entries has no more
MAX_ENTRY: Final = 65_535
MAX_BUNDLE: Final = WIDTH * (2 + MAX_ENTRY)
_PATH: Final = re.compile(
    r"tile/(?P<level>[0-9]|[1-5][0-9]|6[0-3]|entries)/(?P<n>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: its level (None for an entry bundle), its number within the level, its width in hashes."""

    level: int | None
    n: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it is served: `tile/1/x001/x234/067.p/12`."""
        rest, last = divmod(self.n, 1000)
        parts = [f"{last:03d}"]
        while rest:
            rest, part = divmod(rest, 1000)
            parts.insert(0, f"x{part:03d}")
        name = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{name}/{'/'.join(parts)}{partial}"

    @classmethod
    def parse(cls, path: str) -> Tile:
        """The tile of a path in its one spelling. Raises LogRefused `tile_malformed`."""
        found = _PATH.match(path)
        if found is not None:
            level = None if found["level"] == "entries" else int(found["level"])
            n = int(found["n"].replace("x", "").replace("/", ""))
            tile = cls(level, n, int(found["width"] or WIDTH))
            if tile.path == path and tile.n <= MAX_SIZE:
                return tile
        raise LogRefused(f"{path[:80]!r} is not the path of a tile", code="tile_malformed")


def width_of(level: int, n: int, size: int) -> int:
    """How wide tile n of a level is in the log of that size; 0 when it is not there."""
    return max(0, min(WIDTH, (size >> (8 * level)) - n * WIDTH))


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """The tiles and bundles of a log of that size that a log of size `since` does not have, as wide as they
    are then: entries first, then level by level."""
    if size <= since:
        return
    for level in (None, *range(LEVELS)):
        whole, before = (size, since) if level is None else (size >> (8 * level), since >> (8 * level))
        if not whole:
            return
        if whole == before:
            continue
        for n in range(before // WIDTH, (whole - 1) // WIDTH + 1):
            yield Tile(level, n, width_of(level or 0, n, size))


def hashes_of(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile. Raises LogRefused `tile_malformed` when it is not exactly that wide."""
    if len(data) != width * HASH_BYTES:
        raise LogRefused(
            f"a tile of {width} hashes has {width * HASH_BYTES} bytes, not {len(data)}", code="tile_malformed"
        )
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """The bundle of these entries. Raises LogRefused `entry_too_large`."""
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise LogRefused(
                f"an entry has at most {MAX_ENTRY} bytes, not {len(entry)}",
                code="entry_too_large",
                fix="log the digest of a large document, not the document",
            )
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def entries_of(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle. Raises LogRefused `tile_malformed` when it does not hold exactly that many."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        if at + 2 + length > len(data):
            break
        entries.append(entry)
        at += 2 + length
    if at != len(data) or len(entries) != width:
        raise LogRefused(
            f"the bundle does not hold {width} whole entries and nothing else", code="tile_malformed"
        )
    return entries


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root of a complete subtree over these hashes, a power of two of them."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


class Edge:
    """The right edge of a growing tree: per level the hashes of its last, unfinished tile.

    It is all that is needed to append entries and to know the root. Appending gives the tiles that changed,
    so that a writer stores them and a reader compares them.
    """

    def __init__(self, size: int = 0, tails: Sequence[Sequence[bytes]] = ()) -> None:
        """Of a tree of that size with these unfinished tiles. Raises LogRefused `tile_malformed`."""
        self.size = size
        self.tails: list[list[bytes]] = [list(tail) for tail in tails]
        while len(self.tails) < LEVELS:
            self.tails.append([])
        for level, tail in enumerate(self.tails):
            if len(tail) != (size >> (8 * level)) % WIDTH:
                raise LogRefused(
                    f"level {level} of a tree of {size} does not end in {len(tail)}", code="tile_malformed"
                )

    def copy(self) -> Edge:
        """The same edge, to be grown apart."""
        return Edge(self.size, self.tails)

    def append(self, leaves: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
        """Grow by these leaf hashes. The changed tiles, unfinished ones too, by level and number."""
        changed: dict[tuple[int, int], bytes] = {}
        new: Sequence[bytes] = leaves
        for level in range(LEVELS):
            if not new:
                break
            n = (self.size >> (8 * level)) // WIDTH
            row = [*self.tails[level], *new]
            whole = len(row) // WIDTH
            full = [row[at * WIDTH : (at + 1) * WIDTH] for at in range(whole)]
            for at, hashes in enumerate(full):
                changed[level, n + at] = b"".join(hashes)
            self.tails[level] = row[whole * WIDTH :]
            if self.tails[level]:
                changed[level, n + whole] = b"".join(self.tails[level])
            new = [fold(hashes) for hashes in full]
        self.size += len(leaves)
        return changed

    def append_entries(self, entries: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
        """`append` of the entries' leaf hashes."""
        return self.append([leaf_hash(entry) for entry in entries])

    @property
    def root(self) -> bytes:
        """The root hash of the tree."""
        peaks: list[bytes] = []
        for tail in reversed(self.tails):
            at = 0
            for bit in (128, 64, 32, 16, 8, 4, 2, 1):
                if len(tail) & bit:
                    peaks.append(fold(tail[at : at + bit]))
                    at += bit
        if not peaks:
            return EMPTY_ROOT
        found = peaks.pop()
        while peaks:
            found = node_hash(peaks.pop(), found)
        return found

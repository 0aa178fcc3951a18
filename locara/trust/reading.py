"""Reading a log as a client: entries and proofs from static files, each proven under a believed checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

from locara.trust.checkpoint import OpenedCheckpoint
from locara.trust.log_refusal import LogRefused
from locara.trust.log_source import LogSource, read_tile
from locara.trust.merkle import leaf_hash, verify_inclusion
from locara.trust.proof_file import ProofFile
from locara.trust.tiles import WIDTH, Tile, entries_of
from locara.trust.tree import Tree


def prove(source: LogSource, opened: OpenedCheckpoint, index: int) -> ProofFile:
    """The proof of the entry at index. It was verified, so whoever has the checkpoint will believe it.

    Raises LogRefused `not_included` when the files that are served do not belong to the checkpoint.
    """
    tree = Tree(opened.size, lambda tile: read_tile(source, tile))
    leaf, hashes = tree.leaf(index), tree.inclusion(index)
    verify_inclusion(leaf, index, opened.size, hashes, opened.root)
    return ProofFile(index, hashes, opened.raw)


def entries(source: LogSource, opened: OpenedCheckpoint, low: int, high: int) -> Iterator[tuple[int, bytes]]:
    """The entries from low up to, not including, high, each with its index and each proven.

    Raises LogRefused `not_included` at the first that is not the log's.
    """
    tree = Tree(opened.size, lambda tile: read_tile(source, tile))
    for index, entry in _bundles(source, opened.size, low, high):
        verify_inclusion(leaf_hash(entry), index, opened.size, tree.inclusion(index), opened.root)
        yield index, entry


def find(source: LogSource, opened: OpenedCheckpoint, entry: bytes) -> int | None:
    """The lowest index of exactly this entry, None when no bundle has it. What is found is proven; that
    nothing is found is only what the source says."""
    for index, candidate in _bundles(source, opened.size, 0, opened.size):
        if candidate == entry:
            proof = prove(source, opened, index)
            # The bundle has it; that the tree has it as well is another question.
            verify_inclusion(leaf_hash(entry), index, opened.size, proof.hashes, opened.root)
            return index
    return None


def _bundles(source: LogSource, size: int, low: int, high: int) -> Iterator[tuple[int, bytes]]:
    if not 0 <= low <= high <= size:
        raise LogRefused(f"there are no entries {low} to {high} in a log of {size}", code="proof_malformed")
    for n in range(low // WIDTH, (high + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - n * WIDTH)
        bundle = entries_of(read_tile(source, Tile(None, n, width)), width)
        for at, entry in enumerate(bundle, n * WIDTH):
            if low <= at < high:
                yield at, entry

"""Statements on the edge of each size that SQLite itself bounds: the last one that is served, the first that
is not.

The sizes are those of the table in docs/limits.md, written out again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from locara.records import dataclass

Json = Any
Statement = tuple[str, Json]

CHAIN: Final = "edge_chain_"


@dataclass(frozen=True, slots=True)
class Edge:
    """``make(most)`` must be served and ``make(most + 1)`` refused as `limit_exceeded`. ``entry`` is query or
    exec; ``before`` are statements that prepare it."""

    name: str
    most: int
    make: Callable[[int], Statement]
    entry: str = "query"
    before: tuple[str, ...] = ()


def _comment(size: int) -> Statement:
    text = "SELECT 1 -- "
    return text.ljust(size, "x"), None


def _chain(longest: int) -> tuple[str, ...]:
    tables = tuple(f"CREATE TABLE IF NOT EXISTS {CHAIN}{n}(a)" for n in range(longest + 1))
    return tables + tuple(
        f"CREATE TRIGGER IF NOT EXISTS {CHAIN}t{n} AFTER INSERT ON {CHAIN}{n} BEGIN"
        f" INSERT INTO {CHAIN}{n + 1} VALUES(new.a); END"
        for n in range(longest)
    )


_TRIGGERS: Final = 16
EDGES: Final = (
    Edge("bytes of a value", 8 * 1024 * 1024, lambda n: (f"SELECT length(zeroblob({n}))", None)),
    Edge(
        "bytes of a joined text",
        8 * 1024 * 1024,
        lambda n: (f"SELECT length(CAST(zeroblob({n - 1}) AS TEXT) || 'a') > 0", None),
    ),
    Edge("bytes of a statement", 262_144, _comment),
    Edge("number of a parameter", 4_096, lambda n: (f"SELECT ?{n}", [1] * n)),
    Edge("columns of a result", 256, lambda n: ("SELECT " + ",".join(["1"] * n), None)),
    Edge(
        "columns of a table",
        256,
        lambda n: (f"CREATE TABLE edge_wide_{n}(" + ",".join(f"c{i}" for i in range(n)) + ")", None),
        "exec",
    ),
    Edge("columns of an order", 256, lambda n: ("SELECT 1 ORDER BY " + ",".join(["1"] * n), None)),
    Edge("depth of an expression", 100, lambda n: ("SELECT " + "+".join(["1"] * n), None)),
    Edge("depth of signs", 100, lambda n: ("SELECT " + "- " * (n - 1) + "1", None)),
    Edge("selects of a compound", 50, lambda n: (" UNION ALL ".join(["SELECT 1"] * n), None)),
    Edge("arguments of a function", 64, lambda n: ("SELECT coalesce(" + ",".join(["1"] * n) + ")", None)),
    Edge("bytes of a LIKE pattern", 64, lambda n: ("SELECT 'a' LIKE ?", ["a" * n])),
    Edge("bytes of a GLOB pattern", 64, lambda n: ("SELECT 'a' GLOB ?", ["a" * n])),
    Edge(
        "triggers that fire one another",
        _TRIGGERS,
        lambda n: (f"INSERT INTO {CHAIN}{_TRIGGERS + 1 - n} VALUES(1)", None),
        "exec",
        _chain(_TRIGGERS + 1),
    ),
)

"""Search in the app's tables: by vector, by text, or by both.

A vector search reads either a ``vec0`` table or an ordinary table with a column of float32 blobs; both are
exact scans; with the engine zvec an index beside the database answers instead where it can, with the same
rows (`locara.storage.zvec_index`). A ``vec0`` table with a ``bit[n]`` column becomes a quick first pass when
the request names where the float32 vectors are (`Rescore`): the nearest ``k * oversample`` by Hamming distance
are ranked again by their real distance. A text search reads an FTS5 table whose rowids are the ids of the
other table. With both, the two rankings are joined by reciprocal rank fusion (1 / (60 + rank), summed). Names are
checked against the schema and quoted; they are never SQL.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Final, Literal, TypeAlias
from weakref import WeakKeyDictionary

from locara.errors import StorageError
from locara.records import dataclass
from locara.storage.connection import Session
from locara.storage.faults import denied
from locara.storage.policy import reserved
from locara.storage.values import JSON, SQLValue, bind, encode, vector
from locara.storage.zvec_index import Source, ZvecIndexes

Identifier: TypeAlias = int | str

MAX_K: Final = 1_000
MAX_TEXT: Final = 4_096
# Half of what a MATCH may hold, because OR and AND count as well.
MAX_WORDS: Final = 32
FUSION: Final = 60
_DEPTH: Final = 4
_FILTERED: Final = 8
_MOST_CANDIDATES: Final = 2_000
_VEC0_COLUMN: Final = re.compile(
    r"[(,]\s*[\"'\[`]?(\w+)[\"'\]`]?\s+(float|f32|int8|i8|bit)\s*\[\s*\d+\s*\]([^,]*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Rescore:
    """Where the float32 vectors of a bit-quantised table are: an ordinary table with the same rowids."""

    table: str
    column: str = "embedding"
    oversample: int = 10


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to find.

    ``table`` and ``column`` (default: the vector column of a vec0 table, else ``embedding``) with
    ``embedding`` for vectors; ``fts`` (the FTS5 table; default ``table``) with ``text`` for text. ``mode``:
    ``any`` word, ``all`` words or the ``phrase``. ``filter``: columns of ``table`` that must equal a value,
    be one of an array of values, or be null. ``metric`` applies to ordinary tables; a vec0 table has its
    own. 1 ≤ ``k`` ≤ 1000.
    """

    table: str
    k: int = 10
    embedding: Sequence[float] | None = None
    text: str | None = None
    fts: str | None = None
    column: str | None = None
    metric: Literal["cosine", "l2"] = "cosine"
    mode: Literal["any", "all", "phrase"] = "any"
    filter: Mapping[str, JSON] = field(default_factory=dict)
    rescore: Rescore | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One row found: its rowid (or the key of a table without one), its score (higher is better) and where
    it stood in each ranking (1 is best).

    ``score`` is 1 - distance for cosine, 1 / (1 + distance) for other distances, -bm25 for text, the fused
    score for both.
    """

    id: Identifier
    score: float
    distance: float | None = None
    rank: float | None = None
    vector_place: int | None = None
    text_place: int | None = None

    def json(self) -> dict[str, JSON]:
        """``{"id", "score"}`` and, where known, ``distance`` (vector) and ``rank`` (bm25)."""
        result: dict[str, JSON] = {"id": encode(self.id)[0], "score": self.score}
        if self.distance is not None:
            result["distance"] = self.distance
        if self.rank is not None:
            result["rank"] = self.rank
        return result


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    kind: Literal["vec0", "fts5", "table"]
    columns: frozenset[str]
    sql: str
    identifier: str


# What the schema said, by connection, version of the schema and name: looking again costs as much as a
# small search.
_looked_up: Final[WeakKeyDictionary[Session, dict[tuple[int, str], _Table]]] = WeakKeyDictionary()
_KEPT: Final = 64


def quote(name: str) -> str:
    """An identifier as SQL: always quoted, quotes doubled."""
    return '"' + name.replace('"', '""') + '"'


def _fail(message: str, code: str = "bad_value", fix: str | None = None) -> StorageError:
    return StorageError(message, code=code, fix=fix)


def _look_up(session: Session, name: str) -> _Table:
    """What the schema says about the table ``name`` (exact, apart from ASCII case)."""
    if not isinstance(name, str) or not 0 < len(name) <= 128 or "\0" in name:
        raise _fail("a table name is 1 to 128 characters")
    if (denial := reserved(name)) is not None:
        raise denied(denial)
    known, version = _looked_up.setdefault(session, {}), session.schema_version()
    if (kept := known.get((version, name))) is not None:
        return kept
    found = session.run(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE", (name,)
    ).rows
    if not found:
        raise _fail(f"there is no table {name!r}", fix="create it in db/schema.sql or a migration")
    actual, sql = str(found[0][0]), str(found[0][1])
    described = session.run("SELECT name, hidden, pk FROM pragma_table_xinfo(?)", (actual,)).rows
    columns = {str(column).lower() for column, hidden, _ in described if hidden != 1}
    hidden = {str(column).lower() for column, flag, _ in described if flag == 1}
    keys = [str(column) for column, _, key in described if key]
    kind: Literal["vec0", "fts5", "table"] = "table"
    if {"distance", "k"} <= hidden:
        kind = "vec0"
    elif "rank" in hidden:
        kind = "fts5"
    listed = session.run("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'", (actual,)).rows
    rowless = listed == ((1,),)
    if rowless and len(keys) != 1:
        raise _fail(f"the table {name!r} has no single column as its id")
    table = _Table(actual, kind, frozenset(columns), sql, quote(keys[0]) if rowless else "rowid")
    if len(known) >= _KEPT:
        known.clear()
    known[version, name] = table
    return table


def _column(table: _Table, name: str) -> str:
    if not isinstance(name, str) or name.lower() not in table.columns:
        raise _fail(f"the table {table.name!r} has no column {name!r}")
    return quote(name)


def _conditions(table: _Table, wanted: Mapping[str, JSON]) -> tuple[str, list[SQLValue]]:
    """`` AND …`` for the filter, and its values."""
    parts: list[str] = []
    values: list[SQLValue] = []
    if len(wanted) > 16:
        raise _fail("a filter has at most 16 columns", "limit_exceeded")
    for name, value in wanted.items():
        column = _column(table, name)
        if value is None:
            parts.append(f"{column} IS NULL")
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            if not 0 < len(value) <= 500:
                raise _fail("a filter lists 1 to 500 values", "limit_exceeded")
            parts.append(f"{column} IN ({','.join('?' * len(value))})")
            values.extend(bind(item) for item in value)
        else:
            parts.append(f"{column} = ?")
            values.append(bind(value))
    return "".join(" AND " + part for part in parts), values


def _ranking(session: Session, sql: str, values: Sequence[SQLValue]) -> list[tuple[Identifier, float]]:
    ranked = []
    for found, measure in session.run(sql, tuple(values)).rows:
        identifier = int(str(found["$int"])) if isinstance(found, dict) else found
        if isinstance(measure, (int, float)) and isinstance(identifier, (int, str)):
            ranked.append((identifier, float(measure)))
    return ranked


def _nearest(session: Session, sql: str, values: Sequence[SQLValue]) -> list[tuple[Identifier, float]]:
    """The same of a vector table alone: no text of the app is in such a statement, and nothing beside it runs."""
    return [
        (found, float(measure))
        for found, measure in session.rows(sql, values)
        if isinstance(measure, (int, float)) and isinstance(found, (int, str)) and math.isfinite(measure)
    ]


@lru_cache(maxsize=64)
def _vec0_column(table: _Table, named: str | None) -> tuple[str, str, str]:
    """The vector column of a vec0 table: its quoted name, element type and the rest of its declaration."""
    for match in _VEC0_COLUMN.finditer(table.sql):
        if named is None or match[1].lower() == named.lower():
            return quote(match[1]), match[2].lower(), match[3].lower()
    raise _fail(f"the table {table.name!r} has no vector column {named or ''}".rstrip())


def _by_vector(
    session: Session, request: SearchRequest, depth: int, indexes: ZvecIndexes | None
) -> tuple[list[tuple[Identifier, float]], str]:
    """The nearest rows as (rowid, distance) and the metric they were measured with."""
    table = _look_up(session, request.table)
    target = vector(request.embedding or ())
    conditions, values = _conditions(table, request.filter)
    if table.kind == "fts5":
        raise _fail(f"the table {table.name!r} holds text, not vectors", fix="name the vector table as table")
    if request.metric not in {"cosine", "l2"}:
        raise _fail("the metric is cosine or l2")
    if table.kind == "table":
        column = _column(table, request.column or "embedding")
        if indexes is not None and table.identifier == "rowid":
            plain = Source(quote(table.name), column, table.name.lower(), request.metric, len(target) // 4)
            near = _of_rows(
                session, request, depth, indexes=indexes, source=plain, conditions=(conditions, values)
            )
            if near is not None:
                return near, request.metric
        sql = (
            f"SELECT {table.identifier}, vec_distance_{request.metric}({column}, ?) AS d"  # noqa: S608
            f" FROM {quote(table.name)} WHERE {column} IS NOT NULL{conditions} ORDER BY d LIMIT ?"
        )
        return _ranking(session, sql, [target, *values, depth]), request.metric
    column, element, declared = _vec0_column(table, request.column)
    if element != "bit":
        metric = "cosine" if "cosine" in declared else "l1" if "l1" in declared else "l2"
        if indexes is not None and element in {"float", "f32"} and metric != "l1" and not request.filter:
            source = Source(
                quote(table.name), column, f"{table.name.lower()}_rowids", metric, len(target) // 4
            )
            found = indexes.nearest(source, request.embedding or (), depth)
            if found is not None:
                return list(found), metric
        query = "vec_quantize_int8(?, 'unit')" if element in {"int8", "i8"} else "?"
        sql = (
            f"SELECT {table.identifier}, distance FROM {quote(table.name)}"  # noqa: S608
            f" WHERE {column} MATCH {query} AND k = ?{conditions} ORDER BY distance"
        )
        return _nearest(session, sql, [target, depth, *values]), metric
    first = (
        f"SELECT {table.identifier} AS id, distance FROM {quote(table.name)}"  # noqa: S608
        f" WHERE {column} MATCH vec_quantize_binary(?) AND k = ?{conditions}"
    )
    if request.rescore is None:
        return _nearest(session, first + " ORDER BY distance", [target, depth, *values]), "hamming"
    exact = _look_up(session, request.rescore.table)
    if exact.kind != "table":
        raise _fail("rescore names an ordinary table")
    if not 1 <= request.rescore.oversample <= 100:
        raise _fail("oversample is 1 to 100")
    wide = min(depth * request.rescore.oversample, 4_096)
    sql = (
        f"WITH near AS MATERIALIZED ({first}) SELECT e.{exact.identifier},"  # noqa: S608
        f" vec_distance_{request.metric}(e.{_column(exact, request.rescore.column)}, ?) AS d"
        f" FROM near JOIN {quote(exact.name)} AS e ON e.{exact.identifier} = near.id ORDER BY d LIMIT ?"
    )
    return _ranking(session, sql, [target, wide, *values, target, depth]), request.metric


def _of_rows(
    session: Session,
    request: SearchRequest,
    depth: int,
    *,
    indexes: ZvecIndexes,
    source: Source,
    conditions: tuple[str, list[SQLValue]],
) -> list[tuple[Identifier, float]] | None:
    """The nearest rows of an ordinary table: candidates of the index, measured and filtered by SQLite. None when
    those may not be all, or there is no index."""
    wanted, values = conditions
    count = min(depth * _FILTERED, _MOST_CANDIDATES) if wanted else depth
    near = indexes.nearest(source, request.embedding or (), count)
    if near is None:
        return None
    marks = ",".join("?" * len(near))
    sql = (
        f"SELECT rowid, vec_distance_{request.metric}({source.column}, ?) AS d FROM {source.table}"  # noqa: S608
        f" WHERE rowid IN ({marks}) AND {source.column} IS NOT NULL{wanted} ORDER BY d LIMIT ?"
    )
    target = vector(request.embedding or ())
    found = _ranking(session, sql, [target, *(rowid for rowid, _ in near), *values, depth])
    return found if len(found) >= min(depth, indexes.size(source)) else None


def match_expression(text: str, mode: str) -> str | None:
    """An FTS5 query for plain text: its words, quoted, so nothing is an operator. None for no word."""
    words = [word for word in re.split(r"[^\w]+", text) if word][:MAX_WORDS]
    if not words:
        return None
    if mode == "phrase":
        return '"' + " ".join(words) + '"'
    return (" AND " if mode == "all" else " OR ").join(f'"{word}"' for word in words)


def _by_text(session: Session, request: SearchRequest, depth: int) -> list[tuple[Identifier, float]]:
    """The best rows as (rowid, bm25)."""
    text = request.text or ""
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise _fail(f"the text is at most {MAX_TEXT} characters", "limit_exceeded")
    if request.mode not in {"any", "all", "phrase"}:
        raise _fail("the mode is any, all or phrase")
    index = _look_up(session, request.fts or request.table)
    if index.kind != "fts5":
        raise _fail(f"the table {index.name!r} is not an FTS5 table", fix="name the FTS5 table as fts")
    expression = match_expression(text, request.mode)
    if expression is None:
        return []
    inside = ""
    values: list[SQLValue] = []
    if request.filter:
        table = _look_up(session, request.table)
        conditions, values = _conditions(table, request.filter)
        inside = f" AND rowid IN (SELECT {table.identifier} FROM {quote(table.name)} WHERE 1{conditions})"  # noqa: S608
    name = quote(index.name)
    sql = f"SELECT rowid, rank FROM {name} WHERE {name} MATCH ?{inside} ORDER BY rank LIMIT ?"  # noqa: S608
    return _ranking(session, sql, [expression, *values, depth])


def _similarity(distance: float, metric: str) -> float:
    return 1.0 - distance if metric == "cosine" else 1.0 / (1.0 + distance)


def search(session: Session, request: SearchRequest, indexes: ZvecIndexes | None = None) -> tuple[Hit, ...]:
    """Run the request on a reading session whose lock and budget the caller holds; with ``indexes``, ask them for
    the nearest vectors first."""
    if isinstance(request.k, bool) or not isinstance(request.k, int) or not 1 <= request.k <= MAX_K:
        raise _fail(f"k is 1 to {MAX_K}")
    if request.embedding is None and request.text is None:
        raise _fail("a search needs an embedding, a text or both")
    both = request.embedding is not None and request.text is not None
    depth = min(max(request.k * _DEPTH, 50), MAX_K) if both else request.k
    if not both:
        if request.embedding is not None:
            near, metric = _by_vector(session, request, depth, indexes)
            return tuple(
                Hit(i, _similarity(d, metric), distance=d, vector_place=n) for n, (i, d) in enumerate(near, 1)
            )
        said = _by_text(session, request, depth)
        return tuple(Hit(i, -rank, rank=rank, text_place=n) for n, (i, rank) in enumerate(said, 1))
    near, _metric = _by_vector(session, request, depth, indexes)
    said = _by_text(session, request, depth)
    distance, rank = dict(near), dict(said)
    vector_place = {i: n for n, (i, _) in enumerate(near, 1)}
    text_place = {i: n for n, (i, _) in enumerate(said, 1)}
    fused = {
        i: sum(1.0 / (FUSION + places[i]) for places in (vector_place, text_place) if i in places)
        for i in vector_place | text_place
    }
    best = sorted(fused, key=lambda i: (-fused[i], str(i)))[: request.k]
    return tuple(
        Hit(i, fused[i], distance.get(i), rank.get(i), vector_place.get(i), text_place.get(i)) for i in best
    )

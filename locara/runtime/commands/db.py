"""db.*: the app's own SQLite database, with full text (FTS5) and vectors (sqlite-vec). Always open.

Values in: null, booleans, numbers, text, an array of numbers (a vector of 32-bit floats), `{"$blob":
base64}`. Values out: null, numbers, text, `{"$blob": base64}`. What the store refuses as an attempt to leave
the database is recorded in the audit log like any other denial. A cancel ends what only reads; a write that has begun
ends by itself, whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal

from locara.errors import CallError, StorageError
from locara.runtime.arguments import Args, Field, JsonValue
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session
from locara.storage.search import Rescore, SearchRequest

Params = list[JsonValue] | dict[str, JsonValue] | None
Name = Annotated[str, Field(min_length=1, max_length=128)]
_DENIED: Final = "sql_denied"
_TOO_LONG: Final = "limit_exceeded"


class StatementArgs(Args):
    """One statement; params by position (array) or by name (object)."""

    sql: str
    params: Params = None


class BatchArgs(Args):
    """Statements that happen together or not at all."""

    statements: list[StatementArgs]


class RescoreArgs(Args):
    """Where the full vectors of a bit-quantised table are."""

    table: Name
    column: Name = "embedding"
    oversample: int = 10


class SearchArgs(Args):
    """Vector search (table, embedding), text search (fts, text) or, with all four, both fused."""

    table: Name | None = None
    k: int = 10
    embedding: list[float] | None = None
    text: str | None = None
    fts: Name | None = None
    column: Name | None = None
    metric: Literal["cosine", "l2"] = "cosine"
    mode: Literal["any", "all", "phrase"] = "any"
    filter: dict[str, JsonValue] = Field(default_factory=dict)
    rescore: RescoreArgs | None = None


@command("db.query", args=StatementArgs, lane=Lane.STORE)
def query(session: Session, call: Call, args: StatementArgs) -> Mapping[str, Any]:
    """`{columns: [name], rows: [[value]]}` of one reading statement."""
    with _recorded(session, call):
        return session.store.query(args.sql, args.params, unwanted=call.cancelled.is_set).json()


@command("db.exec", args=StatementArgs, lane=Lane.STORE)
def exec_(session: Session, call: Call, args: StatementArgs) -> Mapping[str, Any]:
    """`{changes, lastRowId}` of one statement, with `columns` and `rows` when it returns any."""
    with _recorded(session, call):
        return session.store.exec(args.sql, args.params).json()


@command("db.batch", args=BatchArgs, lane=Lane.STORE)
def batch(session: Session, call: Call, args: BatchArgs) -> Mapping[str, Any]:
    """`{results: [{changes, lastRowId}]}`, one for each statement; all of them happened."""
    with _recorded(session, call):
        done = session.store.batch([(statement.sql, statement.params) for statement in args.statements])
    return {"results": [change.json() for change in done]}


@command("db.search", args=SearchArgs, lane=Lane.STORE)
def search(session: Session, call: Call, args: SearchArgs) -> Mapping[str, Any]:
    """`{hits: [{id, score, distance?, rank?}]}`, best first. `locara.storage.search` says what the arguments
    mean."""
    table = args.table or args.fts
    if table is None:
        raise CallError("db.search needs a table, or an fts table", code="bad_request")
    rescore = args.rescore
    request = SearchRequest(
        table=table,
        k=args.k,
        embedding=args.embedding,
        text=args.text,
        fts=args.fts,
        column=args.column,
        metric=args.metric,
        mode=args.mode,
        filter=args.filter,
        rescore=None if rescore is None else Rescore(rescore.table, rescore.column, rescore.oversample),
    )
    with _recorded(session, call):
        return {"hits": [hit.json() for hit in session.store.search(request, unwanted=call.cancelled.is_set)]}


@contextmanager
def _recorded(session: Session, call: Call) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        if error.code == _DENIED:
            session.gate.record_refusal(call.cmd, capability="db", because=error.message)
        if error.code == _TOO_LONG:
            call.check()  # it did not take too long: nobody wanted it any more
        raise

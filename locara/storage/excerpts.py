"""``highlight()`` and ``snippet()`` of FTS5 in linear time.

FTS5's own append to a growing text for every hit and compare every hit with every other, which takes
minutes for a text with many hits and cannot be interrupted. These give the same kind of answer in one pass
over a text of at most `MAX_BYTES`.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from locara.errors import StorageError
from locara.records import dataclass
from locara.storage.values import SQLValue

if TYPE_CHECKING:
    import apsw

MAX_BYTES: Final = 1_048_576
MAX_TOKENS: Final = 64


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the row at hand: its text, the byte range of each token, and the hits in it.

    A hit is (first token, token after the last, phrase), sorted.
    """

    text: bytes
    tokens: list[tuple[int, int]]
    hits: list[tuple[int, int, int]]


def _column(api: apsw.FTS5ExtensionApi, number: int) -> _Column:
    text = api.column_text(number)
    if len(text) > MAX_BYTES:
        raise StorageError(
            f"highlight and snippet take texts of at most {MAX_BYTES} bytes", code="limit_exceeded"
        )
    found = api.tokenize(text, None, include_offsets=True, include_colocated=False)
    tokens = [(start, end) for start, end, *_ in found]
    hits = [
        (first, min(first + len(api.phrases[phrase]), len(tokens)), phrase)
        for phrase in range(api.phrase_count)
        for first in api.phrase_column_offsets(phrase, number)
        if first < len(tokens)
    ]
    return _Column(text, tokens, sorted(hits))


def _marked(column: _Column, first: int, end: int, marks: tuple[bytes, bytes]) -> bytes:
    """The tokens ``first`` to ``end`` (exclusive) with ``marks`` around the hits within."""
    if not column.tokens:
        return column.text
    start_byte = 0 if first == 0 else column.tokens[first][0]
    end_byte = len(column.text) if end == len(column.tokens) else column.tokens[end - 1][1]
    parts: list[bytes] = []
    written, open_until = start_byte, -1
    for hit, after, _ in column.hits:
        if hit < first or after > end:
            continue
        if hit >= open_until:
            if open_until >= 0:
                close = column.tokens[open_until - 1][1]
                parts += (column.text[written:close], marks[1])
                written = close
            parts += (column.text[written : column.tokens[hit][0]], marks[0])
            written = column.tokens[hit][0]
        open_until = max(open_until, after)
    if open_until >= 0:
        close = column.tokens[open_until - 1][1]
        parts += (column.text[written:close], marks[1])
        written = close
    parts.append(column.text[written:end_byte])
    return b"".join(parts)


def _best_window(column: _Column, width: int) -> tuple[tuple[int, int], int]:
    """The window of ``width`` tokens with the most phrases, then the most hits, and its start."""
    inside: deque[tuple[int, int, int]] = deque()
    phrases: Counter[int] = Counter()
    best, where, different = (0, 0), 0, 0
    for hit in column.hits:
        inside.append(hit)
        phrases[hit[2]] += 1
        different += phrases[hit[2]] == 1
        while inside and hit[1] - inside[0][0] > width:
            gone = inside.popleft()[2]
            phrases[gone] -= 1
            different -= phrases[gone] == 0
        score = (different, len(inside))
        if inside and score > best:
            spare = width - (hit[1] - inside[0][0])
            best, where = score, max(0, inside[0][0] - spare // 2)
    return best, where


def highlight(api: apsw.FTS5ExtensionApi, *arguments: SQLValue) -> str:
    """``highlight(table, column, before, after)``: the column's text with every hit marked."""
    match arguments:
        case (int() as number, before, after):
            pass
        case _:
            raise StorageError("highlight takes a table, a column number and two texts", code="bad_value")
    if not 0 <= number < api.column_count:
        return ""
    column = _column(api, number)
    marks = (str(before or "").encode(), str(after or "").encode())
    _check_growth(column, marks)
    return _marked(column, 0, len(column.tokens), marks).decode("utf-8", "replace")


def snippet(api: apsw.FTS5ExtensionApi, *arguments: SQLValue) -> str:
    """``snippet(table, column, before, after, ellipsis, tokens)``: the best piece; -1 is any column."""
    match arguments:
        case (int() as number, before, after, ellipsis, int() as width) if 0 < width <= MAX_TOKENS:
            pass
        case _:
            raise StorageError(
                f"snippet takes a table, a column number, three texts and 1 to {MAX_TOKENS} tokens",
                code="bad_value",
            )
    candidates = range(api.column_count) if number < 0 else [number] if number < api.column_count else []
    ranked = [(_best_window(column, width), column) for column in (_column(api, n) for n in candidates)]
    if not ranked:
        return ""
    (_, first), column = max(ranked, key=lambda item: item[0][0])
    first = max(0, min(first, len(column.tokens) - width))
    end = min(first + width, len(column.tokens))
    marks = (str(before or "").encode(), str(after or "").encode())
    _check_growth(column, marks)
    dots = str(ellipsis or "").encode()
    piece = _marked(column, first, end, marks)
    whole = (dots if first else b"") + piece + (dots if end < len(column.tokens) else b"")
    return whole.decode("utf-8", "replace")


def _check_growth(column: _Column, marks: tuple[bytes, bytes]) -> None:
    if len(column.hits) * (len(marks[0]) + len(marks[1])) > 8 * MAX_BYTES:
        raise StorageError("string or blob too big", code="limit_exceeded")


def install(connection: apsw.Connection) -> None:
    """Make these the functions FTS5 finds on this connection."""
    connection.register_fts5_function("highlight", highlight)
    connection.register_fts5_function("snippet", snippet)

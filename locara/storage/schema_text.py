"""A schema as SQLite keeps it, taken apart far enough to compare two of them.

Only what SQLite itself stored in ``sqlite_schema`` is read, so the text has parsed once. Two texts are the
same when they differ in nothing but spaces, comments, the case of bare words and needless quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, Literal, TypeAlias

import apsw

from locara.records import dataclass
from locara.storage.connection import load_vectors

What: TypeAlias = Literal["table", "virtual table", "index", "trigger", "view"]

_TOKEN: Final = re.compile(
    r"(?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))|(?P<text>'(?:[^']|'')*')|"
    r"(?P<name>\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\])|(?P<word>[^\W\d][\w$]*)|\d[\w.]*|"
    r"<>|!=|<=|>=|==|\|\||<<|>>|->>?|.",
    re.DOTALL,
)
_PLAIN: Final = re.compile(r"[^\W\d][\w$]*")
# Tables that sqlite-vec keeps for a vector table and does not call its own.
_VECTOR_PARTS: Final = re.compile(
    r"_(?:vector_chunks|metadatachunks|metadatatext|auxiliary|chunks|rowids|info)\d*"
)
_TABLE_RULES: Final = frozenset({"constraint", "primary", "unique", "check", "foreign"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its name and its definition, as written and as compared."""

    name: str
    text: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableText:
    """A CREATE TABLE in parts: columns in order, the rules of the whole table, and what follows the bracket."""

    columns: Mapping[str, Column]
    rules: frozenset[tuple[str, ...]]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One object of a schema: what it is, its name, the table it belongs to, and its SQL."""

    what: What
    name: str
    table: str
    sql: str

    @property
    def tokens(self) -> tuple[str, ...]:
        """The SQL as it is compared."""
        return tuple(token for token, _ in tokens(self.sql))


def tokens(sql: str) -> list[tuple[str, str]]:
    """The tokens of a text as (compared, written), without blanks and comments."""
    found = []
    for match in _TOKEN.finditer(sql):
        text = match[0]
        if match["blank"] is not None:
            continue
        if match["name"] is not None:
            inner = text[1:-1].replace(text[-1] * 2, text[-1])
            found.append((inner.lower() if _PLAIN.fullmatch(inner) else f'"{inner}"', text))
        else:
            found.append((text.lower() if match["word"] is not None else text, text))
    return found


def read_schema(path: Path) -> dict[tuple[What, str], Item]:
    """The app's own objects in a database, without the runtime's tables and the inner tables of virtual ones.

    Raises `apsw.Error` and, when the vector extension cannot be loaded, `StorageError`.
    """
    # Opened for writing although nothing is written: the last reader of a WAL database has to tidy it up.
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW
    with closing(apsw.Connection(str(path), flags)) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        load_vectors(connection)
        connection.pragma("query_only", 1)
        inner = {
            str(row[0])
            for row in connection.execute("SELECT name FROM pragma_table_list WHERE type = 'shadow'")
        }
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")
        items = [_item(*map(str, row)) for row in rows if row[3] is not None]
    inner |= set(_vector_parts(items))
    return {
        (item.what, item.name.lower()): item
        for item in items
        if item.name not in inner and item.table not in inner and not _reserved(item)
    }


def _vector_parts(items: list[Item]) -> Iterator[str]:
    for base in (item for item in items if item.what == "virtual table" and "vec0" in item.tokens[:6]):
        for item in items:
            rest = item.name.removeprefix(base.name)
            if rest != item.name and _VECTOR_PARTS.fullmatch(rest):
                yield item.name


def _reserved(item: Item) -> bool:
    return item.name.startswith(("sqlite_", "__locara_")) or item.table.startswith("__locara_")


def _item(kind: str, name: str, table: str, sql: str) -> Item:
    if kind == "table":
        virtual = [token for token, _ in tokens(sql)[:2]] == ["create", "virtual"]
        return Item("virtual table" if virtual else "table", name, table, sql)
    if kind == "index":
        return Item("index", name, table, sql)
    return Item("trigger" if kind == "trigger" else "view", name, table, sql)


def table_text(sql: str) -> TableText:
    """The parts of a CREATE TABLE that SQLite stored."""
    all_tokens = tokens(sql)
    begin = [token for token, _ in all_tokens].index("(")
    parts: list[list[tuple[str, str]]] = [[]]
    depth, end = 0, len(all_tokens)
    for number in range(begin, len(all_tokens)):
        token = all_tokens[number]
        depth += (token[0] == "(") - (token[0] == ")")
        if depth == 0:
            end = number + 1
            break
        if depth == 1 and token[0] == ",":
            parts.append([])
        elif number > begin:
            parts[-1].append(token)
    columns, rules = {}, set()
    for part in filter(None, parts):
        compared = tuple(token for token, _ in part)
        # A quoted name such as "check" is a column.
        if compared[0] in _TABLE_RULES and part[0][1][0].isalpha():
            rules.add(compared)
        else:
            columns[compared[0]] = Column(compared[0].strip('"'), _written(part), compared)
    return TableText(columns, frozenset(rules), tuple(token for token, _ in all_tokens[end:]))


def _written(part: list[tuple[str, str]]) -> str:
    """The tokens as SQL again, with spaces only where people write them."""
    text = ""
    for _, token in part:
        tight = not text or token in {")", ",", "."} or text[-1] in {"(", "."}
        text += token if tight else f" {token}"
    return text

"""What one schema has and another has not, and the SQL that leads from one to the other where that is safe.

Safe means: no row and no value is lost, and the statements work on a database that holds rows. New tables,
indexes, views, triggers and most new columns are; everything else is named with the reason, for a person to
write.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import apsw

from locara.errors import StorageError
from locara.records import dataclass
from locara.storage.faults import translate
from locara.storage.migrations import Applied, Step
from locara.storage.schema_text import Column, Item, What, read_schema, table_text
from locara.storage.store import Store

_SCRATCH_MB: Final = 64
_REPLACEABLE: Final = frozenset({"index", "trigger", "view"})
_REBUILD: Final = "create a new table, copy the rows, drop the old table and rename the new one"
# What is created first; what is dropped goes the other way round.
_ORDER: Final[Sequence[What]] = ("table", "virtual table", "index", "view", "trigger")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. ``statements`` lead from base to target; when they cannot be generated, ``why``
    says the reason and what a person can do."""

    change: Literal["added", "removed", "changed"]
    what: str
    name: str
    drops: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    why: str | None = None
    order: int = 0


Schema = Mapping[tuple[What, str], Item]


def differences(base: Schema, target: Schema) -> tuple[Difference, ...]:
    """What ``target`` has and ``base`` has not, and the other way round, in the order to apply it."""
    found: list[Difference] = []
    for key, item in target.items():
        old = base.get(key)
        if old is None:
            found.append(
                Difference("added", item.what, item.name, statements=(item.sql,), order=_order(item))
            )
        elif old.tokens != item.tokens:
            found += _changed(old, item)
    found += [_removed(item) for key, item in base.items() if key not in target]
    return tuple(sorted(found, key=lambda one: one.order))


def _order(item: Item) -> int:
    return _ORDER.index(item.what)


def _removed(item: Item) -> Difference:
    if item.what in _REPLACEABLE:
        return Difference("removed", item.what, item.name, drops=(_drop(item),), order=_order(item))
    return Difference(
        "removed",
        item.what,
        item.name,
        why="dropping it loses its rows: when that is meant, write DROP TABLE yourself",
        order=_order(item),
    )


def _drop(item: Item) -> str:
    name = item.name.replace('"', '""')
    return f'DROP {item.what.upper()} "{name}"'


def _changed(old: Item, new: Item) -> list[Difference]:
    order = _order(new)
    if new.what in _REPLACEABLE:
        return [Difference("changed", new.what, new.name, (_drop(old),), (new.sql,), order=order)]
    if new.what == "virtual table":
        why = "a virtual table cannot be altered: create a new one, copy the rows, drop the old one"
        return [Difference("changed", new.what, new.name, why=why, order=order)]
    return [*_column_differences(old, new), *_rule_differences(old, new)]


def _column_differences(old: Item, new: Item) -> list[Difference]:
    before, after = table_text(old.sql).columns, table_text(new.sql).columns
    gone = [column for name, column in before.items() if name not in after]
    found = []
    for name, column in after.items():
        shown = f"{new.name}.{column.name}"
        if name not in before:
            why = _cannot_add(column)
            table = new.name.replace('"', '""')
            added = () if why else (f'ALTER TABLE "{table}" ADD COLUMN {column.text}',)
            found.append(Difference("added", "column", shown, statements=added, why=why))
        elif before[name].tokens != column.tokens:
            why = f"SQLite cannot change a column in place: {_REBUILD}"
            found.append(Difference("changed", "column", shown, why=why))
    renamed = "; when it was renamed, write ALTER TABLE ... RENAME COLUMN" if found else ""
    for column in gone:
        why = f"dropping it loses its values: when that is meant, write DROP COLUMN yourself{renamed}"
        found.append(Difference("removed", "column", f"{new.name}.{column.name}", why=why))
    return found


def _cannot_add(column: Column) -> str | None:
    """Why ALTER TABLE cannot add this column to a table that may hold rows; None when it can."""
    words = column.tokens[1:]
    if "primary" in words or "unique" in words:
        return f"a column with PRIMARY KEY or UNIQUE cannot be added: add a unique index, or {_REBUILD}"
    if "stored" in words or "check" in words:
        return f"a stored generated column or one with CHECK cannot be added: leave that out, or {_REBUILD}"
    default = words[words.index("default") + 1] if "default" in words[:-1] else None
    if default == "(" or (default or "").startswith("current_"):
        return "a column whose default is computed cannot be added: give it a constant default"
    nothing = default in {None, "null"}
    if ("not", "null") in pairwise(words) and nothing and "as" not in words:
        return "rows that exist would have no value: give the NOT NULL column a DEFAULT"
    if "references" in words and not nothing:
        return f"a column with REFERENCES and a default cannot be added: leave the default out, or {_REBUILD}"
    return None


def _rule_differences(old: Item, new: Item) -> list[Difference]:
    before, after = table_text(old.sql), table_text(new.sql)
    found = []
    if before.rules != after.rules:
        why = f"SQLite cannot change the rules of a table in place: {_REBUILD}"
        found.append(Difference("changed", "table rules", new.name, why=why))
    if before.options != after.options:
        why = f"STRICT and WITHOUT ROWID cannot be changed in place: {_REBUILD}"
        found.append(Difference("changed", "table options", new.name, why=why))
    return found


def script(found: Iterable[Difference]) -> str:
    """The migration that the generated statements make; what a person has to write stands in it as comments."""
    found = tuple(found)
    lines = [f"{statement};" for one in reversed(found) for statement in one.drops]
    lines += [f"{statement};" for one in found for statement in one.statements]
    for one in found:
        if one.why is not None:
            lines.append(
                f"-- TO WRITE: {one.what} {one.name} was {one.change}. {one.why}.".replace("\n", " ")
            )
    return "\n".join(lines) + "\n"


def scratch_schema(steps: Iterable[Step]) -> dict[tuple[What, str], Item]:
    """The schema that these steps make in an empty database, by really running them under the app's rules.

    Raises `StorageError` as `Store.open` does.
    """
    with tempfile.TemporaryDirectory(prefix="locara-schema-") as folder:
        source = Path(folder, "db")
        (source / "migrations").mkdir(parents=True)
        for step in steps:
            place = source / "migrations" / step.name if step.number else source / "schema.sql"
            place.write_bytes(step.sql.encode())
        path = Path(folder, "data", "scratch.sqlite3")
        Store.open(path, schema_dir=source, quota_mb=_SCRATCH_MB).close()
        return read_schema(path)


def live_schema(path: Path) -> tuple[dict[tuple[What, str], Item], tuple[Applied, ...]]:
    """The schema of an app's real database and the steps it has. Nothing else may have it open.

    Raises `StorageError`.
    """
    try:
        schema = read_schema(path)
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW
        with closing(apsw.Connection(str(path), flags)) as connection:
            there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '__locara_migrations'")
            if there.fetchone() is None:
                return schema, ()
            rows = connection.execute(
                "SELECT number, name, digest, applied FROM __locara_migrations ORDER BY number"
            )
            applied = tuple(Applied(int(row[0]), str(row[1]), str(row[2]), int(row[3])) for row in rows)
    except (apsw.Error, ValueError, TypeError) as error:
        if isinstance(error, apsw.Error):
            raise translate(error, None) from error
        raise StorageError("the ledger of migrations cannot be read", code="corrupt") from error
    return schema, applied

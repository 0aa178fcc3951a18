"""SQL attacks: atoms that have broken real systems, times the places an expression can stand, times
encodings.

An attack is one or more statements that must not succeed together: they open another file, load code,
change how the database works, smuggle a second statement, reach tables of the runtime, or use up the
machine. `corpus` is the enumerated part, every atom at least once; `draw` combines at random without end,
the same for the same generator.
"""

# ruff: noqa: S608 - these statements are attacks, sent to a database that must refuse them

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from locara.records import dataclass
from locara_verify.strategies.sql_atoms import (
    ASIDE,
    CHANGING,
    CONTROL,
    EXTENSION_CALLS,
    EXTENSIONS,
    FILE_CALLS,
    FILES,
    FIRST,
    IN_TWO_STEPS,
    INTERNAL,
    JOINTS,
    NAMES,
    ON_OWN,
    OWN,
    PRAGMAS,
    READABLE,
    REAL_NAMES,
    SECOND,
)
from locara_verify.strategies.sql_bombs import BOMBS, QUICK_BOMBS, SLOW_BOMBS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Json = Any
Maker: TypeAlias = "Callable[[random.Random, Any, Places], SqlAttack]"


@dataclass(frozen=True, slots=True)
class Places:
    """Files an attack aims at, as the attacked process sees them; the ones in ``new`` do not exist."""

    databases: tuple[str, ...]
    texts: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SqlAttack:
    """Statements with their parameters, the family they belong to, and the entry point they are sent through.

    ``entry`` is query, exec, batch or search; a search attack has ``search`` (the arguments of db.search)
    instead of statements. ``must_fail`` is False for attacks that may succeed when they stay small
    (resource bombs).
    """

    family: str
    entry: str
    statements: tuple[tuple[str, Json], ...] = ()
    search: Mapping[str, Json] = field(default_factory=dict)
    must_fail: bool = True

    @property
    def shown(self) -> str:
        """A short text for reports."""
        return repr(dict(self.search) if self.search else [sql for sql, _ in self.statements])[:300]


RULE_OF: Final = {
    "files": "LC221",
    "extensions": "LC222",
    "pragma": "LC223",
    "exhaustion": "LC224",
    "smuggling": "LC225",
    "internal": "LC226",
}
FAMILIES: Final = tuple(RULE_OF)


def _choose(rng: random.Random, items: Sequence[str]) -> str:
    return items[rng.randrange(len(items))] if items else ""


def _placed(rng: random.Random, text: str, places: Places) -> str:
    """Put names of files into a template."""
    for mark, names in (("{db}", places.databases), ("{text}", places.texts), ("{new}", places.new)):
        while mark in text:
            text = text.replace(mark, _choose(rng, names), 1)
    return text.replace("{{}}", "{}")


def _recased(rng: random.Random, sql: str) -> str:
    quoted, out = "", []
    for character in sql:
        if character in "'\"`" and (not quoted or quoted == character):
            quoted = "" if quoted else character
        out.append(character if quoted or rng.random() < 0.5 else character.swapcase())
    return "".join(out)


def _respaced(rng: random.Random, sql: str) -> str:
    gaps = ("/**/", "\n", "\t", " /* ' */ ", "--\n", "\x0c", "  ", "-- '\n")
    quoted, out = "", []
    for character in sql:
        if character in "'\"`[" and not quoted:
            quoted = "]" if character == "[" else character
        elif character == quoted:
            quoted = ""
        out.append(
            _choose(rng, gaps) if character == " " and not quoted and rng.random() < 0.6 else character
        )
    return "".join(out)


ENCODINGS: Final[tuple[Callable[[random.Random, str], str], ...]] = (
    lambda _rng, sql: sql,
    _recased,
    _respaced,
    lambda rng, sql: _recased(rng, _respaced(rng, sql)),
    lambda rng, sql: _choose(rng, ("-- x\n", "/* x */ ", "\n\n", "\t")) + sql,
    lambda rng, sql: sql + _choose(rng, (";", " ; -- x", "\n", "; /* x */", ";;")),
)


def _entry(rng: random.Random) -> str:
    return _choose(rng, ("query", "exec", "batch"))


def _send(rng: random.Random, family: str, steps: Sequence[str], places: Places) -> SqlAttack:
    """Statements, each in an encoding; more than one go in a batch, so all must fail together."""
    encode = ENCODINGS[rng.randrange(len(ENCODINGS))]
    statements = tuple((encode(rng, _placed(rng, step, places)), None) for step in steps)
    return SqlAttack(family, "batch" if len(statements) > 1 else _entry(rng), statements)


def _whole(family: str) -> Maker:
    return lambda rng, sql, places: _send(rng, family, [sql], places)


def _call(family: str) -> Maker:
    def make(rng: random.Random, expression: str, places: Places) -> SqlAttack:
        where = (_choose(rng, ASIDE),) if rng.random() < 0.5 else CHANGING[rng.randrange(len(CHANGING))]
        return _send(rng, family, [step.replace("{e}", expression) for step in where], places)

    return make


def _pragma(rng: random.Random, pragma: str, places: Places) -> SqlAttack:
    name, _, value = pragma.partition("=")
    bare = name.split("(")[0]
    forms = [f"PRAGMA {pragma}", f"PRAGMA main.{pragma}", f"PRAGMA temp.{pragma}", f"EXPLAIN PRAGMA {pragma}"]
    if bare not in READABLE:
        forms += [f'PRAGMA "{bare}"', f"SELECT * FROM pragma_{bare}"]
    if value:
        forms += [f"PRAGMA {bare}({value})", f"SELECT * FROM pragma_{bare}({value})"]
    return _send(rng, "pragma", [_choose(rng, forms)], places)


def _search(rng: random.Random, name: str, _places: Places) -> SqlAttack:
    """A name that is not a name, in one of the places where db.search takes one."""
    near = {"table": "vectors", "embedding": [1, 2, 3, 4], "k": 2}
    said = {"table": "attack", "fts": "words", "text": "ordinary", "k": 2}
    ways: tuple[Mapping[str, Json], ...] = (
        {**near, "table": name},
        {**near, "column": name},
        {**near, "table": "attack", "column": name},
        {**said, "fts": name},
        {**said, "table": name, "filter": {"a": "ordinary"}},
        {**said, "filter": {name: 1}},
        {**near, "filter": {name: [1, 2]}},
        {**near, "table": "attack", "column": "a", "filter": {name: None}},
    )
    chosen = ways[rng.randrange(len(ways))]
    # Some names are names after all in one of the places: other spellings of a table that exists, or its
    # columns.
    return SqlAttack("smuggling", "search", search=chosen, must_fail=name not in REAL_NAMES)


def _joined(rng: random.Random, joint: str, places: Places) -> SqlAttack:
    sql = _choose(rng, FIRST) + joint + _placed(rng, _choose(rng, SECOND), places)
    return SqlAttack("smuggling", _entry(rng), ((sql, None),))


def _plain(rng: random.Random, sql: str, _places: Places) -> SqlAttack:
    return SqlAttack("smuggling", _choose(rng, ("exec", "batch")), ((sql, None),))


def _own(rng: random.Random, sql: str, places: Places) -> SqlAttack:
    return _send(rng, "internal", [sql.replace("{t}", _choose(rng, OWN))], places)


def _two_steps(rng: random.Random, steps: tuple[str, ...], places: Places) -> SqlAttack:
    table = _choose(rng, OWN)
    return _send(rng, "internal", [step.replace("{t}", table) for step in steps], places)


def _bomb(rng: random.Random, number: int, _places: Places) -> SqlAttack:
    sql, params, _ = BOMBS[number]
    entry = _entry(rng) if sql.startswith(("SELECT", "WITH")) else "exec"
    return SqlAttack("exhaustion", entry, ((sql, params),), must_fail=False)


# What each family is made of: atoms and the function that makes an attack of one.
_PARTS: Final[Mapping[str, tuple[tuple[Sequence[Any], Maker], ...]]] = {
    "files": ((FILES, _whole("files")), (FILE_CALLS, _call("files"))),
    "extensions": ((EXTENSIONS, _whole("extensions")), (EXTENSION_CALLS, _call("extensions"))),
    "pragma": ((PRAGMAS, _pragma),),
    "exhaustion": ((QUICK_BOMBS, _bomb),),
    "smuggling": ((CONTROL, _plain), (JOINTS, _joined), (NAMES, _search)),
    "internal": ((INTERNAL, _whole("internal")), (ON_OWN, _own), (IN_TWO_STEPS, _two_steps)),
}


def corpus(family: str, rng: random.Random, places: Places) -> Iterator[SqlAttack]:
    """Every atom of the family once, each in a place and encoding that ``rng`` chooses."""
    for atoms, make in _PARTS[family]:
        for atom in atoms:
            yield make(rng, atom, places)


def slow_bombs(rng: random.Random, count: int) -> Iterator[SqlAttack]:
    """Up to ``count`` different attacks that only the time limit stops; each takes that long."""
    for number in rng.sample(SLOW_BOMBS, min(count, len(SLOW_BOMBS))):
        yield _bomb(rng, number, Places((), (), ()))


def draw(family: str, rng: random.Random, places: Places) -> SqlAttack:
    """One attack of the family, made of the same atoms in another place, encoding and entry point."""
    parts = _PARTS[family]
    atoms, make = parts[rng.randrange(len(parts))]
    return make(rng, atoms[rng.randrange(len(atoms))], places)


def attacks(places: Places, families: Sequence[str] = FAMILIES) -> SearchStrategy[SqlAttack]:
    """The same attacks as a Hypothesis strategy; a failing one shrinks towards the first family, seed 0."""
    from hypothesis import strategies as st  # noqa: PLC0415 - takes long to load, only tests need it

    def build(family: str, seed: int) -> SqlAttack:
        return draw(family, random.Random(seed), places)  # noqa: S311 - reproducible tests, not secrets

    return st.builds(build, st.sampled_from(list(families)), st.integers(0, 2**32))

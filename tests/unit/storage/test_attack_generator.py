"""The generator of SQL attacks: complete, the same for the same seed, and using every entry point."""

from __future__ import annotations

import random

import pytest

from locara_verify.strategies import sql
from locara_verify.strategies.sql_atoms import FILE_CALLS, FILES, PRAGMAS, TWINS

PLACES = sql.Places(("/d/a.sqlite3",), ("/d/secret",), ("/d/new",))


@pytest.mark.parametrize("family", sql.FAMILIES)
def test_a_family_is_the_same_for_the_same_seed(family: str) -> None:
    first, second = (list(sql.corpus(family, random.Random(3), PLACES)) for _ in range(2))
    assert first == second
    drawn = [[sql.draw(family, random.Random(seed), PLACES) for seed in range(40)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert {attack.family for attack in first + drawn[0]} == {family}
    assert family in TWINS and family in sql.RULE_OF


def test_the_corpus_names_every_atom() -> None:
    assert len(list(sql.corpus("files", random.Random(0), PLACES))) == len(FILES) + len(FILE_CALLS)
    assert len(list(sql.corpus("pragma", random.Random(0), PLACES))) == len(PRAGMAS)
    shown = " ".join(attack.shown for attack in sql.corpus("files", random.Random(0), PLACES))
    assert not {"{db}", "{text}", "{new}", "{e}"} & set(shown.split())


def test_every_entry_point_is_used() -> None:
    entries = {
        sql.draw(family, random.Random(seed), PLACES).entry for family in sql.FAMILIES for seed in range(60)
    }
    assert entries == {"query", "exec", "batch", "search"}


def test_an_unknown_family_is_an_error() -> None:
    with pytest.raises(KeyError):
        sql.draw("nonesuch", random.Random(0), PLACES)

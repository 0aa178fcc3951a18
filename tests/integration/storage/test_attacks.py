"""Every attack of the verifier's SQL generator against a real store, judged by canaries."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locara_verify.strategies import sql
from locara_verify.strategies.sql_atoms import TWINS

from .conftest import SECRET, Arena

REFUSED = {
    "sql_denied",
    "sql_failed",
    "bad_statement",
    "bad_value",
    "limit_exceeded",
    "constraint",
    "quota_exceeded",
}
# For each family the codes that must be among the refusals: a store that refused everything for one reason
# (say, a broken connection) would not pass.
REASONS = {
    "files": {"sql_denied", "sql_failed"},
    "extensions": {"sql_denied", "sql_failed"},
    "pragma": {"sql_denied"},
    "smuggling": {"bad_statement", "sql_denied", "bad_value"},
    "internal": {"sql_denied", "sql_failed"},
}


def judge(arena: Arena, attack: sql.SqlAttack, before: dict[str, object]) -> str:
    code, said = arena.send(attack)
    assert SECRET not in said, attack.shown
    assert not attack.must_fail or code in REFUSED, (attack, code, said)
    assert code in REFUSED | {""}, (attack, code, said)
    return code


def twins(arena: Arena, family: str) -> None:
    for entry, statement, params in TWINS[family]:
        code, said = arena.send(sql.SqlAttack(family, entry, ((statement, params),)))
        assert code == "", (statement, said)


def unharmed(arena: Arena, before: dict[str, object]) -> None:
    assert arena.changes(before) == ()
    assert arena.files_of_database() <= {"app.sqlite3", "app.sqlite3-wal", "app.sqlite3-shm"}
    assert arena.store.settings.get("guard") == (True, SECRET)
    assert arena.store.query("SELECT count(*) FROM attack WHERE a = 'ordinary'").rows == ((1,),)
    assert not Path("relative-new").exists()


@pytest.mark.parametrize("family", [family for family in sql.FAMILIES if family != "exhaustion"])
def test_every_atom_is_refused_for_a_reason_of_its_family(arena: Arena, family: str) -> None:
    before = arena.around()
    twins(arena, family)
    codes = {judge(arena, attack, before) for attack in sql.corpus(family, random.Random(1), arena.places)}
    assert codes >= REASONS[family]
    twins(arena, family)
    unharmed(arena, before)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_generated_attacks_have_no_effect(arena: Arena, data: st.DataObject) -> None:
    families = [family for family in sql.FAMILIES if family != "exhaustion"]
    attack = data.draw(sql.attacks(arena.places, families))
    before = arena.around()
    judge(arena, attack, before)
    unharmed(arena, before)


def test_bombs_end_within_their_bounds(arena: Arena) -> None:
    before = arena.around()
    twins(arena, "exhaustion")
    codes = {
        judge(arena, attack, before) for attack in sql.corpus("exhaustion", random.Random(1), arena.places)
    }
    assert (
        "limit_exceeded" in codes
    )  # whether the clock or the quota ends one that fills the disk is the machine's
    for attack in sql.slow_bombs(random.Random(2), 3):
        assert judge(arena, attack, before) == "limit_exceeded", attack.shown
    twins(arena, "exhaustion")
    unharmed(arena, before)
    assert (arena.root / "data/db/app.sqlite3").stat().st_size <= 32 * 1_048_576
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_500_000  # KiB

"""The allow-list decides about everything SQLite can ask, and refuses what it does not know."""

from __future__ import annotations

import apsw
import pytest

from locara.storage import allowed
from locara.storage.connection import Session
from locara.storage.limits import APP
from locara.storage.policy import ALLOW, DENY, RULES, Denial, Policy
from locara.storage.watchdog import Watchdog

CODES = {name: code for name, code in apsw.mapping_authorizer_function.items() if isinstance(name, str)}
# What an app may do, with an ordinary example; everything else must be in NEVER. Written out
# by hand: the test fails when SQLite or the policy gains an action that nobody decided about.
EXAMPLES = {
    "SQLITE_SELECT": (None, None, None),
    "SQLITE_RECURSIVE": (None, None, None),
    "SQLITE_READ": ("note", "body", "main"),
    "SQLITE_INSERT": ("note", None, "main"),
    "SQLITE_UPDATE": ("note", "body", "main"),
    "SQLITE_DELETE": ("note", None, "main"),
    "SQLITE_CREATE_TABLE": ("note", None, "main"),
    "SQLITE_DROP_TABLE": ("note", None, "main"),
    "SQLITE_CREATE_VIEW": ("seen", None, "main"),
    "SQLITE_DROP_VIEW": ("seen", None, "main"),
    "SQLITE_CREATE_INDEX": ("i", "note", "main"),
    "SQLITE_DROP_INDEX": ("i", "note", "main"),
    "SQLITE_CREATE_TRIGGER": ("t", "note", "main"),
    "SQLITE_DROP_TRIGGER": ("t", "note", "main"),
    "SQLITE_ALTER_TABLE": ("main", "note", None),
    "SQLITE_REINDEX": ("i", None, "main"),
    "SQLITE_CREATE_VTABLE": ("words", "fts5", "main"),
    "SQLITE_DROP_VTABLE": ("words", "vec0", "main"),
    "SQLITE_FUNCTION": (None, "upper", None),
    "SQLITE_PRAGMA": ("table_info", "note", None),
}
NEVER = {
    "SQLITE_ATTACH",
    "SQLITE_DETACH",
    "SQLITE_ANALYZE",
    "SQLITE_COPY",
    "SQLITE_TRANSACTION",
    "SQLITE_SAVEPOINT",
    "SQLITE_CREATE_TEMP_TABLE",
    "SQLITE_CREATE_TEMP_VIEW",
    "SQLITE_CREATE_TEMP_TRIGGER",
    "SQLITE_CREATE_TEMP_INDEX",
    "SQLITE_DROP_TEMP_TABLE",
    "SQLITE_DROP_TEMP_VIEW",
    "SQLITE_DROP_TEMP_TRIGGER",
    "SQLITE_DROP_TEMP_INDEX",
}


def judge(name: str, first: str | None, second: str | None, db: str | None) -> tuple[int, Denial | None]:
    policy = Policy()
    return policy(CODES[name], first, second, db, None), policy.denial


def test_every_action_code_of_sqlite_is_decided() -> None:
    assert set(EXAMPLES) | NEVER == set(CODES)
    assert set(RULES) == set(CODES.values())


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_ordinary_use_passes(name: str) -> None:
    assert judge(name, *EXAMPLES[name]) == (ALLOW, None)


@pytest.mark.parametrize("name", sorted(NEVER))
def test_what_is_never_allowed_says_why(name: str) -> None:
    for arguments in ((None, None, None), ("x", "y", "main")):
        answer, denial = judge(name, *arguments)
        assert answer == DENY
        assert denial is not None and denial.because


@pytest.mark.parametrize("code", [-1, max(CODES.values()) + 1, 99, 5_000])
def test_an_unknown_code_is_refused(code: int) -> None:
    policy = Policy()
    assert policy(code, "a", "b", "main", None) == DENY
    assert policy.denial is not None and "not known" in policy.denial.because


def test_a_rule_that_fails_is_a_refusal() -> None:
    policy = Policy()
    assert policy(apsw.SQLITE_READ, 7, None, "main", None) == DENY  # type: ignore[arg-type]
    assert policy.denial is not None and "could not be judged" in policy.denial.because


@pytest.mark.parametrize("db", ["temp", "x", "other", "vacuum_db", "MAIN2"])
@pytest.mark.parametrize("name", ["SQLITE_READ", "SQLITE_INSERT", "SQLITE_CREATE_TABLE", "SQLITE_DELETE"])
def test_other_databases_are_refused(name: str, db: str) -> None:
    assert judge(name, "note", None, db)[0] == DENY


@pytest.mark.parametrize(
    "table",
    [
        "__locara_settings",
        "__LOCARA_x",
        "__Locara_",
        "sqlite_stat1",
        "sqlite_dbpage",
        "pragma_database_list",
        "PRAGMA_journal_mode",
        "dbstat",
        "DBSTAT",
        "fts5vocab",
    ],
)
@pytest.mark.parametrize("name", [n for n, e in EXAMPLES.items() if e[0] in ("note", "seen", "words")])
def test_internal_names_are_refused_whatever_is_done_with_them(name: str, table: str) -> None:
    _, second, db = EXAMPLES[name]
    assert judge(name, table, second, db)[0] == DENY
    assert judge("SQLITE_ALTER_TABLE", "main", table, None)[0] == DENY
    assert judge("SQLITE_CREATE_TRIGGER", "t", table, "main")[0] == DENY
    assert judge("SQLITE_CREATE_INDEX", "sqlite_autoindex_x_1", table, "main")[0] == DENY


def test_own_statements_end_with_their_block() -> None:
    policy = Policy()
    with policy.own_statements():
        assert policy(apsw.SQLITE_ATTACH, "x", None, None, None) == ALLOW
    assert policy(apsw.SQLITE_ATTACH, "x", None, None, None) == DENY
    with pytest.raises(RuntimeError), policy.own_statements():
        raise RuntimeError
    assert policy(apsw.SQLITE_ATTACH, "x", None, None, None) == DENY


def test_every_function_of_this_sqlite_is_decided(tmp_path) -> None:
    """Each function SQLite has is on the list or refused by it; the list names nothing else."""
    path = tmp_path / "app.sqlite3"
    apsw.Connection(str(path)).execute("CREATE TABLE t(a)").connection.close()
    session = Session(path, "write", Watchdog(), APP, vectors=True)
    with session.policy.own_statements():
        found = {str(name) for (name,) in session.connection.execute("SELECT name FROM pragma_function_list")}
        modules = {str(name) for (name,) in session.connection.execute("SELECT name FROM pragma_module_list")}
    refused = {name for name in found if judge("SQLITE_FUNCTION", None, name, None)[0] == DENY}
    assert refused == found - allowed.FUNCTIONS
    assert refused >= {"load_extension", "fts3_tokenizer", "fts5", "sqlite_log", "json_patch", "vec_debug"}
    hidden = {name for name in allowed.FUNCTIONS if name.startswith("sqlite_")} - {"sqlite_version"}
    assert allowed.FUNCTIONS - found - hidden <= {"snippet"}
    # pragma_* are made when they are named; the authorizer decides about those.
    assert {
        name for name in modules if not name.startswith("pragma_")
    } <= allowed.MODULES | allowed.TABLE_FUNCTIONS
    session.close()


@pytest.mark.parametrize("pragma", sorted(allowed.PRAGMAS))
def test_readable_pragmas(pragma: str) -> None:
    assert judge("SQLITE_PRAGMA", pragma, None, None)[0] == ALLOW
    assert judge("SQLITE_PRAGMA", pragma.upper(), None, "main")[0] == ALLOW
    assert (judge("SQLITE_PRAGMA", pragma, "1", None)[0] == ALLOW) is allowed.PRAGMAS[pragma]
    assert judge("SQLITE_PRAGMA", pragma, None, "temp")[0] == DENY


def test_every_pragma_of_this_sqlite_is_decided() -> None:
    names = {str(name) for (name,) in apsw.Connection(":memory:").execute("PRAGMA pragma_list")}
    assert set(allowed.PRAGMAS) <= names
    for name in names - set(allowed.PRAGMAS):
        answer, denial = judge("SQLITE_PRAGMA", name, None, None)
        assert answer == DENY and denial is not None and "not available" in denial.because

"""Statements that would use up time, memory, disk or the parser, each with its parameters.

They need the tables of `locara_verify.strategies.sql_atoms.PREPARE`. A bomb is slow when nothing but the
time limit stops it.
"""

# ruff: noqa: S608 - these statements are attacks, sent to a database that must refuse them

from __future__ import annotations

from typing import Any, Final

Json = Any

# -------------------------------------------
_ENDLESS: Final = "WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q)"
_BIG: Final = 3_000_000


BOMBS: Final[tuple[tuple[str, Json, bool], ...]] = (
    (f"{_ENDLESS} SELECT max(x) FROM q", None, True),
    (f"{_ENDLESS} SELECT count(*) FROM q WHERE x LIKE '%9%9%9%9%'", None, True),
    (_ENDLESS.replace("UNION ALL", "UNION") + " SELECT max(x) FROM q", None, True),
    (f"{_ENDLESS} SELECT sum(length(randomblob(1000000))) FROM q", None, True),
    (
        "WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT 1 FROM q LIMIT 3000)"
        " SELECT count(*) FROM q a, q b, q c WHERE a.x + b.x + c.x > 9",
        None,
        True,
    ),
    (f"{_ENDLESS} SELECT * FROM q", None, False),
    (f"{_ENDLESS} SELECT group_concat(x) FROM q", None, True),
    (f"{_ENDLESS} SELECT x FROM q ORDER BY x DESC", None, True),
    (f"{_ENDLESS} SELECT json_group_array(hex(randomblob(100))) FROM q", None, True),
    (f"{_ENDLESS} SELECT median(x) FROM q", None, True),
    (
        "WITH RECURSIVE q(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM q) SELECT length(x) FROM q",
        None,
        False,
    ),
    (
        "WITH RECURSIVE q(x) AS (SELECT randomblob(9) || zeroblob(900000)"
        " UNION ALL SELECT randomblob(9) || zeroblob(900000) FROM q)"
        " SELECT x FROM q ORDER BY x",
        None,
        False,
    ),
    ("SELECT zeroblob(1000000000)", None, False),
    ("SELECT randomblob(2147483647)", None, False),
    ("SELECT hex(zeroblob(8000000))", None, False),
    ("SELECT printf('%.*c', 1000000000, 'x')", None, False),
    ("SELECT printf('%1000000000d', 1)", None, False),
    ("SELECT format('%*s', 2147483647, 'x')", None, False),
    ("SELECT replace(?, 'a', ?)", ["a" * 200_000, "b" * 200_000], False),
    ("SELECT replace(hex(zeroblob(2000000)), '00', hex(zeroblob(2000000)))", None, False),
    (
        "SELECT instr(replace(hex(zeroblob(1500000)), '0', 'a'),"
        " replace(hex(zeroblob(700000)), '0', 'a') || 'b')",
        None,
        False,
    ),
    ("SELECT length(trim(?, ?))", ["a" * 500_000, "b" * 500_000], False),
    ("SELECT length(unhex(?, ?))", ["-" * 500_000, "b" * 500_000 + "-"], False),
    ("SELECT ? LIKE ?", ["a" * _BIG, "%" + "a" * 60 + "b"], False),
    ("SELECT ? GLOB ?", ["a" * _BIG, "*" + "a" * 60 + "b"], False),
    ("SELECT ? LIKE ?", ["a", "%" * 5_000], False),
    ("SELECT ? GLOB ?", ["a", "[" * 5_000], False),
    ("SELECT json_pretty(?, ?)", ["[" * 900 + "]" * 900, " " * 100_000], False),
    ("SELECT json_valid(?)", ["[" * _BIG], False),
    ("SELECT json_extract(?, ?)", ["[1]", "$" + "[0]" * 100_000], False),
    ("SELECT count(*) FROM json_tree(?)", ["[" * 900 + "1," * 300_000 + "1" + "]" * 900], False),
    ("SELECT json_set('{}', '$." + "a." * 1_000 + "b', 1)", None, False),
    ("SELECT vec_f32(?)", ["[" + "1," * 1_000_000 + "1]"], False),
    ("SELECT strftime(?)", ["%J" * 500_000], False),
    ("SELECT 1 IN (" + ",".join(["1"] * 100_000) + ")", None, False),
    ("SELECT " + "(" * 5_000 + "1" + ")" * 5_000, None, False),
    ("SELECT " + "-" * 5_000 + "1", None, False),
    ("SELECT " + "+".join(["1"] * 2_000), None, False),
    ("SELECT 1" + " UNION ALL SELECT 1" * 600, None, False),
    ("SELECT " + ",".join(["1"] * 3_000), None, False),
    ("SELECT coalesce(" + ",".join(["NULL"] * 2_000) + ")", None, False),
    ("SELECT ?99999", None, False),
    ("SELECT 1 /*" + "x" * 400_000 + "*/", None, False),
    ("SELECT * FROM " + ",".join(f"attack a{n}" for n in range(70)), None, False),
    ("SELECT count(*) FROM words WHERE words MATCH ?", ["(" * 5_000 + "a" + ")" * 5_000], False),
    ("SELECT count(*) FROM words WHERE words MATCH ?", ["a OR " * 5_000 + "a"], False),
    ("SELECT count(*) FROM words WHERE words MATCH ?", ['"' + "a " * 5_000 + '"'], False),
    # One document, many hits: FTS5 judges it in one step, which nothing can interrupt.
    ("SELECT count(*) FROM hits WHERE hits MATCH ?", ["NEAR(" + "a b " * 500 + ", 1000)"], False),
    ("SELECT count(*) FROM hits WHERE hits MATCH 'NEAR(" + "a b " * 100 + ", 1000)'", None, False),
    ("SELECT count(*) FROM hits('NEAR(" + "b a " * 100 + ", 1000)')", None, False),
    ("SELECT rowid FROM hits WHERE hits MATCH ? ORDER BY rank", [" AND ".join(["a", "b"] * 100)], False),
    (
        "SELECT count(*) FROM hits WHERE hits MATCH (WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q"
        " LIMIT 200) SELECT 'NEAR(' || group_concat('a b', ' ') || ', 1000)' FROM q)",
        None,
        False,
    ),
    ("SELECT count(*) FROM hits WHERE hits MATCH ? || ', 1000)'", ["NEAR(" + "a b " * 100], False),
    (
        "SELECT count(*) FROM hits WHERE hits MATCH replace(?, 'x', 'a b ')",
        ["NEAR(" + "x" * 100 + ", 1000)"],
        False,
    ),
    (
        "SELECT length(highlight(words, 0, ?, '')) FROM words WHERE words MATCH 'a'",
        ["<" * 100_000],
        False,
    ),
    (
        "CREATE TABLE attack_copy AS WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q"
        " LIMIT 4000) SELECT zeroblob(10000) AS b FROM q",
        None,
        False,
    ),
    ("INSERT INTO words(words, rank) VALUES('pgsz', 2147483647)", None, False),
    ("INSERT INTO words(words, rank) VALUES('hashsize', 9223372036854775807)", None, False),
    (
        "INSERT INTO words(words, rank) VALUES('rank',"
        " 'bm25((WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x FROM q)"
        " SELECT count(*) FROM q))')",
        None,
        False,
    ),
    ("CREATE VIRTUAL TABLE attack_vectors USING vec0(e float[100000000])", None, False),
    (
        "CREATE VIRTUAL TABLE attack_prefix USING fts5(a, prefix='"
        + " ".join(map(str, range(1, 900)))
        + "')",
        None,
        False,
    ),
    ("CREATE TABLE attack_wide(" + ",".join(f"c{n}" for n in range(2_000)) + ")", None, False),
    ("CREATE TABLE attack_check(a CHECK (" + " AND ".join(["a > 1"] * 1_500) + "))", None, False),
)
SLOW_BOMBS: Final = tuple(number for number, bomb in enumerate(BOMBS) if bomb[2])
QUICK_BOMBS: Final = tuple(number for number, bomb in enumerate(BOMBS) if not bomb[2])

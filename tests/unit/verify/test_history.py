"""The history of public flaws: every row is attacked by a rule, and every rule that names one names a real one."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from locara_verify.catalogue import catalogue
from locara_verify.history import attacked_by, escapes

ROOT = Path(__file__).resolve().parents[3]
# Rows that no rule attacks yet. It only ever gets shorter.
_NUMBERS = """
    233
"""
OPEN = frozenset(f"ESC-{number}" for number in _NUMBERS.split())


def test_rows_are_whole_and_none_stands_twice() -> None:
    rows = escapes()
    assert len(rows) >= 200
    assert [name for name, times in Counter(row.id for row in rows).items() if times > 1] == []
    assert [row.id for row in rows if not (row.system and row.kind and row.flaw and row.attack)] == []
    assert [row.id for row in rows if not row.public and not row.known_as] == []


def test_a_rule_names_only_rows_that_exist() -> None:
    known = {row.id for row in escapes()}
    assert sorted(attacked_by(catalogue().values()).keys() - known) == []


def test_every_row_is_attacked_by_a_rule() -> None:
    attacked = attacked_by(catalogue().values())
    assert {row.id for row in escapes() if row.id not in attacked} <= OPEN


def test_the_table_in_the_docs_is_the_one_of_the_rules() -> None:
    command = [sys.executable, ROOT / "tools/escape_table.py", "--check"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"write docs/escapes.md again: python tools/escape_table.py\n{done.stderr}"

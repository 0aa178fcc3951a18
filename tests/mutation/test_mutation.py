"""Who verifies what verifies the tests: mutants are made as told, killed for a reason, and survivors are said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray", reason="requirements/mutation.txt is installed by tox -e mutation alone")

from cosmic_ray.mutating import mutate_code

from tests.mutation.__main__ import REPOSITORY, explanations, subjects
from tests.mutation.mutants import mutants
from tests.mutation.operators import OWN

TOY = '''"""A toy."""

LIMIT = 3


def inside(n: int) -> bool:
    """Below the limit."""
    return 0 <= n < LIMIT


def count(n: int) -> int:
    """To zero."""
    while n > 0:
        n -= 1
    return n


def unused(n: int) -> int:
    """Nobody asks."""
    return n + 1
'''
TESTS = """
from toy import count, inside

def test_inside():
    assert [n for n in range(-2, 6) if inside(n)] == [0, 1, 2]

def test_count():
    assert count(2) == 0
"""
DRIVER = """
import json, sys
from pathlib import Path
from tests.mutation.mutants import mutants
from tests.mutation.trial import try_all
folder = Path(sys.argv[1])
found = []
try_all(folder / "toy.py", [str(folder / "test_toy.py")], list(mutants(folder / "toy.py")), found.append)
print(json.dumps([[one.mutant.where, one.mutant.change, one.result, one.by] for one in found]))
"""


def drive(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "toy.py").write_text(TOY)
    (folder / "test_toy.py").write_text(tests)
    line = [sys.executable, "-c", DRIVER, str(folder)]
    return subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("operator", OWN, ids=lambda one: one.__name__)
def test_an_operator_does_what_its_example_says(operator: type) -> None:
    for example in operator.examples():
        assert mutate_code(example.pre_mutation_code, operator(), 0) == example.post_mutation_code


def test_every_mutant_is_one_change_of_the_text_as_it_was(tmp_path: Path) -> None:
    """The tree is changed and put back for each; what remained of one would show in the next."""
    path = tmp_path / "toy.py"
    path.write_text((REPOSITORY / "locara/core/hosts.py").read_text())
    source = path.read_text()
    made = list(mutants(path))
    assert len({one.source for one in made}) == len(made) > 100
    for one in made:
        before, after = source.splitlines(), one.source.splitlines()
        differing = (
            sum(a != b for a, b in zip(before, after, strict=False)) if len(before) == len(after) else 1
        )
        assert differing <= 3, one.change


def test_mutants_die_for_a_reason_and_survivors_are_told(tmp_path: Path) -> None:
    done = drive(tmp_path, TESTS)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    results = {(where, change): (result, by) for where, change, result, by in told}
    assert results["inside", "return 0 <= n < LIMIT -> return 0 < n < LIMIT"][0] == "killed"
    assert "test_inside" in results["inside", "return 0 <= n < LIMIT -> return 0 <= n <= LIMIT"][1]
    assert results["", "LIMIT = 3 -> LIMIT = 4"][0] == "killed", "tables are changed where they are imported"
    assert {result for (where, _), (result, _) in results.items() if where == "unused"} == {"survived"}
    assert results["count", "while n > 0: -> while n >= 0:"][0] in ("killed", "time")


def test_tests_that_fail_without_a_mutant_judge_nothing(tmp_path: Path) -> None:
    done = drive(tmp_path, TESTS + "\ndef test_wrong():\n    assert inside(9)\n")
    assert done.returncode == 1 and "fail without a mutant" in done.stderr


def test_the_tables_are_whole() -> None:
    least, known = subjects()
    assert least >= 0.9
    assert {one.file for one in known} >= {
        f"locara/core/{path.name}"
        for path in (REPOSITORY / "locara/core").glob("*.py")
        if path.name != "__init__.py"
    }
    explanations()

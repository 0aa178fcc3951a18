from __future__ import annotations

import pytest

from locara_verify import checks
from locara_verify.check import CheckResult, check, registered
from locara_verify.finding import Finding


def test_a_check_is_registered_under_its_name() -> None:
    @check("test/one", rules=("LC001",), needs=frozenset({"live"}), exclusive=True)
    def run(_ctx) -> CheckResult:
        return CheckResult()

    known = registered()["test/one"]
    assert (known.rules, known.needs, known.exclusive, known.run) == (("LC001",), {"live"}, True, run)
    assert known.module == __name__


@pytest.mark.parametrize("rules", [(), ("LC001", "LC001")])
def test_a_check_names_its_rules_once(rules) -> None:
    with pytest.raises(ValueError, match="each once"):
        check("test/two", rules=rules)


def test_two_results_of_a_check_are_joined_and_nothing_is_lost() -> None:
    one = CheckResult(
        (Finding("LC001", "a"),), {"LC001": 1, "LC002": 2}, 1, 2, 3, {"LC003": "no"}, {"x": 1}, ("m",)
    )
    other = CheckResult(
        (Finding("LC002", "b"),), {"LC002": 5, "LC003": 7}, 10, 20, 30, {"LC004": "nor"}, {"y": 2}, ("n",)
    )
    for left, right in ((one, other), (other, one)):
        joined = left.joined(right, "again")
        assert joined.findings == left.findings + right.findings
        assert joined.attempts == {"LC001": 1, "LC002": 7, "LC003": 7}
        assert (joined.decisions, joined.attacks, joined.probes) == (11, 22, 33)
        assert joined.inconclusive == {"LC003": "no", "LC004": "nor"}
        assert joined.bench == {"x": 1, "y": 2}
        assert joined.notes == (*left.notes, f"again: {right.notes[0]}")


def test_unknown_needs_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown needs"):
        check("test/three", rules=("LC001",), needs=frozenset({"magic"}))  # type: ignore[arg-type]


def test_two_checks_may_not_share_a_name() -> None:
    def run(_ctx) -> CheckResult:
        return CheckResult()

    def other(_ctx) -> CheckResult:
        return CheckResult()

    other.__module__ = "another.module"
    check("test/four", rules=("LC001",))(run)
    with pytest.raises(ValueError, match="two checks"):
        check("test/four", rules=("LC001",))(other)


def test_a_module_that_does_not_load_is_reported(tmp_path, monkeypatch) -> None:
    (tmp_path / "fine_checks.py").write_text(
        "from locara_verify.check import CheckResult, check\n"
        "@check('test/fine', rules=('LC001',))\n"
        "def run(ctx):\n    return CheckResult()\n"
    )
    (tmp_path / "broken_checks.py").write_text("import this_module_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = checks.load(("fine_checks", "broken_checks"))
    assert set(loaded.checks) == {"test/fine"}
    assert "this_module_is_not_there" in loaded.broken["broken_checks"]


def test_a_module_that_another_thread_disturbed_is_loaded_again(tmp_path, monkeypatch) -> None:
    (tmp_path / "disturbed_checks.py").write_text(
        "from locara_verify.check import CheckResult, check\n"
        "from pathlib import Path\n"
        f"place = Path({str(tmp_path / 'disturbed')!r})\n"
        "@check('test/disturbed', rules=('LC001',))\n"
        "def run(ctx):\n    return CheckResult()\n"
        "if not place.exists():\n"
        "    place.touch()\n"
        "    raise SystemError('AST constructor recursion depth mismatch (before=177, after=33)')\n"
    )
    (tmp_path / "always_checks.py").write_text("raise SystemError('and again')\n")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = checks.load(("disturbed_checks", "always_checks"))
    assert set(loaded.checks) == {"test/disturbed"}
    assert dict(loaded.broken) == {"always_checks": "SystemError: and again"}


def test_the_list_of_modules_is_sorted_and_names_each_once() -> None:
    assert list(checks.MODULES) == sorted(set(checks.MODULES))

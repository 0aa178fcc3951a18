"""What the tests of an app tell is believed when it is whole and fits, and never else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locara_verify.own_tests import outcome
from locara_verify.own_tests.outcome import TellingError, read


def lines(*messages: dict[str, Any]) -> list[bytes]:
    return [json.dumps(message).encode() + b"\n" for message in messages]


def phase(test: str, how: str = "passed", when: str = "call", text: str = "") -> dict[str, Any]:
    return {"test": test, "outcome": how, "when": when, "file": "tests/test_a.py", "line": 3, "text": text}


def end(code: int = 0, collected: int = 1) -> dict[str, int]:
    return {"ended": code, "collected": collected}


def test_a_whole_run_has_no_doubt() -> None:
    told = read(
        lines({"begun": "a"}, phase("a", when="setup"), phase("a"), phase("a", when="teardown"), end())
    )
    assert told.passed == {"a"}
    assert (told.judged, told.doubt) == (1, "")


def test_what_fails_after_it_passed_has_failed() -> None:
    told = read(lines(phase("a"), phase("a", "failed", "teardown", "the secret was told"), end(1)))
    assert not told.passed
    assert told.failed["a"].text == "the secret was told"
    assert told.doubt == ""


def test_the_first_failure_of_a_test_is_told() -> None:
    told = read(lines(phase("a", "failed", text="one"), phase("a", "failed", "teardown", "two"), end(1)))
    assert told.failed["a"].text == "one"


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([], "broke off"),
        ([{"begun": "tests/test_a.py::test_b"}], "broke off in tests/test_a.py::test_b"),
        ([phase("a")], "broke off"),
        ([end(5, 0)], "no test"),
        ([end(0, 0)], "no test"),
        ([phase("a"), end(2)], "exit code 2"),
        ([phase("a"), end(1)], "exit code 1 where 0 tests failed"),
        ([phase("a", "failed"), end(0)], "exit code 0 where 1 tests failed"),
        ([phase("a"), end(0, 2)], "1 of 2 tests told"),
        ([phase("a", "skipped", "setup", "no screen"), end()], "every test was skipped: no screen"),
    ],
)
def test_what_is_not_whole_proves_nothing(messages: list[dict[str, Any]], why: str) -> None:
    assert why in read(lines(*messages)).doubt


@pytest.mark.parametrize(
    "line",
    [
        b"PASSED\n",
        b"[]\n",
        b"{}\n",
        b'{"begun": 1}\n',
        b'{"ended": "0", "collected": 1}\n',
        b'{"test": "a", "outcome": "fine", "when": "call", "file": "a", "line": 1, "text": ""}\n',
        b'{"begun": "a"}',
        b'{"begun": "' + b"a" * outcome.LINE_LIMIT + b'"}\n',
        b"[" * 50_000 + b"\n",
    ],
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(TellingError):
        read([line])


def test_nothing_follows_the_end() -> None:
    with pytest.raises(TellingError):
        read(lines(end(1), phase("a")))


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    few = lines(*[{"begun": "a"}] * 3)
    monkeypatch.setattr(outcome, "MOST_BYTES", len(b"".join(few)))
    assert read(few).begun == "a"
    with pytest.raises(TellingError):
        read([*few, b"\n"])


RESULTS = st.dictionaries(st.text(max_size=5), st.sampled_from(["passed", "failed", "skipped"]), max_size=6)


@given(results=RESULTS, code=st.integers(0, 5), collected=st.integers(0, 7))
def test_without_doubt_every_test_is_accounted_for(
    results: dict[str, str], code: int, collected: int
) -> None:
    told = read(lines(*(phase(test, how) for test, how in results.items()), end(code, collected)))
    if not told.doubt:
        failed = {test for test, how in results.items() if how == "failed"}
        assert told.failed.keys() == failed
        assert failed or collected == len(results)
        assert failed or code == 0
        assert told.judged

"""The differential checks on single cases: they agree with the product, and their shrinking keeps what matters."""

from __future__ import annotations

import base64
import json
import random

import pytest

from locara_verify.checks.decide import algebra, oracle
from locara_verify.checks.decide.translate import to_ask, to_request
from locara_verify.checks.fuzz import manifest as fuzz
from locara_verify.strategies import manifests, requests

HOSTS = {**manifests.minimal(), "capabilities": {"net": {"allowed_hosts": ["a.example", "*.b.example"]}}}


@pytest.mark.parametrize(
    "ask",
    [
        {"kind": "net", "host": "a.example", "port": 443},
        {"kind": "net", "host": "b.example", "port": 443},
        {"kind": "fs", "root": "documents", "path": "../x", "access": "read"},
        {"kind": "model", "model": "chat"},
    ],
)
def test_replaying_a_question_that_is_answered_rightly_finds_nothing(ask) -> None:
    result = oracle.replay(None, {"manifest": HOSTS, "ask": ask})
    assert result.findings == ()
    assert result.decisions == 1


def test_requests_and_questions_translate_both_ways() -> None:
    rng = random.Random(1)
    for _ in range(300):
        ask = requests.ask(rng, HOSTS)
        assert to_ask(to_request(ask)) == ask


def test_a_proposed_line_is_tried() -> None:
    ask = {"kind": "net", "host": "c.example", "port": 443}
    good = '"net": {"allowed_hosts": ["a.example", "c.example"]}'
    assert oracle.fix_problem(good, ask) is None
    assert oracle.fix_problem('"net": {"allowed_hosts": ["a.example"]}', ask)
    assert oracle.fix_problem("", ask)
    assert oracle.fix_problem("", {**ask, "host": "127.0.0.1"}) is None
    assert oracle.fix_problem(good, {**ask, "host": "127.0.0.1"})


def test_shrinking_drops_what_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    value = manifests.valid(random.Random(3))
    value["capabilities"]["models"] = [manifests.pin(random.Random(1), name) for name in ("a", "b", "c")]
    shows = lambda candidate, _ask: "models" in candidate["capabilities"]  # noqa: E731
    monkeypatch.setattr(oracle, "disagrees", shows)
    small = oracle.shrink(value, {"kind": "model", "model": "a"})
    assert list(small["capabilities"]) == ["models"]
    assert len(small["capabilities"]["models"]) == 1


def test_the_laws_hold_for_the_product_and_a_wrong_widening_is_seen() -> None:
    rng, tally = random.Random(2), algebra.Tally()
    for _ in range(5):
        algebra.examine(tally, rng, algebra.pair(rng))
    assert tally.findings == []
    old = algebra.Version.of(manifests.minimal())
    new = algebra.Version.of(HOSTS)
    assert algebra.wrong_widening(old, new, [{"kind": "net", "host": "a.example", "port": 443}]) is None


@pytest.mark.parametrize("data", [b"{}", b"\xff", b'{"a":1,"a":2}', json.dumps(HOSTS).encode()])
def test_replaying_a_document_that_all_read_alike_finds_nothing(data: bytes) -> None:
    assert fuzz.replay(None, {"document": base64.b64encode(data).decode()}).findings == ()


def test_a_document_is_shrunk_to_what_is_needed() -> None:
    data = json.dumps({"keep": 1, "a": [1, 2, 3], "b": {"c": "d"}}).encode()
    assert json.loads(fuzz.shrink(data, lambda candidate: b"keep" in candidate)) == {"keep": 1}
    assert fuzz.shrink(b"xxxxx\xffyyyyy", lambda candidate: b"\xff" in candidate) == b"\xff"

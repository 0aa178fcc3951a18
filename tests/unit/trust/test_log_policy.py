"""Policies: which files are one, and what a quorum asks for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.note_keys import VerifierKey
from locara_verify.oracle import log as oracle

LOG = oracle.Key.of("log.example.org", 1, 0).vkey
W = [oracle.Key.of(f"w{number}", 4, number).vkey for number in range(6)]

FILE = f"""# two organisations
log {LOG} https://log.example.org
witness X1 {W[0]}
witness X2 {W[1]}\thttps://w.example.org
witness X3 {W[2]}
group X-witnesses 2 X1 X2 X3

  witness Y1 {W[3]}
witness Y2 {W[4]}
group Y-witnesses any Y1 Y2
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def refused(text: str | bytes) -> str:
    with pytest.raises(LogRefused) as caught:
        LogPolicy.parse(text if isinstance(text, bytes) else text.encode())
    assert caught.value.code == "policy_malformed"
    return str(caught.value)


def test_the_example_of_the_specification_means_what_it_says() -> None:
    policy = LogPolicy.parse(FILE.encode())
    assert [str(key) for key in policy.logs] == [LOG]
    assert policy.urls == {LOG: "https://log.example.org", W[1]: "https://w.example.org"}
    names = ("X1", "X2", "X3", "Y1", "Y2")
    for count in range(6):
        for seen in itertools.combinations(names, count):
            x, y = sum(name[0] == "X" for name in seen), sum(name[0] == "Y" for name in seen)
            assert policy.met_by(seen) == (x >= 2 and y >= 1)
    assert not policy.met_by(["X1", "X1", "Y1"])
    assert "at least 2 of (X1, X2, X3)" in policy.wanted


def test_a_policy_without_witnesses_says_so() -> None:
    assert LogPolicy.parse(b"quorum none\n").met_by([])
    assert LogPolicy.parse(f"witness a {W[0]}\nquorum a".encode()).met_by(["a"])
    assert "quorum" in refused(f"log {LOG}\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"log {LOG}", "same key"),
        (f"log {W[0]}", "another kind"),
        (f"log {LOG[:-4]}", "verifier key"),
        ("log", "a log has"),
        (f"log {LOG} a b", "a log has"),
        (f"witness X9 {W[0]}", "same key"),
        (f"witness X1 {W[5]}", "taken"),
        (f"witness none {W[5]}", "taken"),
        (f"witness X-witnesses {W[5]}", "taken"),
        (f"witness Z {LOG}", "another kind"),
        ("witness Z", "a witness has"),
        ("group G 1 X1", "two groups"),
        ("group G 1 unknown", "earlier line"),
        ("group G 1 none", "earlier line"),
        ("group G 1 G", "earlier line"),
        ("group X1 1 X-and-Y", "taken"),
        ("group G 0 X-and-Y", "cannot be met"),
        ("group G 2 X-and-Y", "cannot be met"),
        ("group G 01 X-and-Y", "plain decimal"),
        ("group G -1 X-and-Y", "plain decimal"),
        ("group G some X-and-Y", "plain decimal"),
        ("group G any", "a group has"),
        ("quorum X1", "second quorum"),
        ("quorum X1 X2", "one name"),
        ("Log x", "begins with"),
        ("log\u00a0x", "begins with"),
    ],
)
def test_a_line_that_is_not_one_is_refused_by_number(line: str, says: str) -> None:
    LogPolicy.parse(FILE.encode())
    text = refused(FILE + line + "\n")
    assert says in text and f"line {FILE.count(chr(10)) + 1}" in text


def test_a_member_twice_of_one_group_is_refused() -> None:
    text = f"witness a {W[0]}\nwitness b {W[1]}\ngroup g 2 a {{}}\nquorum g\n"
    LogPolicy.parse(text.format("b").encode())
    assert "twice" in refused(text.format("a"))


@pytest.mark.parametrize("bad", [b"\r\n", b"\0", b"\x0b", b"\x7f"])
def test_control_characters_are_refused(bad: bytes) -> None:
    LogPolicy.parse(b"quorum none")
    assert "control" in refused(b"quorum none" + bad)


def test_too_much_is_refused() -> None:
    assert "too large" in refused(b"#" * (1024 * 1024 + 1))
    many = "".join(f"witness n{n} {oracle.Key.of('w', 4, n).vkey}\n" for n in range(129))
    assert "more than 128" in refused(many + "quorum none\n")
    chain = f"witness g0 {W[0]}\n" + "".join(f"group g{n + 1} 1 g{n}\n" for n in range(128)) + "quorum g128\n"
    assert LogPolicy.parse(chain.encode()).met_by(["g0"])


@given(st.integers(0, 7), st.sets(st.integers(0, 5)))
@settings(max_examples=80, deadline=None)
def test_k_of_n(least: int, seen: set[int]) -> None:
    keys = [VerifierKey.parse(text) for text in W]
    if not 1 <= least <= 6:
        with pytest.raises(LogRefused):
            LogPolicy.of(VerifierKey.parse(LOG), keys, least=least)
        return
    policy = LogPolicy.of(VerifierKey.parse(LOG), keys, least=least)
    assert policy.met_by(policy.witnesses[at][0] for at in seen) == (len(seen) >= least)


def test_one_key_is_one_witness() -> None:
    key = oracle.Key.of("w", 4, 1)
    again = oracle.Key("other", 4, key.secret)
    with pytest.raises(LogRefused):
        LogPolicy.of(
            VerifierKey.parse(LOG), [VerifierKey.parse(key.vkey), VerifierKey.parse(again.vkey)], least=2
        )
    with pytest.raises(LogRefused):
        LogPolicy.of(VerifierKey.parse(LOG), [VerifierKey.parse(LOG)])

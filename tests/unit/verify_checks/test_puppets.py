"""Puppets: the chain of a script is one way, and what cannot be told apart is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara_verify.oracle.written_calls import bare, calls, listed
from locara_verify.strategies.puppets import Control, _Chains, puppet


@given(st.lists(st.text(min_size=2, max_size=40), min_size=1, max_size=6, unique=True))
@settings(max_examples=150, deadline=None)
def test_a_chain_of_pieces_is_its_script(texts: list[str]) -> None:
    chains = _Chains((), {})
    scripts = [f"{number}:{text}".encode() for number, text in enumerate(texts)]
    cuts = [chains._cut(script) for script in scripts]
    assert [b"".join(pieces) for pieces in cuts] == scripts
    every = [piece for pieces in cuts for piece in pieces]
    assert len(set(every)) == len(every), "each piece has one place, so what follows it is known"


def test_what_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="told apart"):
        puppet({"a": "xy", "b": "xy"})
    with pytest.raises(ValueError, match="two places"):
        puppet({"a": [Control("<x>"), "one"], "b": [Control("<x>"), "two"]})
    assert puppet({"a": "one"}) == puppet({"a": "one"})
    assert puppet({"a": "one"}) != puppet({"a": "one"}, seed=1)


def test_the_second_reader_of_calls() -> None:
    whole = '<tool_call>{"name": "a", "arguments": {"x": "</tool_call>"}}</tool_call>'
    assert calls(f"so {whole} and {whole}") == [("a", {"x": "</tool_call>"})] * 2
    for none in (
        "",
        "<tool_call>",
        whole[:-1],
        whole.replace('"name"', '"name": 1, "name"'),
        f"<tool_call>{whole}",
    ):
        assert calls(none) == []
    assert calls('<tool_call>{"name": "a"}</tool_call>' + whole) == [("a", {"x": "</tool_call>"})]


def test_lists_and_bare_calls_are_read_up_to_the_first_that_is_none() -> None:
    one = '{"name": "a", "arguments": {}}'
    assert listed(f"x [TOOL_CALLS][{one}, {one}] y [TOOL_CALLS] [{one}]") == [("a", {})] * 3
    assert (
        listed(f"[TOOL_CALLS][{', '.join([one] * 17)}]") == listed(f"[TOOL_CALLS]{one}") == listed(one) == []
    )
    assert bare(' {"name": "a", "parameters": {"n": 1}} and more') == [("a", {"n": 1})]
    assert bare(one) == bare('x {"name": "a", "parameters": {}}') == []

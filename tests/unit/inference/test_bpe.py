"""The byte-level tokenizer: any text comes back whole, and merges apply as GPT-2 applies them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from locara.inference.bpe import _CHARS, Bpe, _words

MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "o r", "Ġw or", "1 2", "' s", "Ġ Ġ"]
TOKENS = [*_CHARS, *(merge.replace(" ", "") for merge in MERGES), "<|end|>"]
BPE = Bpe(TOKENS, MERGES, {"<|end|>": len(TOKENS) - 1})


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_tokens_are_the_text(text: str) -> None:
    assert "".join(_words(text)) == text
    plain = text.replace("<|end|>", "")
    assert b"".join(map(BPE.piece, BPE.tokenize(plain))).decode() == plain


def test_merges_and_cuts() -> None:
    def shown(text: str) -> list[str]:
        return [TOKENS[token] for token in BPE.tokenize(text)]

    assert shown("hello") == ["hello"]
    assert shown("hello world's") == ["hello", "Ġwor", "l", "d", "'s"]
    assert shown("  w") == ["Ġ", "Ġw"]
    assert shown("12") == ["12"]
    assert shown("a<|end|>b") == ["a", "<|end|>", "b"]
    assert list(_words("I'm 12 years,  ok?\n\n x")) == [
        "I",
        "'m",
        " 12",
        " years",
        ",",
        " ",
        " ok",
        "?",
        "\n\n",
        " x",
    ]

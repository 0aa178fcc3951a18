import math

import numpy as np
import pytest

from locara.errors import InferenceError
from locara.inference.backend import CancelFlag
from locara.inference.embed import LlamaEmbed

TEXTS = [
    "The cat sits on the mat.",
    "A kitten rests on a rug.",
    "Stock prices fell sharply on Monday.",
    "How do I reset my password?",
    "Password recovery steps",
]


def test_vectors_have_length_one_and_mean_something(embedder: LlamaEmbed) -> None:
    found = embedder.embed(TEXTS)
    assert found.dimensions == 384
    assert [len(vector) for vector in found.vectors] == [384] * 5
    for vector in found.vectors:
        assert math.isclose(math.fsum(x * x for x in vector), 1.0, abs_tol=1e-5)
    matrix = np.array(found.vectors)
    near = matrix @ matrix.T
    assert near[0, 1] > 0.6 > near[0, 2]
    assert near[3, 4] > 0.6 > near[3, 0]
    # The reference implementation gives 0.6491 for the first pair.
    assert abs(near[0, 1] - 0.6491) < 0.002


def test_a_vector_depends_on_its_text_alone(embedder: LlamaEmbed) -> None:
    together = embedder.embed(TEXTS).vectors
    assert tuple(embedder.embed([text]).vectors[0] for text in reversed(TEXTS))[::-1] == together


def test_tokens_are_counted_with_their_borders(embedder: LlamaEmbed) -> None:
    assert embedder.embed(["x"]).input_tokens == 3
    assert embedder.embed(["x", "x"]).input_tokens == 6
    assert embedder.embed([""]).input_tokens == 2


def test_control_words_in_a_text_are_text(embedder: LlamaEmbed) -> None:
    assert embedder.embed(["[SEP]"]).input_tokens > 3


def test_a_text_beyond_the_window_is_refused_and_not_cut(embedder: LlamaEmbed) -> None:
    fits = "x " * 510
    assert embedder.embed([fits]).input_tokens == 512
    with pytest.raises(InferenceError) as caught:
        embedder.embed(["short", fits + "x"])
    assert caught.value.code == "context_overflow"
    assert "text 1 has 513 tokens" in caught.value.message


def test_cancelling_ends_between_texts(embedder: LlamaEmbed) -> None:
    flag = CancelFlag()
    flag.set()
    with pytest.raises(InferenceError) as caught:
        embedder.embed(TEXTS, flag)
    assert caught.value.code == "cancelled"


@pytest.mark.parametrize("texts", [[], ["x"] * 65, "text", ["\ud800"], [7]])
def test_bad_requests(embedder: LlamaEmbed, texts: list[str]) -> None:
    with pytest.raises(InferenceError) as caught:
        embedder.embed(texts)
    assert caught.value.code == "bad_request"

"""How sound is cut and put together: no gap, no overlap, cuts in pauses, an honest end when cancelled."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.errors import InferenceError
from locara.inference.audio import MODEL_RATE
from locara.inference.speech import Cuts, Cutter, Heard, Hearing, LiveHearing, Piece, Segment

SHORT = Cuts(1.0, 2.0)


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, int(seconds * MODEL_RATE)).astype(np.float32)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 50_000), max_size=8))
def test_pieces_follow_one_another_and_are_the_whole(lengths) -> None:
    cutter = Cutter(SHORT)
    blocks = [noise(length / MODEL_RATE, seed) for seed, length in enumerate(lengths)]
    pieces = [piece for block in blocks for piece in cutter.push(block)]
    for piece in pieces:
        assert SHORT.least * MODEL_RATE <= len(piece.samples) <= SHORT.most * MODEL_RATE
    pieces += cutter.finish()
    at = 0
    for piece in pieces:
        assert round(piece.start * MODEL_RATE) == at
        at += len(piece.samples)
    whole = np.concatenate([np.zeros(0, np.float32), *blocks])
    assert np.array_equal(np.concatenate([np.zeros(0, np.float32), *(p.samples for p in pieces)]), whole)
    assert cutter.seconds == len(whole) / MODEL_RATE


def test_the_cut_is_in_the_pause() -> None:
    sound = noise(3.0)
    sound[int(1.4 * MODEL_RATE) : int(1.8 * MODEL_RATE)] = 0
    first = next(Cutter(SHORT).push(sound))
    assert 1.4 <= len(first.samples) / MODEL_RATE <= 1.8


class Echo:
    """Says for each piece when it started; `stop` is set once it has heard `after` pieces."""

    def __init__(self, after: int = 99, stop: threading.Event | None = None) -> None:
        self.after, self.stop, self.pieces = after, stop or threading.Event(), 0

    def check_language(self, language: str | None) -> None:
        if language == "xx":
            raise InferenceError("no", code="bad_request")

    def hear(self, piece: Piece, language, emit, cancel) -> Heard:
        self.pieces += 1
        segment = Segment(piece.start, piece.start + 0.5, f"piece {self.pieces}")
        emit(segment)
        if self.pieces == self.after:
            self.stop.set()
        return Heard((segment,), 3, "en", complete=not cancel.is_set())

    def close(self) -> None:
        pass


def test_segments_are_emitted_as_they_come_and_summed_up() -> None:
    seen: list[Segment] = []
    hearing = Hearing(Echo(), None, SHORT)
    hearing.push(noise(5.0), seen.append, threading.Event())
    assert len(seen) >= 2
    whole = hearing.finish(seen.append, threading.Event())
    assert tuple(seen) == whole.segments
    assert (whole.reason, whole.language, whole.seconds) == ("stop", "en", 5.0)
    assert whole.tokens == 3 * len(seen)


def test_a_rest_too_short_for_a_word_does_not_take_the_language_away() -> None:
    class Model(Echo):
        def hear(self, piece: Piece, language, emit, cancel) -> Heard:
            found = super().hear(piece, language, emit, cancel)
            return found if self.pieces == 1 else Heard((), 0, "", complete=True)

    hearing = Hearing(Model(), None, SHORT)
    hearing.push(noise(SHORT.most), lambda _: None, threading.Event())
    whole = hearing.finish(lambda _: None, threading.Event())
    assert whole.language == "en"


def test_a_cancel_ends_the_work_with_what_was_heard() -> None:
    stop = threading.Event()
    model = Echo(after=1, stop=stop)
    hearing = Hearing(model, None, SHORT)
    hearing.push(noise(9.0), lambda _: None, stop)
    whole = hearing.finish(lambda _: None, stop)
    assert (model.pieces, len(whole.segments), whole.reason) == (1, 1, "cancelled")


def test_a_cancelled_live_stream_says_that_it_is_over() -> None:
    stop = threading.Event()
    live = LiveHearing(Echo(after=1, stop=stop), None, 8_000)
    with pytest.raises(InferenceError) as caught:
        live.push(np.zeros(8_000 * 12, np.float32), stop)
    assert caught.value.code == "cancelled"


def test_an_unknown_language_is_refused_before_any_sound() -> None:
    with pytest.raises(InferenceError):
        LiveHearing(Echo(), "xx", 16_000)

"""LC511, hearing by hearing: what one left behind has no part in the next.

A library that understands nothing stands in for whisper.cpp: it says another word and another language each time, and
keeps what it is asked with. Each hearing of a long row must be asked for in the words of the first hearing of a model
that heard nothing before.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from locara_verify.checks.models.probe import Tally
from locara_verify.context import Context
from locara_verify.strategies import whisper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locara.core.digest import Digest
    from locara.inference.speech import Segment
    from locara.inference.whisper import Whisper

RULE: Final = "LC511"
RATE: Final = 16_000
LANGUAGES: Final = ("de", "fr", "en", "xx", "it", "ja")
# Language asked for, seconds of sound, where it starts: the same and others, near and far.
ROW: Final = (
    (None, 2.0, 0.0), ("de", 2.0, 0.0), (None, 2.0, 0.0), (None, 2.0, 30.0), ("fr", 3.0, 0.0), (None, 3.0, 0.0),
    ("de", 2.0, 0.0), (None, 0.05, 0.0), (None, 2.0, 0.0), ("en", 2.0, 2.0), (None, 2.0, 0.0),
)  # fmt: skip


_TIMES: Final = ("whisper_full_get_segment_t0", "whisper_full_get_segment_t1")
# Words of a model's file, which whoever made it chose: what moves a cursor, breaks a line, hides, or is no text.
WORDS: Final = (
    b"a\x1b[2Jb", b"a\nb", b"a\r\nb", b"a\x00b", b"a\tb", b"a\x07b", b"a\x7fb", b"a\xc2\x9bb", b"a\xff\xfeb",
    "a\u2028b".encode(), "a\u202eb".encode(), "a\u200bb".encode(), "a\U000e0041b".encode(), b"a\xed\xa0\x80b", b"\x1b",
)  # fmt: skip
MOMENTS: Final = ((-1, 50), (50, -1), (50, 10**9), (10**9, 10**9), (-(2**63), 2**63 - 1), (150, 50))


class Library:
    """The functions of whisper.cpp that a binding has, without a model. ``asked`` holds each question whole."""

    whisper_sampling_strategy = SimpleNamespace(WHISPER_SAMPLING_GREEDY=0, WHISPER_SAMPLING_BEAM_SEARCH=1)

    def __init__(self, *, word: bytes = b"", times: tuple[int, int] = (50, 50)) -> None:
        self._word, self._times = word, times
        self.asked: list[tuple[dict[str, Any], bytes]] = []

    def whisper_full_default_params(self, strategy: int) -> SimpleNamespace:
        """The library's own values of what a hint or a memory could be made of."""
        return SimpleNamespace(
            strategy=strategy, language="en", n_max_text_ctx=16_384, no_context=True, initial_prompt="",
            temperature_inc=0.2, detect_language=False, carry_initial_prompt=False,
        )  # fmt: skip

    def whisper_full(self, _context: object, parameters: SimpleNamespace, samples: Any, _count: int) -> int:  # noqa: ANN401
        """Keep what is asked, and say that all is well."""
        self.asked.append(({**vars(parameters)}, samples.tobytes()))
        return 0

    def whisper_full_n_segments(self, _context: object) -> int:
        """One."""
        return 1

    def whisper_full_get_segment_text(self, _context: object, _index: int) -> bytes:
        """Another word each time, unless one was given."""
        return self._word or f"word{len(self.asked)}".encode()

    def whisper_full_lang_id(self, _context: object) -> int:
        """Another language each time."""
        return len(self.asked) % len(LANGUAGES)

    def whisper_lang_str(self, number: int) -> str:
        """Its code."""
        return LANGUAGES[number]

    def whisper_lang_max_id(self) -> int:
        """The last of them."""
        return len(LANGUAGES) - 1

    def assign_new_segment_callback(self, _parameters: object, collect: Any) -> None:  # noqa: ANN401
        """Called when a word was heard, which here is at once."""
        self.asked.append(({}, b""))
        collect()
        self.asked.pop()

    def whisper_context_default_params(self) -> SimpleNamespace:
        """Where it would run."""
        return SimpleNamespace(use_gpu=True)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a binding has
        if name in _TIMES:
            return lambda *_: self._times[_TIMES.index(name)]
        if name == "whisper_full_n_tokens":
            return lambda *_: 1
        if name == "whisper_init_from_buffer_with_params":
            return lambda *_: object()
        return lambda *_: None


def hearings(ctx: Context, tally: Tally) -> None:
    """A row of hearings of one model, each beside the first one of a new model."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework

    data = next(iter(whisper.others()))
    place = ctx.fresh_dir("hearings") / "model.bin"
    place.write_bytes(data)
    used, library = _model(place, Digest.of(data))
    asked = 0
    for number, one in enumerate(ROW):
        said = _heard(used, library, one)
        new, own = _model(place, Digest.of(data))
        due = _heard(new, own, one)
        asked += bool(due)
        tally.attacks += 1
        told = f"hearing {number} of {one}: {_shown(said)}, and alone {_shown(due)}"
        tally.expect(RULE, said == due, "what was heard before has a part in what is heard", told[:400])
    _said(tally, place, Digest.of(data))
    if asked < len(ROW) // 2:
        tally.undecided(RULE, "the allow twin failed: the library was not asked")


def _said(tally: Tally, place: Path, digest: Digest) -> None:
    """Words and times that a hostile model says: one line that can be shown, and moments of the sound."""
    for word, times in (*((word, (50, 60)) for word in WORDS), *((b"a", times) for times in MOMENTS)):
        model, _ = _model(place, digest, word=word, times=times)
        found: list[Segment] = []
        _hear(model, (None, 2.0, 10.0), found.append)
        tally.attacks += 1
        shown = all(one.text.isprintable() and one.text.split() for one in found)
        inside = all(10.0 <= one.start <= one.end <= 12.0 for one in found)
        told = f"{word!r} at {times}: {[(one.text, one.start, one.end) for one in found]!a}"
        tally.expect(RULE, shown and inside, "what a speech model says is passed on as it is", told[:300])


def _model(place: Path, digest: Digest, **says: Any) -> tuple[Whisper, Library]:  # noqa: ANN401
    from locara.inference import whisper as backend  # noqa: PLC0415 - loads NumPy

    library = Library(**says)
    with patch.object(backend, "binding", lambda: library):
        return backend.Whisper(place, digest), library


def _heard(model: Whisper, library: Library, one: tuple[str | None, float, float]) -> Any:  # noqa: ANN401
    """What the library was asked for this."""
    before = len(library.asked)
    _hear(model, one, lambda _segment: None)
    return library.asked[before:]


def _hear(model: Whisper, one: tuple[str | None, float, float], emit: Callable[[Segment], None]) -> None:
    import numpy as np  # noqa: PLC0415 - slow to load

    from locara.inference.speech import Piece  # noqa: PLC0415 - as above

    language, seconds, start = one
    samples = np.linspace(-0.5, 0.5, int(seconds * RATE), dtype=np.float32)
    model.hear(Piece(start, samples), language, emit, threading.Event())


def _shown(asked: Any) -> str:  # noqa: ANN401
    return str([parameters for parameters, _ in asked]) or "not asked"

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
    from pathlib import Path

    from locara.core.digest import Digest
    from locara.inference.whisper import Whisper

RULE: Final = "LC511"
RATE: Final = 16_000
LANGUAGES: Final = ("de", "fr", "en", "xx", "it", "ja")
# Language asked for, seconds of sound, where it starts: the same and others, near and far.
ROW: Final = (
    (None, 2.0, 0.0), ("de", 2.0, 0.0), (None, 2.0, 0.0), (None, 2.0, 30.0), ("fr", 3.0, 0.0), (None, 3.0, 0.0),
    ("de", 2.0, 0.0), (None, 0.05, 0.0), (None, 2.0, 0.0), ("en", 2.0, 2.0), (None, 2.0, 0.0),
)  # fmt: skip


class Library:
    """The functions of whisper.cpp that a binding has, without a model. ``asked`` holds each question whole."""

    whisper_sampling_strategy = SimpleNamespace(WHISPER_SAMPLING_GREEDY=0, WHISPER_SAMPLING_BEAM_SEARCH=1)

    def __init__(self) -> None:
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
        """Another word each time."""
        return f"word{len(self.asked)}".encode()

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
        if name.startswith("whisper_full_get_segment_t"):
            return lambda *_: 50
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
    if asked < len(ROW) // 2:
        tally.undecided(RULE, "the allow twin failed: the library was not asked")


def _model(place: Path, digest: Digest) -> tuple[Whisper, Library]:
    from locara.inference import whisper as backend  # noqa: PLC0415 - loads NumPy

    library = Library()
    with patch.object(backend, "binding", lambda: library):
        return backend.Whisper(place, digest), library


def _heard(model: Whisper, library: Library, one: tuple[str | None, float, float]) -> Any:  # noqa: ANN401
    """What the library was asked, the last time, and how often for this."""
    import numpy as np  # noqa: PLC0415 - slow to load

    from locara.inference.speech import Piece  # noqa: PLC0415 - as above

    language, seconds, start = one
    samples = np.linspace(-0.5, 0.5, int(seconds * RATE), dtype=np.float32)
    before = len(library.asked)
    model.hear(Piece(start, samples), language, lambda _segment: None, threading.Event())
    return library.asked[before:]


def _shown(asked: Any) -> str:  # noqa: ANN401
    return str([parameters for parameters, _ in asked]) or "not asked"

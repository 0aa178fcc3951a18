"""From tokens to text: UTF-8 across token borders, and stop strings across pieces."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Turns the bytes of tokens into text that may be shown.

    Text that could be the beginning of a stop string is held back until the next piece decides. `stopped`
    becomes True when a stop string is complete; it and everything after it is never shown.
    """

    __slots__ = ("_decoder", "_held", "_stops", "stopped")

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = tuple(stops)
        self._held = ""
        self.stopped = False

    def push(self, piece: bytes) -> str:
        """Add the bytes of one token; return the text that is now certain."""
        text = self._decoder.decode(piece)
        return self._release(text) if self._stops else text

    def finish(self) -> str:
        """Return what was held back; the generation has ended without a stop string."""
        text = self._decoder.decode(b"", final=True)
        if not self._stops:
            return text
        text = self._release(text)
        if not self.stopped:
            text += self._held
        self._held = ""
        return text

    def _release(self, text: str) -> str:
        whole = self._held + text
        cuts = [at for at in (whole.find(stop) for stop in self._stops) if at >= 0]
        if cuts:
            self.stopped = True
            self._held = ""
            return whole[: min(cuts)]
        keep = open_length(whole, self._stops)
        self._held = whole[len(whole) - keep :]
        return whole[: len(whole) - keep]


def open_length(text: str, marks: Sequence[str]) -> int:
    """The length of the longest end of `text` with which some mark begins, without being all of it."""
    longest = max(map(len, marks), default=0)
    for length in range(min(longest - 1, len(text)), 0, -1):
        end = text[len(text) - length :]
        if any(len(mark) > length and mark.startswith(end) for mark in marks):
            return length
    return 0

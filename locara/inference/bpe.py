"""Byte-level BPE, for backends whose library brings no tokenizer.

Text is cut as GPT-2 cuts it (letters, numbers, other signs, white space, each with at most one space before), and
merges are applied inside each cut. Any bytes can be written, so there is no unknown token.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

_ENDINGS: Final = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
MAX_WORD_CHARS: Final = 512


def _stand_ins() -> list[str]:
    """The printable character that stands for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    free = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(free)) for byte in range(256)]


_CHARS: Final = _stand_ins()
_BYTES: Final = {char: byte for byte, char in enumerate(_CHARS)}


class Bpe:
    """A vocabulary with its merges. `special` are control tokens: text to id, matched whole and only on wish."""

    def __init__(self, tokens: Sequence[str], merges: Sequence[str], special: Mapping[str, int]) -> None:
        """Raises ValueError when a byte has no token, a merge is none, or a token is not byte-level text."""
        self._ids = {token: number for number, token in enumerate(tokens) if token not in special}
        self._special = dict(special)
        self._ranks: dict[tuple[str, str], int] = {}
        for rank, merge in enumerate(merges):
            left, space, right = merge.partition(" ")
            if not space or left + right not in self._ids:
                raise ValueError("a merge does not make a token")
            self._ranks.setdefault((left, right), rank)
        if missing := [char for char in _CHARS if char not in self._ids]:
            raise ValueError(f"{len(missing)} bytes have no token")
        taken = set(special.values())
        self._pieces = [
            b"" if number in taken else bytes(_BYTES[char] for char in token)
            for number, token in enumerate(tokens)
        ]

    def piece(self, token: int) -> bytes:
        """The bytes of a token; control tokens stand for nothing."""
        return self._pieces[token]

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a text, in which control tokens are recognised where they stand."""
        found: list[int] = []
        while text:
            at, name = min(
                ((at, -len(name), name) for name in self._special if (at := text.find(name)) >= 0),
                default=(len(text), 0, ""),
            )[::2]
            for word in _words(text[:at]):
                found += self._word(word)
            if name:
                found.append(self._special[name])
            text = text[at + len(name) :]
        return found

    def _word(self, word: str) -> list[int]:
        parts = [_CHARS[byte] for byte in word.encode("utf-8")]
        while len(parts) > 1:
            ranked = [(self._ranks.get(pair), at) for at, pair in enumerate(pairwise(parts))]
            best = min(((rank, at) for rank, at in ranked if rank is not None), default=None)
            if best is None:
                break
            at = best[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [self._ids[part] for part in parts]


def _words(text: str) -> Iterator[str]:
    """The cuts of a text; joined they are the text. A very long run is cut further, which no real text has."""
    at = 0
    while at < len(text):
        end = _end(text, at)
        for start in range(at, end, MAX_WORD_CHARS):
            yield text[start : min(end, start + MAX_WORD_CHARS)]
        at = end


def _end(text: str, at: int) -> int:
    for ending in _ENDINGS:
        if text.startswith(ending, at):
            return at + len(ending)
    first = at + 1 if text[at] == " " and at + 1 < len(text) and not text[at + 1].isspace() else at
    kind = _kind(text[first])
    end = first
    while end < len(text) and _kind(text[end]) == kind:
        end += 1
    # The last space of a run belongs to the word after it.
    if kind == "space" and end < len(text) and end - at > 1:
        end -= 1
    return end


def _kind(char: str) -> str:
    if char.isspace():
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(char)[0], "other")

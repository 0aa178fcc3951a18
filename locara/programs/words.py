"""What tesseract wrote, checked: a table of tabs, of which nothing is believed that does not fit the picture."""

from __future__ import annotations

from typing import Final

from locara.errors import CallError
from locara.programs.outcome import Outcome
from locara.programs.pages import clean
from locara.programs.pictures import MAX_PAGES
from locara.records import dataclass

MAX_TABLE: Final = 24 * 1024 * 1024
MAX_WORDS: Final = 60_000
MAX_WORD: Final = 1_000
_COLUMNS: Final = 12
_PAGE, _WORD = 1, 5


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its box in pixels from the top left corner and how sure the reader is, 0 to 1.

    block, paragraph and line number where it stands, each from 1 within the one before.
    """

    text: str
    x: int
    y: int
    width: int
    height: int
    confidence: float
    block: int
    paragraph: int
    line: int


@dataclass(frozen=True, slots=True)
class ReadPage:
    """One page of a picture, its size in pixels and its words in reading order."""

    page: int
    width: int
    height: int
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words: a blank between two, a new line for each line, an empty one between paragraphs."""
        pieces: list[str] = []
        before: Word | None = None
        for word in self.words:
            if before is not None:
                same = (word.block, word.paragraph) == (before.block, before.paragraph)
                pieces.append(" " if same and word.line == before.line else "\n" if same else "\n\n")
            pieces.append(word.text)
            before = word
        return "".join(pieces)


def read_words(outcome: Outcome, sizes: tuple[tuple[int, int], ...]) -> tuple[ReadPage, ...]:
    """The pages of a picture with pages of these sizes.

    Raises CallError: limit_exceeded, or bad_request for a picture that could not be read.
    """
    if outcome.is_over_limit:
        raise CallError("the picture took too long to read", code="limit_exceeded", fix="make it smaller")
    if outcome.code != 0:
        raise CallError("the picture cannot be read: it is damaged", code="bad_request")
    try:
        pages = _pages(outcome.output.decode("utf-8").split("\n"))
    except (ValueError, KeyError) as error:
        raise CallError("the reader's answer is not one", code="bad_request") from error
    if any(not 1 <= page.page <= len(sizes) for page in pages):
        raise CallError("the reader's answer is not one", code="bad_request")
    return pages


def _pages(lines: list[str]) -> tuple[ReadPage, ...]:
    sizes: dict[int, tuple[int, int]] = {}
    words: dict[int, list[Word]] = {}
    count = 0
    for line in lines:
        cells = line.split("\t", _COLUMNS - 1)
        if not line or cells[0] == "level":
            continue
        if len(cells) != _COLUMNS:
            raise ValueError("a row of another length")
        level, page, block, paragraph, at = (_number(cell, 10**6) for cell in cells[:5])
        x, y, width, height = (_number(cell, 2**16) for cell in cells[6:10])
        if level == _PAGE:
            sizes[page] = (width, height)
            words[page] = []
            if len(sizes) > MAX_PAGES or min(width, height) < 1:
                raise ValueError("pages that are none")
        text = clean(cells[11]).strip() if level == _WORD else ""
        if not text:
            continue
        count += 1
        limits = sizes[page]
        if count > MAX_WORDS or len(text) > MAX_WORD or x + width > limits[0] or y + height > limits[1]:
            raise ValueError("a word outside the page, or too many")
        sure = min(max(float(cells[10]) / 100, 0.0), 1.0)
        if sure != sure:  # noqa: PLR0124 - not a number
            raise ValueError("a confidence that is no number")
        words[page].append(Word(text, x, y, width, height, round(sure, 4), block, paragraph, at))
    return tuple(ReadPage(page, *sizes[page], tuple(words[page])) for page in sorted(sizes))


def _number(cell: str, most: int) -> int:
    if not cell.isascii() or not cell.isdigit() or len(cell) > 7 or int(cell) > most:
        raise ValueError("not a number of the table")
    return int(cell)

"""LC522 and LC523 where numbers that others wrote are judged: headers of pictures, and what the readers of pictures
and of PDF files, and the speaker, answered. Each is made here with every number drawn, so what must be refused is known
beforehand.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import struct
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from locara.errors import CallError
from locara.programs.exchange import exchange
from locara.programs.outcome import Outcome
from locara.programs.pages import read_picture, read_text
from locara.programs.pictures import read_header
from locara.programs.sound import read_sound, read_voices
from locara.programs.words import read_words
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.tally import Tally

PICTURES: Final = "LC522"
PDF: Final = "LC523"
NAME: Final = "program-answers"
MOST_SIDE: Final = 32_767
MOST_PIXELS: Final = 64_000_000
MOST_PAGES: Final = 64
_SIDES: Final = (1, 100, 4_000, 8_000, 16_000, MOST_SIDE, MOST_SIDE + 1, 65_535)
_PNG: Final = b"\x89PNG\r\n\x1a\n"

Size = tuple[int, int]


@check(NAME, rules=(PICTURES, PDF), quick=True)
def run(ctx: Context) -> CheckResult:
    """Drawn headers and answers, some of them true."""
    tally, rng = Tally(), ctx.rng(NAME)
    headers(tally, rng)
    words(tally, rng)
    documents(tally, rng)
    confidences(tally)
    sounds(tally)
    letters(tally, rng)
    flood(tally)
    cut(tally)
    return tally.result()


def _taken(read: Callable[..., object], *given: object) -> bool:
    """Whether a reader takes what it is given, or stumbles over it."""
    try:
        read(*given)
    except CallError:
        return False
    except ArithmeticError:  # it was taken, and then a number of it is none
        return True
    return True


def _judge(tally: Tally, rule: str, wanted: bool, found: bool, told: str) -> None:
    name, _, told = told.partition(": ")
    if wanted:
        tally.twin(rule, found, f"{name} is read ({told})")
    else:
        tally.judge(rule, not found, f"{name} that must be refused was taken", told)


def headers(tally: Tally, rng: random.Random) -> None:
    """Files of many pages, of many frames, and of sides that are none."""
    for count in (1, 2, 7, MOST_PAGES, MOST_PAGES + 1, 200):
        for side in (10, 1_000, 1_100, 6_000):
            sizes = [(side, rng.choice((1, side, side))) for _ in range(count)]
            pixels = sum(width * height for width, height in sizes)
            wanted = count <= MOST_PAGES and pixels <= MOST_PIXELS
            told = f"a TIFF file: {count} pages with {pixels} pixels in all"
            _judge(tally, PICTURES, wanted, _taken(read_header, _tiff(sizes)), told)
    for width in _SIDES:
        for height in rng.sample(_SIDES, 3):
            wanted = max(width, height) <= MOST_SIDE and width * height <= MOST_PIXELS
            for name, data in (("PNG", _png(width, height)), ("JPEG", _jpeg([(width, height)]))):
                _judge(
                    tally, PICTURES, wanted, _taken(read_header, data), f"a {name} file: {width} x {height}"
                )
    for frames in ([(8, 8), (8, 8)], [(8, 8), (30_000, 30_000)], [(8, 8), (9, 9), (10, 10)], []):
        found = _taken(read_header, _jpeg(frames))
        _judge(tally, PICTURES, False, found, f"a JPEG file: {len(frames)} frames")


def _tiff(sizes: Sequence[Size]) -> bytes:
    data, at = b"", 8
    for number, (width, height) in enumerate(sizes):
        entries = ((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8))
        at += 2 + 12 * len(entries) + 4
        last = number == len(sizes) - 1
        packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        data += struct.pack("<H", len(entries)) + packed + struct.pack("<I", 0 if last else at)
    return b"II*\0" + struct.pack("<I", 8) + data


def _png(width: int, height: int) -> bytes:
    return _PNG + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 0, 0, 0, 0) + bytes(16)


def _jpeg(frames: Sequence[Size]) -> bytes:
    parts = [
        struct.pack(">BBHBHHB", 0xFF, 0xC0 + at, 11, 8, h, w, 1) + bytes(3)
        for at, (w, h) in enumerate(frames)
    ]
    return b"\xff\xd8\xff\xe0\0\4ab" + b"".join(parts) + b"\xff\xda\0\4ab\xff\xd9"


def words(tally: Tally, rng: random.Random) -> None:
    """Tables of words: on the page, beyond each edge of it, on no page, and too many."""
    for _ in range(60):
        width, height = rng.randrange(20, 900), rng.randrange(20, 900)
        x, y = rng.randrange(width), rng.randrange(height)
        w, h = (
            rng.choice((0, 1, width - x, width - x + 1, 5_000)),
            rng.choice((0, 1, height - y, height - y + 1)),
        )
        page = rng.choice((1, 1, 1, 2, 0))
        text = "w" * rng.choice((1, 10, 1_000, 1_001))
        rows = [_row(1, 1, (0, 0, width, height), ""), _row(5, page, (x, y, w, h), text)]
        wanted = page == 1 and x + w <= width and y + h <= height and len(text) <= 1_000
        told = f"{w} x {h} at {x}, {y} of {width} x {height}, page {page}, {len(text)} letters"
        table = "\n".join(rows).encode()
        found = _taken(read_words, Outcome(table, 0), ((width, height),))
        _judge(tally, PICTURES, wanted, found, f"a table with a word: {told}")


def confidences(tally: Tally) -> None:
    """How sure a reader says it is: what reaches the app is a number from 0 to 1, which JSON can write."""
    for said in ("nan", "-nan", "NaN", "inf", "-inf", "1e999", "-1", "101", "0", "100", "x", ""):
        row = _row(5, 1, (1, 1, 2, 2), "word").replace("90.5", said)
        table = f"{_row(1, 1, (0, 0, 9, 9), '')}\n{row}".encode()
        try:
            sure = [
                word.confidence for page in read_words(Outcome(table, 0), ((9, 9),)) for word in page.words
            ]
        except CallError:
            sure = []
        held = all(0 <= one <= 1 for one in sure)
        tally.judge(PICTURES, held, "a confidence that is none reached the app", f"{said!r}: {sure}")


def sounds(tally: Tally) -> None:
    """A sound of one channel, whose header says one thing at a time that is not so, or a rate that no ear hears."""
    right = (b"RIFF", 40, b"WAVE", b"fmt ", 16, 1, 1, 22_050, 44_100, 2, 16, b"data", 4)
    wrong: dict[int, tuple[object, ...]] = {
        0: (b"RIFX", b"\0\0\0\0"), 2: (b"AVI ",), 3: (b"fact",), 4: (0, 18, 2**32 - 1), 5: (0, 3, 0xFFFE),
        6: (0, 2, 0xFFFF), 7: (0, 1, 7_999, 48_001, 2**31, 2**32 - 1), 9: (0, 1, 4), 10: (0, 8, 24, 32),
        11: (b"LIST",),
    }  # fmt: skip
    made = [right] + [
        (*right[:at], value, *right[at + 1 :]) for at, values in wrong.items() for value in values
    ]
    for head in made:
        data = struct.pack("<4sI4s4sIHHIIHH4sI", *head) + bytes(4)
        taken = _taken(lambda: read_sound(Outcome(data, 0)).seconds)  # noqa: B023 - read at once
        _judge(tally, PDF, head == right, taken, f"a sound: {head}")


def _row(level: int, page: int, box: tuple[int, int, int, int], text: str) -> str:
    return "\t".join(map(str, (level, page, 1, 1, 1, 1, *box, "90.5", text)))


def documents(tally: Tally, rng: random.Random) -> None:
    """Texts of pages and pictures of one, with heads that do not fit what follows."""
    for numbers, count, rest in (*_drawn_pages(rng), ([1, 2], 2, b""), ([], 0, b"")):
        pages = [{"page": n, "width": 1.0, "height": 1.0, "text": "t", "damaged": False} for n in numbers]
        wanted = not rest and numbers == sorted(set(numbers)) and all(1 <= n <= count for n in numbers)
        outcome = _answer({"pageCount": count, "pages": pages}, rest)
        told = f"a text: pages {numbers} of {count}, {len(rest)} bytes more"
        _judge(tally, PDF, wanted, _taken(read_text, outcome), told)
    good = _PNG + bytes(40)
    for png, size, width, code in (
        (good, len(good), 10, 0),
        *((good, len(good) + off, 10, 0) for off in (-1, 1, 1_000)),
        *((wrong, len(wrong), 10, 0) for wrong in (b"GIF89a" + bytes(40), bytes(40), b"%PDF-" + good)),
        *((good, len(good), side, 0) for side in (0, MOST_SIDE + 1)),
        (good, len(good), 10, 1),
    ):
        head = {"pageCount": 1, "page": 1, "width": width, "height": 10, "bytes": size}
        outcome = Outcome(_answer(head, png).output, code)
        wanted = (png, size, width, code) == (good, len(good), 10, 0)
        told = f"a picture of a page: {len(png)} bytes of {png[:4]!r}, said {size}, {width} wide, ended with {code}"
        _judge(tally, PDF, wanted, _taken(read_picture, outcome), told)


def _drawn_pages(rng: random.Random) -> Iterator[tuple[list[int], int, bytes]]:
    for _ in range(30):
        count = rng.randrange(1, 6)
        numbers = [rng.randrange(1, 7) for _ in range(rng.randrange(1, 4))]
        yield (sorted(numbers) if rng.random() < 0.5 else numbers), count, rng.choice((b"", b"", b"x"))


def _answer(head: dict[str, Any], rest: bytes) -> Outcome:
    return Outcome(json.dumps(head).encode() + b"\n" + rest, 0)


def letters(tally: Tally, rng: random.Random) -> None:
    """Characters that steer a terminal, or are none, in what the readers say: none of them reaches the app."""
    odd = [*range(32), *range(0x7F, 0xA0), *range(0xD800, 0xE000, 0x155), 0xFFFE, 0x2028]
    rng.shuffle(odd)
    for at in range(0, len(odd), 8):
        some = "".join(map(chr, odd[at : at + 8]))
        page = {"page": 1, "width": 1.0, "height": 1.0, "text": f"a{some}b", "damaged": False}
        head = json.dumps({"pageCount": 1, "pages": [page]}).encode()
        written = re.sub("[\\t\\n\\ud800-\\udfff]", "", some)
        table = "\n".join((_row(1, 1, (0, 0, 9, 9), ""), _row(5, 1, (1, 1, 2, 2), f"a{written}b"))).encode()
        listed = f"Pty Language\n 5 en-us --/M a{re.sub(chr(10), '', written)}b x\n".encode()
        for rule, what, text in (
            (PDF, "a text", _said(lambda data: read_text(data)[1][0].text, head + b"\n")),
            (PICTURES, "words", _said(lambda data: read_words(data, ((9, 9),))[0].text, table)),
            (PDF, "a voice", _said(lambda data: "".join(voice.name for voice in read_voices(data)), listed)),
        ):
            left = [
                char for char in text if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cs")
            ]
            told = f"{what}: {''.join(left)!a} of {some!a}"
            tally.judge(rule, not left, "characters that are none of a text reached the app", told)
    plain = _answer({"pageCount": 1, "pages": [{**page, "text": "ä\n\tb"}]}, b"")
    tally.twin(PDF, read_text(plain)[1][0].text == "ä\n\tb", "a text is passed on as it is")


def _said(read: Callable[[Outcome], str], output: bytes) -> str:
    """The text that a reader makes of an answer, none where it refuses."""
    try:
        return read(Outcome(output, 0))
    except CallError:
        return ""


class _Never:
    def is_set(self) -> bool:
        """Nobody cancels."""
        return False


def flood(tally: Tally) -> None:
    """A program that answers without end is left once it has said more than is taken."""
    ours, theirs = socket.socketpair()
    sent = [0]

    def say() -> None:
        with contextlib.suppress(OSError), theirs:
            while sent[0] < 64 << 20:
                sent[0] += theirs.send(bytes(65_536))

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    found = _taken(lambda: exchange(ours.detach(), b"", cancelled=_Never(), max_output=100_000))
    thread.join(5.0)
    held = not found and sent[0] <= 4 << 20
    tally.judge(PDF, held, "what a program answers is taken in without end", f"{sent[0]} bytes")
    read, write = socket.socketpair()
    with write:
        write.sendall(b"well" + struct.pack(">i", 0))
    outcome = exchange(read.detach(), b"", cancelled=_Never(), max_output=4)
    tally.twin(PDF, (outcome.output, outcome.code) == (b"well", 0), "an answer within the bound is taken")


def cut(tally: Tally) -> None:
    """A stream that ends before anybody said how its program ended is no answer, whatever it is read as."""
    readers: dict[str, tuple[str, Callable[[Outcome], object]]] = {
        "words": (PICTURES, lambda outcome: read_words(outcome, ((10, 10),))),
        "a text": (PDF, read_text),
        "a picture": (PDF, read_picture),
        "a sound": (PDF, read_sound),
        "voices": (PDF, read_voices),
    }
    for said in (b"", b"\0", b"\0\0\0", b"\n", b"{}\n"):
        for what, (rule, read) in readers.items():
            near, far = socket.socketpair()
            with far:
                far.sendall(said)
            outcome = exchange(near.detach(), b"", cancelled=_Never(), max_output=100)
            taken = _taken(read, outcome)
            tally.judge(rule, not taken, "an answer that was cut off was taken", f"{what}: {said!r}")
    empty = _taken(lambda: read_words(Outcome(b"", 0), ((10, 10),)))
    tally.twin(PICTURES, empty, "a picture without words is read")

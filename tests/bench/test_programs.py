"""Programs beside an app against the same programs started bare: what confining each call costs, in wall time."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
import pytest

from locara.programs import pages, sound, words
from locara.programs.exchange import exchange
from locara.programs.launch import find
from locara.programs.starter import LAUNCHES, Starter
from locara.programs.tesseract import data_folder
from locara_verify.checks.bench.compare import Cost
from tests.bench.conftest import Compare

PICTURES = Path(__file__).parents[2] / "fixtures/pictures"
READ = {"languages": ["eng"], "layout": "auto", "dpi": None}
SPEAK = {"voice": "en-us", "rate": 165, "pitch": 50}
SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody in the whole harbour office minds. "
MOST = 30 * 1024 * 1024


@pytest.fixture
def starter() -> Iterator[Starter]:
    made = Starter()
    yield made
    made.close()


def run(starter: Starter, name: str, options: dict[str, object], data: bytes) -> object:
    return exchange(starter.begin(name, options), data, cancelled=threading.Event(), max_output=MOST)


def wall(work: Callable[[], object], units: float = 1.0) -> Cost:
    def cost() -> float:
        begin = time.perf_counter()
        work()
        return (time.perf_counter() - begin) / units

    return cost


def bare(name: str, argv: tuple[str, ...], data: bytes, **variables: str) -> bytes:
    program = str(find(name, package=name))
    environment = {"PATH": "/usr/bin", "OMP_THREAD_LIMIT": "1", **variables}
    done = subprocess.run([program, *argv[1:]], input=data, capture_output=True, check=True, env=environment)
    return done.stdout


def page_at(dpi: int) -> tuple[bytes, tuple[int, int]]:
    """An A4 page of forty lines, drawn at this many dots an inch."""
    import io  # noqa: PLC0415

    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

    size = round(8.27 * dpi), round(11.69 * dpi)
    picture = Image.new("L", size, 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=round(11 / 72 * dpi))
    for line in range(40):
        draw.text(
            (dpi, dpi + line * dpi * 0.23), f"Line {line + 1} of the page: {SENTENCE[:60]}", 0, font=font
        )
    out = io.BytesIO()
    picture.save(out, "PNG", dpi=(dpi, dpi))
    return out.getvalue(), size


def test_a_page_at_300_dpi(compare: Compare, starter: Starter) -> None:
    data, size = page_at(300)
    argv = LAUNCHES["ocr"](READ).argv
    ours = wall(lambda: words.read_words(run(starter, "ocr", READ, data), (size,)))  # type: ignore[arg-type]
    raw = wall(lambda: bare("tesseract", argv, data, TESSDATA_PREFIX=str(data_folder())))
    compare("read a page at 300 dpi", ours, raw, unit="ms", scale=1e3, least=5)


@pytest.mark.parametrize("count", [12])
def test_pdf_pages(compare: Compare, starter: Starter, count: int) -> None:
    data = (PICTURES / "many-pages.pdf").read_bytes()
    options = {"work": "text", "first": 1, "count": 200}

    def raw() -> None:
        document = pypdfium2.PdfDocument(data)
        for page in document:
            page.get_textpage().get_text_range()

    ours = wall(lambda: pages.read_text(run(starter, "pdf", options, data)), count)  # type: ignore[arg-type]
    compare(
        "text of a PDF page", ours, wall(raw, count), unit="ms", scale=1e3, note=f"{count} pages in a call"
    )


def test_speech(compare: Compare, starter: Starter) -> None:
    text = sound.speakable(SENTENCE * 10)
    argv = LAUNCHES["speech"](SPEAK).argv
    spoken = sound.read_sound(run(starter, "speech", SPEAK, text))  # type: ignore[arg-type]
    ours = wall(lambda: run(starter, "speech", SPEAK, text), spoken.seconds)
    raw = wall(lambda: bare("espeak-ng", argv, text), spoken.seconds)
    compare(
        "a second of speech",
        ours,
        raw,
        unit="ms",
        scale=1e3,
        note=f"{spoken.seconds:.0f} s of sound",
        least=10,
    )

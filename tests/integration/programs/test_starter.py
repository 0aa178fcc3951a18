"""The real programs in their real sandboxes: what they answer, what they cannot reach, and how they end."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from locara.errors import CallError
from locara.programs import pages, pictures, sound, words
from locara.programs.exchange import exchange
from locara.programs.outcome import TIMED_OUT, Outcome, outcome
from locara.programs.starter import LAUNCHES, MAX_RUNNING, Starter

PICTURES = Path(__file__).parents[3] / "fixtures/pictures"
EXPECTED = json.loads((PICTURES / "expected.json").read_text())
READ = {"languages": ["eng"], "layout": "auto", "dpi": None}
TEXT = {"work": "text", "first": 1, "count": 200}
SPEAK = {"voice": "en-us", "rate": 165, "pitch": 50}
MOST = 30 * 1024 * 1024


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    made = Starter()
    yield made
    made.close()


def run(starter: Starter, name: str, options: dict, data: bytes, most: int = MOST) -> Outcome:
    return exchange(starter.begin(name, options), data, cancelled=threading.Event(), max_output=most)


def inside_of(pid: int) -> list[int]:
    """Every process below one, by the kernel's list."""
    found = [pid]
    for one in found:
        try:
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except FileNotFoundError:
            continue
    return found


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize("name", ["page.png", "page.jpg", "page.bmp", "page.webp", "pages.tif", "scan.png"])
def test_every_format_is_read(starter: Starter, name: str) -> None:
    data = (PICTURES / name).read_bytes()
    sizes = pictures.read_header(data).pages
    found = words.read_words(run(starter, "ocr", READ, data), sizes)
    assert found[0].text.split() == " ".join(EXPECTED["lines"]).split()
    if name == "pages.tif":
        assert found[1].text.split() == " ".join(EXPECTED["second"]).split()
    assert all(word.confidence > 0.5 for page in found for word in page.words)


def test_pdf_text_and_a_scan_without_it(starter: Starter) -> None:
    count, found = pages.read_text(run(starter, "pdf", TEXT, (PICTURES / "many-pages.pdf").read_bytes()))
    assert count == len(found) == 12
    assert all(f"Page number {page.page}" in page.text for page in found)
    assert found[0].text.splitlines()[:4] == EXPECTED["lines"]
    scan = (PICTURES / "scan.pdf").read_bytes()
    (page,) = pages.read_text(run(starter, "pdf", TEXT, scan))[1]
    assert (page.has_text, page.width) == (False, 432.0)
    picture = pages.read_picture(run(starter, "pdf", {"work": "render", "page": 1, "dpi": 200}, scan))
    read = words.read_words(run(starter, "ocr", READ, picture.png), ((picture.width, picture.height),))
    assert read[0].text.split() == " ".join(EXPECTED["lines"]).split()


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        ((PICTURES / "password.pdf").read_bytes(), "bad_request", "password"),
        ((PICTURES / "text.pdf").read_bytes()[:300], "bad_request", "damaged"),
        (b"%PDF-1.4\n" + os.urandom(5000), "bad_request", "damaged"),
    ],
)
def test_a_pdf_that_is_closed_or_damaged(starter: Starter, data: bytes, code: str, says: str) -> None:
    with pytest.raises(CallError, match=says) as caught:
        pages.read_text(run(starter, "pdf", TEXT, data))
    assert caught.value.code == code


def test_speech_is_a_sound_of_the_right_length(starter: Starter) -> None:
    short, long = (
        sound.read_sound(run(starter, "speech", SPEAK, sound.speakable(text)))
        for text in ("Hello.", "Hello, this is a longer sentence that takes some more time.")
    )
    assert 0.2 < short.seconds < long.seconds
    samples = memoryview(long.samples).cast("h")
    assert max(samples) > 3_000, "it is not silence"
    listed = sound.read_voices(run(starter, "voices", {}, b""))
    assert {"en-us", "de"} <= {voice.id for voice in listed}


def test_markup_phonemes_and_commands_are_read_as_words(starter: Starter) -> None:
    def length(raw: bytes) -> int:
        return len(sound.read_sound(run(starter, "speech", SPEAK, raw)).samples)

    hidden = "one [[m'aI]] two"
    assert length(sound.speakable(hidden)) != length(hidden.encode() + b"\n"), (
        "the control: phonemes are obeyed"
    )
    assert length(sound.speakable(hidden)) == length(b"one   m'aI   two\n")
    slow = "\x0130S one two three"
    assert length(slow.encode() + b"\n") > length(sound.speakable(slow)), "the control: a command slows it"
    assert length(sound.speakable(slow)) == length(b" 30S one two three\n")
    pause = '<speak>one<break time="5s"/>two</speak>'
    assert length(sound.speakable(pause)) < 5 * 2 * 22_050


def test_a_list_of_file_names_opens_no_file(starter: Starter, tmp_path: Path) -> None:
    """tesseract takes text for a list of pictures to open: the header check refuses it, and so does the kernel."""
    canary = tmp_path / "canary.png"
    canary.write_bytes((PICTURES / "page.png").read_bytes())
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    listed = f"{canary}\n".encode()
    with pytest.raises(CallError, match="no picture"):
        pictures.read_header(listed)
    ended = run(starter, "ocr", READ, listed)
    assert b"harbour" not in ended.output
    assert ended.code != 0


def test_cancelling_ends_every_process(starter: Starter) -> None:
    cancelled = threading.Event()
    fd = starter.begin("ocr", READ)  # it waits for a picture
    (pid,) = starter.pids
    until(lambda: any(b"tesseract" in _cmdline(one) for one in inside_of(pid)))
    alive = inside_of(pid)
    assert len(alive) >= 3
    threading.Timer(0.1, cancelled.set).start()
    with pytest.raises(CallError) as caught:
        exchange(fd, b"\x89PNG" * 1000_000, cancelled=cancelled, max_output=MOST)
    assert caught.value.code == "cancelled"
    until(lambda: not any(_is_alive(one) for one in alive))
    until(lambda: starter.pids == [])


def test_the_time_that_is_over_ends_it_and_says_so() -> None:
    usual = LAUNCHES["ocr"](READ)
    hasty = replace(usual, limits=replace(usual.limits, wall=0.5))
    starter = Starter(launches={"ocr": lambda _options: hasty})
    with socket.socket(fileno=starter.begin("ocr", READ)) as waiting:  # and no input ever comes
        (pid,) = starter.pids
        received = b"".join(iter(lambda: waiting.recv(65_536), b""))
    assert outcome(received).code == TIMED_OUT
    until(lambda: not _is_alive(pid))


def test_an_answer_beyond_the_limit_is_cut_and_its_program_ended(starter: Starter) -> None:
    data = sound.speakable("a long sentence of many words " * 60)
    with pytest.raises(CallError) as caught:
        run(starter, "speech", SPEAK, data, most=1000)
    assert caught.value.code == "limit_exceeded"
    until(lambda: starter.pids == [])


def test_at_most_so_many_run_and_closing_ends_them() -> None:
    starter = Starter()
    open_fds = [starter.begin("ocr", READ) for _ in range(MAX_RUNNING)]
    pids = starter.pids
    assert len(pids) == MAX_RUNNING
    with pytest.raises(CallError) as caught:
        starter.begin("ocr", READ)
    assert caught.value.code == "busy"
    starter.close()
    until(lambda: not any(_is_alive(pid) for pid in pids))
    for fd in open_fds:
        os.close(fd)
    with pytest.raises(CallError):
        starter.begin("ocr", READ)


def test_nothing_is_left_of_the_call_before(starter: Starter) -> None:
    """Two runs share no process, no file and no memory: the second answers as if it were the first."""
    first = run(starter, "pdf", TEXT, (PICTURES / "text.pdf").read_bytes()).output
    run(starter, "pdf", TEXT, (PICTURES / "password.pdf").read_bytes())
    assert run(starter, "pdf", TEXT, (PICTURES / "text.pdf").read_bytes()).output == first


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"

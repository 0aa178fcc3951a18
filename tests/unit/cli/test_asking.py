"""The question in a terminal: what is shown, what counts as yes, and what cannot answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from locara.cli.asking import TerminalConsent, question
from locara.core.consent import ConsentText
from locara.runtime.state import StartError

TEXT = ConsentText(
    "Probe (acme/probe), version 1.0.0", ("use the camera",), ("use the network",), ("chat: 1 MB",)
)
PROMPT = b"then Enter: "


class Terminal:
    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        self.name = os.ttyname(self.theirs)

    def type(self, text: bytes) -> None:
        os.write(self.ours, text)

    def read_to(self, end: bytes) -> bytes:
        shown = b""
        while end not in shown:
            shown += os.read(self.ours, 4_096)
        return shown

    def close(self) -> None:
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


def answer(terminal: Terminal, typed: bytes, changes: tuple[str, ...] = ()) -> tuple[bool, bytes]:
    said: list[bool] = []
    worker = threading.Thread(target=lambda: said.append(TerminalConsent(terminal.name).ask(TEXT, changes)))
    worker.start()
    shown = terminal.read_to(PROMPT)
    terminal.type(typed)
    worker.join(30)
    return said[0], shown


@pytest.mark.parametrize(
    ("typed", "yes"),
    [
        (b"yes\n", True),
        (b"y\n", True),
        (b"YES\n", True),
        (b"no\n", False),
        (b"\n", False),
        (b"\x04", False),
        (b"yes please\n", False),
        (b"ja\n", False),
    ],
)
def test_only_a_plain_yes_is_one(terminal: Terminal, typed: bytes, yes: bool) -> None:
    assert answer(terminal, typed)[0] is yes


def test_everything_is_shown_before_the_question(terminal: Terminal) -> None:
    shown = answer(terminal, b"no\n", ("connect to a.test",))[1].decode()
    for words in (
        TEXT.title,
        "use the camera",
        "use the network",
        "chat: 1 MB",
        "+ connect to a.test",
        "7 days",
    ):
        assert words in shown


def test_keys_pressed_before_the_question_answer_nothing(terminal: Terminal) -> None:
    terminal.type(b"yes\nyes\n")
    time.sleep(0)  # the bytes are in the terminal's queue once write returned
    assert answer(terminal, b"no\n")[0] is False


def test_where_nobody_sits_nobody_says_yes(tmp_path: os.PathLike[str]) -> None:
    for place in (os.devnull, os.path.join(tmp_path, "nothing")):  # noqa: PTH118 - a plain name is wanted
        with pytest.raises(StartError) as caught:
            TerminalConsent(place).ask(TEXT, ())
        assert caught.value.code == "consent_needed"


def test_nothing_of_the_app_steers_the_terminal() -> None:
    hostile = ConsentText("A\x1b[2J", ("\x1b]0;x\x07",), ("b\r\u202e",), ("c\n+ nothing",))
    lines = question(hostile, ("d\x1b[1A",))
    assert all(character.isprintable() for line in lines for character in line)

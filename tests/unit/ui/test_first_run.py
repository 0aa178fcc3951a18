"""The launcher's side of the window before an app: what is told, what counts as an answer, and how it ends."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from locara.core.consent import ConsentText
from locara.core.grant import Grants
from locara.runtime import frames
from locara.ui import first_run
from locara.ui.first_run import FirstRun

TEXT = ConsentText(
    "Notes (acme/notes), version 1.0.0", ("use the camera",), ("use the network",), ("m: 1 MB",)
)


class Page:
    """What speaks over the socket of a window, in place of the page in it."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    @contextmanager
    def window(self, *_given: object, peer: socket.socket, **_rest: object) -> Iterator[Page]:
        self._sock = peer.dup()
        self._sock.settimeout(60)
        self.opened.set()
        try:
            yield self
        finally:
            self._sock.close()

    def kill(self) -> None:
        """Nothing runs."""

    def send(self, cmd: str, **args: Any) -> None:
        assert self.opened.wait(60)
        payload = json.dumps({"id": 1, "cmd": cmd, "args": args}).encode()
        self._sock.sendall(len(payload).to_bytes(4, "big") + payload)

    def state(self, step: str, question: int | None = 1) -> dict[str, Any]:
        """The next state of this step and question, None is any, that is told. One state may be told more than once."""
        while True:
            size = int.from_bytes(self._sock.recv(4, socket.MSG_WAITALL), "big")
            frame: dict[str, Any] = json.loads(self._sock.recv(size, socket.MSG_WAITALL))
            event = frame.get("event", {})
            if event.get("step") == step and question in {None, event.get("question")}:
                found: dict[str, Any] = event
                return found


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    page = Page()
    monkeypatch.setattr(first_run, "open_window", page.window)
    return page


@contextmanager
def asked(first: FirstRun, *changes: str) -> Iterator[list[bool]]:
    """While a question stands there: what it was taken for, in the end."""
    said: list[bool] = []
    asking = threading.Thread(target=lambda: said.append(first.ask(TEXT, changes)))
    asking.start()
    yield said
    asking.join(60)
    assert not asking.is_alive()


def test_all_of_the_text_is_told_and_a_yes_is_a_yes(page: Page) -> None:
    with FirstRun(Grants.none(), log=2) as first:
        with asked(first, "use the camera") as said:
            page.send("first.watch")
            state = page.state("consent")
            assert state == {
                "step": "consent",
                "title": TEXT.title,
                "may": [*TEXT.may],
                "may_not": [*TEXT.may_not],
                "models": [*TEXT.models],
                "changes": ["use the camera"],
                "question": 1,
            }
            page.send("first.answer", agree=True, question=1)
        assert said == [True]


@pytest.mark.parametrize("agree", [False, "true", 1, None, [True]])
def test_anything_else_is_no(page: Page, agree: object) -> None:
    with FirstRun(Grants.none(), log=2) as first:
        with asked(first) as said:
            page.send("first.answer", agree=agree, question=1)
        assert said == [False]


def test_a_second_click_and_one_on_what_stood_there_before_answer_nothing(page: Page) -> None:
    with FirstRun(Grants.none(), log=2) as first:
        with asked(first) as said:
            page.send("first.watch")
            page.state("consent")
            for _ in range(3):
                page.send("first.answer", agree=True, question=1)
        assert said == [True]
        with asked(first, "use the camera") as said:
            page.state("consent", question=2)
            page.send("first.answer", agree=True, question=1)
            page.send("first.stop", question=2)
            page.send("first.answer", agree=True)
            page.send("first.answer", agree=False, question=2)
        assert said == [False]


def test_the_newest_question_is_told_last(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was told an older one after it would show a question whose answer means nothing."""
    write, told = frames.write_all, list[int]()
    began, others = threading.Event(), threading.Event()

    def slow(fd: int, data: bytes) -> None:
        if threading.current_thread().name == "locara-first-run":
            began.set()
            others.wait(0.5)
        write(fd, data)
        others.set()

    monkeypatch.setattr(frames, "write_all", slow)
    with FirstRun(Grants.none(), log=2) as first:
        first._begin({"step": "consent"})
        page.send("first.watch")
        assert began.wait(60)
        first._begin({"step": "consent"})
        while not told or told[-1] != 2:
            told.append(page.state("consent", question=None)["question"])
        page.send("first.watch")  # what is told for this one comes after all the others
        told.append(page.state("consent", question=None)["question"])
    assert told == sorted(told)


def test_after_its_end_nothing_reads_what_has_the_number_of_its_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread that still read it took bytes of whatever was opened next."""
    for _ in range(50):
        page, first = Page(), FirstRun(Grants.none(), log=2)
        monkeypatch.setattr(first_run, "open_window", page.window)
        with asked(first) as said:
            page.send("first.answer", agree=True, question=1)
        assert said == [True]
        page.send("first.watch")
        first.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "locara-first-run"]
        reads, writes = os.pipe()
        os.write(writes, b"mine")
        assert os.read(reads, 9) == b"mine"
        os.close(reads)
        os.close(writes)

"""The window of a development session: what two threads tell one page, and its end."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from locara.cli.dev_link import Pages
from locara.cli.dev_window import _END, Lines, WindowFront, _end
from locara.core.grant import Grants
from locara.runtime import frames
from locara.ui.display import Display
from locara.ui.drops import Dropped

LONG = "x" * 700_000
CALLS = 60


def front() -> WindowFront:
    return WindowFront(
        Pages(), Path("page"), Display("x11", Path("socket"), ":9"), threading.Event(), Dropped()
    )


def test_a_frame_stays_whole_while_another_thread_answers() -> None:
    """One is told long results while calls that no runtime takes are answered at once."""
    ours, page = socket.socketpair()
    lines: Lines = queue.Queue()
    window, told, answered = front(), 0, 0
    for number in range(CALLS):
        lines.put({"frame": {"id": number, "ok": True, "result": LONG}})
    lines.put(_END)
    threads = [
        threading.Thread(target=window._read, args=(ours,)),
        threading.Thread(target=window._write, args=(ours, lines)),
    ]
    with ours, page:
        for thread in threads:
            thread.start()
        page.sendall(
            b"".join(frames.encode({"id": f"call {number}", "cmd": "app.info"}) for number in range(CALLS))
        )
        reader = frames.FrameReader(page.fileno())
        while told < CALLS or answered < CALLS:
            payload = reader.read()
            assert payload is not None
            frame = frames.decode(payload)
            told += frame["ok"]
            answered += not frame["ok"]
            assert frame["ok"] or frame["error"]["code"] == "cancelled"
        page.shutdown(socket.SHUT_RDWR)
        frames.fall_silent(ours, *threads)


def test_the_end_comes_while_the_page_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that was closed before its reader was told left that reader waiting, and Ctrl-C with it."""
    gone, threads = threading.Event(), threading.active_count()

    class Window:
        def wait(self) -> None:
            gone.wait()

        def kill(self) -> None:
            gone.set()

    @contextmanager
    def opened(*_given: object, peer: socket.socket, **_rest: object) -> Iterator[Window]:
        with peer.dup():
            yield Window()

    monkeypatch.setattr("locara.ui.window.open_window", opened)
    monkeypatch.setattr("locara.ui.look.look_of", lambda *_given: None)
    monkeypatch.setattr("locara.ui.theme.following", lambda *_given: nullcontext())
    window = front()
    window._bundle = SimpleNamespace(grants=Grants.none())  # type: ignore[assignment]

    ended: list[str] = []

    def session() -> None:
        with window.open():
            pass
        ended.append("in order")

    for turn in range(1, 6):
        gone.clear()
        running = threading.Thread(target=session, daemon=True)
        running.start()
        running.join(20)
        assert ended == ["in order"] * turn
    assert threading.active_count() <= threads + 1  # the one that waits for the window may be about to end


def test_a_page_that_does_not_read_does_not_hold_the_end() -> None:
    ours, page = socket.socketpair()
    lines: Lines = queue.Queue(2)
    writer = threading.Thread(target=front()._write, args=(ours, lines))
    with ours, page:
        writer.start()
        while True:  # the writer holds one that nobody reads, and as many wait as there may
            try:
                lines.put({"frame": {"id": 1, "ok": True, "result": LONG}}, timeout=0.2)
            except queue.Full:
                break
        _end(lines)
        frames.fall_silent(ours, writer)
    assert not writer.is_alive()

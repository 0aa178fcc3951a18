"""Paced text: all of it, in order, in few events, and never held for long."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.runtime import paced
from locara.runtime.paced import PacedText

Sent = list[tuple[str, str]]


def whole(events: Sent, kind: str) -> str:
    return "".join(text for one, text in events if one == kind)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["delta", "reasoning"]), st.text(max_size=4)), max_size=60))
def test_events_joined_are_the_text_in_order(pieces: Sent) -> None:
    sent: Sent = []
    with PacedText(lambda kind, text: sent.append((kind, text))) as stream:
        for kind, text in pieces:
            stream.add(kind, text)
    assert "".join(text for _, text in sent) == "".join(text for _, text in pieces)
    for kind in ("delta", "reasoning"):
        assert whole(sent, kind) == whole(pieces, kind)
    assert len(sent) <= len(pieces)


def test_the_first_piece_goes_at_once_and_a_burst_in_few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paced, "GAP", 3600.0)
    sent: Sent = []
    with PacedText(lambda kind, text: sent.append((kind, text))) as stream:
        stream.add("delta", "a")
        assert sent == [("delta", "a")]
        for _ in range(1000):
            stream.add("delta", "b")
        assert len(sent) == 1
    assert sent == [("delta", "a"), ("delta", "b" * 1000)]


def test_what_is_held_goes_though_nothing_follows() -> None:
    arrived = threading.Event()
    with PacedText(lambda _kind, text: arrived.set() if text == "b" else None) as stream:
        stream.add("delta", "a")
        stream.add("delta", "b")
        assert arrived.wait(30)


def test_pieces_far_apart_go_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paced, "GAP", 0.0)
    sent: Sent = []
    with PacedText(lambda kind, text: sent.append((kind, text))) as stream:
        for text in "abc":
            stream.add("delta", text)
            assert sent[-1] == ("delta", text)


def test_a_reader_that_fails_is_told_to_whoever_writes() -> None:
    failed = threading.Event()

    def send(_kind: str, text: str) -> None:
        if text != "a":
            failed.set()
            raise OSError("gone")

    def write() -> None:
        with PacedText(send) as stream:
            stream.add("delta", "a")
            stream.add("delta", "b")
            assert failed.wait(30)

    with pytest.raises(OSError, match="gone"):
        write()


def test_without_another_thread_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    sent: Sent = []
    with PacedText(lambda kind, text: sent.append((kind, text))) as stream:
        stream.add("delta", "a")
        stream.add("delta", "b")
        assert sent == [("delta", "a"), ("delta", "b")]

"""Frames by a socket: whole and in order, however they were cut, and without waiting for who does not read."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.ui.webkit.link import MAX_FRAME, MAX_HELD, MAX_QUEUED, Link

HEAD = struct.Struct(">I")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with theirs:
        yield ours, theirs


def framed(payloads: list[bytes]) -> bytes:
    return b"".join(HEAD.pack(len(one)) + one for one in payloads)


@settings(deadline=None, max_examples=60)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=5000), max_size=8),
    cuts=st.lists(st.integers(1, 3000), max_size=12),
)
@pytest.mark.parametrize("watched", [True, False])
def test_frames_come_whole_however_they_are_cut(
    payloads: list[bytes], cuts: list[int], watched: bool
) -> None:
    ours, theirs = socket.socketpair()
    got: list[bytes] = []
    over = threading.Event()
    link = Link(ours.detach(), got.append, over.set, watched=watched)
    data = framed(payloads)
    with theirs:
        for cut in [*cuts, len(data)]:
            theirs.sendall(data[:cut])
            data = data[cut:]
            if watched:
                while select.select([link], [], [], 0)[0]:
                    assert link.take()
    if watched:
        assert not link.take()
    assert over.wait(10)
    assert got == payloads


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 2**32 - 1])
def test_a_length_that_is_none_ends_it(pair: tuple[socket.socket, socket.socket], length: int) -> None:
    ours, theirs = pair
    got: list[bytes] = []
    ended: list[bool] = []
    link = Link(ours.detach(), got.append, lambda: ended.append(True), watched=True)
    theirs.sendall(framed([b"before"]) + HEAD.pack(length) + b"after")
    assert not link.take()
    assert (got, ended) == ([b"before"], [True])
    link.take()
    assert ended == [True], "once"


def test_what_is_sent_arrives_in_order_from_the_first_to_the_last_byte(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Small frames go at once, large ones wait for the peer; neither overtakes the other."""
    ours, theirs = pair
    link = Link(ours.detach(), lambda _frame: None, lambda: None, watched=True)
    payloads = [bytes([n % 251]) * (300_000 if n % 7 == 3 else n + 1) for n in range(200)]
    wanted = framed(payloads)
    got = bytearray()

    def read() -> None:
        while len(got) < len(wanted):
            got.extend(theirs.recv(10_000))

    reader = threading.Thread(target=read, daemon=True)
    for number, payload in enumerate(payloads):
        assert link.send(payload)
        if number == 50:
            reader.start()
    reader.join(30)
    assert bytes(got) == wanted


def test_who_does_not_read_is_not_waited_for(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    link = Link(ours.detach(), lambda _frame: None, lambda: None, watched=True)
    sent = 0
    while link.send(b"x" * 1000):
        sent += 1
        assert sent < 10 * MAX_QUEUED, "the queue has an end"
    assert sent >= MAX_QUEUED
    assert not link.send(b"")
    assert not link.send(bytes(MAX_FRAME + 1))


def test_large_frames_are_held_by_their_bytes_and_taken_again_once_read(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    link = Link(ours.detach(), lambda _frame: None, lambda: None, watched=True)
    large, sent = bytes(MAX_FRAME), 0
    while link.send(large):
        sent += 1
        # One is on its way to the peer, and the rest are held.
        assert (sent - 1) * MAX_FRAME <= MAX_HELD
    assert sent >= MAX_HELD // MAX_FRAME - 1
    left = sent * (MAX_FRAME + HEAD.size)
    while left:
        left -= len(theirs.recv(min(left, 1 << 20)))
    assert link.send(large)

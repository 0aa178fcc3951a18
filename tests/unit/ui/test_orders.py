"""What the launcher tells a window arrives as it was said; what is no order is dropped."""

from __future__ import annotations

import json
import socket

import pytest

from locara.ui.webkit.orders import MAX_ORDER, Order, order_of, take
from locara.ui.window import Orders

ABOUT = {"may": ["read the files that you pick"], "models": []}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"order": "quit"},
        {"order": "notice"},
        {"order": "notice", "text": 3},
        {"order": "reload"},
        {"order": "reload", "entry": "index.html"},
        {"order": "reload", "entry": "index.html", "about": []},
        {"order": "reload", "entry": "index.html", "about": {"may": "all"}},
        {"order": "reload", "entry": "index.html", "about": {"may": [1]}},
        {"order": "reload", "entry": 1, "about": {}},
        {"order": "dark"},
        {"order": "dark", "dark": 1},
    ],
)
def test_what_is_no_order_is_none(value: object) -> None:
    assert order_of(json.dumps(value).encode()) is None


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 5000])
def test_what_is_no_json_is_none(data: bytes) -> None:
    assert order_of(data) is None


def test_both_sides_agree_and_the_end_is_seen() -> None:
    launcher, window = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    window.setblocking(False)
    orders = Orders()
    orders.notice("before it is open")
    orders.attach(launcher)
    orders.notice("not built yet")
    launcher.send(b"no order")
    orders.reload("index.html", ABOUT)
    assert take(window) == ([Order("notice", "not built yet"), Order("reload", "index.html", ABOUT)], True)
    assert take(window) == ([], True)
    orders.turn(dark=True)
    orders.turn(dark=False)
    assert take(window) == ([Order("dark"), Order("light")], True)
    orders.notice("x" * MAX_ORDER)
    assert take(window) == ([], True), "more than an order may hold is none"
    launcher.close()
    orders.notice("nobody is there")
    assert take(window) == ([], False)
    window.close()


def test_a_window_that_does_not_read_never_holds_the_launcher_up() -> None:
    launcher, window = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    orders = Orders()
    orders.attach(launcher)
    for _ in range(10_000):
        orders.notice("y" * 1000)
    window.close()
    launcher.close()

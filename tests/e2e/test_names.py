"""Names are a way out, too: what a page has looked up reaches whoever serves the name. The canary is a name server."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from locara_verify.checks.window import plain_view

from .peer import show, write_page
from .screen import Screen

TRIES = {
    "prefetch": 'add("link", { rel: "dns-prefetch", href: "//NAME" })',
    "preconnect": 'add("link", { rel: "preconnect", href: "http://NAME" })',
    "fetch": 'fetch("http://NAME/", { mode: "no-cors" }).catch(() => 0)',
    "image": 'new Image().src = "http://NAME/"',
    "script": 'add("script", { src: "http://NAME/" })',
    "css": 'document.body.style.backgroundImage = "url(http://NAME/)"',
    "frame": 'add("iframe", { src: "http://NAME/" })',
    "socket": 'new WebSocket("ws://NAME/")',
    "pop-up": 'window.open("http://NAME/")',
    "leave": 'location.href = "http://NAME/"',
}
SURE = {"fetch", "image", "script", "css", "frame", "socket", "leave"}
_ADD = """const add = (tag, more) => document.body.appendChild(Object.assign(document.createElement(tag), more));
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
"""


def script(last: str) -> str:
    """Every way, each with a name of its own; a page that leaves does so last."""
    tries = [
        f"try {{ {code.replace('NAME', f'{name}.canary.test')} }} catch {{}}" for name, code in TRIES.items()
    ]
    return f"{_ADD} (async () => {{ await wait(500); {'; '.join(tries[:-1])}; await wait(2500); {tries[-1]}; {last} }})();"


class Names:
    """What a name server on this machine was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def serve(self, server: socket.socket) -> None:
        while True:
            try:
                query, _ = server.recvfrom(2048)
            except OSError:
                return
            labels, at = [], 12
            while at < len(query) and query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
                at += 1 + query[at]
            self.asked.add(".".join(labels).lower())

    def ways(self) -> set[str]:
        return {name.removesuffix(".canary.test") for name in self.asked if name.endswith(".canary.test")}


@pytest.fixture
def names() -> Iterator[Names]:
    """A name server where a program without any setting looks for one: port 53 of this machine."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        server.bind(("127.0.0.1", 53))
    except OSError as error:
        pytest.skip(
            f"NOT TESTED HERE: port 53 of this machine cannot be had ({error.strerror}); it takes root"
        )
    found = Names()
    threading.Thread(target=found.serve, args=(server,), daemon=True).start()
    yield found
    server.close()


@contextmanager
def plain(screen: Screen, page: Path, settings: Path) -> Iterator[None]:
    """A WebKit view with nothing taken away, on a machine whose name server is the canary."""
    settings.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    settings.chmod(0o644)
    inside = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(settings), "/etc/resolv.conf"]
    view = ["/usr/bin/python3", "-I", str(plain_view.__file__), "20", str(page)]
    process = subprocess.Popen(
        [*inside, *view], env=screen.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait(30)


def test_no_name_is_looked_up_and_the_control_looks_up_all(
    screen: Screen, names: Names, tmp_path: Path
) -> None:
    page = write_page(tmp_path / "plain", "")
    (page / "page.js").write_text(script(""))
    with plain(screen, page, tmp_path / "resolv.conf"):
        end = time.monotonic() + 60
        while not names.ways() >= SURE and time.monotonic() < end:
            time.sleep(0.2)
    assert names.ways() >= SURE, "the control: a plain view looks them up"
    names.asked.clear()
    ours = write_page(tmp_path / "ours", script("await wait(1500); call('told');"))
    with show(screen, ours) as (peer, window):
        peer.wait_frame("told")
        time.sleep(2)
        assert window.poll() is None
    assert names.asked == set()

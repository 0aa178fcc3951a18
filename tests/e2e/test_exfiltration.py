"""A page that is hostile tries every way out of its window. Whether anything left is counted outside.

The same page in a plain WebKit view, without sandbox, policy and lock, is the control: what does not hit there
proves nothing here.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from locara_verify.oracle.sinks import Sinks, open_sinks

from .peer import show, write_page
from .screen import Screen

PLAIN = Path(__file__).with_name("plain_view.py")
# One line a way: its name and what the page does. %(http)s and %(dns)s lead to the sinks.
WAYS = {
    "fetch": 'fetch("%(http)s/fetch", { mode: "no-cors" }).catch(() => 0);',
    "beacon": 'navigator.sendBeacon("%(http)s/beacon", "x");',
    "xhr": 'const x = new XMLHttpRequest(); x.open("GET", "%(http)s/xhr"); x.send();',
    "image": 'new Image().src = "%(http)s/image";',
    "stylesheet": 'document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "%(http)s/stylesheet" }));',
    "script": 'document.head.append(Object.assign(document.createElement("script"), { src: "%(http)s/script" }));',
    "module": 'import("%(http)s/module").catch(() => 0);',
    "style-import": 'document.head.append(Object.assign(document.createElement("style"), { textContent: "@import url(%(http)s/style-import)" }));',
    "font": 'new FontFace("f", "url(%(http)s/font)").load().catch(() => 0);',
    "websocket": 'new WebSocket("%(ws)s/websocket");',
    "eventsource": 'new EventSource("%(http)s/eventsource");',
    "frame": 'document.body.append(Object.assign(document.createElement("iframe"), { src: "%(http)s/frame" }));',
    "object": 'document.body.append(Object.assign(document.createElement("object"), { data: "%(http)s/object" }));',
    "media": 'document.body.append(Object.assign(document.createElement("video"), { src: "%(http)s/media", autoplay: true }));',
    "prefetch": 'document.head.append(Object.assign(document.createElement("link"), { rel: "prefetch", href: "%(http)s/prefetch" }));',
    "preconnect": 'document.head.append(Object.assign(document.createElement("link"), { rel: "preconnect", href: "%(http)s" }));',
    "worker": 'new Worker(URL.createObjectURL(new Blob([`fetch("%(http)s/worker",{mode:"no-cors"})`])));',
    "webrtc": 'if (window.RTCPeerConnection) { const r = new RTCPeerConnection({ iceServers: [{ urls: "stun:%(stun)s" }] }); r.createDataChannel("x"); r.createOffer().then((o) => r.setLocalDescription(o)); }',
    "pop-up": 'window.open("%(http)s/pop-up");',
    "form": 'const f = Object.assign(document.createElement("form"), { action: "%(http)s/form", method: "post" }); document.body.append(f); f.submit();',
    "refresh": 'document.head.append(Object.assign(document.createElement("meta"), { httpEquiv: "refresh", content: "0;url=%(http)s/refresh" }));',
    "navigate": 'location.href = "%(http)s/navigate";',
}
LEAVING = ("form", "refresh", "navigate")  # each ends the page, so each has a page of its own
# Ways that reach a plain WebKit view on every machine: without these the run would prove nothing.
SURE = {
    "fetch",
    "beacon",
    "xhr",
    "image",
    "stylesheet",
    "script",
    "websocket",
    "frame",
    "form",
    "refresh",
    "navigate",
}


@pytest.fixture(scope="module")
def sinks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sinks]:
    with open_sinks(tmp_path_factory.mktemp("s")) as opened:
        yield opened


def _page(folder: Path, place: str, stun: str, names: tuple[str, ...]) -> Path:
    places = {"http": f"http://{place}", "ws": f"ws://{place}", "stun": stun}
    tries = "\n".join(f"try {{ {WAYS[name] % places} }} catch (e) {{}}" for name in names)
    prelude = "const report = (w) => window.__locara ? call(w) : fetch(w);"
    return write_page(
        folder,
        f"{prelude}\n(async () => {{ await sleep(300); report('began'); await sleep(300);\n{tries}\nawait sleep(3000); report('ended'); }})();",
    )


def _groups() -> list[tuple[str, ...]]:
    return [tuple(name for name in WAYS if name not in LEAVING), *((name,) for name in LEAVING)]


@contextmanager
def _recorder() -> Iterator[tuple[str, set[str]]]:
    """A web server that writes down which paths were asked for, and where it is."""
    asked: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.add(self.path.removeprefix("/"))
            self.send_response(204)
            self.end_headers()

        do_POST = do_OPTIONS = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_the_control_reaches_the_sinks(screen: Screen, tmp_path: Path) -> None:
    with _recorder() as (place, asked):
        for number, names in enumerate(_groups()):
            page = _page(tmp_path / str(number), place, "127.0.0.1:9", names)
            script = page / "page.js"
            script.write_text(script.read_text().replace("window.__locara.listen", "window.__none?.listen"))
            command = ["/usr/bin/python3", "-I", str(PLAIN), str(page)]
            subprocess.run(command, env=screen.environ, timeout=120, check=True, capture_output=True)
        reached = set(asked)
    assert reached >= SURE, f"only {sorted(reached)} of the ways work without protection"


@pytest.mark.parametrize(
    "names", _groups(), ids=lambda names: names[0] if len(names) == 1 else "all-that-stay"
)
def test_nothing_leaves_the_window(
    screen: Screen, sinks: Sinks, tmp_path: Path, names: tuple[str, ...]
) -> None:
    sinks.clear()
    place, stun = (f"127.0.0.1:{sinks.sinks[kind].port}" for kind in ("tcp", "udp"))
    page = _page(tmp_path / "page", place, stun, names)
    with show(screen, page) as (peer, window):
        peer.wait_frame("began")
        if names[0] in {"refresh", "navigate"}:
            assert peer.wait_report("blocked").facts["what"] == "navigation-action"
        else:
            peer.wait_frame("ended")
        time.sleep(2)  # what was on its way would have arrived
        assert window.poll() is None, "the window lives on"
    assert sinks.hits() == dict.fromkeys(sinks.hits(), 0)

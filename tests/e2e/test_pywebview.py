"""The holes of pywebview, each open in pywebview as it comes (the control) and closed in the host that is made of it."""

from __future__ import annotations

import http.server
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import webview

from locara.ui.plan import PYTHON, Look
from locara.ui.webkit.files import POLICY

from .peer import Peer, show, write_page
from .screen import Screen

STOCK = Path(__file__).with_name("stock_view.py")
SITE = str(Path(webview.__file__).parents[1])
LOOK = Look("A page", "index.html", host="pywebview")
_BEGIN = """
const stock = () => window.webkit?.messageHandlers?.jsBridge;
const ready = new Promise((done) => { if (window.pywebview?.api?.told) done(); else addEventListener("pywebviewready", done); });
const raw = (funcName, params = ["x"]) => { try { stock().postMessage(JSON.stringify({ funcName, params, id: "1" })); } catch {} };
"""


@dataclass
class Page:
    """What a page of stock pywebview did that could be seen from outside."""

    notes: Path
    pid: int = 0

    def called(self) -> list[str]:
        """What the object of stock pywebview was called with."""
        return self.notes.read_text().splitlines() if self.notes.exists() else []


@contextmanager
def stock(screen: Screen, folder: Path, tmp_path: Path, how: str = "http") -> Iterator[Page]:
    """pywebview as it comes, showing the page."""
    page = Page(tmp_path / "called.txt")
    browser = tmp_path / "browser.sh"
    browser.write_text(f'#!/bin/sh\necho "opened $1" >> {page.notes}\n')
    browser.chmod(0o755)
    environ = {**screen.environ, "BROWSER": f"{browser} %s", "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
    command = [PYTHON, str(STOCK), SITE, str(folder), str(page.notes), how, POLICY]
    process = subprocess.Popen(
        command, env=environ, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    page.pid = process.pid
    try:
        yield page
    finally:
        process.kill()
        process.wait(30)


def until(holds: Callable[[], Any], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def foreign(html: str) -> Iterator[str]:
    """Another origin with one page; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def commands_of(screen: Screen, folder: Path, wait: str = "told") -> tuple[Peer, list[str]]:
    """The page in our host; what reached its peer once it said ``wait``, and a moment later."""
    with show(screen, folder, look=LOOK) as (peer, window):
        peer.wait_frame(wait)
        time.sleep(1.5)
        assert window.poll() is None
        return peer, peer.commands()


def test_the_one_channel_works_in_it(screen: Screen, tmp_path: Path) -> None:
    script = """(async () => {
      const same = (await call("echo", { text: "\\u2028é😀", big: "x".repeat(2e6) })).result;
      const answer = await fetch("page.js").then((r) => r.text());
      call("told", { same: same.text === "\\u2028é😀" && same.big.length === 2e6, served: answer.length > 10,
        origin: location.origin, secure: isSecureContext, wasm: typeof WebAssembly });
    })();"""
    with show(screen, write_page(tmp_path / "p", script), look=LOOK) as (peer, _):
        told = peer.wait_frame("told")["args"]
        peer.wait_report("loaded")
        screen.shoot("pywebview")
    assert told == {"same": True, "served": True, "origin": "locara://app", "secure": True, "wasm": "object"}


def test_private_methods_are_out_of_reach(screen: Screen, tmp_path: Path) -> None:
    tries = 'raw("_private"); raw("_hidden.reach"); raw("told");'
    page = write_page(tmp_path / "s", "", "")
    (page / "page.js").write_text(f"{_BEGIN} ready.then(() => {{ {tries} }});")
    with stock(screen, page, tmp_path) as seen:
        assert until(lambda: {"private x", "deep x", "told x"} <= set(seen.called())), seen.called()
    inside = f"""{_BEGIN} {tries}
      for (const name of ["_private", "_hidden.reach", "told", "pywebviewStateUpdate"]) raw(name);
      const names = [typeof window.pywebview, typeof stock(), Object.keys(window.webkit.messageHandlers).join()];
      sleep(500).then(() => call("told", {{ names }}));"""
    peer, commands = commands_of(screen, write_page(tmp_path / "p", inside))
    assert commands == ["told"]
    assert peer.wait_frame("told")["args"]["names"][:2] == ["undefined", "undefined"]


def test_a_sub_frame_of_another_origin_is_not_heard(screen: Screen, tmp_path: Path) -> None:
    inner = """<script>setInterval(() => {
      try { webkit.messageHandlers.jsBridge.postMessage(JSON.stringify({ funcName: "told", params: ["frame"], id: "1" })); } catch {}
      try { webkit.messageHandlers.locara.postMessage('{"id":1,"cmd":"frame","args":{}}'); } catch {}
      try { window.__locara.send({ id: 1, cmd: "frame", args: {} }); } catch {}
    }, 200)</script>"""
    with foreign(inner) as address:
        body = f'<iframe src="{address}"></iframe>'
        page = write_page(tmp_path / "s", "", body)
        (page / "page.js").write_text("")
        with stock(screen, page, tmp_path) as seen:
            assert until(lambda: "told frame" in seen.called()), "the control: stock pywebview hears it"
        script = 'sleep(2500).then(() => call("told"));'
        _, commands = commands_of(screen, write_page(tmp_path / "p", script, body))
    assert commands == ["told"]


def test_a_page_elsewhere_gets_no_channel_and_is_not_gone_to(screen: Screen, tmp_path: Path) -> None:
    there = """<script>setInterval(() => {
      try { window.pywebview.api.told("elsewhere"); } catch {}
      try { window.__locara.send({ id: 1, cmd: "elsewhere", args: {} }); } catch {}
    }, 200)</script>"""
    with foreign(there) as address:
        page = write_page(tmp_path / "s", "", "")
        (page / "page.js").write_text(f'setTimeout(() => {{ location.href = "{address}"; }}, 1500);')
        with stock(screen, page, tmp_path) as seen:
            assert until(lambda: "told elsewhere" in seen.called()), (
                "the control: stock pywebview goes and answers"
            )
        script = (
            f'location.href = "{address}"; sleep(1500).then(() => call("told", {{ at: location.href }}));'
        )
        with show(screen, write_page(tmp_path / "p", script), look=LOOK) as (peer, _):
            assert peer.wait_frame("told")["args"]["at"].startswith("locara://app/")
            assert peer.wait_report("blocked").facts["uri"] == address
            assert peer.commands() == ["told"]


def test_it_needs_no_evaluation_in_the_page(screen: Screen, tmp_path: Path) -> None:
    """Stock pywebview builds its functions with `new Function`: under the policy of our pages it has no channel."""
    page = write_page(tmp_path / "s", "", "")
    (page / "page.js").write_text(f"{_BEGIN} ready.then(() => window.pywebview.api.told('works'));")
    with stock(screen, page, tmp_path) as seen:
        assert until(lambda: "told works" in seen.called()), "the control: without a policy it works"
    seen.notes.unlink()
    with stock(screen, page, tmp_path, "csp") as seen:
        assert not until(lambda: "told works" in seen.called(), seconds=10), "with the policy it does not"
    script = """let evaluated = "refused"; try { evaluated = new Function("return 'ran'")(); } catch {}
      call("told", { evaluated });"""
    with show(screen, write_page(tmp_path / "p", script), look=LOOK) as (peer, _):
        assert peer.wait_frame("told")["args"] == {"evaluated": "refused"}


def test_a_link_to_a_new_window_is_not_handed_to_the_browser(screen: Screen, tmp_path: Path) -> None:
    with foreign("<p>there</p>") as address:
        body = f'<a id="out" target="_blank" href="{address}?secret">out</a>'
        # The link covers the page: only a person's click opens windows.
        cover = 'document.getElementById("out").style.cssText = "position:fixed;inset:0";'
        page = write_page(tmp_path / "s", "", body)
        (page / "page.js").write_text(
            f"{_BEGIN} {cover} ready.then(() => window.pywebview.api.told('there'));"
        )
        with stock(screen, page, tmp_path) as seen:
            assert until(lambda: "told there" in seen.called())
            opened = until(lambda: screen.press(640, 450) or any("?secret" in line for line in seen.called()))
            assert opened, "the control: the browser is opened"
        script = f"""{cover} call("there");
          addEventListener("click", () => sleep(1500).then(() => call("told")));"""
        with show(screen, write_page(tmp_path / "p", script, body), look=LOOK) as (peer, _):
            peer.wait_frame("there")
            peer.wait_report("loaded")
            assert until(lambda: screen.press(640, 450) or "told" in peer.commands())
            assert peer.wait_report("blocked").facts["uri"] == f"{address}?secret"
            assert set(peer.commands()) == {"there", "told"}


def listening(pid: int) -> set[int]:
    """The TCP ports that a process and its children listen on."""
    family = {pid}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent in family:
                family.add(int(entry.name))
    inodes = set()
    for one in family:
        try:
            for fd in Path(f"/proc/{one}/fd").iterdir():
                inodes.add(str(fd.readlink()))
        except OSError:
            continue
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and f"socket:[{parts[9]}]" in inodes:
                ports.add(int(parts[1].rsplit(":", 1)[1], 16))
    return ports


def test_nothing_listens_on_this_machine(screen: Screen, tmp_path: Path) -> None:
    page = write_page(tmp_path / "s", "", "")
    (page / "page.js").write_text("")
    (page / "secret.txt").write_text("a file beside the page")
    with stock(screen, page, tmp_path) as seen:
        pid = seen.pid
        assert until(lambda: listening(pid)), "the control: stock pywebview serves files on a port"
        with urllib.request.urlopen(f"http://127.0.0.1:{listening(pid).pop()}/secret.txt") as answer:
            assert answer.read() == b"a file beside the page", "to anybody who asks"
    with show(screen, write_page(tmp_path / "p", 'call("told");'), look=LOOK) as (peer, window):
        peer.wait_frame("told")
        time.sleep(1)
        assert listening(window.pid) == set()


@pytest.mark.parametrize("path", ["../secret.txt", "..%2fsecret.txt", "/etc/passwd", "a/../../secret.txt"])
def test_only_files_of_the_page_are_served(screen: Screen, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("a file beside the page's folder")
    script = f"""(async () => {{
      const got = await fetch("{path}").then((r) => r.text(), () => "refused");
      call("told", {{ got: got.includes("beside") || got.includes("root:"), own: (await fetch("page.js")).ok }});
    }})();"""
    with show(screen, write_page(tmp_path / "p", script), look=LOOK) as (peer, _):
        assert peer.wait_frame("told")["args"] == {"got": False, "own": True}

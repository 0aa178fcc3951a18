"""`locara dev` as a process: the page, the bridge, who may not use it, what a change does, and its end."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest


class Session:
    """A running `locara dev` and one page of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        url = urlsplit(process.stdout.readline().split()[-1])
        self.host, self.token, self.page = url.netloc, url.fragment, str(uuid.uuid4())
        self._lines = None

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Locara-Token": self.token, "X-Locara-Page": self.page}

    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request(
            method, path, body, {key.replace("_", "-"): value for key, value in headers.items()}
        )
        return connection.getresponse()

    def listen(self) -> None:
        self._lines = self.ask("GET", "/__locara/frames", **self.headers)
        assert self._lines.status == 200

    def told(self) -> dict[str, object]:
        while (line := self._lines.readline()) and not line.strip():
            pass
        assert line, "the session ended"
        return json.loads(line)

    def call(self, cmd: str, call_id: int = 1, **args: object) -> int:
        frame = json.dumps({"id": call_id, "cmd": cmd, "args": args})
        return self.ask("POST", "/__locara/frames", frame, **self.headers).status


@pytest.fixture
def session(app: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Session]:
    command = [sys.executable, "-m", "locara", "dev", str(app), "--browser", "--data", str(tmp_path / "data")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Session(process)
        finally:
            process.kill()


def test_page_calls_changes_and_the_end(session: Session, app: Path, tmp_path: Path) -> None:
    page = session.ask("GET", "/")
    assert page.status == 200
    assert b'<script src="/__locara/bridge.js"></script>' in page.read()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert b"__locara" in session.ask("GET", "/__locara/bridge.js").read()
    session.listen()
    assert session.call("app.info") == 204
    answer = session.told()["frame"]
    assert (answer["id"], answer["result"]["id"]) == (1, "acme/probe")

    (app / "dist/index.html").write_text("<!doctype html><head><title>New</title>")
    assert session.told() == {"reload": True}
    assert b"<title>New" in session.ask("GET", "/").read()

    manifest = app / "locara.json"
    manifest.write_text(manifest.read_text().replace('"read"', '"read-write"'))
    assert session.told() == {"reload": True}
    assert session.call("fs.pick", kind="file", access="read-write") == 204
    assert session.told()["frame"]["result"] == {"handles": []}

    session.process.send_signal(signal.SIGINT)
    assert session.process.wait(60) == 130
    said = session.process.stderr.read()
    assert "+ may now" in said
    assert "Traceback" not in said
    with pytest.raises(OSError, match=r".*"):
        session.ask("GET", "/")
    assert (tmp_path / "data/acme.probe.runtime.log").is_file()


def test_who_may_not_use_it(session: Session, app: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (app / "dist/link").symlink_to(tmp_path / "secret")
    call = json.dumps({"id": 1, "cmd": "app.info", "args": {}})
    post = ("POST", "/__locara/frames", call)
    wrong = {**session.headers, "X-Locara-Token": "0" * 48}
    assert session.ask(*post, **session.headers).status == 204
    assert session.ask(*post, **wrong).status == 403
    assert session.ask(*post).status == 403
    assert session.ask("GET", "/__locara/frames", **wrong).status == 403
    assert session.ask(*post, **session.headers, Origin="http://evil.example").status == 403
    other = (*post[:2], call.replace('"id": 1', '"id": 2'))
    assert session.ask(*other, **session.headers, Origin=f"http://{session.host}").status == 204
    assert session.ask(*post, **session.headers, Host="evil.example").status == 421
    assert session.ask("GET", "/", Host=f"localhost:{session.host.partition(':')[2]}").status == 421
    assert session.ask("POST", "/__locara/frames", "{", **session.headers).status == 400
    for path in ("/link", "/../locara.json", "/%2e%2e/locara.json", "/absent", "/%00"):
        assert session.ask("GET", path).status == 404
    session.process.send_signal(signal.SIGTERM)
    assert session.process.wait(60) == 143


def test_a_manifest_that_is_not_valid_leaves_the_runtime_as_it_was(session: Session, app: Path) -> None:
    session.listen()
    manifest = app / "locara.json"
    good = manifest.read_text()
    manifest.write_text("{")
    assert session.told() == {"reload": True}
    assert session.call("app.info") == 204
    assert session.told()["frame"]["ok"] is True
    manifest.write_text(good)
    assert session.told() == {"reload": True}
    session.process.send_signal(signal.SIGINT)
    assert session.process.wait(60) == 130
    assert "the runtime goes on as it was" in session.process.stderr.read()


def test_the_sources_are_read_at_the_start_and_with_each_change(session: Session, app: Path) -> None:
    def said_up_to(words: str) -> list[str]:
        lines = []
        while words not in (line := session.process.stderr.readline()):
            assert line, f"it ended after {lines}"
            lines.append(line)
        return [*lines, line]

    # Once this is told, the look at the start is over. The one that this change causes may be, or not.
    (app / "dist/index.html").write_text("<!doctype html><title>1</title>")
    assert said_up_to("the page changed") == ["the page changed\n"], (
        "without sources nothing was said at the start"
    )
    (app / "src").mkdir()
    (app / "src/main.ts").write_text('import { camera } from "@locara/sdk";\nawait camera.open();\n')
    (app / "dist/index.html").write_text("<!doctype html><title>Again</title>")
    said = said_up_to("fs.user-selected is declared")
    found = [line for line in said if line != "the page changed\n"]
    assert "src/main.ts:2: error: camera.open is used, and locara.json does not open it" in found[0]
    assert [line.split()[-1] for line in found[:3]] == ["[LC051]"] * 3, "it stands for open, read and close"
    allowed = 'import { fs } from "@locara/sdk";\nawait fs.pick({});\nawait fs.mkdir("$APP_DATA", "a");\n'
    (app / "src/main.ts").write_text(allowed)
    (app / "dist/index.html").write_text("<!doctype html><title>Second</title>")
    said = said_up_to("the sources use what locara.json declares")
    assert "LC051" not in "".join(said)


def _until_it_prints(app: Path, environment: dict[str, str], *options: str) -> tuple[str, str]:
    """What it says on stdout and on stderr up to the address, and then it is ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "locara", "dev", str(app), *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            printed = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            return printed, process.stderr.read()
        finally:
            process.kill()


def test_without_a_screen_it_prints_the_address_and_says_why(app: Path, environment: dict[str, str]) -> None:
    printed, said = _until_it_prints(app, environment)
    assert "http://127.0.0.1:" in printed
    assert said.splitlines()[0] == (
        "no window here: there is no display to show a window on. "
        "Open the address in a browser, or start it inside a desktop session"
    )
    for asked in (("--browser",), ("--no-window",), ("--port", "0")):
        printed, said = _until_it_prints(app, environment, *asked)
        assert "http://127.0.0.1:" in printed
        assert "no window" not in said, "who asked for an address is told no reason"


_LOSES_THE_INTERRUPT = """
import os, signal, sys
from locara.cli.__main__ import main
from locara.cli.dev_sources import Sources

def look(self):
    print("looking", file=sys.stderr)
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        pass

Sources.look = look
sys.exit(main(sys.argv[1:]))
"""


def test_an_interrupt_that_the_interpreter_lost_ends_it_too(app: Path, environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _LOSES_THE_INTERRUPT, "dev", str(app), "--browser"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (130, "looking\n")


def test_a_display_that_is_named_and_not_there_is_none(app: Path, environment: dict[str, str]) -> None:
    gone = {**environment, "DISPLAY": ":64998", "WAYLAND_DISPLAY": "wayland-9", "XDG_RUNTIME_DIR": "/nowhere"}
    printed, said = _until_it_prints(app, gone)
    assert "http://127.0.0.1:" in printed
    assert said.startswith("no window here: there is no display")


def test_mistakes(locara, app: Path, tmp_path: Path) -> None:
    assert locara("dev", app, "--port", "70000").returncode == 2
    assert locara("dev", tmp_path, "--browser").returncode == 4
    assert locara("dev", app, "--window", "--browser").returncode == 2
    asked = locara("dev", app, "--window")
    assert asked.returncode == 3
    assert "there is no display" in asked.stderr
    assert "start it inside a desktop session" in asked.stderr

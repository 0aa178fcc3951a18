"""`locara run --headless`: frames on stdin and stdout, orderly end, Ctrl-C, and nothing left behind."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from locara.errors import CapabilityDenied
from locara.runtime.client import Client


class Headless:
    def __init__(self, environment: dict[str, str], *args: object) -> None:
        command = [sys.executable, "-m", "locara", "run", "--headless", "--accept-consent", *map(str, args)]
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.client = Client(
            read_fd=os.dup(self.popen.stdout.fileno()), write_fd=os.dup(self.popen.stdin.fileno())
        )
        self.popen.stdin.close()
        self.popen.stdout.close()

    def wait(self) -> int:
        return self.popen.wait(60)


@pytest.fixture
def headless(environment: dict[str, str]) -> Iterator:
    started: list[Headless] = []

    def start(*args: object) -> Headless:
        started.append(Headless(environment, *args))
        return started[-1]

    yield start
    for one in started:
        one.client.close()
        if one.popen.poll() is None:
            one.popen.kill()
            one.popen.wait()
        assert one.popen.stderr is not None
        one.popen.stderr.close()


def group_is_gone(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return True
    return False


def until(done) -> bool:
    end = time.monotonic() + 20
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_frames_go_in_and_out_and_the_end_of_input_ends_it(headless, app, tmp_path) -> None:
    run = headless(app, "--data", tmp_path / "data")
    assert run.client.call("app.info")["id"] == "acme/probe"
    run.client.call("fs.write", {"root": "$APP_DATA", "path": "a", "data": "aGk=", "mode": "create"})
    run.client.end_input()
    assert run.client.recv_frame(30) is None
    assert run.wait() == 0
    assert run.popen.stderr.read() == b""
    assert (tmp_path / "data/acme.probe/files/a").read_text() == "hi"


def test_picks_are_answered_in_their_order(headless, app, tmp_path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name)
    run = headless(
        app, "--data", tmp_path / "data", "--pick", tmp_path / "one.txt", "--pick", tmp_path / "two.txt"
    )
    for name in ("one.txt", "two.txt"):
        handle = run.client.call("fs.pick", {"kind": "file", "access": "read"})["handles"][0]["handle"]
        assert run.client.call("fs.read", {"root": handle, "path": "", "encoding": "utf8"})["data"] == name
    assert run.client.call("fs.pick", {"kind": "file", "access": "read"})["handles"] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_everything_at_once(headless, app, tmp_path, number, code) -> None:
    run = headless(app, "--data", tmp_path / "data")
    run.client.call("app.info")
    inside = [pid for pid in children(run.popen.pid) if pid != run.popen.pid]
    assert inside
    run.popen.send_signal(number)
    assert run.wait() == code
    assert until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in inside))
    assert group_is_gone(run.popen.pid)
    assert b"Traceback" not in run.popen.stderr.read()


def children(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            waiting += [int(text) for text in path.read_text().split()]
    return found


def test_the_sandbox_dies_with_its_launcher(headless, app, tmp_path) -> None:
    run = headless(app, "--data", tmp_path / "data")
    run.client.call("app.info")
    inside = [pid for pid in children(run.popen.pid) if pid != run.popen.pid]
    run.popen.kill()
    run.wait()
    assert until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in inside))


def test_a_denial_reaches_the_caller_with_its_fix(headless, app, tmp_path) -> None:
    run = headless(app, "--data", tmp_path / "data")
    with pytest.raises(CapabilityDenied) as caught:
        run.client.call("fs.read", {"root": "$PICTURES", "path": "a.png"})
    assert caught.value.fix == '"fs.user-paths": {"pictures": "read"}'


def test_without_a_display_a_window_is_not_promised(locara, app) -> None:
    done = locara("run", app, stdin=subprocess.DEVNULL)
    assert done.returncode == 3
    assert done.stderr.startswith("error: there is no display to show a window on")
    assert "--headless" in done.stderr


def test_a_terminal_on_stdin_is_refused(environment, app) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "locara", "run", "--headless", str(app)]
    done = subprocess.run(
        command, check=False, stdin=theirs, capture_output=True, text=True, env=environment, timeout=60
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2
    assert "stdin is a terminal" in done.stderr


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, 4, "is not an app"),
        (b"{", 4, "locara.json:1:"),
        (b'{"schema":"locara/v1","schema":"locara/v1"}', 4, "json_duplicate_key"),
        (b"\xef\xbb\xbf{}", 4, "json_bom"),
    ],
)
def test_what_is_not_an_app_is_said_in_one_line(locara, tmp_path, content, code, words) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    if content is not None:
        (folder / "locara.json").write_bytes(content)
    done = locara("run", "--headless", folder, stdin=subprocess.DEVNULL)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("remembers", [True, False])
def test_what_is_remembered_is_listed_and_taken_back(headless, locara, app, tmp_path, remembers) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("mine")
    options = (app, "--data", tmp_path / "data")
    run = headless(*options, "--pick", letter, *(["--remember"] if remembers else []))
    asked = {"kind": "file", "access": "read", "remember": True}
    (picked,) = run.client.call("fs.pick", asked)["handles"]
    listed = locara("grants", "list", app)
    if not remembers:
        assert "grant" not in picked
        assert (listed.returncode, listed.stdout) == (0, "it may find nothing again\n")
        return
    grant = picked["grant"]
    assert f"{grant}  read {letter}, picked " in listed.stdout
    (facts,) = json.loads(locara("grants", "list", "--json").stdout)["grants"]["acme/probe"]
    assert (facts["path"], facts["access"], facts["stands"]) == (str(letter), "read", True)
    handle = run.client.call("fs.reopen", {"grant": grant})["handle"]
    there = {"root": handle, "path": "", "encoding": "utf8"}
    assert run.client.call("fs.read", there)["data"] == "mine"
    assert locara("grants", "revoke", app, grant).stdout == f"{grant}: taken back\n"
    with pytest.raises(CapabilityDenied, match="took this back"):
        run.client.call("fs.read", there)
    again = locara("grants", "revoke", "acme/probe", grant)
    assert (again.returncode, again.stdout) == (1, f"{grant}: there is no such grant\n")
    assert locara("grants", "revoke", app, "--all").returncode == 1
    assert locara("grants", "revoke", app).returncode == 2

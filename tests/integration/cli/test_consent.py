"""`locara consent`, and `locara run` with and without an answer, as a person starts them."""

from __future__ import annotations

import json
import os
import pty
import struct
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def record(environment: dict[str, str]) -> Path:
    return Path(environment["HOME"], ".local/state/Locara/consent/acme.probe.json")


def in_a_terminal(environment: dict[str, str], typed: bytes, *args: object) -> tuple[int, str]:
    """Run a command whose controlling terminal is ours, type once the question stands, and return all output."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "locara", *map(str, args)], environment)
    shown = b""
    try:
        while True:
            shown += os.read(terminal, 65_536)
            if typed and b"then Enter: " in shown:
                os.write(terminal, typed)
                typed = b""
    except OSError:  # the other end is closed: the command has ended
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()
    finally:
        os.close(terminal)


def test_the_person_answers_in_their_terminal(locara, environment, app, record) -> None:
    code, shown = in_a_terminal(environment, b"yes\n", "consent", "give", app)
    assert (code, record.is_file()) == (0, True)
    assert "read the files and folders that you pick" in shown
    assert locara("consent", "show", app).returncode == 0
    again, shown = in_a_terminal(environment, b"", "consent", "give", app)
    assert again == 0
    assert "Allow this?" not in shown


def test_no_is_no(environment, app, record) -> None:
    code, shown = in_a_terminal(environment, b"no\n", "consent", "give", app)
    assert (code, record.exists()) == (1, False)
    assert "you did not agree" in shown


def test_run_needs_an_answer_and_keeps_it(locara, app, record, tmp_path) -> None:
    options = ("--headless", app, "--data", tmp_path / "data")
    refused = locara("run", *options, input="yes\n")
    assert refused.returncode == 1
    assert "nobody has agreed" in refused.stderr
    assert "locara consent give" in refused.stderr
    assert not (tmp_path / "data").exists()
    assert locara("run", *options, "--accept-consent", stdin=subprocess.DEVNULL).returncode == 0
    assert json.loads(record.read_bytes())["answer"] == "yes"
    assert locara("run", *options, stdin=subprocess.DEVNULL).returncode == 0


def test_an_answer_can_be_taken_back(locara, app, tmp_path) -> None:
    options = ("--headless", app, "--data", tmp_path / "data")
    assert "no answer" in locara("consent", "withdraw", app).stdout
    assert locara("run", *options, "--accept-consent", stdin=subprocess.DEVNULL).returncode == 0
    assert "withdrawn" in locara("consent", "withdraw", app).stdout
    assert locara("run", *options, stdin=subprocess.DEVNULL).returncode == 1
    shown = locara("consent", "show", "--json", app)
    assert shown.returncode == 1
    facts = json.loads(shown.stdout)
    assert facts["answer"]["answer"] == "withdrawn"


def test_an_update_that_asks_for_more_needs_a_new_answer(locara, app, tmp_path) -> None:
    options = ("--headless", app, "--data", tmp_path / "data")
    assert locara("run", *options, "--accept-consent", stdin=subprocess.DEVNULL).returncode == 0
    manifest = app / "locara.json"
    document = json.loads(manifest.read_text())
    document["description"] = "Other words."
    manifest.write_text(json.dumps(document))
    assert locara("run", *options, stdin=subprocess.DEVNULL).returncode == 0
    document["capabilities"]["fs.user-selected"] = "read-write"
    manifest.write_text(json.dumps(document))
    refused = locara("run", *options, stdin=subprocess.DEVNULL)
    assert refused.returncode == 1
    assert "what its update adds" in refused.stderr
    assert "asks for more" in locara("consent", "show", app).stdout
    assert locara("run", *options, "--accept-consent", stdin=subprocess.DEVNULL).returncode == 0
    assert "sleep until" in locara("consent", "show", app).stdout


def test_a_revoked_version_is_1_and_an_unreadable_list_5(locara, app, record, tmp_path) -> None:
    options = ("--headless", app, "--data", tmp_path / "data", "--accept-consent")
    listed = record.parents[1] / "revocations.json"
    listed.parent.mkdir(parents=True)
    entry = {"id": "LR-1", "severity": "block", "kind": "malware", "reason": "Malware.", "time": 0}
    entries = [entry | {"app": "acme/probe", "fixedIn": "9.0.0"}]
    known = {"format": "locara-revocations/2", "seq": 1, "updated": 0, "entries": entries}
    listed.write_text(json.dumps(known))
    done = locara("run", *options, stdin=subprocess.DEVNULL)
    assert (done.returncode, "was revoked (LR-1): Malware.; put right in 9.0.0" in done.stderr) == (1, True)
    assert "install version 9.0.0" in done.stderr
    listed.write_text("null")
    assert locara("run", *options, stdin=subprocess.DEVNULL).returncode == 5
    assert not (tmp_path / "data").exists()


def frames(*calls: dict[str, object]) -> bytes:
    encoded = [json.dumps(call).encode() for call in calls]
    return b"".join(struct.pack(">I", len(one)) + one for one in encoded)


def answers(data: bytes) -> list[dict[str, object]]:
    found = []
    while data:
        (size,) = struct.unpack(">I", data[:4])
        found.append(json.loads(data[4 : 4 + size]))
        data = data[4 + size :]
    return found


def test_nothing_is_answered_before_consent_and_registration(locara, app, tmp_path) -> None:
    """Calls that wait on stdin from the first moment: no answer without consent; with it, only once the
    manifest is on record and the whole table of commands stands."""
    queued = frames(
        {"id": 1, "cmd": "fs.stat", "args": {"root": "$APP_DATA", "path": ""}},
        {"id": 2, "cmd": "net.fetch", "args": {}},
        {"id": 3, "cmd": "app.commands", "args": {}},
    )
    options = ("run", "--headless", app, "--data", tmp_path / "data")
    refused = locara(*options, input=queued, text=False)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert not (tmp_path / "data").exists()
    served = locara(*options, "--accept-consent", input=queued, text=False)
    replies = {reply["id"]: reply for reply in answers(served.stdout)}
    assert replies.keys() == {1, 2, 3}
    assert replies[2]["error"]["code"] == "unknown_command"
    assert {"fs.pick", "fs.stat", "db.query"} <= set(replies[3]["result"]["commands"])
    log = (tmp_path / "data/acme.probe/audit/log.jsonl").read_text().splitlines()
    commands = [json.loads(line)["cmd"] for line in log]
    assert commands[0] == "runtime.start"
    assert "fs.stat" in commands[1:]

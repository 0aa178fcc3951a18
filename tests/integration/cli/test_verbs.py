"""The other verbs as processes: output, exit codes, and the record of a real run."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from locara import __version__
from locara.core.capability import Kind
from locara.runtime.audit import AuditLog


def test_version(locara) -> None:
    assert locara("--version").stdout == f"locara {__version__}\n"
    assert json.loads(locara("--version", "--json").stdout)["locara"] == __version__
    assert locara("--version", "--jsn").returncode == 2


def test_help_names_every_verb_and_shows_examples(locara) -> None:
    shown = locara("--help")
    assert shown.returncode == 0
    for verb in ("run", "explain", "audit-log", "models", "doctor", "verify"):
        assert f"\n  {verb}" in shown.stdout
        one = locara(verb, "--help")
        assert one.returncode == 0
        assert "usage: locara" in one.stdout
        if verb != "verify":
            assert "examples:" in one.stdout
            assert "--" in one.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["runn"], "did you mean 'run'?"),
        (["verfy"], "did you mean 'verify'?"),
        (["models", "list", "--formt", "json"], "did you mean '--format'?"),
        (["models", "list", "one", "two"], "'one' is one argument too many"),
        (["verify", "--only", "LC001", "LC002", "."], "join them with commas"),
        (["models", "lst"], "invalid choice"),
        (["consent", "show"], "APP"),
        (["--nope"], "not an option"),
        (["audit-log", "show"], "name an app or a --file"),
        (["audit-log", "show", "--file", "x", "--limit", "0"], "not a number of entries"),
        (["explain", "fs.user-selectd"], "did you mean 'fs.user-selected'?"),
        (["models", "import", "absent.gguf"], "--id"),
        (["models", "verify", "sha256:zz"], "not a digest"),
    ],
)
def test_a_mistake_is_one_line_with_help_and_code_2(locara, args, words) -> None:
    done = locara(*args)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_no_verb_shows_the_help_and_is_a_mistake(locara) -> None:
    assert locara().returncode == 2


def record(environment, app, data) -> None:
    """One real run with one denial in it. Calls about files are answered side by side: each waits for the last."""
    calls = [
        {"id": 1, "cmd": "fs.stat", "args": {"root": "$APP_DATA", "path": ""}},
        {"id": 2, "cmd": "fs.stat", "args": {"root": "$MUSIC", "path": ""}},
    ]
    command = [
        sys.executable,
        "-m",
        "locara",
        "run",
        "--headless",
        "--accept-consent",
        str(app),
        "--data",
        str(data),
    ]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for call in calls:
            frame = json.dumps(call).encode()
            process.stdin.write(struct.pack(">I", len(frame)) + frame)
            process.stdin.flush()
            (size,) = struct.unpack(">I", process.stdout.read(4))
            assert json.loads(process.stdout.read(size))["id"] == call["id"]
        process.stdin.close()
        assert process.wait(60) == 0


def test_the_record_of_a_run_is_shown_and_verified(locara, environment, app, tmp_path) -> None:
    record(environment, app, tmp_path / "data")
    shown = locara("audit-log", "show", app, "--data", tmp_path / "data")
    assert [line.split()[1] for line in shown.stdout.splitlines()] == [
        "allowed",
        "allowed",
        "DENIED",
        "allowed",
    ]
    denied = locara("audit-log", "show", app, "--data", tmp_path / "data", "--denied", "--format", "json")
    entry = json.loads(denied.stdout)
    assert entry["request"] == {"root": "music", "path": "", "access": "read"}
    whole = locara("audit-log", "verify", app, "--data", tmp_path / "data")
    assert (whole.returncode, whole.stdout.split(",")[0]) == (0, "whole: 4 entries")


def test_a_changed_record_is_found(locara, environment, app, tmp_path) -> None:
    record(environment, app, tmp_path / "data")
    log = tmp_path / "data/acme.probe/audit/log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"music", b"tunes"))
    done = locara("audit-log", "verify", "--file", log)
    assert done.returncode == 1
    assert f"{log}:3" in done.stderr
    assert json.loads(locara("audit-log", "verify", "--file", log, "--format", "json").stdout)["line"] == 3


def test_without_a_record_the_code_is_4(locara, app, tmp_path) -> None:
    assert locara("audit-log", "verify", app, "--data", tmp_path / "none").returncode == 4
    assert locara("audit-log", "show", tmp_path).returncode == 4


def test_text_of_an_app_cannot_steer_the_terminal(locara, tmp_path) -> None:
    log = AuditLog.open(tmp_path / "log.jsonl", app="acme/probe")
    log.append("fs.read", "fs.app-data", {"path": "\x1b]0;owned\x07\u202e"}, allowed=False, because="\x1b[2J")
    log.close()
    shown = locara("audit-log", "show", "--file", tmp_path / "log.jsonl").stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b]0;owned" in shown


def test_models_are_imported_listed_and_verified(locara, tmp_path) -> None:
    model = Path(__file__).parents[3] / "fixtures/models/locara-tiny-chat.gguf"
    assert locara("models", "list").stdout.startswith("no models")
    refused = locara("models", "import", model, "--id", "tiny", "--expect", "sha256:" + "0" * 64)
    assert refused.returncode == 1
    assert locara("models", "import", model, "--id", "Tiny!").returncode == 1
    added = locara("models", "import", model, "--id", "tiny")
    assert added.returncode == 0
    pin = added.stdout.split('"models": ["')[1].split('"')[0]
    assert locara("models", "list").stdout.split()[0] == pin
    assert (
        json.loads(locara("models", "list", "--format", "json").stdout)[0]["digest"] == pin.partition("@")[2]
    )
    assert locara("models", "verify").stdout.startswith("ok")
    assert locara("models", "verify", pin).returncode == 0
    assert locara("models", "verify", "sha256:" + "0" * 64).returncode == 1


def test_doctor_says_what_works(locara) -> None:
    done = locara("doctor", "--format", "json")
    facts = json.loads(done.stdout)
    assert {row["name"] for row in facts["layers"]} >= {"namespaces", "landlock", "seccomp"}
    assert done.returncode == (3 if any(row["required"] and row["missing"] for row in facts["layers"]) else 0)
    assert "namespaces" in locara("doctor").stdout


def test_explain(locara, app) -> None:
    assert "fs.user-selected" in locara("explain").stdout
    one = locara("explain", "fs.user-selected", app).stdout
    assert "fs.pick" in one
    assert 'acme/probe has it: "fs.user-selected": "read"' in one
    assert "does not have it" in locara("explain", "net", app).stdout
    rule = locara("explain", "LC202")
    assert rule.returncode == 0
    assert "LC202" in rule.stdout
    assert locara("explain", "LC999").returncode == 2


def test_every_capability_of_the_manifest_is_explained(locara) -> None:
    shown = locara("explain").stdout
    for kind in Kind:
        assert f"  {kind.value} " in shown


def test_verify_is_found_in_a_clone(locara) -> None:
    done = locara("verify", "--list")
    assert done.returncode == 0
    assert "LC001" in done.stdout


def test_a_closed_pipe_is_not_an_error(environment, tmp_path) -> None:
    command = f"{sys.executable} -m locara explain | true"
    done = subprocess.run(
        ["/bin/sh", "-c", command], check=False, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stderr == ""

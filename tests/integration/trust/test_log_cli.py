"""`locara log` and `locara witness` from end to end: files, exit codes, what a person reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from locara.cli import dispatch
from locara.trust.checkpoint import open_checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.log_source import request
from locara_verify.oracle import log as oracle

from .conftest import LOG_KEY, World

Run = tuple[int, str, str]


class Line:
    """The command line in this process, with what it printed."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *args: object) -> Run:
        self._capture.readouterr()
        code = dispatch.run([str(arg) for arg in args])
        out, err = self._capture.readouterr()
        assert "Traceback" not in out + err
        return code, out, err


@pytest.fixture
def locara(capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(capsys)


@pytest.fixture
def policy(world: World, locara: Line, tmp_path: Path) -> Path:
    """A policy that asks for one witness, which was made by the command line."""
    code, out, _ = locara("witness", "init", "--state", tmp_path / "w", "--name", "w.example.org/1")
    assert code == 0
    vkey = out.split()[-1]
    path = tmp_path / "log.policy"
    path.write_text(f"# ours\nlog {LOG_KEY.verifier} https://log.example.org\nwitness w1 {vkey}\nquorum w1\n")
    LogPolicy.parse(path.read_bytes())
    return path


def test_a_log_is_witnessed_shown_proven_and_checked(
    world: World, locara: Line, policy: Path, tmp_path: Path
) -> None:
    world.grow(300)
    code, _, err = locara("log", "show", world.public, "--policy", policy)
    assert (code, "not cosigned by enough witnesses" in err) == (1, True)
    cosigned = tmp_path / "cosigned"
    code, out, _ = locara(
        "witness", "visit", world.public, "--state", tmp_path / "w", "--policy", policy, "--out", cosigned
    )
    assert (code, "300 entries" in out) == (0, True)
    (world.public / "checkpoint").write_bytes(cosigned.read_bytes())

    code, out, _ = locara("log", "show", world.public, "--policy", policy, "--entries", "255:258")
    assert code == 0
    assert "size    300" in out and "seen by w1 at" in out and "     257  entry 257" in out

    entry, proof = tmp_path / "entry", tmp_path / "entry.tlog-proof"
    entry.write_bytes(b"entry 256")
    assert locara("log", "prove", world.public, "--policy", policy, "--entry", entry, "--out", proof)[0] == 0
    assert proof.read_bytes().startswith(b"c2sp.org/tlog-proof@v1\nindex 256\n")
    code, out, _ = locara("log", "check", proof, "--policy", policy, "--entry", entry)
    assert code == 0 and out.startswith("proven:") and "entry 256 of 300" in out
    code, out, _ = locara("log", "check", proof, "--policy", policy, "--entry", entry, "--format", "json")
    assert json.loads(out)["index"] == 256

    entry.write_bytes(b"entry 257")
    code, _, err = locara("log", "check", proof, "--policy", policy, "--entry", entry)
    assert (code, "does not lead to the root" in err) == (1, True)
    entry.write_bytes(b"nowhere")
    code, _, err = locara(
        "log", "prove", world.public, "--policy", policy, "--entry", entry, "--out", tmp_path / "no"
    )
    assert (code, "does not have" in err, (tmp_path / "no").exists()) == (1, True, False)


def test_a_proof_is_checked_with_no_network_and_no_files(
    world: World, locara: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.grow(5)
    proof, entry = tmp_path / "p", tmp_path / "e"
    entry.write_bytes(b"entry 4")
    key = str(LOG_KEY.verifier)
    assert locara("log", "prove", world.public, "--key", key, "--index", "4", "--out", proof)[0] == 0

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", opened)
    monkeypatch.setattr("socket.getaddrinfo", opened)
    assert locara("log", "check", proof, "--key", key, "--entry", entry)[0] == 0


def test_the_monitor_gives_alarm_and_the_evidence_is_checked(
    world: World, locara: Line, tmp_path: Path
) -> None:
    world.grow(30)
    key, state = str(LOG_KEY.verifier), tmp_path / "monitor"
    monitor = ("log", "monitor", "--key", key, "--state", state)
    code, out, _ = locara(*monitor, world.public)
    assert (code, out) == (0, "sound: 30 entries, 30 new, every one verified\n")
    code, out, err = locara(*monitor, world.public, "--watch", "text:entry 3", "--format", "json")
    assert (code, json.loads(out)["new"]) == (0, 0)
    world.grow(10)
    code, out, err = locara(*monitor, world.public, "--watch", "text:entry 3")
    assert code == 1 and "sound: 40 entries" in out and err.count("watch: entry 3") == 10
    fork = world.fork("fork", same=5, other=35)
    code, out, err = locara(*monitor, fork)
    assert (code, "sound" in out) == (1, False)
    assert "error: fork: there are two different trees of 40 entries" in err
    (evidence,) = (state / "evidence").iterdir()
    code, out, _ = locara("log", "check", evidence, "--key", key)
    assert (code, out) == (0, "proven: the log signed two different histories\n")
    text = evidence.read_text().replace("\\n40\\n", "\\n41\\n", 1)
    evidence.write_text(text)
    assert locara("log", "check", evidence, "--key", key)[0] == 1


def test_the_witness_refuses_a_fork_by_exit_code(
    world: World, locara: Line, policy: Path, tmp_path: Path
) -> None:
    world.grow(10)
    visit = ("witness", "visit", "--state", tmp_path / "w", "--policy", policy)
    code, out, _ = locara(*visit, world.public)
    assert code == 0 and out.startswith("\u2014 w.example.org/1 ")
    fork = world.fork("fork", same=3, other=9)
    code, out, err = locara(*visit, fork)
    assert (code, out) == (1, "")
    assert "is not the beginning of" in err and "evidence" in err
    code, out, _ = locara("witness", "show", "--state", tmp_path / "w")
    assert code == 0 and "10 entries" in out
    code, out, _ = locara("witness", "show", "--state", tmp_path / "w", "--format", "json")
    assert json.loads(out)["logs"][0]["size"] == 10
    code, out, _ = locara("witness", "show", "--state", tmp_path / "w", "--log", LOG_KEY.name)
    assert (
        code == 0
        and open_checkpoint(out.encode(), LogPolicy.parse(policy.read_bytes()), now=2**33).size == 10
    )
    assert locara("witness", "show", "--state", tmp_path / "w", "--log", "x")[0] == 2


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (("log",), 2, "ACTION"),
        (("log", "show", "{public}"), 2, "--policy"),
        (("log", "show", "{public}", "--key", "x"), 5, "verifier key"),
        (("log", "show", "{public}", "--key", "{key}", "--policy", "x"), 2, "--policy"),
        (("log", "show", "{public}", "--policy", "/no/such"), 5, "no policy"),
        (("log", "show", "/no/such", "--key", "{key}"), 4, "no folder"),
        (("log", "show", "{public}", "--key", "{key}", "--entries", "3:2"), 2, "FROM:TO"),
        (("log", "show", "{public}", "--key", "{key}", "--entries", "0:99"), 2, "has 3 entries"),
        (("log", "prove", "{public}", "--key", "{key}", "--out", "p"), 2, "--index"),
        (("log", "prove", "{public}", "--key", "{key}", "--index", "3", "--out", "p"), 1, "no entry 3"),
        (("log", "check", "/no/such", "--key", "{key}"), 4, "no file"),
        (("log", "check", "{public}/checkpoint", "--key", "{key}"), 1, "not evidence"),
        (("log", "monitor", "{public}", "--key", "{key}", "--state", "{tmp}/m", "--watch", "x"), 2, "not a rule"),
        (("log", "monitor", "{public}", "--key", "{key}", "--state", "{tmp}/m", "--every", "0"), 2, "seconds"),
        (("log", "monitor", "{public}", "--key", "{key}"), 2, "--state"),
        (("witness", "visit", "{public}", "--key", "{key}", "--state", "{tmp}/none"), 5, "no key"),
        (("witness", "init", "--state", "{tmp}/x", "--name", "a b"), 5, "not the name"),
        (("witness", "serve", "--key", "{key}", "--state", "{tmp}/x", "--port", "70000"), 2, "port"),
        (("witness", "vist"), 2, "vist"),
    ],
)  # fmt: skip
def test_errors_have_a_code_and_a_way_out(
    world: World, locara: Line, tmp_path: Path, line: tuple[str, ...], code: int, says: str
) -> None:
    world.grow(3)
    words = [word.format(public=world.public, key=LOG_KEY.verifier, tmp=tmp_path) for word in line]
    found, out, err = locara(*words)
    assert (found, out) == (code, "") and says in err, err


def test_help_has_examples(locara: Line) -> None:
    for words in (
        ("log", "--help"), ("log", "monitor", "--help"), ("log", "check", "--help"), ("witness", "--help"),
        ("witness", "visit", "--help"), ("witness", "serve", "--help"),
    ):  # fmt: skip
        code, out, _ = locara(*words)
        assert code == 0 and "examples:" in out


def test_hostile_text_of_an_entry_does_not_reach_the_terminal(world: World, locara: Line) -> None:
    world.log.append([b"\x1b[2Jgone\x07\xff"])
    world.log.publish()
    code, out, _ = locara("log", "show", world.public, "--key", LOG_KEY.verifier, "--entries", "0:1")
    assert code == 0 and "\x1b" not in out and "\\x1b[2Jgone" in out


def test_a_served_witness_answers_and_stops(world: World, policy: Path, tmp_path: Path) -> None:
    world.grow(4)
    command = [
        sys.executable,
        "-m",
        "locara",
        "witness",
        "serve",
        "--state",
        str(tmp_path / "w"),
        "--policy",
        str(policy),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            body = b"old 0\n\n" + world.log.published.raw
            status, _, line = request(address, "POST", "/add-checkpoint", body=body, most=1000)
            assert status == 200 and line.decode().startswith(f"{oracle.DASH} w.example.org/1 ")
            process.send_signal(2)
            assert process.wait(20) == 130
        finally:
            process.kill()


def test_following_goes_on_when_the_server_is_away_for_a_while(world: World, tmp_path: Path) -> None:
    world.grow(4)
    command = [
        sys.executable, "-u", "-m", "locara", "log", "monitor", str(world.public), "--key",
        str(LOG_KEY.verifier), "--state", str(tmp_path / "m"), "--every", "1",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            assert "4 entries" in process.stdout.readline()
            checkpoint = world.public / "checkpoint"
            raw = checkpoint.read_bytes()
            checkpoint.unlink()
            assert "no checkpoint" in process.stderr.readline()
            world.log.append([b"more"])
            checkpoint.write_bytes(raw)
            world.log.publish()
            for _ in range(60):
                if "5 entries" in process.stdout.readline():
                    break
                time.sleep(0.01)
            else:
                pytest.fail("the new entry was not seen")
        finally:
            process.kill()

"""Canaries sing when they are touched, and their controls notice a canary that cannot."""

from __future__ import annotations

import base64
import os
import random
import signal
import socket
from pathlib import Path

import pytest

from locara_verify.checks.waiting import happens
from locara_verify.oracle import canaries, sinks


def test_a_token_is_found_in_every_spelling_and_nowhere_else() -> None:
    tokens = canaries.Tokens(random.Random(1))
    one, _two = tokens.make("one"), tokens.make("two")
    tokens.prove()
    for form in (one.encode(), one.encode("utf-16-le"), one.encode().hex().encode()):
        assert tokens.found(b"xx" + form + b"yy") == ("one",)
    for padding in range(6):
        assert tokens.found(base64.b64encode(b"p" * padding + one.encode() + b"rest")) == ("one",)
    assert tokens.found(one[:-1].encode()) == ()
    assert tokens.found(b"LOCARA-CANARY-") == ()


def test_a_tree_tells_every_kind_of_change(tmp_path: Path) -> None:
    tree = canaries.Tree(tmp_path / "tree")
    tree.plant({"a/secret.txt": "x", "b.txt": "y"})
    tree.prove()
    assert tree.changes() == ()
    (tree.root / "new").symlink_to("/etc")
    (tree.root / "b.txt").chmod(0o600)
    os.link(tree.root / "a/secret.txt", tmp_path / "outside")
    said = " | ".join(tree.changes())
    assert "new appeared" in said
    assert "b.txt changed in mode" in said
    assert "a/secret.txt changed in links" in said
    tree.mark()
    (tree.root / "b.txt").unlink()
    assert "b.txt is gone" in tree.changes()


def test_sinks_count_who_reaches_them_and_only_them(tmp_path: Path) -> None:
    with sinks.open_sinks(tmp_path) as opened:
        assert {"tcp", "udp", "dns", "unix-abstract", "unix-path"} <= set(opened.sinks)
        assert set(opened.hits().values()) == {0}
        with socket.create_connection(("127.0.0.1", opened.sinks["tcp"].port)) as client:
            client.sendall(b"hello")
        opened.prove()
        assert set(opened.hits().values()) == {0}


def test_a_secret_in_the_environment_is_there_only_inside_the_block() -> None:
    before = dict(os.environ)
    with canaries.environment_secret("LOCARA-CANARY-test") as name:
        assert os.environ[name] == "LOCARA-CANARY-test"
    assert dict(os.environ) == before


def test_the_victim_is_seen_to_live_and_to_die() -> None:
    canaries.Victim.prove()
    victim = canaries.Victim.start()
    assert victim.alive()
    victim.close()
    assert not victim.alive()


STEALTHY = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
"""What ends nobody and stops nobody who did not ask for it."""


@pytest.mark.parametrize(
    "number", sorted(signal.Signals(n) for n in range(1, 32) if n in signal.valid_signals())
)
def test_the_victim_tells_each_signal(number: signal.Signals) -> None:
    victim = canaries.Victim.start()
    try:
        os.kill(victim.pid, number)
        seen = happens(lambda: not victim.alive(), 0.05 if number in STEALTHY else 30)
        assert seen == (number not in STEALTHY)
        assert victim.alive() != seen
    finally:
        victim.close()


def test_a_broken_control_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = canaries.Tree(tmp_path / "tree")
    tree.plant({"a": "b"})
    monkeypatch.setattr(canaries, "differences", lambda _before, _after: ())
    with pytest.raises(canaries.CanaryError):
        tree.prove()


def test_logs_are_read_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a").write_text("one")
    (tmp_path / "b").write_text("two")
    assert canaries.read_logs([tmp_path / "logs", tmp_path / "b", tmp_path / "missing"]) == b"one\ntwo"

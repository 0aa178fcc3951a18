"""Canaries sing when they are touched, and their controls notice a canary that cannot."""

from __future__ import annotations

import base64
import os
import random
import signal
import socket
import time
from collections.abc import Callable
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


def back(place: Path, change: Callable[[Path], object]) -> None:
    """Change a file or folder, and give it the times it had."""
    state = place.stat()
    change(place)
    os.utime(place, ns=(state.st_atime_ns, state.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "contents": lambda root: (root / "a/file").write_text("other"),
    "as many letters": lambda root: back(root / "a/file", lambda place: place.write_text("y")),
    "a new file": lambda root: back(root / "a", lambda folder: (folder / "new").write_text("")),
    "a new folder": lambda root: back(root / "a", lambda folder: (folder / "new").mkdir()),
    "a new link": lambda root: back(root / "a", lambda folder: (folder / "new").symlink_to("/etc")),
    "a new pipe": lambda root: back(root / "a", lambda folder: os.mkfifo(folder / "new")),
    "a removed file": lambda root: back(root / "a", lambda folder: (folder / "file").unlink()),
    "a removed folder": lambda root: back(root, lambda folder: (folder / "empty").rmdir()),
    "a removed link": lambda root: back(root, lambda folder: (folder / "link").unlink()),
    "another name": lambda root: back(root / "a", lambda folder: (folder / "file").rename(folder / "name")),
    "another place": lambda root: ((root / "link").unlink(), (root / "link").symlink_to("b/file")),
    "a link for a file": lambda root: ((root / "a/file").unlink(), (root / "a/file").symlink_to("b")),
    "a folder for a file": lambda root: ((root / "a/file").unlink(), (root / "a/file").mkdir()),
    "rights of a file": lambda root: (root / "a/file").chmod(0o640),
    "rights of a folder": lambda root: (root / "empty").chmod(0o750),
    "rights of the root": lambda root: root.chmod(0o750),
    "a second name": lambda root: os.link(root / "a/file", root.with_name("outside")),
}
TIMES: dict[str, Callable[[Path], object]] = {
    "a time of a file": lambda root: os.utime(root / "a/file", (1, 1)),
    "a time of a folder": lambda root: os.utime(root / "empty", (1, 1)),
    "a time of the root": lambda root: os.utime(root, (1, 1)),
    "rights there and back": lambda root: ((root / "a/file").chmod(0o600), (root / "a/file").chmod(0o644)),
    "the same text again": lambda root: back(root / "a/file", lambda place: place.write_text("x")),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    for name in ("a", "b", "empty"):
        (folder / name).mkdir(parents=True)
    for name in ("a/file", "b/file"):
        (folder / name).write_text("x")
        (folder / name).chmod(0o644)
    (folder / "link").symlink_to("a/file")
    return folder


@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_a_snapshot_sees_each_change_also_without_times(root: Path, change: str, times: bool) -> None:
    before = canaries.snapshot(root, times=times)
    assert canaries.differences(before, canaries.snapshot(root, times=times)) == ()
    time.sleep(0.001)
    CHANGES[change](root)
    assert canaries.differences(before, canaries.snapshot(root, times=times))


@pytest.mark.parametrize("change", TIMES)
def test_a_snapshot_with_times_sees_who_left_all_else_as_it_was(root: Path, change: str) -> None:
    before, plain = canaries.snapshot(root), canaries.snapshot(root, times=False)
    time.sleep(0.02)  # a time of the kernel moves in steps
    TIMES[change](root)
    assert canaries.differences(before, canaries.snapshot(root))
    assert canaries.differences(plain, canaries.snapshot(root, times=False)) == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_snapshot_sees_a_new_owner(root: Path) -> None:
    for owner in ((65534, -1), (-1, 65534)):
        before = canaries.snapshot(root, times=False)
        os.chown(root / "a/file", *owner)
        assert canaries.differences(before, canaries.snapshot(root, times=False)) == (
            "a/file changed in owner",
        )


def test_a_token_is_found_wherever_it_is_hidden_and_by_its_own_name() -> None:
    tokens = canaries.Tokens(random.Random(1))
    by_name = {name: tokens.make(name) for name in ("one", "two", "three")}
    assert tokens.found(" ".join(by_name.values()).encode()) == ("one", "two", "three")
    for name, token in by_name.items():
        for before in range(5):
            for after in range(3):
                raw = b"b" * before + token.encode() + b"a" * after
                forms = [raw, raw.hex().encode(), base64.b64encode(raw), raw.decode().encode("utf-16-le")]
                for form in forms:
                    assert tokens.found(form) == (name,), form


def test_a_control_of_tokens_sees_a_scanner_that_is_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = canaries.Tokens(random.Random(1))
    tokens.make("one")
    tokens.prove()
    monkeypatch.setattr(canaries, "HINTS", (b"another mark",))
    with pytest.raises(canaries.CanaryError):
        tokens.prove()


KINDS = ("tcp", "udp", "dns", "tcp6", "tcp-outer", "unix-abstract", "unix-path")


@pytest.mark.parametrize("kind", KINDS)
def test_each_sink_counts_each_hit_also_after_its_control(tmp_path: Path, kind: str) -> None:
    with sinks.open_sinks(tmp_path) as opened:
        if kind not in opened.sinks:
            pytest.skip("this host has no such address")
        for count in (1, 2, 3):
            sinks.reach(opened.sinks[kind])
            assert opened.hits()[kind] == count, "what has arrived is counted, whoever was to read it"
        assert {name for name, hits in opened.hits().items() if hits} == {kind}
        opened.clear()
        assert set(opened.hits().values()) == {0}


def test_no_hit_is_lost_before_the_count_nor_left_over_after_it(tmp_path: Path) -> None:
    with sinks.open_sinks(tmp_path) as opened:
        for _ in range(20):
            for sink in opened.sinks.values():
                for _ in range(5):
                    sinks.reach(sink)
            assert set(opened.hits().values()) == {5}
            for sink in opened.sinks.values():
                sinks.reach(sink)
            opened.clear()
            assert set(opened.hits().values()) == {0}


@pytest.mark.parametrize("kind", KINDS)
def test_a_control_sees_each_sink_that_is_deaf(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "WAIT", 0.2)
    opened = sinks.Sinks(tmp_path).open()
    try:
        if kind in opened.sinks:
            deaf = opened.sinks[kind]
            opened._selector.unregister(deaf.listener)
            with pytest.raises(canaries.CanaryError, match=f"the {kind} sink"):
                opened.prove()
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("told", "address"),
    [("192.168.7.9", "192.168.7.9"), ("127.0.0.1", None), ("0.0.0.0", None)],
)
def test_the_outer_address_is_that_of_the_host(
    monkeypatch: pytest.MonkeyPatch, told: str, address: str | None
) -> None:
    class Probe:
        def __enter__(self) -> Probe:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def connect(self, _address: object) -> None:
            pass

        def getsockname(self) -> tuple[str, int]:
            return told, 1

    monkeypatch.setattr(sinks.socket, "socket", lambda *_: Probe())
    assert sinks.outer_address() == address


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


RESTORED = {signal.SIGPIPE, signal.SIGXFSZ}
"""What Python ignores, and those it starts do not."""
STEALTHY = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
"""What ends nobody and stops nobody who did not ask for it."""


@pytest.mark.parametrize(
    "number", sorted(signal.Signals(n) for n in range(1, 32) if n in signal.valid_signals())
)
def test_the_victim_tells_each_signal(number: signal.Signals) -> None:
    if number not in RESTORED and signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("whoever started these tests had it ignored, and so does what they start")
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
    (tmp_path / "logs/deep/er").mkdir(parents=True)
    (tmp_path / "logs/deep/er/c").write_text("three")
    assert b"three" in canaries.read_logs([tmp_path / "logs"])

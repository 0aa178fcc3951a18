"""The writer killed: at random by SIGKILL, at every step that touches the disk, and with the disk full.

What was acknowledged must be there afterwards, what was published must be a beginning of the log, and a monitor
that follows the public files must never see anything wrong.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.log_source import FolderSource
from locara.trust.merkle import verify_consistency
from locara.trust.monitor import Monitor
from locara.trust.note_keys import ED25519, SigningKey
from locara_registry.trust.log.log import Log
from locara_registry.trust.log.public import PublicFolder
from locara_verify.oracle import log as oracle

KEY = SigningKey("log.example.org/locara", ED25519, bytes(range(32)))

WRITER = """
import random, sys
from pathlib import Path
from locara.trust.note_keys import SigningKey
from locara_registry.trust.log.log import Log
folder = Path(sys.argv[1])
chance = random.Random(int(sys.argv[2]))
log = Log.open(folder / "log", folder / "public", SigningKey("log.example.org/locara", 1, bytes(range(32))))
print("open", flush=True)
while True:
    count = chance.choice([1, 1, 3, 64, 256, 300])
    log.append([b"entry %d" % (log.size + at) for at in range(count)])
    print("kept", log.size, log.root().hex(), flush=True)
    if chance.random() < 0.7:
        seen = log.publish()
        print("public", seen.size, seen.root.hex(), flush=True)
"""


def killed_writer(folder: Path, seed: int, words: int, after: float) -> list[tuple[str, int, bytes]]:
    """What a writer acknowledged until it was killed, that many seconds after it had said so many words."""
    command = [sys.executable, "-c", WRITER, str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        lines = [process.stdout.readline() for _ in range(words)]
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
    said = [line.split() for line in lines if line.endswith("\n")]
    return [(kind, int(size), bytes.fromhex(root)) for kind, size, root in said]


def survived(folder: Path, acknowledged: list[tuple[str, int, bytes]]) -> int:
    """Check everything that was acknowledged against the log as it is now; its size."""
    with Log.open(folder / "log", folder / "public", KEY) as log:
        for kind, size, root in acknowledged:
            assert log.root(size) == root
            verify_consistency(size, log.size, root, log.root(), log.consistency(size))
            if kind == "public":
                assert log.published.size >= size
        kept = [log.entry(index) for index in range(max(0, log.size - 700), log.size)]
        assert kept == [b"entry %d" % index for index in range(max(0, log.size - 700), log.size)]
        monitor = Monitor(folder / "monitor", LogPolicy.of(KEY.verifier))
        seen = monitor.look(FolderSource(folder / "public"))
        assert seen.alarms == ()
        assert seen.size == log.published.size
        return log.size


def rounds(folder: Path, count: int, seed: int) -> int:
    chance = random.Random(seed)
    Log.create(folder / "log", folder / "public", KEY).close()
    acknowledged: list[tuple[str, int, bytes]] = []
    total = 0
    for turn in range(count):
        new = killed_writer(folder, chance.randrange(2**31), chance.randrange(8), chance.random() * 0.03)
        total += len(new)
        acknowledged = [*chance.sample(acknowledged, min(20, len(acknowledged))), *new]
        size = survived(folder, acknowledged)
        assert size >= max((one[1] for one in acknowledged), default=0), turn
    with Log.open(folder / "log", folder / "public", KEY) as log:
        everything = [log.entry(index) for index in range(log.size)]
        assert log.root() == oracle.tree_hash(everything)
    return total


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    assert rounds(tmp_path, 6, seed=1) > 6


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    assert rounds(tmp_path, 200, seed=2) > 600


STEPS = ("os.fsync", "os.rename", "os.replace", "os.write", "os.open", "os.mkdir", "os.unlink")


def in_child(folder: Path, limit: int, *, after: bool) -> bool:
    """Append and publish in a child that kills itself at step `limit` that touches the disk, before or after
    it is done. True when the work ended before that step."""
    child = os.fork()
    if child == 0:
        count = 0

        def stepping(call: Callable[..., object]) -> Callable[..., object]:
            def step(*args: object, **options: object) -> object:
                nonlocal count
                count += 1
                last = count == limit
                if last and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
                try:
                    return call(*args, **options)
                finally:
                    if last:
                        os.kill(os.getpid(), signal.SIGKILL)

            return step

        try:
            for name in STEPS:
                attribute = name.partition(".")[2]
                setattr(os, attribute, stepping(getattr(os, attribute)))
            with Log.open(folder / "log", folder / "public", KEY) as log:
                size = log.size
                log.append([b"entry %d" % number for number in range(size, size + 300)])
                log.publish()
                log.publish()
            os._exit(0)
        except BaseException:
            os._exit(70)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status == 0


def killed_at_steps(tmp_path: Path, steps: range, *, after: bool) -> None:
    folder = tmp_path / "world"
    with Log.create(folder / "log", folder / "public", KEY) as log:
        log.append([b"entry %d" % number for number in range(250)])
        log.publish()
    survived(folder, [])
    root = oracle.tree_hash([b"entry %d" % number for number in range(250)])
    for limit in steps:
        world = tmp_path / "turn"
        shutil.copytree(folder, world)
        ended = in_child(world, limit, after=after)
        assert survived(world, [("public", 250, root)]) in (250, 550)
        with Log.open(world / "log", world / "public", KEY) as log:
            log.append([b"entry %d" % number for number in range(log.size, 600)])
            assert log.publish().size == 600
        survived(world, [])
        assert not list((world / "public").rglob(".*"))
        shutil.rmtree(world)
        if ended:
            assert limit > 25
            return
    pytest.fail("the work never ended")


def test_a_writer_killed_at_some_steps_goes_on(tmp_path: Path) -> None:
    killed_at_steps(tmp_path, range(2, 400, 9), after=False)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_a_writer_killed_at_every_step_goes_on(tmp_path: Path, after: bool) -> None:
    killed_at_steps(tmp_path, range(1, 400), after=after)


FULL = """
import sys
from pathlib import Path
from locara.trust.log_refusal import LogRefused
from locara.trust.note_keys import SigningKey
from locara_registry.trust.log.log import Log
disk = Path(sys.argv[1])
key = SigningKey("log.example.org/locara", 1, bytes(range(32)))
with Log.create(disk / "log", disk / "public", key) as log:
    kept = 0
    while True:
        try:
            log.append([b"entry %d " % number + bytes(1000) for number in range(log.size, log.size + 50)])
            kept = log.publish().size
        except LogRefused as error:
            print("refused", error.code, log.size, log.published.size, flush=True)
            break
(disk / "ballast").unlink()
with Log.open(disk / "log", disk / "public", key) as log:
    before = log.size
    log.append([b"more"])
    print("went on", before, log.publish().size)
"""


@pytest.fixture
def bwrap() -> Iterator[str]:
    found = shutil.which("bwrap")
    if found is None:
        pytest.skip("bubblewrap is what gives this test a small disk")
    yield found


@pytest.mark.parametrize("room", [500_000, 900_000, 1_300_000])
def test_a_full_disk_loses_nothing_and_the_log_goes_on(tmp_path: Path, bwrap: str, room: int) -> None:
    ballast = f"import sys; open(sys.argv[1] + '/ballast', 'wb').write(bytes({3_800_000 - room}))\n"
    command = [
        bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--size", "4000000", "--tmpfs",
        str(tmp_path), sys.executable, "-c", ballast + FULL, str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    _, code, size, published = first.split()
    assert code == "disk_full"
    assert int(size) >= int(published) > 0
    assert second == f"went on {size} {int(size) + 1}"


def test_a_public_folder_that_is_full_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Log.create(tmp_path / "log", tmp_path / "public", KEY) as log:
        log.append([b"one"])
        log.publish()
        log.append([b"two"])

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(PublicFolder, "_settle", full)
        with pytest.raises(LogRefused) as caught:
            log.publish()
        assert caught.value.code == "disk_full"
        assert (tmp_path / "public/checkpoint").read_bytes().split(b"\n")[1] == b"1"
        assert not list((tmp_path / "public").rglob(".*"))
        monkeypatch.undo()
        assert log.publish().size == 2

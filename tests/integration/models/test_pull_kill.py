"""kill -9 at any point of a download: the cache never holds wrong bytes, and the next call completes.

One process that has everything imported makes a child per round, so that a round costs milliseconds. In even
rounds the server sends a random number of bytes and falls silent, and the child is killed then; in odd rounds
it is killed after a random time, so that hashing, flushing and the final rename are met as well.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.models.cache import ModelCache
from locara.models.fetch import DOWNLOADS
from tests.integration.models.conftest import Content, Server

DATA = random.Random(7).randbytes(600_000)
DIGEST = Digest.of(DATA)

ZYGOTE = """
import os, sys
from pathlib import Path
from locara.core.digest import Digest
from locara.models.cache import ModelCache
from locara.models.fetch import Wanted, fetch
from locara.models.web import Url, Web
root, url, digest, size = sys.argv[1:]
wanted = Wanted(Digest.parse(digest), int(size), (Url.parse(url),))
print("ready", flush=True)
while sys.stdin.readline():
    child = os.fork()
    if not child:
        try:
            fetch(ModelCache(Path(root)), wanted, web=Web())
        finally:
            os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()  # until then the child, dead or alive, keeps its number
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Zygote:
    """Starts one fetch per round and says how it ended."""

    def __init__(self, root: Path, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE, str(root), url, str(DIGEST), str(len(DATA))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def start(self) -> int:
        self._go()
        return int(self._line())

    def ended(self) -> int:
        self._go()
        return int(self._line())

    def close(self) -> None:
        self._process.communicate(timeout=60)


def rounds(count: int, serve: Callable[[], Server], root: Path) -> tuple[int, int]:
    """Kill that many downloads; return how many were killed, and how many entries were completed."""
    chance = random.Random(count)
    server = serve()
    zygote = Zygote(root, server.url("/m"))
    killed = completed = 0
    for turn in range(count):
        content = Content(DATA)
        have = sum(path.stat().st_size for path in (root / DOWNLOADS).glob("*/body"))
        silent = turn % 2 == 0 and have < len(DATA)  # with all bytes here, the server is not asked
        if silent:
            content.cut_after = chance.randrange(min(len(DATA) - have, 200_000))
            content.gate = threading.Semaphore(0)
        server.paths["/m"] = content
        child = zygote.start()
        if silent:
            assert content.sent.wait(20)
        else:
            time.sleep(chance.random() * 0.06)
        os.kill(child, signal.SIGKILL)
        killed += zygote.ended() == -signal.SIGKILL
        if content.gate is not None:
            content.gate.release(100)
        for entry in ModelCache(root).list():
            ModelCache(root).verify(entry.digest)
            assert entry.digest == DIGEST
            assert entry.meta["size"] == len(DATA)
            completed += 1
            ModelCache(root).remove(entry.digest)
    server.paths["/m"] = Content(DATA)
    zygote.start()
    assert zygote.ended() == 0
    zygote.close()
    ModelCache(root).verify(DIGEST)
    left = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert {path.parent.name for path in left} == {DIGEST.hex}
    return killed, completed


def test_20_kills(serve, trusted, tmp_path) -> None:
    killed, _ = rounds(20, serve, tmp_path / "cache")
    assert killed >= 5  # a round in which the server falls silent cannot end in another way


@pytest.mark.slow
@pytest.mark.skipif("LOCARA_LONG" not in os.environ, reason="./dev tox run -e long")
def test_300_kills(serve, trusted, tmp_path) -> None:
    killed, completed = rounds(300, serve, tmp_path / "cache")
    print(f"{killed} killed, {completed} complete entries found on the way")
    assert killed >= 200

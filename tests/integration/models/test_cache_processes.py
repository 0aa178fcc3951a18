"""The cache among processes that race, are killed and run out of space."""

import signal
import subprocess
import sys
from pathlib import Path

from locara.core.digest import Digest
from locara.models.cache import ModelCache

CONTENT = bytes(range(256)) * 16_384  # 4 MiB
DIGEST = Digest.of(CONTENT)

ADD = """
import resource, sys
from pathlib import Path
from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.cache import ModelCache
root, source, expected, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
print("ready", flush=True)
sys.stdin.readline()
try:
    wanted = Digest.parse(expected) if expected else None
    print(ModelCache(Path(root)).add_file(Path(source), expected=wanted))
except ModelError as error:
    print(error.code)
"""


def start(root: Path, source: Path, *, expected: str = "", limit: int = 0) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", ADD, str(root), str(source), expected, str(limit)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(processes: list[subprocess.Popen[str]]) -> list[str]:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[0].strip() for process in processes]


def leftovers(root: Path) -> list[Path]:
    return [path for path in (root / ".partial").iterdir() if path.suffix != ".lock"]


def test_processes_that_add_the_same_model_all_see_one_complete_entry(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "cache"
    source.write_bytes(CONTENT)
    racers = [start(root, source, expected=str(DIGEST) if turn % 2 else "") for turn in range(6)]
    assert go(racers) == [str(DIGEST)] * 6
    ModelCache(root).verify(DIGEST)
    assert len(ModelCache(root).list()) == 1
    assert leftovers(root) == []


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "cache"
    source.write_bytes(CONTENT)
    assert go([start(root, source, limit=1 << 20)]) == ["disk_full"]
    assert ModelCache(root).list() == ()
    assert leftovers(root) == []
    assert go([start(root, source, limit=8 << 20)]) == [str(DIGEST)]


def test_a_process_killed_while_copying_leaves_no_entry_and_no_lock(tmp_path: Path) -> None:
    root, pipe = tmp_path / "cache", tmp_path / "source"
    # A sparse file: big enough that the copy is still running when the signal arrives.
    with pipe.open("wb") as file:
        file.truncate(4 << 30)
    process = start(root, pipe)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    partial = root / ".partial"
    while not any(partial.glob("*/model.gguf")):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert ModelCache(root).list() == ()
    source = tmp_path / "small"
    source.write_bytes(CONTENT)
    assert ModelCache(root).add_file(source) == DIGEST
    assert leftovers(root) == []

"""Two apps at once, each with its own launcher: what they have in common, who listens, and what stays behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from locara.models.cache import default_root
from locara.runtime.app import AppBundle
from locara.runtime.client import Client

from .world import MODELS, REPOSITORY

EMBED = MODELS["all-minilm-l6-v2"]
FOLDER = "$SHARED/notes"
LISTEN = "0A"
ACCEPTS = 0x10000
DEATH_SECONDS = 30


def capabilities(other: str) -> dict:
    shared = [{"id": "notes", "with": [f"acme/{other}"], "access": "read-write"}]
    return {"models": [EMBED], "shared-folders": shared}


@dataclass
class Launched:
    """An app and the process that launched it."""

    process: subprocess.Popen[bytes]
    client: Client
    home: Path

    def tree(self) -> list[int]:
        """The launcher and everything below it, outermost first."""
        found = [self.process.pid]
        for pid in found:
            tasks = Path(f"/proc/{pid}/task").iterdir()
            found += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        return found

    def innermost(self) -> int:
        """The runtime itself."""
        return self.tree()[-1]

    def mounts(self) -> dict[str, tuple[str, bool]]:
        """What the runtime sees: place -> (device and folder on it, writable)."""
        seen = {}
        for line in Path(f"/proc/{self.innermost()}/mountinfo").read_text().splitlines():
            _, _, device, root, place, options = line.split()[:6]
            seen[place] = (f"{device} {root}", "rw" in options.split(","))
        return seen


@pytest.fixture
def person(tmp_path: Path) -> dict[str, str]:
    """One person's environment, with the models that are on this machine."""
    places = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("DATA", "STATE")}
    cache = str(default_root().parent.parent)
    return {**os.environ, **places, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(REPOSITORY)}


@contextmanager
def launched(app: Path, person: dict[str, str]) -> Iterator[Launched]:
    command = [sys.executable, "-m", "locara", "run", "--headless", "--accept-consent", str(app)]
    log = app.with_suffix(".log")
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=person
        )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        client = Client(read_fd=os.dup(process.stdout.fileno()), write_fd=os.dup(process.stdin.fileno()))
        process.stdin.close()
        try:
            client.call("app.info")
            name = AppBundle.open(app).grants.app_id.replace("/", ".")
            yield Launched(process, client, Path(person["XDG_DATA_HOME"]) / "Locara/apps" / name)
        finally:
            client.close()
            process.wait(DEATH_SECONDS)


@pytest.fixture
def apps(write_app) -> tuple[Path, Path]:
    fields = {"modalities": ["text-to-embedding"]}
    one = write_app(capabilities("editor"), name="probe", **fields)
    return one, write_app(capabilities("probe"), name="editor", **fields)


@pytest.fixture
def pair(apps: tuple[Path, Path], person: dict[str, str]) -> Iterator[tuple[Launched, Launched]]:
    for app in apps:  # so that each side's declaration is on record
        with launched(app, person):
            pass
    with ExitStack() as stack:
        one, two = (stack.enter_context(launched(app, person)) for app in apps)
        yield one, two


def sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process holds."""
    held = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        target = str(fd.readlink())
        if target.startswith("socket:["):
            held.add(target[8:-1])
    return held


def listening(pid: int) -> set[str]:
    """The inodes of the sockets in a process's network that wait for somebody to connect, or for datagrams."""
    found = set()
    net = Path(f"/proc/{pid}/net")
    for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for line in (net / name).read_text().splitlines()[1:]:
            fields = line.split()
            if not name.startswith("tcp") or fields[3] == LISTEN:
                found.add(fields[9])
    for line in (net / "unix").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[3], 16) & ACCEPTS:
            found.add(fields[6])
    return found


@contextmanager
def watching(pids: list[int]) -> Iterator[Callable[[float], list[bool]]]:
    """Yields what tells of each process whether it ended, waiting for it at most so many seconds."""
    with ExitStack() as stack:
        held = [os.pidfd_open(pid) for pid in pids]
        for fd in held:
            stack.callback(os.close, fd)
        yield lambda seconds: [bool(select.select([fd], [], [], seconds)[0]) for fd in held]


def test_they_share_the_models_and_the_folder_that_both_declare(pair) -> None:
    one, two = pair
    assert not set(one.tree()) & set(two.tree())
    for name in ("mnt", "net", "pid", "ipc", "uts", "user"):
        ids = {Path(f"/proc/{app.innermost()}/ns/{name}").readlink() for app in pair}
        assert len(ids | {Path(f"/proc/self/ns/{name}").readlink()}) == 3, name
    mine, theirs = one.mounts(), two.mounts()
    writable = [
        {
            where
            for place, (where, is_writable) in seen.items()
            if is_writable and not place.startswith("/dev/")
        }
        for seen in (mine, theirs)
    ]
    assert "/data" in mine
    assert mine["/data"][0].endswith("acme.probe")
    assert writable[0] & writable[1] == {mine["/roots/shared/notes"][0]}
    assert mine["/roots/shared/notes"] == theirs["/roots/shared/notes"]
    model = next(place for place in mine if place.startswith("/models/"))
    assert mine[model] == theirs[model]
    assert not mine[model][1], "a model is only read"
    allowed = ("/usr", "/lib", "/bin", "/etc/", "/dev", "/models/", "/roots/shared/notes", "/proc", "/sys")
    code = {sys.base_prefix, sys.prefix, str(REPOSITORY / "locara")}
    common = {place for place in mine if place in theirs and mine[place][0] == theirs[place][0]}
    strange = {
        place
        for place in common
        if not place.startswith(allowed) and not any(place.startswith(tree) for tree in code)
    }
    assert strange <= {"/"}, strange


def test_they_work_at_the_same_time_and_see_one_folder(pair) -> None:
    one, two = pair
    asked = [app.client.send("embed.create", {"model": EMBED, "texts": ["a cat"]}) for app in pair]
    made = [app.client.wait(call_id)["vectors"] for app, call_id in zip(pair, asked, strict=True)]
    assert made[0] == made[1]
    written = {"root": FOLDER, "path": "a.txt", "data": "from one", "encoding": "utf8", "mode": "create"}
    one.client.call("fs.write", written)
    read = {"root": FOLDER, "path": "a.txt", "encoding": "utf8"}
    assert two.client.call("fs.read", read)["data"] == "from one"
    one.client.call("settings.set", {"key": "secret", "value": "mine"})
    assert two.client.call("settings.get", {"key": "secret"})["found"] is False
    assert (one.home / "files").is_dir()
    assert (two.home / "files").is_dir()


def test_nobody_listens_and_nothing_is_left(pair) -> None:
    everyone = [pid for app in pair for pid in app.tree()]
    assert len(everyone) >= 4
    held = set().union(*(sockets(pid) for pid in everyone))
    assert held, "launcher and runtime do speak with each other"
    for pid in everyone:
        assert not held & listening(pid)
    with watching(everyone) as ended:
        for app in pair:
            assert not listening(app.innermost()), "the runtime's own network has no socket at all"
        assert not any(ended(0))
        for app in pair:
            app.client.close()
            assert app.process.wait(DEATH_SECONDS) == 0
        assert all(ended(DEATH_SECONDS))


def test_the_twin_a_listener_is_seen(tmp_path) -> None:
    script = "import socket,sys; s = socket.create_server(('127.0.0.1', 0)); print('on', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert sockets(process.pid) & listening(process.pid)
        process.communicate()


def test_a_killed_launcher_takes_its_own_app_along_and_no_other(pair) -> None:
    one, two = pair
    dying, living = one.tree(), two.tree()
    with watching(dying) as ended, watching(living) as other:
        os.kill(one.process.pid, signal.SIGKILL)
        assert one.process.wait(DEATH_SECONDS) == -signal.SIGKILL
        assert all(ended(DEATH_SECONDS))
        assert not any(other(0))
    assert two.client.call("app.info")["id"] == "acme/editor"

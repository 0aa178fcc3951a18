"""Everything a sandboxed app must not reach, set up for real: files, sockets, memory, a process, a
descriptor.

The canaries count what reaches them. All of it belongs to the very user the sandbox runs as, so that
nothing is denied by mere ownership, and all of it is gone afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any, Final

import locara
from locara.records import dataclass
from locara.sandbox.linux.identity import Identity

ENV_NAME: Final = "LOCARA_PROBE_SECRET"
_IPC_CREAT: Final = 0o1000
_IPC_EXCL: Final = 0o2000
_IPC_RMID: Final = 0
_CGROUP_FILES: Final = (
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/pids/tasks",
    "/sys/fs/cgroup/unified/cgroup.procs",
)
_VICTIM_SECONDS: Final = 600
MACHINE: Final = ("/proc/cpuinfo", "/proc/meminfo", "/proc/pressure/memory")
"""What a runtime may know of the whole machine: to choose an engine's code, and to let models go in time."""
_MOST_MACHINE_FILES: Final = 400
_NR_KCMP: Final = {"x86_64": 312, "aarch64": 272}


@dataclass(slots=True)
class Canaries:
    """Listeners of every kind with a count of what reached each."""

    hits: dict[str, int] = field(default_factory=dict)
    sockets: list[tuple[str, socket.socket]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    end: tuple[socket.socket, socket.socket] = field(default_factory=socket.socketpair)

    def take(self) -> dict[str, int]:
        """The counts since the last call, the latest that has arrived among them."""
        with self.lock:
            for name, sock in self.sockets:
                self._count(name, sock)
            counted, self.hits = self.hits, {}
        return counted

    def listen(self, name: str, family: int, address: object) -> socket.socket:
        """A stream listener that counts connections."""
        return self._serve(name, socket.socket(family), address)

    def receive(self, name: str, family: int, address: object) -> socket.socket:
        """A datagram socket that counts and, over UDP, answers."""
        return self._serve(name, socket.socket(family, socket.SOCK_DGRAM), address)

    def close(self) -> None:
        """End their threads, and close them."""
        self.end[0].send(b"x")
        for thread in self.threads:
            thread.join()
        for sock in (*self.end, *(sock for _, sock in self.sockets)):
            sock.close()

    def _serve(self, name: str, sock: socket.socket, address: object) -> socket.socket:
        sock.bind(address)  # type: ignore[arg-type]
        sock.setblocking(False)
        if sock.type == socket.SOCK_STREAM:
            sock.listen(64)
        thread = threading.Thread(target=self._loop, args=(name, sock), name=f"canary-{name}", daemon=True)
        self.sockets.append((name, sock))
        self.threads.append(thread)
        thread.start()
        return sock

    def _loop(self, name: str, sock: socket.socket) -> None:
        while self.end[1] not in select.select([sock, self.end[1]], [], [])[0]:
            with self.lock:
                self._count(name, sock)

    def _count(self, name: str, sock: socket.socket) -> None:
        """Count what has arrived, empty datagrams too. The caller holds the lock."""
        while True:
            try:
                if sock.type == socket.SOCK_DGRAM:
                    _, sender = sock.recvfrom(64)
                else:
                    client, sender = sock.accept()[0], None
                    client.close()
            except OSError:
                return
            self.hits[name] = self.hits.get(name, 0) + 1
            if sender:
                with contextlib.suppress(OSError):
                    sock.sendto(b"ok", sender)


@dataclass(frozen=True, slots=True)
class Outside:
    """The victims. `world(...)` tells probes where they are, seen from inside or from an unsandboxed
    control.
    """

    folder: Path
    identity: Identity | None
    canaries: Canaries
    facts: Mapping[str, Any]
    leaked_fd: int
    secret_value: str

    def reset(self) -> None:
        """Put every file back as probes expect it; forget the counts."""
        for name in ("victim-file", "removable", "movable"):
            self._write(self.folder / name, f"{name} stays\n")
        (self.folder / "written").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "scratch", ignore_errors=True)
        self._folder(self.folder / "scratch")
        self.canaries.take()

    def changes(self) -> list[str]:
        """What differs from the state after `reset`: the effects, whatever the probes returned."""
        found = []
        for name in ("victim-file", "removable", "movable"):
            path = self.folder / name
            if not path.exists():
                found.append(f"{name} is gone")
            elif path.read_text("utf-8") != f"{name} stays\n" or path.stat().st_mode & 0o777 != 0o644:
                found.append(f"{name} was changed")
        if (self.folder / "written").exists():
            found.append("a file was written")
        return found

    def world(self, *, inside: bool, app_part: str = "dist") -> dict[str, Any]:
        """The request's `world`: victims in both cases, and the app's own places as that side sees them."""
        if inside:
            own = {
                "scratch": "/data/tmp",
                "app": f"/app/{app_part}",
                "manifest": "/app/locara.json",
                "parent": 1,
            }
        else:
            app = self.folder / "app"
            own = {
                "scratch": str(self.folder / "scratch"),
                "app": str(app),
                "manifest": str(app / "locara.json"),
                "parent": self.facts["victim"],
            }
        framework = str(next(iter(locara.__path__)))
        return {
            **self.facts,
            **own,
            "framework": framework,
            "inside": inside,
            "leaked_fd": self.leaked_fd,
            "env_value": self.secret_value,
        }

    def _write(self, path: Path, text: str) -> None:
        path.unlink(missing_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o644)
        self._own(path)

    def _folder(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
        self._own(path)

    def _own(self, path: Path) -> None:
        if self.identity is not None:
            os.chown(path, self.identity.uid, self.identity.gid)


@contextmanager
def outside(identity: Identity | None) -> Iterator[Outside]:
    """Set up the victims, with the sandbox's user as their owner; take everything away at the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="locara-outside-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        canaries = Canaries()
        stack.callback(canaries.close)
        token = secrets.token_hex(8)
        secret_value = f"secret-{token}"
        facts = {**_files(folder, secret_value), **_sockets(folder, canaries, token), **_memory(stack, token)}
        facts |= _host()
        leaked = os.open(folder / "secret.txt", os.O_RDONLY)
        stack.callback(os.close, leaked)
        os.set_inheritable(leaked, True)
        os.environ[ENV_NAME] = secret_value
        stack.callback(os.environ.pop, ENV_NAME, None)
        facts |= _victim(stack, identity, secret_value)
        there = Outside(folder, identity, canaries, facts, leaked, secret_value)
        for path in (folder, *folder.rglob("*")):
            there._own(path)
        there.reset()
        yield there


def _files(folder: Path, secret: str) -> dict[str, Any]:
    path = folder / "secret.txt"
    path.write_text(secret, "utf-8")
    path.chmod(0o644)
    app = folder / "app"
    app.mkdir()
    (app / "locara.json").write_text("{}", "utf-8")
    return {
        "secret": str(path),
        "secret_inode": path.stat().st_ino,
        "outside": str(folder),
        "env_name": ENV_NAME,
    }


def _sockets(folder: Path, canaries: Canaries, token: str) -> dict[str, Any]:
    abstract = f"locara-canary-{token}"
    tcp = canaries.listen("tcp", socket.AF_INET, ("127.0.0.1", 0))
    udp = canaries.receive("udp", socket.AF_INET, ("127.0.0.1", 0))
    canaries.listen("abstract", socket.AF_UNIX, "\0" + abstract)
    stream, datagram = folder / "canary.sock", folder / "canary-datagram.sock"
    canaries.listen("path", socket.AF_UNIX, str(stream))
    canaries.receive("datagram", socket.AF_UNIX, str(datagram))
    session = [folder / name for name in ("pipewire-0", "native", "wayland-0", "X0", "bus")]
    for path in session:
        canaries.listen("session", socket.AF_UNIX, str(path))
    for path in (stream, datagram, *session):
        path.chmod(0o777)
    tcp6_port = 9
    with contextlib.suppress(OSError):
        tcp6_port = canaries.listen("tcp6", socket.AF_INET6, ("::1", 0)).getsockname()[1]
    return {
        "tcp": tcp.getsockname()[1],
        "tcp6": tcp6_port,
        "udp": udp.getsockname()[1],
        "abstract": abstract,
        "unix_path": str(stream),
        "unix_datagram_path": str(datagram),
        "session_sockets": [str(path) for path in session],
    }


def _memory(stack: contextlib.ExitStack, token: str) -> dict[str, Any]:
    libc = ctypes.CDLL(None, use_errno=True)
    key = int(token[:7], 16) | 1
    segment = libc.shmget(key, 4096, _IPC_CREAT | _IPC_EXCL | 0o666)
    if segment >= 0:
        stack.callback(libc.shmctl, segment, _IPC_RMID, None)
    queue = libc.msgget(key, _IPC_CREAT | _IPC_EXCL | 0o666)
    if queue >= 0:
        stack.callback(libc.msgctl, queue, _IPC_RMID, None)
    shared = Path("/dev/shm") / f"locara-canary-{token}"  # noqa: S108 - the shared place is what is tested
    with contextlib.suppress(OSError):
        shared.write_text("shared", "utf-8")
        shared.chmod(0o644)
        stack.callback(shared.unlink, missing_ok=True)
    return {"shm_key": key, "msg_key": key, "shm_file": str(shared)}


def _host() -> dict[str, Any]:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    disk = next((m[0] for m in mounts if m[1] == "/" and m[0].startswith("/dev/")), "/dev/sda")
    cgroup = next((path for path in _CGROUP_FILES if Path(path).exists()), _CGROUP_FILES[0])
    return {
        "disk": disk,
        "cgroup_file": cgroup,
        "mount_marker": " /sys ",
        "host_name": os.uname().nodename,
        "machine_files": _machine_files(),
        "nr_kcmp": _NR_KCMP.get(os.uname().machine, 312),
    }


def _machine_files() -> list[str]:
    """Files of /proc that are of no process, but for `MACHINE`; of the many folders of switches one in each."""
    found = [path for path in sorted(Path("/proc").iterdir()) if path.is_file() and not path.is_symlink()]
    for folder in sorted(path for path in Path("/proc").iterdir() if path.is_dir() and not path.is_symlink()):
        if folder.name.isdecimal():
            continue
        for at, _, names in os.walk(folder):
            some = 1 if at.startswith(("/proc/sys/", "/proc/irq/")) else len(names)
            found += [Path(at, name) for name in sorted(names)][:some]
    return [str(path) for path in found if str(path) not in MACHINE][:_MOST_MACHINE_FILES]


def _victim(stack: contextlib.ExitStack, identity: Identity | None, secret: str) -> dict[str, Any]:
    who: dict[str, Any] = {}
    if identity is not None:
        who = {"user": identity.uid, "group": identity.gid, "extra_groups": []}
    marker = f"{_VICTIM_SECONDS}.{secrets.randbelow(10**6):06}"
    victim = subprocess.Popen(
        ["/bin/sleep", marker],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={ENV_NAME: secret},
        cwd="/",
        start_new_session=True,
        **who,
    )
    stack.callback(victim.wait)
    stack.callback(victim.kill)
    return {"victim": victim.pid, "victim_marker": marker}

"""A running app seen from outside, in /proc: its processes, their sockets, their network, their
environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from locara.records import dataclass

TABLES: Final = ("tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6", "icmp", "icmp6", "packet")
_LISTEN: Final = "0A"


@dataclass(frozen=True, slots=True)
class Network:
    """What one process can reach: its network namespace, its interfaces with packets counted, its sockets."""

    namespace: str
    interfaces: tuple[str, ...]
    packets: int
    sockets: tuple[str, ...]


def family(pid: int) -> tuple[int, ...]:
    """``pid`` and all its descendants that still run."""
    children: dict[int, list[int]] = {}
    for process in running():
        parent = parent_of(process)
        if parent is not None:
            children.setdefault(parent, []).append(process)
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return tuple(found)


def listening(pid: int) -> frozenset[str]:
    """The sockets of one process that wait for connections over TCP, by their inodes."""
    waiting = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            words = row.split()
            if words[3] == _LISTEN:
                waiting.add(f"socket:[{words[9]}]")
    held = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(OSError):
            held.add(os.readlink(entry.path))  # noqa: PTH115
    return frozenset(waiting & held)


def running() -> Iterator[int]:
    """Every process id of this host."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            yield int(entry.name)


def parent_of(pid: int) -> int | None:
    """The parent of a process, None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[1])


def runtime_of(pid: int) -> int | None:
    """The process of a running app that serves its frames: the youngest one that runs Python."""
    found = None
    for process in family(pid):
        try:
            words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words and b"python" in words[0].rpartition(b"/")[2]:
            found = process if found is None else max(found, process)
    return found


def network_of(pid: int) -> Network:
    """What ``/proc`` tells about the network of a process. Raises OSError when it is gone."""
    base = Path(f"/proc/{pid}")
    lines = (base / "net/dev").read_text("ascii").splitlines()[2:]
    interfaces = [line.partition(":") for line in lines]
    counts = [tail.split() for _name, _colon, tail in interfaces]
    sockets = []
    for table in TABLES:
        try:
            rows = (base / "net" / table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue  # a family this kernel does not have
        sockets += [f"{table} {row.strip()[:80]}" for row in rows if row.strip()]
    return Network(
        namespace=str((base / "ns/net").readlink()),
        interfaces=tuple(name.strip() for name, _colon, _tail in interfaces),
        packets=sum(int(row[1]) + int(row[9]) for row in counts),
        sockets=tuple(sockets),
    )


def environment_of(pid: int) -> bytes:
    """The environment a process was started with. Raises OSError when it may not be read."""
    return Path(f"/proc/{pid}/environ").read_bytes()

"""Counting sinks: sockets that record whoever reaches them. The truth of "no packet left" is their count."""

from __future__ import annotations

import ipaddress
import os
import selectors
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from pathlib import Path

from locara.records import dataclass
from locara_verify.oracle.canaries import CanaryError

WAIT = 10.0


@dataclass(slots=True)
class Sink:
    """One listening socket and what reached it."""

    name: str
    listener: socket.socket
    address: str
    received: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port to attack, zero for Unix sockets."""
        name = self.listener.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    @property
    def hits(self) -> int:
        """How often it was reached."""
        return len(self.received)


class Sinks:
    """TCP, UDP, abstract and path Unix sinks on this host, served by one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sinks: dict[str, Sink] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._serve, name="locara-sinks", daemon=True)

    def open(self) -> Sinks:
        """Bind every sink and start counting."""
        self._add("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        self._add("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self._add("dns", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        if socket.has_ipv6:
            self._add_if_possible("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
        outer = outer_address()
        if outer is not None:
            self._add_if_possible("tcp-outer", socket.AF_INET, socket.SOCK_STREAM, (outer, 0))
        self._add(
            "unix-abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0locara-sink-{os.getpid()}-{id(self):x}"
        )
        self._add("unix-path", socket.AF_UNIX, socket.SOCK_STREAM, str(self._short_folder() / "sink.sock"))
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread.start()
        return self

    def _short_folder(self) -> Path:
        """A folder whose path fits into a Unix socket address."""
        if len(str(self.folder)) < 80:
            self.folder.mkdir(parents=True, exist_ok=True)
            return self.folder
        return Path(tempfile.mkdtemp(prefix="locara-sink-"))

    def _add(self, name: str, family: int, kind: int, address: tuple[str, int] | str) -> None:
        listener = socket.socket(family, kind)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen(64)
        listener.setblocking(False)
        sink = Sink(name, listener, address if isinstance(address, str) else address[0])
        self.sinks[name] = sink
        self._selector.register(listener, selectors.EVENT_READ, sink)

    def _add_if_possible(self, name: str, family: int, kind: int, address: tuple[str, int]) -> None:
        try:
            self._add(name, family, kind, address)
        except OSError:
            return  # the host has no such address; the plain loopback sinks remain

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                with self._changed:
                    self._take(key.data)

    def _take(self, sink: Sink) -> bool:
        """Count one hit that has arrived, if there is one. The caller holds the lock."""
        try:
            if sink.listener.type == socket.SOCK_DGRAM:
                data, _ = sink.listener.recvfrom(65_536)
            else:
                connection, _ = sink.listener.accept()
                with connection:
                    connection.setblocking(False)
                    data = self._first_bytes(connection)
        except OSError:
            return False
        sink.received.append(data)
        self._changed.notify_all()
        return True

    def _take_all(self) -> None:
        for sink in self.sinks.values():
            while self._take(sink):
                pass

    @staticmethod
    def _first_bytes(connection: socket.socket) -> bytes:
        try:
            return connection.recv(65_536)
        except OSError:
            return b""

    def hits(self) -> dict[str, int]:
        """Hits of each sink since it was opened or last cleared, the latest that has arrived among them."""
        with self._changed:
            self._take_all()
            return {name: sink.hits for name, sink in self.sinks.items()}

    def clear(self) -> None:
        """Forget what was counted so far."""
        with self._changed:
            self._take_all()
            for sink in self.sinks.values():
                sink.received.clear()

    def prove(self) -> None:
        """Reach every sink from this unsandboxed process, check that each hit is counted, and clear."""
        for sink in self.sinks.values():
            reach(sink)
            with self._changed:
                if not self._changed.wait_for(partial(_was_hit, sink), timeout=WAIT):
                    raise CanaryError(f"a connection to the {sink.name} sink was not counted")
        self.clear()

    def close(self) -> None:
        """Stop counting and close every socket."""
        self._wake.send(b"x")
        self._thread.join()
        for sink in self.sinks.values():
            sink.listener.close()
            if sink.name == "unix-path":
                Path(sink.address).unlink(missing_ok=True)
        self._wake.close()
        self._woken.close()
        self._selector.close()


def _was_hit(sink: Sink) -> bool:
    return sink.hits > 0


def reach(sink: Sink) -> None:
    """Connect to ``sink`` (or send it a datagram) as an ordinary process would."""
    with socket.socket(sink.listener.family, sink.listener.type) as client:
        client.settimeout(WAIT)
        client.connect(sink.listener.getsockname())
        if client.type == socket.SOCK_DGRAM:
            client.send(b"x")


def outer_address() -> str | None:
    """An IPv4 address of this host other than loopback, read without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    parsed = ipaddress.ip_address(address)
    return None if parsed.is_loopback or parsed.is_unspecified else address


@contextmanager
def open_sinks(folder: Path) -> Iterator[Sinks]:
    """Sinks that are open, proven and cleared; closed at the end."""
    sinks = Sinks(folder).open()
    try:
        sinks.prove()
        yield sinks
    finally:
        sinks.close()

"""The only way from an app to the network: a CONNECT proxy outside, on a listener born in the app's own
namespace.

Per tunnel: the name must be granted, it is resolved here, once; every answer must be public; the connection
goes to an address that was judged, never to a name again (DNS rebinding). TLS stays between the app and the
host.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from locara.core.decision import Decision, decide
from locara.core.grant import Grants
from locara.core.request import NetRequest, Request
from locara.sandbox.addresses import is_host_name, refused_address

MAX_HEAD: Final = 8192
HEAD_SECONDS: Final = 10.0
DIAL_SECONDS: Final = 15.0
IDLE_SECONDS: Final = 300.0
MAX_TUNNELS: Final = 64

Resolver = Callable[[str, int], Sequence[str]]
Dial = Callable[[str, int], socket.socket]
Observe = Callable[[Request, Decision], None]


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses the host's resolver gives for a name. OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


def direct_dial(address: str, port: int) -> socket.socket:
    """A TCP connection to an address."""
    return socket.create_connection((address, port), timeout=DIAL_SECONDS)


class _Refused(Exception):
    """An answer other than 200: (status, reason phrase, code for the Locara-Code header)."""

    def __init__(self, status: int, phrase: str, code: str) -> None:
        super().__init__(code)
        self.reply = (
            f"HTTP/1.1 {status} {phrase}\r\nLocara-Code: {code}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        ).encode("ascii")


class Proxy:
    """Serves one app's listener until closed. Thread per tunnel, at most MAX_TUNNELS at once."""

    def __init__(
        self,
        grants: Grants,
        listener: socket.socket,
        *,
        resolver: Resolver = system_resolver,
        dial: Dial = direct_dial,
        observe: Observe | None = None,
    ) -> None:
        self._grants = grants
        self._listener = listener
        self._resolver = resolver
        self._dial = dial
        self._observe = observe
        self._free = threading.BoundedSemaphore(MAX_TUNNELS)
        self._closed = threading.Event()

    def begin(self) -> None:
        """Start accepting, on a thread of its own."""
        threading.Thread(target=self._accept, name="locara-proxy", daemon=True).start()

    def close(self) -> None:
        """Stop accepting; tunnels end with their sandbox."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._free.acquire(blocking=False):
                with contextlib.suppress(OSError), client:
                    client.sendall(_Refused(503, "Busy", "busy").reply)
                continue
            threading.Thread(target=self._serve, args=(client,), name="locara-tunnel", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                try:
                    upstream = self._tunnel(read_head(client))
                except _Refused as refused:
                    client.sendall(refused.reply)
                    return
                with upstream:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    relay(client, upstream)
        except OSError:
            return  # one of the two ends is gone, and with it the tunnel
        finally:
            self._free.release()

    def _tunnel(self, head: bytes) -> socket.socket:
        host, port = parse_connect(head)
        request = NetRequest(host, port)
        decision = decide(self._grants, request)
        if self._observe is not None:
            self._observe(request, decision)
        if not decision.allowed:
            raise _Refused(403, "Forbidden", "capability_denied")
        try:
            answers = list(dict.fromkeys(self._resolver(host, port)))
        except OSError as error:
            raise _Refused(502, "Not Resolved", "not_found") from error
        if not answers:
            raise _Refused(502, "Not Resolved", "not_found")
        # One private answer among public ones is how rebinding begins: it spoils them all.
        if any(refused_address(address) is not None for address in answers):
            raise _Refused(403, "Forbidden", "address_refused")
        for address in answers:
            with contextlib.suppress(OSError):
                return self._dial(address, port)
        raise _Refused(502, "Not Reachable", "io_error")


def read_head(client: socket.socket) -> bytes:
    """The request head, within MAX_HEAD bytes and HEAD_SECONDS; nothing may follow it yet."""
    deadline = time.monotonic() + HEAD_SECONDS
    head = b""
    while b"\r\n\r\n" not in head:
        left = deadline - time.monotonic()
        if left <= 0 or len(head) > MAX_HEAD:
            raise _Refused(400, "Bad Request", "bad_request")
        client.settimeout(left)
        try:
            part = client.recv(4096)
        except TimeoutError as error:
            raise _Refused(408, "Too Slow", "bad_request") from error
        if not part:
            raise _Refused(400, "Bad Request", "bad_request")
        head += part
    if len(head) > MAX_HEAD or not head.endswith(b"\r\n\r\n") or head.count(b"\r\n\r\n") != 1:
        raise _Refused(400, "Bad Request", "bad_request")
    return head


def parse_connect(head: bytes) -> tuple[str, int]:
    """(host, port) of `CONNECT host:port HTTP/1.1`, the only request there is. IP addresses are refused."""
    try:
        method, target, version = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    except ValueError as error:
        raise _Refused(400, "Bad Request", "bad_request") from error
    if method != "CONNECT" or version not in ("HTTP/1.1", "HTTP/1.0"):
        raise _Refused(405, "Method Not Allowed", "bad_request")
    host, colon, digits = target.rpartition(":")
    if not colon or not (digits.isdecimal() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        raise _Refused(400, "Bad Request", "bad_request")
    host = host.lower()
    if not is_host_name(host):
        raise _Refused(403, "Forbidden", "address_refused")
    return host, int(digits)


def relay(client: socket.socket, upstream: socket.socket) -> None:
    """Copy bytes both ways until both directions have ended or one is idle for IDLE_SECONDS."""
    for end in (client, upstream):
        end.settimeout(IDLE_SECONDS)
    back = threading.Thread(target=_pump, args=(upstream, client), name="locara-tunnel-back", daemon=True)
    back.start()
    _pump(client, upstream)
    back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

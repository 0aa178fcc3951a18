"""LC756: a witness that is called over HTTP is reached from this machine alone and moves on by what it may alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from locara.trust.log_policy import LogPolicy
from locara.trust.note_keys import VerifierKey
from locara.trust.witness import Witness
from locara.trust.witness_server import WitnessServer
from locara_verify.checks.log.trial import Trial
from locara_verify.oracle import log as oracle

RULE: Final = "LC756"
SECONDS: Final = 10.0
ELSEWHERE: Final = (
    (socket.AF_INET, "127.0.0.2"), (socket.AF_INET, "127.1.2.3"), (socket.AF_INET6, "::1"),
    (socket.AF_INET6, "::ffff:127.0.0.2"),
)  # fmt: skip
"""Addresses of this machine that answer only where somebody listens on more than the one address."""
LENGTHS: Final = (
    b"", b"-1", b"+3", b"0x10", b"1e2", b"3 3", b"3,3", "\u0663".encode(), b"1" * 30, b"1099511627776", b"99999999",
)  # fmt: skip
Serve = Callable[[Path, list[bytes]], Path]


def over_http(trial: Trial, folder: Path, serve: Serve, policy: LogPolicy) -> None:
    """A new witness, called rightly, wrongly, from elsewhere, with half a call, and rightly again."""
    entries = [b"%d" % number for number in range(12)]
    key = Witness.create(folder / "witness", "w.example.org").key
    notes = {size: (serve(folder / "log", entries[:size]) / "checkpoint").read_bytes() for size in (5, 9, 12)}

    def body(old: int, new: int) -> bytes:
        proof = oracle.consistency(old, entries[:new]) if old else []
        return "\n".join([f"old {old}", *map(oracle.b64, proof), "", ""]).encode() + notes[new]

    with _listening(Witness.open(folder / "witness", policy.logs)) as port:
        memory = folder / "witness/seen.json"
        _cosigned(trial, port, body(0, 5), key)
        kept = memory.read_bytes()
        for what, raw in _wrong(body(5, 9), notes[9]):
            _refused(trial, port, what, _post(raw))
        for length in LENGTHS:
            _refused(trial, port, f"a length of {length[:20]!a}", _post(b"old", length=length))
        for what, raw in _no_calls(body(5, 9)):
            _refused(trial, port, what, raw)
        _half(port, body(5, 9))
        changed = memory.read_bytes() != kept
        trial.holds(RULE, "a call that was refused moved the witness on", "seen.json changed", fault=changed)
        _elsewhere(trial, port)
        _cosigned(trial, port, body(5, 9), key)
        _cosigned(trial, port, body(9, 12), key)


@contextmanager
def _listening(witness: Witness) -> Iterator[int]:
    with WitnessServer(witness) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _post(body: bytes, *, path: bytes = b"/add-checkpoint", length: bytes | None = None) -> bytes:
    size = b"%d" % len(body) if length is None else length
    return (
        b"POST %s HTTP/1.1\r\nHost: w\r\nContent-Length: %s\r\nConnection: close\r\n\r\n" % (path, size)
        + body
    )


def _wrong(good: bytes, note: bytes) -> Iterator[tuple[str, bytes]]:
    """Bodies with one thing that is wrong."""
    head, _, _ = good.partition(b"\n\n")
    first, *proof = head.split(b"\n")
    some = oracle.b64(bytes(32)).encode()
    yield "nothing", b""
    yield "no gap", head + b"\n" + note
    yield "no old size", b"\n".join(proof) + b"\n\n" + note
    for size in (b"05", b"-5", b"+5", b"5.0", b" 5", b"5 ", b"", "\u0665".encode(), b"9" * 30):
        yield f"an old size of {size[:9]!a}", b"\n".join([b"old " + size, *proof]) + b"\n\n" + note
    for what, hashes in {
        "no proof": [],
        "half a proof": proof[:-1],
        "a proof of more": [*proof, some],
        "a proof from behind": proof[::-1],
        "another hash": [some, *proof[1:]],
        "a hash of 31 bytes": [oracle.b64(bytes(31)).encode(), *proof[1:]],
        "a hash of 33 bytes": [oracle.b64(bytes(33)).encode(), *proof[1:]],
        "a hash that is cut": [proof[0][:-1], *proof[1:]],
        "more hashes than any proof has": [some] * 64,
        "ten thousand hashes": [some] * 10_000,
    }.items():
        yield what, b"\n".join([first, *hashes]) + b"\n\n" + note
    yield "another old size", good.replace(b"old 5", b"old 4", 1)
    yield "an old size beyond the new one", good.replace(b"old 5", b"old 10", 1)
    yield "no checkpoint", head + b"\n\n"
    yield "half a checkpoint", good[: -len(note) // 2]
    yield "what is no text", b"\xff\xfe" + good
    stranger = oracle.Key.of("log.example.org/locara", 1, 99)
    text = note.decode().partition("\n\n")[0] + "\n"
    yield "a checkpoint signed by another", head + b"\n\n" + oracle.note(text, stranger.line(text))


def _no_calls(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Requests that are none of the protocol's."""
    for path in (
        b"/",
        b"/add-checkpoint/",
        b"/add-checkpoint?x",
        b"/../add-checkpoint",
        b"*",
    ):
        yield f"the path {path!a}", _post(good, path=path)
    for method in (b"GET", b"PUT", b"DELETE", b"post"):
        yield f"the method {method!a}", _post(good).replace(b"POST", method, 1)
    chunked = b"Transfer-Encoding: chunked"
    parts = b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)
    yield (
        "a body in chunks",
        b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\n%s\r\n\r\n%s" % (chunked, parts),
    )
    yield "no length", b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n" + good


def _half(port: int, good: bytes) -> None:
    """Callers that go away in the middle."""
    for size in (0, 1, 40, len(good)):
        with socket.create_connection(("127.0.0.1", port), SECONDS) as made:
            made.sendall(_post(good)[:-1][: size + 1])


def _elsewhere(trial: Trial, port: int) -> None:
    for family, address in ELSEWHERE:
        with suppress(OSError), socket.socket(family) as made:
            made.settimeout(SECONDS)
            reached = made.connect_ex((address, port)) == 0
            trial.holds(RULE, "a witness listens beyond this machine's own address", address, fault=reached)


def _status(port: int, raw: bytes) -> tuple[int, bytes]:
    """Status and body of the answer; 0 where there is none in time."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as made:
        made.settimeout(SECONDS)
        with suppress(OSError):  # it may answer, and close, before all is sent
            made.sendall(raw)
        with suppress(OSError):
            while part := made.recv(65_536):
                answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    known = len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit()
    return (int(words[1]) if known else 0), body


def _refused(trial: Trial, port: int, what: str, raw: bytes) -> None:
    status, body = _status(port, raw)
    clear = (
        HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        or status == HTTPStatus.NOT_IMPLEMENTED
    )
    trial.holds(
        RULE, "a witness does not refuse a wrong call", f"{what}: {status} {body[:120]!a}", fault=not clear
    )


def _cosigned(trial: Trial, port: int, body: bytes, key: VerifierKey) -> None:
    """The allow twin: the answer to a right call is a line of the witness's."""

    def ask() -> None:
        status, line = _status(port, _post(body))
        if status != HTTPStatus.OK or not line.startswith("\u2014 w.example.org ".encode()):
            raise ValueError(f"{status} {line[:120]!a} for {key.name}")

    trial.believed(RULE, "a right call over HTTP", ask)

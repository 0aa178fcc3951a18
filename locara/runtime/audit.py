"""The audit log: one line per decision, chained by hash, written before the effect it is about.

Each line is a JSON object `{v, seq, time, app, cmd, capability, request, allowed, because, prev, hash}`.
`hash` is the SHA-256 of the line's own bytes without the hash field, and `prev` is the hash of the line
before (64 zeros first), so changing, dropping or reordering a line breaks every line after it. What is
verified is the bytes as stored.

A process killed in the middle of a write can leave one unfinished last line. It is never dropped in silence:
the next open records its length and digest as an `audit.repair` entry of the chain. Damage anywhere else
refuses to open.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from locara.errors import AuditError

GENESIS: Final = "0" * 64
MAX_TEXT: Final = 512  # characters of one request field kept; a longer one is cut and marked
_KEYS: Final = (
    "v",
    "seq",
    "time",
    "app",
    "cmd",
    "capability",
    "request",
    "allowed",
    "because",
    "prev",
    "hash",
)
_TAIL: Final = len(',"hash":""}') + 64
_quote: Final = json.encoder.encode_basestring_ascii


@dataclass(frozen=True, slots=True)
class ChainState:
    """What a walk over a log found. `entries` whole and chained lines, `head` the hash of the last of them.

    `problem` is None for a sound chain; else what is wrong and `line` where (1-based). `good_bytes` is the
    length of the sound prefix and `torn` the bytes after it when they are one unfinished last line.
    """

    entries: int
    head: str
    good_bytes: int
    torn: bytes = b""
    problem: str | None = None
    line: int | None = None

    @property
    def sound(self) -> bool:
        """True when every line is whole and chained."""
        return self.problem is None


def verify_chain(path: Path) -> ChainState:
    """Walk the log at path and recompute every hash. Raises AuditError only when the file cannot be read."""
    try:
        with path.open("rb") as file:
            return _walk(file)
    except OSError as error:
        raise AuditError(f"the audit log cannot be read: {error.strerror}", code="unreadable") from error


def _walk(lines: Iterable[bytes]) -> ChainState:
    count, head, good = 0, GENESIS, 0
    for line in lines:
        if not line.endswith(b"\n"):
            return ChainState(count, head, good, line, "the last line is unfinished", count + 1)
        problem = _check_line(line, count + 1, head)
        if problem is not None:
            return ChainState(count, head, good, b"", problem, count + 1)
        head = line[-67:-3].decode("ascii")
        count += 1
        good += len(line)
    return ChainState(count, head, good)


def _check_line(line: bytes, seq: int, prev: str) -> str | None:
    """Why this line does not continue the chain, or None."""
    if len(line) <= _TAIL + 1 or line[-_TAIL - 1 : -67] != b',"hash":"' or line[-3:] != b'"}\n':
        return "the line is not an audit entry"
    body = line[: -_TAIL - 1] + b"}"
    if hashlib.sha256(body).hexdigest().encode() != line[-67:-3]:
        return "the line was changed: its hash does not match its bytes"
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or tuple(entry) != _KEYS or entry["v"] != 1:
        return "the line does not have the fields of an audit entry"
    if entry["prev"] != prev:
        return "the line does not follow the one before: a line was removed, added or moved"
    return None if entry["seq"] == seq else f"the line has number {entry['seq']} where {seq} is due"


def read_entries(path: Path, *, limit: int | None = None) -> list[dict[str, Any]]:
    """The last `limit` whole entries of a log, oldest first (all of them for None); unfinished lines are left
    out."""
    with path.open("rb") as file:
        kept: deque[bytes] = deque((line for line in file if line.endswith(b"\n")), maxlen=limit)
    return [json.loads(line) for line in kept]


class AuditLog:
    """An open log of one app. Appending is thread-safe; one process at a time can hold a log open."""

    def __init__(self, path: Path, fd: int, state: ChainState, app: str, clock: Callable[[], float]) -> None:
        self.path = path
        self._fd = fd
        self._seq = state.entries
        self._head = state.head
        self._size = state.good_bytes
        self._app = _quote(app)
        self._clock = clock
        self._lock = threading.Lock()
        self._second = -1
        self._stamp = ""
        self._torn = False

    @classmethod
    def open(cls, path: Path, *, app: str, clock: Callable[[], float] = time.time) -> AuditLog:
        """Open or create the log at path, verifying the whole chain first.

        An unfinished last line is cut and recorded. Raises AuditError: `broken_chain` for any other damage,
        `in_use` when another process has it open, `unreadable` when the file cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise AuditError(
                f"the audit log cannot be opened: {error.strerror}", code="unreadable"
            ) from error
        try:
            log = cls._open(path, fd, app, clock)
        except BaseException:
            os.close(fd)
            raise
        return log

    @classmethod
    def _open(cls, path: Path, fd: int, app: str, clock: Callable[[], float]) -> AuditLog:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AuditError(
                "the app is already running: another process holds its audit log",
                code="in_use",
                fix="close the other instance, or give this one its own folder with --data",
            ) from error
        state = verify_chain(path)
        if state.problem is not None and not state.torn:
            raise AuditError(
                f"the audit log is damaged at line {state.line}: {state.problem}",
                code="broken_chain",
                fix="keep the file as evidence: move it away, then start again with a new log",
            )
        log = cls(path, fd, state, app, clock)
        if state.torn:
            os.ftruncate(fd, state.good_bytes)
            log.append(
                "audit.repair",
                "audit",
                {"bytes": len(state.torn), "digest": "sha256:" + hashlib.sha256(state.torn).hexdigest()},
                allowed=True,
                because="the last line was unfinished when the log was opened; it was cut and is recorded here",
            )
        return log

    @property
    def head(self) -> str:
        """Hash of the newest entry."""
        return self._head

    @property
    def entries(self) -> int:
        """How many entries the log holds."""
        return self._seq

    def append(
        self, cmd: str, capability: str, request: Mapping[str, object], *, allowed: bool, because: str
    ) -> None:
        """Write one entry and return when the kernel has it, so that a killed process cannot lose it.

        The keys of request are names of the runtime's own; its values, cmd and because can be any text.

        Raises AuditError(code `write_failed`) when it could not be written whole; the effect must then not
        happen.
        """
        # This is on the path of every call: short text, by far the most, is quoted without another call.
        fields = ",".join(
            [
                f'"{key}":{_quote(value) if value.__class__ is str and len(value) <= MAX_TEXT else _value(value)}'
                for key, value in request.items()
            ]
        )
        tail = (
            f'"cmd":{_value(cmd)},"capability":{_quote(capability)},"request":{{{fields}}},'
            f'"allowed":{"true" if allowed else "false"},"because":{_value(because)}'
        )
        with self._lock:
            body = (
                f'{{"v":1,"seq":{self._seq + 1},"time":"{self._time()}","app":{self._app},{tail},'
                f'"prev":"{self._head}"'
            ).encode("ascii")
            digest = hashlib.sha256(body + b"}").hexdigest()
            line = b'%b,"hash":"%b"}\n' % (body, digest.encode("ascii"))
            self._write(line)
            self._seq += 1
            self._size += len(line)
            self._head = digest

    def _write(self, line: bytes) -> None:
        if self._torn:
            raise AuditError(
                "the audit log ends in an unfinished line; start the app again", code="write_failed"
            )
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise AuditError(
                f"the audit log could not be written: {error.strerror}", code="write_failed"
            ) from error
        if written != len(line):
            try:
                os.ftruncate(self._fd, self._size)
            except OSError:
                self._torn = True  # the next open repairs it and records that
            raise AuditError("the audit log could not be written: the disk is full", code="write_failed")

    def _time(self) -> str:
        now = self._clock()
        second = int(now)
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._stamp}.{int((now - second) * 1_000_000):06d}Z"

    def tail(self, limit: int) -> list[dict[str, Any]]:
        """The newest entries, oldest first."""
        return read_entries(self.path, limit=limit)

    def close(self) -> None:
        """Make the log durable and close it."""
        with self._lock:
            if self._fd >= 0:
                os.fsync(self._fd)
                os.close(self._fd)
                self._fd = -1


def _value(value: object) -> str:
    """One request field as ASCII JSON, bounded in length."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            value = f"{value[:MAX_TEXT]}… ({len(value)} characters)"
        return _quote(value)
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(2**63) <= value < 2**63 else '"a very large number"'
    return "null"

"""The audit log: one line per decision, chained by hash, written before the effect it is about.

Each line is a JSON object `{v, seq, time, app, cmd, capability, request, allowed, because, prev, hash}`.
`hash` is the SHA-256 of the line's own bytes without the hash field, and `prev` is the hash of the line
before (64 zeros first), so changing, dropping or reordering a line breaks every line after it.

A process killed in the middle of a write can leave one unfinished last line. It is never dropped in silence:
the next open records its length and digest as an `audit.repair` entry of the chain. Damage anywhere else
refuses to open. Nothing is ever deleted; a log that cannot grow any more refuses the effects that would have
to be recorded.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from locara.errors import AuditError
from locara.records import dataclass
from locara.runtime.audit_chain import GENESIS, ChainState, older_files, read_entries, verify_chain, walk

__all__ = ["GENESIS", "AuditLog", "ChainState", "read_entries", "verify_chain"]

MAX_TEXT: Final = 512  # characters of one request field kept; a longer one is cut and marked
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_quote: Final = json.encoder.encode_basestring_ascii


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of one file. At `full` it is closed at the next open, so that opening stays quick; `most` is the
    cap."""

    full: int = 8 * 1024 * 1024
    most: int = 256 * 1024 * 1024


class AuditLog:
    """An open log of one app. Appending is thread-safe; one process at a time can hold a log open."""

    def __init__(
        self, path: Path, fd: int, state: ChainState, *, app: str, clock: Callable[[], float], sizes: Sizes
    ) -> None:
        self.path = path
        self._fd = fd
        self._seq = state.entries
        self._head = state.head
        self._size = state.good_bytes
        self._app = _quote(app)
        self._most = sizes.most
        self._clock = clock
        self._lock = threading.Lock()
        self._second = -1
        self._stamp = ""
        self._torn = False

    @classmethod
    def open(
        cls, path: Path, *, app: str, clock: Callable[[], float] = time.time, sizes: Sizes | None = None
    ) -> AuditLog:
        """Open or create the log at path after verifying its newest file and where that begins.

        An unfinished last line is cut and recorded. Raises AuditError: `broken_chain` for any other damage,
        `in_use` when another process has it open, `unreadable` when a file cannot be opened or read.
        """
        sizes = sizes or Sizes()
        try:
            fd = _locked(path)
            try:
                state = _verified(path)
                if state.good_bytes >= sizes.full and not state.torn:
                    path.rename(path.with_name(f"{path.stem}.{len(older_files(path)) + 1:06d}{path.suffix}"))
                    full, fd = fd, _locked(path)
                    os.close(full)
                    state = ChainState(state.entries, state.head, path)
                log = cls(path, fd, state, app=app, clock=clock, sizes=sizes)
                if state.torn:
                    log._repair(state)
            except BaseException:
                os.close(fd)
                raise
        except OSError as error:
            raise AuditError(
                f"the audit log cannot be opened: {error.strerror}", code="unreadable"
            ) from error
        return log

    def _repair(self, state: ChainState) -> None:
        os.ftruncate(self._fd, state.good_bytes)
        self.append(
            "audit.repair",
            "audit",
            {"bytes": len(state.torn), "digest": "sha256:" + hashlib.sha256(state.torn).hexdigest()},
            allowed=True,
            because="the last line was unfinished when the log was opened; it was cut and is recorded here",
        )

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
        # On the path of every call: short text, by far the most, is quoted without one more function call.
        fields = ",".join(
            [
                f'"{key}":{_quote(it) if it.__class__ is str and len(it) <= MAX_TEXT else _value(it)}'
                for key, it in request.items()
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
        if self._torn or self._size + len(line) > self._most:
            raise AuditError("the audit log cannot grow any more; start the app again", code="write_failed")
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


def _locked(path: Path) -> int:
    """The file, opened or made, and held against other processes until it is closed. Raises OSError,
    AuditError."""
    fd = os.open(path, _FLAGS, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise AuditError(
            "the app is already running: another process holds its audit log",
            code="in_use",
            fix="close the other instance, or give this one its own folder with --data",
        ) from error
    return fd


def _verified(path: Path) -> ChainState:
    """The state of the newest file, which begins where the file before it ends. Raises
    AuditError(broken_chain)."""
    begin, prev = 0, GENESIS
    if older_files(path):
        last = read_entries(older_files(path)[-1], limit=1)
        begin, prev = (last[0]["seq"], last[0]["hash"]) if last else (0, GENESIS)
    state = walk(path, begin, prev)
    if state.problem is not None and not state.torn:
        raise AuditError(
            f"the audit log is damaged at line {state.line}: {state.problem}",
            code="broken_chain",
            fix="keep the files as evidence: move them away, then start again with a new log",
        )
    return state


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

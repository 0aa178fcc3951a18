"""The calling side of the frames, for whoever started a runtime: tests, the verifier, tools.

One thread at a time. Frames that belong to other calls are kept until somebody asks for them, so several
calls can be open: `send` them, then `wait` for each.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from locara.errors import IPC_CODES, CallError, CapabilityDenied
from locara.runtime import frames
from locara.runtime.call import CallId

DEFAULT_TIMEOUT: Final = 60.0


class ConnectionLost(CallError):
    """The runtime ended, or closed its side, before it answered."""


def error_of(reply: Mapping[str, Any]) -> CallError | CapabilityDenied:
    """The error of a reply that is not ok, as the exception the client raises."""
    error = reply.get("error")
    fields = error if isinstance(error, dict) else {}
    code, message = str(fields.get("code", "internal")), str(fields.get("message", ""))
    fix = fields.get("fix")
    capability, because = str(fields.get("capability", "")), str(fields.get("because", ""))
    if code == "capability_denied":
        return CapabilityDenied(message, capability=capability, because=because, fix=str(fix or ""))
    return CallError(
        message,
        code=code if code in IPC_CODES else "internal",
        fix=fix,
        capability=capability or None,
        because=because or None,
    )


class Stream(Iterator[Mapping[str, Any]]):
    """The events of one call, in order. `result` is there when the iteration ended."""

    def __init__(self, client: Client, call_id: CallId, timeout: float) -> None:
        self.id = call_id
        self._client = client
        self._timeout = timeout
        self._result: Any = None
        self._ended = False

    def __next__(self) -> Mapping[str, Any]:
        if self._ended:
            raise StopIteration
        frame = self._client.next_of(self.id, self._timeout)
        if "event" in frame:
            event: Mapping[str, Any] = frame["event"]
            return event
        self._ended = True
        if frame.get("ok") is not True:
            raise error_of(frame)
        self._result = frame.get("result")
        raise StopIteration

    @property
    def result(self) -> Any:  # noqa: ANN401 - the command says what it is
        """The final result; events that were not read yet are dropped. Raises what the call was answered
        with."""
        for _ in self:
            pass
        return self._result

    def cancel(self) -> None:
        """Ask the runtime to stop this call. Its final reply still comes."""
        self._client.cancel(self.id)


class Client:
    """Speaks frames over two descriptors, which it owns from now on."""

    def __init__(self, *, read_fd: int, write_fd: int) -> None:
        self._reader = frames.FrameReader(read_fd)
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._next_id = 1
        self._kept: deque[dict[str, Any]] = deque()

    def call(self, cmd: str, args: Mapping[str, Any] | None = None, timeout: float = DEFAULT_TIMEOUT) -> Any:  # noqa: ANN401
        """The result of one call. Raises CapabilityDenied, CallError, ConnectionLost or TimeoutError
        (seconds)."""
        return self.wait(self.send(cmd, args), timeout)

    def stream(
        self, cmd: str, args: Mapping[str, Any] | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> Stream:
        """Start a call whose events are wanted. timeout is for each frame, in seconds."""
        return Stream(self, self.send(cmd, args), timeout)

    def send(
        self, cmd: str, args: Mapping[str, Any] | None = None, *, call_id: CallId | None = None
    ) -> CallId:
        """Send one call and return its id without waiting."""
        if call_id is None:
            call_id = self._next_id
            self._next_id += 1
        self.send_raw(frames.encode({"id": call_id, "cmd": cmd, "args": dict(args or {})}))
        return call_id

    def wait(self, call_id: CallId, timeout: float = DEFAULT_TIMEOUT) -> Any:  # noqa: ANN401
        """The result of a call that was sent; its events are dropped. Raises like call."""
        deadline = time.monotonic() + timeout
        while True:
            frame = self.next_of(call_id, max(0.0, deadline - time.monotonic()))
            if "event" in frame:
                continue
            if frame.get("ok") is True:
                return frame.get("result")
            raise error_of(frame)

    def cancel(self, call_id: CallId) -> None:
        """Ask the runtime to stop a call."""
        self.send_raw(frames.encode({"cancel": call_id}))

    def send_raw(self, data: bytes) -> None:
        """Write bytes as they are, header or not. Raises ConnectionLost when the runtime is gone."""
        try:
            frames.write_all(self._write_fd, data)
        except OSError as error:
            raise ConnectionLost("the runtime is gone", code="io_error") from error

    def end_input(self) -> None:
        """Close the sending side: the runtime sees the end of its input and shuts down in order."""
        if self._write_fd >= 0:
            os.close(self._write_fd)
            self._write_fd = -1

    def recv_frame(self, timeout: float = DEFAULT_TIMEOUT) -> dict[str, Any] | None:
        """The next frame of any call, None at the end of the stream. Raises TimeoutError."""
        return self._kept.popleft() if self._kept else self._receive(timeout)

    def drain(self, timeout: float) -> bool:
        """Drop frames until the runtime closes its side, at most timeout seconds. True when it did."""
        deadline = time.monotonic() + timeout
        while self._read_fd >= 0:
            try:
                if self._reader.read(max(0.0, deadline - time.monotonic())) is None:
                    return True
            except frames.Desync:
                return True
            except TimeoutError:
                return False
        return True

    def left_over(self) -> dict[str, Any] | None:
        """The oldest frame that was kept and that nobody asked for, without waiting for another."""
        return self._kept.popleft() if self._kept else None

    def next_of(self, call_id: CallId, timeout: float) -> dict[str, Any]:
        """The next frame of one call; others are kept. Raises TimeoutError or ConnectionLost."""
        for frame in self._kept:
            if frame.get("id") == call_id:
                self._kept.remove(frame)
                return frame
        deadline = time.monotonic() + timeout
        while True:
            found = self._receive(max(0.0, deadline - time.monotonic()))
            if found is None:
                raise ConnectionLost("the runtime ended before it answered", code="io_error")
            if found.get("id") == call_id:
                return found
            self._kept.append(found)

    def _receive(self, timeout: float) -> dict[str, Any] | None:
        try:
            payload = self._reader.read(timeout)
        except frames.Desync as error:
            raise ConnectionLost("the runtime ended inside a frame", code="io_error") from error
        return None if payload is None else frames.decode(payload)

    def close(self) -> None:
        """Close both descriptors."""
        self.end_input()
        if self._read_fd >= 0:
            with suppress(OSError):
                os.close(self._read_fd)
            self._read_fd = -1

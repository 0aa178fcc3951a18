"""The frame loop: read a frame, find the command in this app's table, run it in its lane, answer.

Nothing a frontend sends ends the loop except a stream that lost its frame boundaries, which is answered once
and then closed. At most MAX_IN_FLIGHT calls with MAX_HELD bytes are open; the next is answered `busy`.
Replies of one call are in order: its events, then its one final reply, and its id is free again before that
reply is written.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from locara.errors import CallError, LocaraError
from locara.runtime import frames
from locara.runtime.background import PASSIVE_SECONDS
from locara.runtime.call import MAX_COMMAND_LENGTH, Call, CallId, is_call_id
from locara.runtime.commands import Command, table
from locara.runtime.commands.registry import Lane
from locara.runtime.replies import error_object, log_internal
from locara.runtime.session import Session

MAX_IN_FLIGHT: Final = 64
MAX_HELD: Final = 64 * 1024 * 1024  # bytes of frames whose calls are open
_CALL_KEYS: Final = frozenset({"id", "cmd", "args"})
_CLOSE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.5
# What can take as long as it likes is cancelled when the input ends; the rest was asked for and is finished.
_WORK: Final = frozenset({Lane.MODEL, Lane.NET, Lane.PROGRAM, Lane.SPEECH, Lane.TOOL})
_LONG: Final = _WORK | {Lane.PICK, Lane.DEVICE, Lane.WATCH}


class Server:
    """Serves the frames of one session between an input and an output descriptor."""

    def __init__(self, session: Session, *, read_fd: int, write_fd: int) -> None:
        self._session = session
        self._table = table(session.grants)
        self._reader = frames.FrameReader(read_fd)
        self._write_fd = write_fd
        self._write_lock = threading.Lock()
        self._peer_gone = False
        self._calls: dict[CallId, Call] = {}
        self._calls_lock = threading.Lock()
        self._lanes: dict[Lane, ThreadPoolExecutor] = {}
        self._waiting: dict[CallId, Future[None]] = {}

    def serve(self) -> None:
        """Answer frames until the input ends, then finish or cancel what is open, within a few seconds."""
        try:
            while not self._peer_gone and not self._is_over():
                # Without a window an app is looked at again: it may have given up going on.
                shown = self._session.background.window_open
                try:
                    payload = self._reader.read(None if shown else _LOOK_SECONDS)
                except TimeoutError:
                    continue
                if payload is None:
                    return
                self._accept(payload)
        except frames.Desync as error:
            self._reply_error(None, error)
        finally:
            self._close()

    def _cancel_all(self, lanes: Collection[Lane] = tuple(Lane)) -> None:
        with self._calls_lock:
            calls = list(self._calls.values())
        for call in calls:
            if self._table[call.cmd].lane in lanes:
                call.cancelled.set()

    def _close(self) -> None:
        goes_on = self._session.background.mode != "none"
        self._cancel_all(_LONG - _WORK if goes_on else _LONG)
        # Nobody waits for a person who has not picked yet.
        lanes = [pool for lane, pool in self._lanes.items() if lane is not Lane.PICK]
        ended = threading.Event()
        threading.Thread(target=_join, args=(lanes, ended), daemon=True).start()
        if not ended.wait(PASSIVE_SECONDS if goes_on else _CLOSE_SECONDS):
            self._cancel_all(_LONG)
            ended.wait(_CLOSE_SECONDS)

    def _accept(self, payload: bytes) -> None:
        call_id: CallId | None = None
        try:
            frame = frames.decode(payload)
            if "cancel" in frame:
                self._cancel(frame)
                return
            if "window" in frame:
                self._window(frame)
                return
            candidate = frame.get("id")
            if not is_call_id(candidate):
                raise CallError(
                    "id is a whole number from 1 to 2^53 or a string of 1 to 64 characters",
                    code="bad_request",
                )
            call_id = candidate
            self._start(call_id, frame, len(payload))
        except Exception as error:
            self._reply_error(call_id, error)

    def _cancel(self, frame: Mapping[str, Any]) -> None:
        target = frame["cancel"]
        if len(frame) != 1 or not is_call_id(target):
            raise CallError('a cancel frame is {"cancel": id} and nothing else', code="bad_request")
        with self._calls_lock:
            call = self._calls.get(target)
            waiting = self._waiting.get(target)
            if call is None:
                return  # already answered: the two frames crossed
            call.cancelled.set()
            if waiting is None or not waiting.cancel():
                return  # running: it stops at its next check and answers itself
            del self._calls[target], self._waiting[target]
        self._reply_error(target, CallError(f"{call.cmd} was cancelled before it began", code="cancelled"))

    def _window(self, frame: Mapping[str, Any]) -> None:
        """What became of the window, told by whoever shows it. An app that may not go on ends with it."""
        if len(frame) != 1 or frame["window"] not in ("open", "closed"):
            raise CallError(
                'a window frame is {"window": "open"} or {"window": "closed"}', code="bad_request"
            )
        self._session.background.window(is_open=frame["window"] == "open")

    def _is_over(self) -> bool:
        """Whether the window is closed and the app does not go on without it: nothing new can be asked for. What
        runs under passive is finished while the process ends."""
        background = self._session.background
        return not background.window_open and background.mode != "active"

    def _start(self, call_id: CallId, frame: Mapping[str, Any], size: int) -> None:
        cmd, args = frame.get("cmd"), frame.get("args", {})
        if not frame.keys() <= _CALL_KEYS:
            raise CallError("a call has the members id, cmd and args and no other", code="bad_request")
        if not isinstance(cmd, str):
            raise CallError("cmd is a string", code="bad_request")
        if not isinstance(args, dict):
            raise CallError("args is an object", code="bad_request")
        command = self._table.get(cmd)
        if command is None:
            raise self._session.absent(cmd[:MAX_COMMAND_LENGTH])
        call = Call(call_id, cmd, lambda event: self._send({"id": call_id, "event": event}), size)
        self._open(call)
        if command.lane is Lane.INLINE:
            self._run(command, call, args)
        else:
            with self._calls_lock:  # held so that the worker cannot end the call before its future is known
                self._waiting[call_id] = self._lane(command.lane).submit(self._run, command, call, args)

    def _open(self, call: Call) -> None:
        """Count the call among the open ones. Raises CallError: bad_request for an id in use, busy above a
        cap."""
        with self._calls_lock:
            if call.id in self._calls:
                raise CallError("this id belongs to a call that is still open", code="bad_request")
            held = sum(other.size for other in self._calls.values())
            if len(self._calls) >= MAX_IN_FLIGHT or held + call.size > MAX_HELD:
                raise CallError(
                    f"at most {MAX_IN_FLIGHT} calls with {MAX_HELD} bytes are open at a time",
                    code="busy",
                    fix="wait for a call to end before you send the next",
                )
            self._calls[call.id] = call

    def _lane(self, lane: Lane) -> ThreadPoolExecutor:
        pool = self._lanes.get(lane)
        if pool is None:
            pool = ThreadPoolExecutor(max_workers=lane.workers, thread_name_prefix=f"locara-{lane}")
            self._lanes[lane] = pool
        return pool

    def _run(self, command: Command, call: Call, args: dict[str, Any]) -> None:
        try:
            call.check()
            result = command.run(self._session, call, command.checked(args))
            reply = frames.encode({"id": call.id, "ok": True, "result": result})
        except BaseException as error:
            reply = self._encoded_error(call.id, error)
        with self._calls_lock:
            self._calls.pop(call.id, None)
            self._waiting.pop(call.id, None)
        self._write(reply)

    def _reply_error(self, call_id: CallId | None, error: BaseException) -> None:
        self._write(self._encoded_error(call_id, error))

    @staticmethod
    def _encoded_error(call_id: CallId | None, error: BaseException) -> bytes:
        try:
            return frames.encode({"id": call_id, "ok": False, "error": error_object(error)})
        except LocaraError as unwritable:
            log_internal(unwritable)
            return frames.encode(
                {"id": call_id, "ok": False, "error": {"code": "internal", "message": "the call failed"}}
            )

    def _send(self, value: Mapping[str, Any]) -> None:
        self._write(frames.encode(value))

    def _write(self, data: bytes) -> None:
        with self._write_lock:
            if self._peer_gone:
                return
            try:
                frames.write_all(self._write_fd, data)
            except OSError:
                self._peer_gone = True
        if self._peer_gone:
            self._cancel_all(_LONG - _WORK if self._session.background.mode != "none" else tuple(Lane))


def _join(lanes: list[ThreadPoolExecutor], ended: threading.Event) -> None:
    for pool in lanes:
        pool.shutdown(wait=True)
    ended.set()

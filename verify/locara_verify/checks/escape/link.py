"""The attacker's end of the IPC: sends calls, keeps every byte that came back, and judges its shape.

What the product's own client would hide (a wrong reply member, an event too many) is seen here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass
from locara_verify.oracle.canaries import Tokens
from locara_verify.oracle.replies import beyond
from locara_verify.strategies.frames import pack

if TYPE_CHECKING:
    from locara.runtime.client import Client

CODES: Final = frozenset({
    "unknown_command", "capability_denied", "bad_request", "bad_frame", "too_large", "busy", "cancelled",
    "not_found",
    "exists", "io_error", "model_unavailable", "model_error", "context_overflow", "device_unavailable",
    "tool_unavailable", "tool_error", "storage_error",
    "quota_exceeded",
    "limit_exceeded", "internal",
})  # fmt: skip
ERROR_MEMBERS: Final = frozenset({"code", "message", "capability", "because", "fix"})
TRACES: Final = (
    "Traceback (most recent call last)",
    '.py", line ',
    "site-packages",
    "pydantic_core",
    "<frozen ",
)
ENDLESS: Final = "subscribed"
"""The first event of a call that goes on until it is cancelled: nothing is learnt by waiting for more."""
TIMEOUT: Final = 25.0
KEEP_PROBLEMS: Final = 20

Json = Any


@cache
def spelled(words: str) -> tuple[str, ...]:
    """Words as they are, and as they stand in a text of JSON."""
    return tuple({words, *(json.dumps(words, ensure_ascii=way)[1:-1] for way in (False, True))})


def says(data: str | bytes, words: str) -> bool:
    """Whether a frame holds these words in one of their spellings."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    return any(form in text for form in spelled(words))


TRACE_FORMS: Final = tuple((form, trace) for trace in TRACES for form in spelled(trace))


class Gone(Exception):
    """The app ended its stream, or did not answer in time: nothing more can be asked."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The final answer to one call. ``code`` is empty when it is ok; ``raw`` is all that came back, events
    too."""

    ok: bool
    code: str
    result: Json
    error: Mapping[str, Json]
    raw: bytes
    events: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """One reply that is not as it must be; ``call`` is what was asked."""

    kind: str
    text: str
    call: str


@dataclass(slots=True)
class Link:
    """One connection to a running app. ``host_paths`` are texts of this host that no reply may hold."""

    client: Client
    tokens: Tokens
    host_paths: tuple[str, ...]
    attacks: int = 0
    problems: list[Problem] = field(default_factory=list)
    leaks: list[Problem] = field(default_factory=list)
    next_id: int = 1

    def ask(self, cmd: str, args: Mapping[str, Json] | None = None, *, timeout: float = TIMEOUT) -> Reply:
        """Call and wait for the final reply. Raises Gone when the app does not answer."""
        call_id = self.next_id
        self.next_id += 1
        # Lone surrogates stay what they are: escapes, which the runtime has to refuse.
        data = json.dumps({"id": call_id, "cmd": cmd, "args": args or {}}, allow_nan=True).encode()
        return self.exchange(pack(data), call_id, timeout=timeout)

    def exchange(self, data: bytes, call_id: Json, *, timeout: float = TIMEOUT) -> Reply:
        """Send complete frame bytes and wait for the final reply to ``call_id`` (or one without an id)."""
        self.send(data)
        deadline = time.monotonic() + timeout
        events, parts = 0, []
        while True:
            frame = self.receive(deadline - time.monotonic())
            raw = json.dumps(frame, ensure_ascii=False).encode("utf-8", "backslashreplace")
            parts.append(raw)
            self.judge(frame, raw, data)
            if "event" in frame and frame.get("id") == call_id:
                events += 1
                if isinstance(frame["event"], dict) and frame["event"].get("type") == ENDLESS:
                    self.send(pack(json.dumps({"cancel": call_id}).encode()))
                continue
            if frame.get("id") not in (call_id, None):
                self.note("stray", f"a reply for {frame.get('id')!r} came while {call_id!r} was asked", data)
                continue
            error = frame.get("error")
            fields = error if isinstance(error, dict) else {}
            code = "" if frame.get("ok") is True else str(fields.get("code", ""))
            return Reply(
                frame.get("ok") is True, code, frame.get("result"), fields, b"\n".join(parts), events
            )

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.attacks += 1
        try:
            self.client.send_raw(data)
        except Exception as error:
            raise Gone(f"the app closed its input: {error}") from error

    def receive(self, timeout: float) -> dict[str, Json]:
        """The next frame of any call. Raises Gone."""
        try:
            frame = self.client.recv_frame(max(0.0, timeout))
        except TimeoutError as error:
            raise Gone(f"the app did not answer within {TIMEOUT:.0f} s") from error
        except Exception as error:
            raise Gone(f"the stream broke: {error}") from error
        if frame is None:
            raise Gone("the app ended")
        return frame

    def judge(self, frame: Mapping[str, Json], raw: bytes, sent: bytes) -> None:
        """Note what is wrong with a frame: its shape, host texts in it, canary tokens in it."""
        wrong = shape_problem(frame)
        if wrong:
            self.note("shape", wrong, sent)
        elif frame.get("ok") is True and (command := _command(sent)):
            more = beyond(command, frame["result"])
            if more is not None:
                self.note("shape", f"a reply tells more than it is said to: {more}", sent)
        text = raw.decode("utf-8", "replace")
        for form, trace in TRACE_FORMS:
            if form in text and not says(sent, trace):
                self.note("trace", f"a reply holds {trace!r}", sent)
        for path in self.host_paths:
            if any(form in text for form in spelled(path)) and not says(sent, path):
                self.note("path", "a reply names a path of the host", sent)
        for name in self.tokens.found(raw):
            # What the attacker put in may come back to the attacker; what was never sent may not.
            if self.tokens.by_name[name].encode() not in sent and len(self.leaks) < KEEP_PROBLEMS:
                self.leaks.append(Problem("leak", f"the canary {name} came back", shown(sent)))

    def note(self, kind: str, text: str, sent: bytes) -> None:
        """Keep a problem, up to a bound."""
        if len(self.problems) < KEEP_PROBLEMS:
            self.problems.append(Problem(kind, text, shown(sent)))

    def alive(self) -> bool:
        """Tell whether an ordinary call is served."""
        try:
            return self.ask("app.info").ok
        except Gone:
            return False


def _command(sent: bytes) -> str:
    """The command of one frame, empty where it is none."""
    try:
        return str(json.loads(sent[4:])["cmd"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def shown(data: bytes, longest: int = 400) -> str:
    """Frame bytes without their header, cut and escaped, for a report."""
    return data[4 : 4 + longest].decode("utf-8", "backslashreplace").encode("unicode_escape").decode()


def shape_problem(frame: Mapping[str, Json]) -> str | None:
    """What is wrong with the shape of a frame the runtime sent, or None."""
    if "event" in frame:
        return (
            None
            if set(frame) == {"id", "event"} and isinstance(frame["event"], dict)
            else "an event has a wrong shape"
        )
    if frame.get("ok") is True:
        fine = set(frame) == {"id", "ok", "result"} and isinstance(frame["result"], dict)
        return None if fine else "an ok reply is not {id, ok, result: object}"
    error = frame.get("error")
    if frame.get("ok") is not False or set(frame) != {"id", "ok", "error"} or not isinstance(error, dict):
        return "a reply is neither ok nor an error"
    return error_problem(error)


def error_problem(error: Mapping[str, Json]) -> str | None:
    """What is wrong with the error member of a reply, or None."""
    code = error.get("code")
    if code not in CODES:
        return f"{code!r} is not a code of the closed list"
    if code == "internal":
        return "a call ended in an internal error"
    if not set(error) <= ERROR_MEMBERS or not all(isinstance(item, str) for item in error.values()):
        return f"the error has members it should not have: {sorted(error)}"
    if not error.get("message"):
        return "the error has no message"
    if code == "capability_denied" and not (
        error.get("capability") and error.get("because") and "fix" in error
    ):
        return "a denial does not say its capability, reason and fix"
    return None

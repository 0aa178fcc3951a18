"""The window before an app: asks for the person's answer, and shows models arriving. No code of the app runs.

The page is Locara's own, drawn in the same sandbox as any window. What it says is read strictly: an answer is
the one value `true`, and everything else, a closed window included, is no. Each question has a number, which comes
back with the answer: a second click, or a click on what stood there before, answers nothing.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from locara.core.consent import ConsentText
from locara.core.grant import Grants
from locara.errors import CallError, ModelError
from locara.models.cache import Inspect, ModelCache
from locara.models.fetch import Progress, Wanted, Watch, fetch
from locara.models.sources import Found
from locara.models.web import Web
from locara.runtime import frames
from locara.ui.display import Display
from locara.ui.plan import Look
from locara.ui.theme import prefers_dark
from locara.ui.window import Report, open_window

PAGES: Final = Path(__file__).parent / "pages"
_ENTRY: Final = "first-run.html"
_STEP: Final = 1 << 20


_WORDS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]]] = {
    "first.answer": ("consent", lambda args: "yes" if args.get("agree") is True else "no"),
    "first.pause": ("download", lambda _args: "pause"),
    "first.stop": ("download", lambda _args: "stop"),
}
"""What the page can say, the step at which it can, and the word it is."""


def _is_number(value: object, number: int) -> bool:
    return type(value) is int and value == number


class _Interrupted(Exception):
    """The person paused or stopped a download; what has arrived is kept."""


class FirstRun:
    """One window for all that happens before an app. It opens when there is something to ask or to show."""

    def __init__(self, grants: Grants, *, log: int, display: Display | None = None) -> None:
        self._grants = grants
        self._log = log
        self._display = display
        self._stack = ExitStack()
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()
        self._sending = threading.Lock()  # the newest state is told last, and frames stay whole
        self._watching: object = None
        self._state: Mapping[str, Any] = {"step": "done"}
        self._question = 0
        self._said: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the window away. Idempotent."""
        self._stack.close()

    # -- what a launcher asks -----------------------------------------------------------------------------

    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> bool:
        """Show what the app asks for and wait for the answer. True for the person's yes and nothing else."""
        self._begin(
            {
                "step": "consent",
                "title": text.title,
                "may": list(text.may),
                "may_not": list(text.may_not),
                "models": list(text.models),
                "changes": list(changes),
            }
        )
        while True:
            said = self._said.get()
            if said in {"yes", "no", "closed"}:
                self._show({"step": "done"})
                return said == "yes"

    def get_models(self, cache: ModelCache, wanted: list[Found], *, web: Web, inspect: Inspect) -> bool:
        """Fetch every model, with a bar, pause and stop. False when the person stopped or closed the window."""
        for number, found in enumerate(wanted, 1):
            state: dict[str, Any] = {
                "step": "download",
                "name": found.pin.id,
                "number": number,
                "count": len(wanted),
                "size": found.entry.size,
                "done": 0,
                "license": found.entry.license,
                "origin": found.origin,
                "paused": False,
                "problem": "",
            }
            if not self._get_one(cache, found, state, web, inspect):
                return False
        self._show({"step": "done"})
        return True

    def _get_one(
        self, cache: ModelCache, found: Found, state: dict[str, Any], web: Web, inspect: Inspect
    ) -> bool:
        wanted = Wanted(
            found.pin.digest,
            found.entry.size,
            found.sources,
            {**found.entry.meta, "id": found.pin.id, "origin": found.origin},
        )
        self._begin(state)
        while True:
            state.update(paused=False, problem="")
            self._show(state)
            try:
                fetch(cache, wanted, web=web, watch=Watch(inspect=inspect, progress=self._progress(state)))
            except _Interrupted as interrupted:
                if str(interrupted) != "pause":
                    return False
                state["paused"] = True
            except ModelError as error:
                state["problem"] = error.message
            else:
                return True
            self._show(state)
            if self._said.get() != "pause":  # the same button goes on
                return False

    def _progress(self, state: dict[str, Any]) -> Progress:
        shown = 0

        def progress(done: int) -> None:
            nonlocal shown
            if done - shown >= _STEP or done == state["size"] or done < shown:
                shown = done
                self._show({**state, "done": done})
            state["done"] = done
            try:
                raise _Interrupted(self._said.get_nowait())
            except queue.Empty:
                return

        return progress

    # -- the page -----------------------------------------------------------------------------------------

    def _begin(self, state: Mapping[str, Any]) -> None:
        """Show something new to answer. What was said before it stood there is forgotten, but for a closed window."""
        with self._lock:
            self._question += 1
            said = [self._said.get_nowait() for _ in range(self._said.qsize())]
            if "closed" in said:
                self._said.put("closed")
        self._show(state)

    def _show(self, state: Mapping[str, Any]) -> None:
        with self._lock:
            self._state = {**state, "question": self._question}
        if self._sock is None and state["step"] != "done":
            self._open()
        self._tell()

    def _open(self) -> None:
        ours, theirs = socket.socketpair()
        look = Look("Locara", _ENTRY, size=(860, 760), dark=prefers_dark(os.environ))
        self._sock = ours
        self._stack.callback(ours.close)
        process = self._stack.enter_context(
            open_window(
                self._grants, PAGES, look, peer=theirs, hear=self._hear, log=self._log, display=self._display
            )
        )
        theirs.close()
        self._stack.callback(process.kill)
        serving = threading.Thread(target=self._serve, args=(ours,), name="locara-first-run", daemon=True)
        serving.start()
        self._stack.callback(frames.fall_silent, ours, serving)

    def _hear(self, report: Report) -> None:
        if report.event in {"closed", "crashed", "no-display"}:
            self._said.put("closed")

    def _serve(self, sock: socket.socket) -> None:
        reader = frames.FrameReader(sock.fileno())
        try:
            while (payload := reader.read()) is not None:
                self._answer(payload)
        except (CallError, OSError, ValueError):
            pass
        self._said.put("closed")

    def _answer(self, payload: bytes) -> None:
        frame = frames.decode(payload)
        if "cancel" in frame:
            return
        cmd, args = frame.get("cmd"), frame.get("args")
        if cmd == "first.watch":
            self._watching = frame.get("id")
            self._tell()
            return
        step, words = _WORDS.get(str(cmd), ("", None))
        if words is None or not isinstance(args, dict):
            self._send(
                {
                    "id": frame.get("id"),
                    "ok": False,
                    "error": {"code": "unknown_command", "message": "no such call"},
                }
            )
            return
        self._send({"id": frame.get("id"), "ok": True, "result": None})
        with self._lock:  # an answer belongs to the question that it names, while that stands there
            if self._state["step"] == step and _is_number(args.get("question"), self._question):
                self._said.put(words(args))

    def _tell(self) -> None:
        with self._sending:
            with self._lock:
                state, call_id = self._state, self._watching
            if call_id is not None:
                self._write({"id": call_id, "event": state})

    def _send(self, value: Mapping[str, Any]) -> None:
        with self._sending:
            self._write(value)

    def _write(self, value: Mapping[str, Any]) -> None:
        if self._sock is None:
            return
        try:
            frames.write_all(self._sock.fileno(), frames.encode(value))
        except OSError:
            self._said.put("closed")

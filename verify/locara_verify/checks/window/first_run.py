"""LC411 and LC412 at the window before an app: the launcher tells its page all of the text, and believes one answer.

No window is drawn: the launcher's own side runs, and what speaks to it over its socket is this check, as a page
would that somebody took over. Frames are those of any window.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from locara.core.consent import ConsentText, consent_text
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.words import compiled
from locara_verify.context import Context
from locara_verify.strategies import manifests
from locara_verify.strategies.frames import pack
from locara_verify.tally import Tally

WORDS: Final = "LC411"
ANSWERS: Final = "LC412"
SECONDS: Final = 20.0
TEXTS: Final = 12
NO_YES: Final = (False, 1, 1.0, "true", "yes", [True], {"agree": True}, None)
NUMBERS: Final = (None, 0, 2, -1, "1", True, 1.5)
"""Questions that are not asked, where the first one is."""
STRANGE: Final = (
    "first.Answer",
    "first.answer ",
    "first.agree",
    "app.answer",
    "answer",
    "",
    "first.pause",
    "first.stop",
)

Json = Any
Frame = Mapping[str, Json]


class Page:
    """The far end of the socket of a window, and the ear of the launcher for what happens to the window."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.hear: Callable[[Any], None] | None = None
        self._number = 0

    @contextmanager
    def stand_in(
        self, *_given: object, peer: socket.socket, hear: Callable[[Any], None], **_rest: object
    ) -> Iterator[Page]:
        """In place of a window."""
        self.sock, self.hear = peer.dup(), hear
        self.sock.settimeout(SECONDS)
        try:
            yield self
        finally:
            self.sock.close()

    def kill(self) -> None:
        """End, as the process of a window does."""

    def send(self, cmd: str, args: Json) -> None:
        """Make a call."""
        if self.sock is None:
            raise OSError("there is no window")
        self._number += 1
        self.sock.sendall(pack(json.dumps({"id": self._number, "cmd": cmd, "args": args}).encode()))

    def state(self) -> Frame:
        """The next state that the launcher tells; raises OSError when it tells none."""
        while True:
            frame = self._frame()
            if isinstance(frame.get("event"), dict):
                event: Frame = frame["event"]
                return event

    def settle(self) -> None:
        """Wait until the launcher has read all that was sent."""
        self.send("first.watch", {})
        while self._frame().get("id") != self._number:
            pass

    def _frame(self) -> Frame:
        frame: Frame = json.loads(self._read(int.from_bytes(self._read(4), "big")))
        return frame

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = b"" if self.sock is None else self.sock.recv(count - len(data))
            if not part:
                raise OSError("the launcher closed the socket")
            data += part
        return data

    def shut(self) -> None:
        """The person closes the window."""
        from locara.ui.window import Report  # noqa: PLC0415 - loads the window's side

        if self.hear is not None:
            self.hear(Report("closed", {}))


class Launcher:
    """The launcher's side of the window, asking in a thread of its own."""

    def __init__(self, first: Any) -> None:  # noqa: ANN401 - its class is loaded late
        self._first = first

    def ask(self, text: ConsentText, changes: Sequence[str] = ()) -> tuple[threading.Thread, list[object]]:
        """Put a question; what it was taken for arrives in the list."""
        said: list[object] = []
        asking = threading.Thread(
            target=lambda: said.append(self._first.ask(text, tuple(changes))), daemon=True
        )
        asking.start()
        return asking, said


@contextmanager
def opened() -> Iterator[tuple[Page, Launcher]]:
    """A page and the launcher that speaks to it."""
    from locara.core.grant import Grants  # noqa: PLC0415 - loads the framework
    from locara.ui import first_run, window  # noqa: PLC0415 - loads the window's side

    page = Page()
    vars(first_run)["open_window"] = page.stand_in
    try:
        with first_run.FirstRun(Grants.none(), log=2) as first:
            yield page, Launcher(first)
    finally:
        vars(first_run)["open_window"] = window.open_window


@check("window.first-run", rules=(WORDS, ANSWERS), quick=True)
def run(ctx: Context) -> CheckResult:
    """What is told, what is taken for an answer, and to which question."""
    tally, rng = Tally(), ctx.rng("first-run")
    for number in range(TEXTS):
        told(
            tally, consent_text(compiled(manifests.plenty(rng) if number % 3 == 0 else manifests.valid(rng)))
        )
    text = consent_text(compiled(manifests.valid(rng)))
    for agree in NO_YES:
        answered(tally, text, "first.answer", {"agree": agree})
    answered(tally, text, "first.answer", {})
    answered(tally, text, "first.answer", [True])
    for cmd in STRANGE:
        answered(tally, text, cmd, {"agree": True})
    for question in NUMBERS:
        answered(tally, text, "first.answer", {"agree": True, "question": question})
    repeated(tally, text)
    return tally.result()


def told(tally: Tally, text: ConsentText) -> None:
    """The page hears every line, of an update as well what it adds; and a yes to that is a yes."""
    changes = text.may[:3]
    with opened() as (page, launcher):
        asking, said = launcher.ask(text, changes)
        state = _watched(page)
        wanted = {
            "title": text.title,
            "may": [*text.may],
            "may_not": [*text.may_not],
            "models": [*text.models],
        }
        left = [key for key, lines in {**wanted, "changes": [*changes]}.items() if state.get(key) != lines]
        tally.judge(
            WORDS, not left, "the window before an app keeps a part of the consent text back", str(left)
        )
        page.send("first.answer", {"agree": True, "question": state.get("question")})
        asking.join(SECONDS)
        tally.twin(ANSWERS, said == [True], f"a yes in the window is a yes ({said})")


def answered(tally: Tally, text: ConsentText, cmd: str, args: Json) -> None:
    """Something that is no yes, and then the window is closed. What names no question names the one that is asked."""
    with opened() as (page, launcher):
        asking, said = launcher.ask(text)
        question = _watched(page).get("question")
        given = {"question": question, **args} if isinstance(args, dict) else args
        page.send(cmd, given)
        page.settle()
        page.shut()
        asking.join(SECONDS)
        because = f"{cmd} {json.dumps(given)}, then the window was closed: {said}"
        tally.judge(ANSWERS, said == [False], "what is no yes was taken for one in the window", because)


def repeated(tally: Tally, text: ConsentText) -> None:
    """A second click, or one on what stood there before, answers no later question."""
    for late in (False, True):
        with opened() as (page, launcher):
            asking, said = launcher.ask(text)
            yes = {"agree": True, "question": _watched(page).get("question")}
            for _ in range(1 if late else 3):
                page.send("first.answer", yes)
            asking.join(SECONDS)
            tally.twin(ANSWERS, said == [True], f"a yes in the window is a yes ({said})")
            asking, said = launcher.ask(text, text.may[:1])
            while page.state().get("step") != "consent":
                pass
            if late:
                page.send("first.answer", yes)
            page.settle()
            page.shut()
            asking.join(SECONDS)
            because = "clicked on the question before, then the window was closed"
            tally.judge(ANSWERS, said == [False], "an answer counted for another question", because)


def _watched(page: Page) -> Frame:
    """The state of the question that stands there, when the page begins to listen."""
    for _ in range(2_000):
        if page.sock is not None:
            break
        threading.Event().wait(0.01)
    page.send("first.watch", {})
    while True:
        state = page.state()
        if state.get("step") == "consent":
            return state

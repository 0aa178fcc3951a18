"""LC433 at what a window tells of itself: a page causes some of it, and somebody who took the window over all of it.

The window's end and the launcher's are the product's own; what is judged is what comes out of the socket, and what the
person's terminal is given. What was refused to a page is told, as one line that shows itself and nothing else.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.waiting import happens
from locara_verify.checks.window.displays import displays
from locara_verify.context import Context
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from pathlib import Path

RULE: Final = "LC433"
FLOOD: Final = 2_400
MOST: Final = 1_200
LONGEST: Final = 4_000
REFUSALS: Final = ("alarm", "blocked", "permission", "crashed")
STRANGE: Final = (
    "console", "console-message", "log", "debug", "info", "warning", "error", "message", "notice",
    "note", "title", "status", "progress", "focus", "hover", "print", "download", "dialog",
    "alert", "notify", "tell", "state", "ready", "Blocked", "blocked ", "", "quit",
    "reload", "indicator", "device", "uses", "background", "consent", "theme",
)  # fmt: skip
"""What no window tells."""
QUIET: Final = ("loaded", "closed", "size", "dropped")
_ODD: Final = (
    "\x1b[2J",
    "\x1b]0;x\x07",
    "\n",
    "\r",
    "\u202e",
    "\u2066",
    "\x9b31m",
    "\u200b",
    "\ue000",
    "\u2028",
    "a",
)
_SECONDS: Final = 20.0


@check("window.reports", rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """What a window says, and what launchers make of it."""
    tally, rng = Tally(), ctx.rng("reports")
    tokens(tally)
    said(tally)
    displays(ctx, tally)
    for name, listen, events in _launchers(ctx.fresh_dir("state")):
        for event in events:
            told(tally, listen, name, event, rng)
        for event in STRANGE:
            text = listen([json.dumps({"event": event, "what": "microphone is off", "text": "x"}).encode()])
            because = f"{name}: {event}: {ascii(text)[:300]}"
            tally.judge(
                RULE, not text, "a window has a sentence of its own in the person's terminal", because
            )
        for flood in ("many", "much"):
            flooded(tally, listen, name, flood)
    sized(tally)
    return tally.result()


def tokens(tally: Tally) -> None:
    """What a page must know to speak is drawn anew for each document, long, and compared whole."""
    from locara.ui.webkit.bridge import Bridge  # noqa: PLC0415 - loads the framework

    bridges = [Bridge() for _ in range(24)]
    keys = [bridge.token for bridge in bridges]
    lively = sum(len(set(column)) >= 6 for column in zip(*keys, strict=False))
    drawn = len(set(keys)) == len(keys) and lively >= 32
    tally.judge(RULE, drawn, "what a page must know to speak can be guessed", f"{lively} letters of it vary")
    one, other = keys[0], keys[1]
    for word in (
        "",
        one[:-1],
        one[:8],
        other,
        f" {one}",
        one.upper() + "x",
        one[:-1] + "\0",
        "\0" * len(one),
    ):
        passed = bridges[0].frame_of(f"{word}{{}}") is not None
        tally.judge(RULE, not passed, "a message passes without what only its page knows", ascii(word))
    tally.twin(RULE, bridges[0].frame_of(f"{one}{{}}") == b"{}", "a message of the page itself passes")


def said(tally: Tally) -> None:
    """A page that causes one report after the other: they end, and what the person does is told all the same."""
    from locara.ui.webkit.reports import Reports  # noqa: PLC0415 - loads the framework

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    heard: list[Mapping[str, Any]] = []

    def hear() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(json.loads(ours.recv(1 << 20)))

    with ours:
        reports = Reports(theirs.detach())
        for number in range(FLOOD):
            reports.say("blocked", what="x" * 5_000, uri=f"https://evil.example/{number}")
            if number % 20 == 0:
                hear()
        hear()
        flood = len(heard)
        tally.judge(RULE, flood <= MOST, "a page has its window tell without end", f"{flood} of {FLOOD}")
        longest = max((len(str(one)) for one in heard), default=0)
        tally.judge(RULE, longest <= LONGEST, "a page has its window tell more than a line", f"{longest}")
        reports.say("size", width=1, height=2)
        reports.dropped(["file:///a"])
        hear()
        last = [one["event"] for one in heard[flood:]]
        tally.twin(RULE, flood > 0 and last == ["size", "dropped"], f"what the person does is told ({last})")
        reports.socket.close()


Listen = Callable[[list[bytes]], str]
"""Gives a launcher these datagrams of a window, and returns what a terminal was given."""


def _launchers(folder: Path) -> Iterator[tuple[str, Listen, tuple[str, ...]]]:
    """`locara run` and `locara dev`, each with what it is told. `locara dev` would keep a size for the person who runs
    this, so it is told none."""
    import threading  # noqa: PLC0415 - as below

    from locara.cli.dev_link import Pages  # noqa: PLC0415 - loads the framework
    from locara.cli.dev_window import WindowFront  # noqa: PLC0415
    from locara.runtime.state import StateFolder  # noqa: PLC0415
    from locara.ui.display import Display  # noqa: PLC0415
    from locara.ui.drops import Dropped  # noqa: PLC0415
    from locara.ui.run import hearing  # noqa: PLC0415

    ours = hearing(StateFolder(folder), "acme/probe", Dropped(), lambda: None)
    events = (*REFUSALS, *QUIET)
    yield "locara run", lambda data: _listened(ours, data), events
    display = Display("x11", folder, ":0")
    front = WindowFront(Pages(), folder, display, threading.Event(), Dropped())
    quiet = tuple(event for event in events if event != "size")
    yield "locara dev", lambda data: _listened(front.hear, data), quiet


def _listened(hear: Callable[[Any], None], data: list[bytes]) -> str:
    from locara.ui.window import Ear, Orders  # noqa: PLC0415 - loads the framework

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ended: list[bool] = []

    def heard(report: Any) -> None:  # noqa: ANN401 - a Report
        if report.event == "closed":
            ended.append(True)
        hear(report)

    with contextlib.redirect_stderr(io.StringIO()) as terminal:
        ear = Ear(ours, heard, Orders())
        ear.begin()
        with theirs:
            for one in data:
                theirs.send(one)
            theirs.send(b'{"event": "closed"}')
            happens(lambda: bool(ended), _SECONDS)
        ear.close()
    return terminal.getvalue()


def told(tally: Tally, listen: Listen, name: str, event: str, rng: random.Random) -> None:
    """One report with words that a terminal obeys, in its values and in its names."""
    words = rng.sample(_ODD, 4)
    facts: dict[str, Any] = {
        "what": "".join(words),
        f"uri{words[0]}": f"https://evil.example/{words[1]}{words[2]}",
    }
    if event == "dropped":
        facts["uris"] = [f"file:///a{words[0]}"]
    text = listen([json.dumps({**facts, "event": event}).encode()])
    lines = text.split("\n")[:-1]
    because = f"{name}: {event}: {ascii(text)[:300]}"
    if event in REFUSALS:
        held = len(lines) == 1 and event in lines[0]
        tally.judge(RULE, held, "what was refused to a page, or went wrong, is not told in one line", because)
    else:
        tally.judge(RULE, not text, "a window writes into the person's terminal", because)
    tally.judge(
        RULE, all(line.isprintable() for line in lines), "a page steers the person's terminal", because
    )


def flooded(tally: Tally, listen: Listen, name: str, flood: str) -> None:
    """A window that somebody took over tells too often, or too much at once."""
    if flood == "many":
        data = [json.dumps({"event": "blocked", "what": str(number)}).encode() for number in range(FLOOD)]
    else:
        facts: dict[str, Any] = {f"fact{number}": "x" * 300 for number in range(100)}
        data = [json.dumps({**facts, "event": "blocked"}).encode()]
    lines = listen(data).split("\n")[:-1]
    because = f"{name}: {len(lines)} lines, the longest of {max(map(len, lines), default=0)} letters"
    held = len(lines) <= MOST and all(len(line) <= LONGEST for line in lines)
    tally.judge(RULE, held, "a window fills the person's terminal", because)
    tally.twin(RULE, bool(lines), f"what a window tells is heard ({because})")


def sized(tally: Tally) -> None:
    """A window that somebody took over is never still: each place that it tells would be written to the disk."""
    heard: list[str] = []
    data = [
        json.dumps({"event": "size", "width": 400 + number, "height": 400}).encode()
        for number in range(FLOOD)
    ]
    _listened(lambda report: heard.append(report.event), data)
    because = f"{heard.count('size')} of {FLOOD} sizes were heard"
    tally.judge(RULE, heard.count("size") <= MOST, "a window has its places written without end", because)
    tally.twin(RULE, "size" in heard, f"where a window stands is heard ({because})")

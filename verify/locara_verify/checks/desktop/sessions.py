"""LC421 and LC422: what outlives one call. Subscriptions to settings, and an app whose window was closed."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
from collections.abc import Mapping
from functools import partial
from subprocess import TimeoutExpired
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from locara.errors import LocaraError
from locara_verify.check import CheckResult, check
from locara_verify.checks.desktop import unread
from locara_verify.checks.desktop.stage import ENDS, SUBSCRIBED, narrowed, watched
from locara_verify.checks.escape.processes import family, listening
from locara_verify.checks.waiting import happens
from locara_verify.context import Context
from locara_verify.strategies import frames
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

_SCOPES: Final = ("user", "profile:a", "profile:ab")  # one begins like another
_NO_SCOPES: Final = ("", "profile:", "Profile:a", "user ", "everything", "x" * 101)
_MOST: Final = 8
_ASKED: Final = 20
_SECONDS: Final = 30.0
_END_SECONDS: Final = 20.0
# Of what was granted: how long a runtime that stays is waited for at least and at most, in seconds.
_STAYS: Final = {"none": (5.0, 120.0), "passive": (600.0, 900.0), "active": (600.0, 900.0)}
_STAYS_SECONDS: Final = 6.0  # longer than an app that may not go on takes to end

Json = Any


@check("desktop.subscriptions", rules=(SUBSCRIBED,), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Subscriptions in the target without powers."""
    tally = Tally()
    variant = ctx.variant("sessions", partial(narrowed, capabilities={}), page=False)
    with ctx.open_app(variant) as app:
        subscriptions(tally, app, ctx.rng("subscriptions"))
    unread.changes(tally, ctx.rng("unread"))
    unread.after_the_disk(tally, ctx.fresh_dir("told"))
    return tally.result()


@check("desktop.window", rules=(ENDS,), waits=True, needs=frozenset({"live"}))
def run_window(ctx: Context) -> CheckResult:
    """Four apps whose window is closed; the first that does otherwise ends the check."""
    tally = Tally()
    ended_by_force(tally)
    for mode, asked, stays in (
        (None, (), False),
        ("active", (), False),
        ("passive", ("active", "passive"), False),
        ("active", ("active",), True),
    ):
        if not tally.findings:
            window_closed(ctx, tally, (mode, asked), stays=stays)
    return tally.result()


class _Stays:
    """A runtime that does not end by itself: how long it was waited for, and whether it was ended by force."""

    def __init__(self, background: str) -> None:
        self.broker = SimpleNamespace(background=background)
        self.waited = 0.0
        self.killed = False

    def wait(self, seconds: float | None = None) -> int:
        """Not before it is killed."""
        if self.killed:
            return -9
        if seconds is None:
            self.waited = math.inf
            return 0
        self.waited += seconds
        raise TimeoutExpired("runtime", seconds)

    def kill(self) -> None:
        """The end."""
        self.killed = True


def ended_by_force(tally: Tally) -> None:
    """What stays when its window or its input has gone is ended: soon, or after the minutes that it was granted."""
    from locara.runtime.launch import RunningApp, let_end  # noqa: PLC0415 - loads the runtime

    for way, granted in itertools.product(("leave", "let_end"), _STAYS):
        soonest, latest = _STAYS[granted]
        process: Any = _Stays(granted)
        if way == "leave":
            client: Any = SimpleNamespace(end_input=lambda: None)
            RunningApp(None, None, process, client).leave()  # type: ignore[arg-type]
        else:
            let_end(process)
        told = f"{way}: granted {granted}, waited for {process.waited:.0f} s, killed {process.killed}"
        held = process.killed and soonest <= process.waited <= latest
        tally.judge(ENDS, held, "what stays without its window is not ended when it must be", told)


def subscriptions(tally: Tally, app: RunningApp, rng: random.Random) -> None:
    """Three listeners of different scopes while settings change; then as many as there may be, and more."""
    client = app.client
    wanted = [("user",), ("user", "profile:a"), _SCOPES]
    streams = [client.stream("settings.subscribe", {"scopes": list(scopes)}, _SECONDS) for scopes in wanted]
    names = [next(stream)["subscription"] for stream in streams]
    told: list[tuple[str, str, Json]] = []
    # Calls overlap, but those that write come from one sender, so that their order is the order of the writes.
    for number in range(120):
        scope, key = rng.choice(_SCOPES), f"k{rng.randrange(6)}"
        there = any(entry[:2] == (scope, key) and entry[2] is not None for entry in _latest(told))
        if there and rng.random() < 0.3:
            client.call("settings.delete", {"key": key, "scope": scope}, _SECONDS)
            told.append((scope, key, None))
        else:
            client.call("settings.set", {"key": key, "value": {"n": number}, "scope": scope}, _SECONDS)
            told.append((scope, key, {"n": number}))
    for name in names:
        client.call("settings.unsubscribe", {"subscription": name}, _SECONDS)
    for scopes, stream in zip(wanted, streams, strict=True):
        events = [
            (event["scope"], event["key"], event["value"]) for event in stream if event["type"] == "changed"
        ]
        right = [change for change in told if change[0] in scopes]
        what = f"{len(events)} told, {len(right)} happened in {', '.join(scopes)}"
        tally.judge(SUBSCRIBED, events == right, "a subscription did not tell what happened, in order", what)
        tally.twin(SUBSCRIBED, bool(events), "a subscription tells something")
    for wrong in _NO_SCOPES:
        for among in ((wrong,), (wrong, "user"), ("user", wrong), ("user", "profile:a", wrong)):
            _refused(tally, app, among)
    _many(tally, app)


def _refused(tally: Tally, app: RunningApp, scopes: tuple[str, ...]) -> None:
    """A subscription to something that is no scope, alone or among others, does not begin."""
    call = app.client.send("settings.subscribe", {"scopes": list(scopes)})
    frame = app.client.recv_frame(_SECONDS) or {}
    began = frame.get("id") != call or "event" in frame
    code = str(frame.get("error", {}).get("code", "ok"))
    told = f"{[scope[:20] for scope in scopes]}: {'begun' if began else code}"
    held = not began and code in {"bad_request", "not_found"}
    tally.judge(SUBSCRIBED, held, "a subscription began for what is no scope", told)
    if began:
        app.client.send_raw(frames.pack(json.dumps({"cancel": call}).encode()))
        app.client.recv_frame(_SECONDS)


def _latest(told: list[tuple[str, str, Json]]) -> list[tuple[str, str, Json]]:
    return list({(scope, key): (scope, key, value) for scope, key, value in told}.values())


def _many(tally: Tally, app: RunningApp) -> None:
    """Ask for more subscriptions than there may be; close one, and there is room again."""
    client = app.client
    asked = {client.send("settings.subscribe"): "" for _ in range(_ASKED)}
    names: list[str] = []
    while not all(asked.values()) and len(names) <= _MOST:
        frame = client.recv_frame(_SECONDS)
        if frame is None or frame.get("id") not in asked:
            continue
        if "event" in frame:
            names.append(str(frame["event"]["subscription"]))
        asked[frame["id"]] = "open" if "event" in frame else str(frame["error"]["code"])
    refused = {answer for answer in asked.values() if answer not in {"", "open"}}
    held = len(names) <= _MOST and refused <= {"busy"}
    told = f"{len(names)} of {_ASKED} are open, the others were answered {', '.join(sorted(refused)) or 'nothing'}"
    tally.judge(SUBSCRIBED, held, "subscriptions are not bounded", told)
    tally.twin(SUBSCRIBED, bool(names), "a subscription opens")
    if not held or not names:
        return
    for wrong in ("x", names[0][:-1], names[0] + "0"):
        ended = client.call("settings.unsubscribe", {"subscription": wrong}, _SECONDS)["ended"]
        tally.judge(SUBSCRIBED, not ended, "a name nobody was given ended a subscription", wrong)
    client.call("settings.unsubscribe", {"subscription": names.pop()}, _SECONDS)
    # The next takes the place of one that was ended, and further ones that of one that was cancelled.
    for how in ("unsubscribed", "cancelled"):
        stream = client.stream("settings.subscribe", None, _SECONDS)
        try:
            room = next(stream)["type"] == "subscribed"
        except LocaraError:
            room = False
        tally.judge(SUBSCRIBED, room, "an ended subscription makes no room", f"the one before was {how}")
        if not room:
            return
        stream.cancel()
        tally.twin(SUBSCRIBED, stream.result["reason"] == "cancelled", "a subscription is cancelled")


def window_closed(
    ctx: Context, tally: Tally, modes: tuple[str | None, tuple[str, ...]], *, stays: bool
) -> None:
    """Close the window of an app that declares a mode and asks for others, one after the other."""
    declared, asked = modes
    given: Mapping[str, Json] = {"background": {"mode": declared, "reasons": ["index"]}} if declared else {}
    variant = ctx.variant("window", partial(narrowed, capabilities=given), page=False)
    desk, before = watched(ctx), listening(os.getpid())
    with ctx.open_app(variant, desktop=desk.desktop) as app:
        _listens(tally, before, "while the app runs")
        for mode in asked:
            try:
                app.client.call("background.begin", {"mode": mode}, _SECONDS)
            except LocaraError as error:
                told = f"{mode} under {declared}: {error.code}"
                tally.judge(
                    ENDS, declared == "passive" and mode == "active", "what is granted was refused", told
                )
        if declared:
            granted = app.client.call("background.status", {}, _SECONDS)["granted"]
            told = f"declared {declared}, told {granted}"
            tally.judge(ENDS, granted == declared, "an app is told that it may go on in another way", told)
        inside = family(app.pid)
        app.client.send_raw(frames.pack(b'{"window": "closed"}'))
        gone = _gone(inside, _STAYS_SECONDS if stays else _END_SECONDS)
        what = f"declared {declared}, asked for {', '.join(asked) or 'nothing'}"
        told = f"{what}: its processes are {'gone' if gone else 'there'}"
        tally.judge(ENDS, gone != stays, "an app did not do with its window as it was granted", told)
        if stays and not gone:
            works = app.client.call("background.status", {}, _SECONDS)["window"] == "closed"
            tally.twin(ENDS, works, "an app that may go on answers")
            app.client.call("background.end", {}, _SECONDS)
            gone = _gone(inside, _END_SECONDS)
            tally.judge(ENDS, gone, "an app that gave up going on goes on", "its window is closed")
    _listens(tally, before, "when the app has ended")


def _listens(tally: Tally, before: frozenset[str], when: str) -> None:
    """Whether what starts and serves an app waits for connections of anybody: a page of the web would find it."""
    new = listening(os.getpid()) - before
    tally.judge(
        ENDS, not new, "the launcher of an app listens for connections", f"{when}: {len(new)} sockets"
    )


def _gone(pids: tuple[int, ...], seconds: float) -> bool:
    """Whether every one of these processes ends within this time."""
    return happens(lambda: not any(_alive(pid) for pid in pids), seconds)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - read at once
            return file.read().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False

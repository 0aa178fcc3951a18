"""LC421 and LC422: what outlives one call. Subscriptions to settings, and an app whose window was closed."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from locara.errors import LocaraError
from locara_verify.check import CheckResult, check
from locara_verify.checks.desktop import unread
from locara_verify.checks.desktop.stage import ENDS, SUBSCRIBED, narrowed, watched
from locara_verify.checks.escape.processes import family
from locara_verify.checks.waiting import happens
from locara_verify.context import Context
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

_SCOPES: Final = ("user", "profile:a", "profile:b")
_MOST: Final = 8
_ASKED: Final = 20
_SECONDS: Final = 30.0
_END_SECONDS: Final = 20.0
_STAYS_SECONDS: Final = 6.0  # longer than an app that may not go on takes to end

Json = Any


@check("desktop.subscriptions", rules=(SUBSCRIBED,), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Subscriptions in the target without powers."""
    tally = Tally()
    variant = ctx.variant("sessions", partial(narrowed, capabilities={}))
    with ctx.open_app(variant) as app:
        subscriptions(tally, app, ctx.rng("subscriptions"))
    unread.changes(tally, ctx.rng("unread"))
    unread.after_the_disk(tally, ctx.fresh_dir("told"))
    return tally.result()


@check("desktop.window", rules=(ENDS,), needs=frozenset({"live"}))
def run_window(ctx: Context) -> CheckResult:
    """Four apps whose window is closed; the first that does otherwise ends the check."""
    tally = Tally()
    for mode, asked, stays in (
        (None, (), False),
        ("active", (), False),
        ("passive", ("active", "passive"), False),
        ("active", ("active",), True),
    ):
        if not tally.findings:
            window_closed(ctx, tally, (mode, asked), stays=stays)
    return tally.result()


def subscriptions(tally: Tally, app: RunningApp, rng: random.Random) -> None:
    """Three listeners of different scopes while settings change; then as many as there may be, and more."""
    client = app.client
    wanted = [("user",), ("profile:a", "profile:b"), _SCOPES]
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
    _many(tally, app)


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
    variant = ctx.variant("window", partial(narrowed, capabilities=given))
    desk = watched(ctx)
    with ctx.open_app(variant, desktop=desk.desktop) as app:
        for mode in asked:
            try:
                app.client.call("background.begin", {"mode": mode}, _SECONDS)
            except LocaraError as error:
                told = f"{mode} under {declared}: {error.code}"
                tally.judge(
                    ENDS, declared == "passive" and mode == "active", "what is granted was refused", told
                )
        inside = family(app.pid)
        frame = json.dumps({"window": "closed"}).encode()
        app.client.send_raw(struct.pack(">I", len(frame)) + frame)
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


def _gone(pids: tuple[int, ...], seconds: float) -> bool:
    """Whether every one of these processes ends within this time."""
    return happens(lambda: not any(_alive(pid) for pid in pids), seconds)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - read at once
            return file.read().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False

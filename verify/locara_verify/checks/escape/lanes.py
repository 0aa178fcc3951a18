"""LC402 and LC403: the caps of frames and of open calls to the byte and to the call, and cancels of calls
that wait.

A call that has no end holds its lane until it is cancelled, so that what is sent behind it waits for certain: no
timing decides which side of a cap a call is on. It is cancelled when a call behind everything else was answered on
another lane, because by then all of it was read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import open_arena
from locara_verify.checks.escape.link import TIMEOUT, Gone
from locara_verify.checks.escape.live import Trial, conduct
from locara_verify.context import Context
from locara_verify.strategies import frames

FRAMES: Final = "LC402"
CALLS: Final = "LC403"
MOST_OPEN: Final = 64
MOST_HELD: Final = 64 * 1024 * 1024
TURNS: Final = 3
HOLDER: Final = "holder"
SETTLED: Final = "settled"
# Ended by a cancel, or by the time a statement may take.
ENDLESS: Final = "WITH RECURSIVE q(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM q) SELECT max(x) FROM q"
TABLE: Final = "CREATE TABLE IF NOT EXISTS waited(name TEXT)"
PUT: Final = "INSERT INTO waited(name) VALUES (?)"

Json = Any


@check("escape-lanes", rules=(FRAMES, CALLS, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """The cap of a frame, the caps of open calls, then cancels in front of and behind a held lane."""
    with open_arena(ctx, pick=False) as arena:
        return conduct(Trial(arena, (FRAMES, CALLS)), attack)


def attack(trial: Trial) -> None:
    """The whole attack."""
    attack_frame_cap(trial)
    made = trial.arena.link.ask("db.exec", {"sql": TABLE})
    trial.twin(CALLS, made.ok, "a table is made")
    attack_open_calls(trial)
    attack_held_bytes(trial)
    attack_waiting(trial)


def attack_frame_cap(trial: Trial) -> None:
    """A frame of exactly the cap is served; one that announces a byte more is refused before it arrives."""
    link = trial.arena.link
    for size in (frames.MAX_FRAME - 1, frames.MAX_FRAME):
        reply = link.exchange(frames.padded(frames.call("long", "app.info"), size), "long")
        trial.tried(FRAMES)
        if not reply.ok:
            trial.fail(FRAMES, "a frame within the cap was refused", f"{size} bytes: {reply.code}")
    for size in (frames.MAX_FRAME + 1, frames.MAX_FRAME + 2, 2 * frames.MAX_FRAME):
        _announce(trial, size)


def _announce(trial: Trial, size: int) -> None:
    """Announce a frame above the cap, send none of it, and leave the stream open: only its length can be
    judged."""
    with open_arena(trial.arena.ctx, pick=False) as arena:
        link = arena.link
        trial.twin(FRAMES, link.alive(), "app.info before the announcement")
        link.send(frames.HEADER.pack(size))
        trial.tried(FRAMES)
        trial.arena.link.attacks += 1
        try:
            code = str(link.receive(TIMEOUT).get("error", {}).get("code", "ok"))
        except Gone:
            code = "no answer"
    if code != "too_large":
        trial.fail(
            FRAMES, "a frame above the cap was not refused by its length", f"{size} bytes: {code}", str(size)
        )


def hold(trial: Trial) -> None:
    """Take the store's lane until `gather` lets it go. What is sent next waits."""
    trial.arena.link.send(frames.call(HOLDER, "db.query", {"sql": ENDLESS}))


def gather(trial: Trial, sent: Sequence[Json]) -> list[Mapping[str, Json]]:
    """Every final reply in the order it came, until each call and then a marker sent last was answered, so
    that a second reply is seen as well. What is never answered is missing in it.

    The lane is let go first, as soon as all that was sent before was read."""
    link = trial.arena.link
    link.send(frames.call(SETTLED, "app.info"))
    found: list[Mapping[str, Json]] = []
    missing, deadline = {json.dumps(item) for item in sent}, time.monotonic() + TIMEOUT
    marked = False
    while True:
        if not missing and not marked:
            link.send(frames.call("marker", "db.query", {"sql": "SELECT 1"}))
            marked = True
        try:
            frame = link.receive(deadline - time.monotonic())
        except Gone:
            return found
        link.judge(frame, json.dumps(frame).encode(), b"")
        if frame.get("id") == SETTLED:
            link.send(frames.pack(json.dumps({"cancel": HOLDER}).encode()))
            continue
        if frame.get("id") == "marker":
            return found
        found.append(frame)
        missing.discard(json.dumps(frame.get("id")))


def code_of(frame: Mapping[str, Json]) -> str:
    """The code of a reply, ok for a good one."""
    return str(frame.get("error", {}).get("code", "ok"))


def behind(trial: Trial, send: Callable[[], Sequence[Json]]) -> list[Mapping[str, Json]] | None:
    """The replies to calls that were sent behind a held lane (see `gather`), or None.

    The store ends what takes too long: on a machine so busy that not all was sent by then, what came later proves
    nothing, neither for nor against. It is asked from the beginning then, a few times.
    """
    for _ in range(TURNS):
        hold(trial)
        found = gather(trial, [HOLDER, *send()])
        codes = [code_of(frame) for frame in found if frame.get("id") == HOLDER]
        if codes == ["cancelled"]:
            return found
    trial.twin(CALLS, works=False, what=f"the lane was not held until it was let go: {codes}")
    return None


def _tally(found: Sequence[Mapping[str, Json]], sent: Sequence[Json]) -> dict[str, int]:
    codes = [code_of(frame) for frame in found if frame.get("id") in sent]
    return {code: codes.count(code) for code in sorted(set(codes))}


def attack_open_calls(trial: Trial) -> None:
    """Behind a held lane, exactly as many calls wait as may be open; each further one is told so."""
    ids = [f"open-{number}" for number in range(MOST_OPEN + 9)]

    def send() -> list[str]:
        trial.arena.link.send(b"".join(frames.call(one, "db.query", {"sql": "SELECT 1"}) for one in ids))
        return ids

    found = behind(trial, send)
    trial.tried(CALLS, len(ids))
    if found is None:
        return
    got, due = _tally(found, ids), {"busy": 10, "ok": MOST_OPEN - 1}
    if got != due or len(found) != len(ids) + 1:
        trial.fail(CALLS, "the cap of open calls is not held to", f"{got}, expected {due}")


def attack_held_bytes(trial: Trial) -> None:
    """Behind a held lane, calls wait up to the bytes that may be held, to the byte; a further one is told."""
    link, each = trial.arena.link, 15 * 1024 * 1024
    work = {"sql": "SELECT 1"}
    room = MOST_HELD - (len(frames.call(HOLDER, "db.query", {"sql": ENDLESS})) - frames.HEADER.size)
    # One byte too many comes before the call that fills the cap: it is refused and takes no room.
    sizes = [each] * (room // each) + [room % each + 1, room % each]
    ids = [f"bytes-{number}" for number in range(len(sizes))]

    def send() -> list[str]:
        for one, size in zip(ids, sizes, strict=True):
            link.send(frames.padded(frames.call(one, "db.query", work), size))
        link.send(frames.call("beyond", "db.query", work))
        return [*ids, "beyond"]

    found = behind(trial, send)
    trial.tried(CALLS, len(ids) + 1)
    if found is None:
        return
    codes = {str(frame.get("id")): code_of(frame) for frame in found}
    for one in (ids[-2], "beyond"):
        if codes.get(one) != "busy":
            trial.fail(CALLS, "the cap of held bytes is not held to", f"{one}: {codes.get(one)}, not busy")
    refused = [one for one in (*ids[:-2], ids[-1]) if codes.get(one) != "ok"]
    if refused:
        trial.fail(CALLS, "calls within the cap of held bytes were refused", f"{refused} of {sizes}")


def attack_waiting(trial: Trial) -> None:
    """Of calls that wait to write, some are cancelled: those answer at once, once, and never write; the
    others do."""
    link, rng = trial.arena.link, trial.arena.ctx.rng("escape-lanes")
    rounds = 4 if trial.arena.ctx.profile.profile in ("strict", "soak") else 1
    for number in range(rounds):
        ids: list[Json] = [f"w{number}-{index}" for index in range(12)]
        # Numbers and texts that look alike are two calls.
        ids += [1_000 + number, str(1_000 + number)]
        wanted = set(rng.sample(range(len(ids)), 6)) | {len(ids) - 1}
        wanted.discard(len(ids) - 2)
        cancelled = [ids[index] for index in sorted(wanted)]
        kept = [one for one in ids if one not in cancelled]
        rng.shuffle(cancelled)
        hold(trial)
        link.send(b"".join(_put(one) for one in ids))
        for one in cancelled:
            link.send(frames.pack(json.dumps({"cancel": one}).encode()) * rng.randint(1, 2))
        _judge_waiting(trial, gather(trial, [HOLDER, *ids]), cancelled, kept)


def _put(call_id: Json) -> bytes:
    return frames.call(call_id, "db.exec", {"sql": PUT, "params": [repr(call_id)]})


def _judge_waiting(
    trial: Trial, found: Sequence[Mapping[str, Json]], cancelled: Sequence[Json], kept: Sequence[Json]
) -> None:
    order = [json.dumps(frame.get("id")) for frame in found]
    codes = {json.dumps(frame.get("id")): code_of(frame) for frame in found}
    held_until = order.index(json.dumps(HOLDER)) if json.dumps(HOLDER) in order else len(order)
    names = trial.arena.link.ask("db.query", {"sql": "SELECT name FROM waited", "params": []})
    written = {row[0] for row in names.result["rows"]} if names.ok else set()
    for one in (*cancelled, *kept):
        trial.tried(CALLS)
        key, gone = json.dumps(one), one in cancelled
        if order.count(key) != 1:
            trial.fail(CALLS, "a waiting call was not answered exactly once", f"{key}: {order.count(key)}")
        elif gone and codes[key] != "cancelled":
            trial.fail(CALLS, "a cancel of a waiting call was ignored", f"{key}: {codes[key]}")
        elif gone and order.index(key) > held_until:
            trial.fail(CALLS, "a cancelled call went on waiting for its turn", f"{key} after the holder")
        if gone and repr(one) in written:
            trial.fail(CALLS, "a call that was cancelled before it began was carried out", key)
    lost = [one for one in kept if codes.get(json.dumps(one)) != "ok" or repr(one) not in written]
    trial.twin(CALLS, not lost, f"calls that were not cancelled write: {lost}")

"""LC402 and LC403: broken frames, wrong ids, cancels and floods."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import open_arena
from locara_verify.checks.escape.link import TIMEOUT, Gone, Link
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.checks.escape.processes import runtime_of
from locara_verify.context import Context
from locara_verify.strategies import frames

BROKEN: Final = "LC402"
IDS: Final = "LC403"
# A statement that keeps the store busy for a few milliseconds, so that calls pile up behind it.
SLOW: Final = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT count(*) FROM n"
)

_INTERRUPTS: Final = 5

Json = Any


@check("escape-frames", rules=(BROKEN, IDS, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Break frames on one connection, then streams on connections of their own, then flood."""
    with open_arena(ctx, pick=False) as arena:
        return conduct(Trial(arena, (BROKEN, IDS)), attack)


def attack(trial: Trial) -> None:
    """The whole attack."""
    for rule in (BROKEN, IDS):
        trial.twin(rule, trial.arena.link.alive(), "app.info in an ordinary frame")
    attack_streams(trial)
    attack_refused(trial)
    attack_damaged(trial, share(trial.arena.ctx, 0.1))
    attack_ids(trial)
    attack_repeated(trial)
    attack_cancel(trial, share(trial.arena.ctx, 0.02))
    attack_flood(trial, share(trial.arena.ctx, 0.04))
    attack_fatal(trial)


def attack_streams(trial: Trial) -> None:
    """Only frames are in the stream of frames: a library that prints or reads is led elsewhere. The keys that end a
    program in a terminal end the launcher, which then ends the app, and never the runtime by itself."""
    pid = runtime_of(trial.arena.app.pid) or 0
    read, written, told = (os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3))  # noqa: PTH115
    trial.tried(BROKEN)
    if read != os.devnull or written != told:
        trial.fail(
            BROKEN, "what a library prints or reads is in the stream of frames", f"0: {read}, 1: {written}"
        )
    for _ in range(_INTERRUPTS):
        os.kill(pid, signal.SIGINT)
        trial.tried(BROKEN)
        if not trial.arena.link.alive():
            trial.fail(
                BROKEN, "an interrupt of the terminal ends the runtime in the middle of its work", "SIGINT"
            )


def attack_refused(trial: Trial) -> None:
    """Every listed broken frame gets its code, and after each one an ordinary call is served."""
    link = trial.arena.link
    for attack_ in frames.refused():
        link.send(attack_.data)
        frame = link.receive(TIMEOUT)
        link.judge(frame, json.dumps(frame).encode(), attack_.data)
        code = frame.get("error", {}).get("code", "ok")
        trial.tried(BROKEN)
        if code not in attack_.codes:
            expected = " or ".join(sorted(attack_.codes))
            trial.fail(
                BROKEN,
                "a broken frame was not answered with its code",
                f"{attack_.name}: {code}, expected {expected}",
                attack_.name,
            )
        if not link.alive():
            trial.fail(
                BROKEN, "after a broken frame an ordinary call is not served", attack_.name, attack_.name
            )


def attack_damaged(trial: Trial, count: int) -> None:
    """Frames with changed bytes: each is answered once, by an error unless it still is a frame, and never
    internal."""
    link, rng = trial.arena.link, trial.arena.ctx.rng("escape-frames")
    for number in range(count):
        data = frames.damaged(rng)
        sent = valid_call(data[4:])
        if sent is not None and "cancel" in sent:
            continue
        link.send(data)
        frame = link.receive(TIMEOUT)
        raw = json.dumps(frame).encode()
        link.judge(frame, raw, data)
        trial.tried(BROKEN)
        expected = sent.get("id") if sent is not None else None
        if frame.get("ok") is True and (sent is None or sent.get("cmd") != "app.info"):
            trial.fail(BROKEN, "a damaged frame was served", f"{data[4:]!r}", repr(data[4:]))
        if frame.get("id") not in (None, expected):
            trial.fail(
                BROKEN,
                "a damaged frame was answered under another id",
                f"{frame.get('id')!r}",
                repr(data[4:]),
            )
        trial.arena.ctx.progress(number, count, "damaged frames")


def valid_call(payload: bytes) -> Mapping[str, Json] | None:
    """The object in a payload when a lenient reader finds one, else None."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def attack_ids(trial: Trial) -> None:
    """Ids at the edges of what an id may be; texts and numbers that look alike stay apart."""
    link = trial.arena.link
    for good in (1, 2**53, "x", "x" * 64, "1", "\u202e", "null", "é"):
        reply = link.exchange(frames.call(good, "app.info"), good)
        trial.tried(IDS)
        trial.twin(IDS, reply.ok, f"the id {good!r} is accepted")
    for bad in frames.BAD_IDS:
        # Whatever comes is the answer: an id that is taken for one comes back as it was sent.
        sent = frames.call(bad, "app.info")
        link.send(sent)
        frame = link.receive(TIMEOUT)
        link.judge(frame, json.dumps(frame).encode(), sent)
        trial.tried(IDS)
        code = frame.get("error", {}).get("code", "ok")
        if code not in ("bad_request", "bad_frame"):
            trial.fail(IDS, "a wrong id was accepted", f"{str(bad)[:60]!r} was answered {code}")


def attack_repeated(trial: Trial) -> None:
    """A call that comes again, to the byte, is a call of its own: it is done and answered anew."""
    link = trial.arena.link
    made = link.ask("db.exec", {"sql": "CREATE TABLE IF NOT EXISTS repeated(x)"})
    put, count = "INSERT INTO repeated VALUES (1)", "SELECT count(*) FROM repeated"
    trial.twin(IDS, made.ok and link.ask("db.exec", {"sql": "DELETE FROM repeated"}).ok, "a table is made")
    done = 0
    for call_id in (7, "again"):
        write = frames.call(call_id, "db.exec", {"sql": put})
        read = frames.call(call_id, "db.query", {"sql": count})
        known = frames.call(call_id, "settings.getAll", {})
        for turn in (write, write, read, read, write, read, known, known, write, write, write, read):
            done += turn is write
            reply = link.exchange(turn, call_id)
            trial.tried(IDS)
            if turn is read and (not reply.ok or reply.result["rows"] != [[done]]):
                told = f"{reply.result if reply.ok else reply.code}, {done} are due"
                trial.fail(IDS, "a call that came again was not done again", told)
            set_ = link.ask("settings.set", {"key": "repeated", "value": done}) if turn is known else reply
            if turn is known and set_.ok:
                again = link.exchange(turn, call_id)
                if not again.ok or again.result["settings"].get("repeated") != done:
                    trial.fail(IDS, "a call that came again was answered as before", f"{again.code or 'ok'}")


def collect(trial: Trial, sent: list[Json], seconds: float = TIMEOUT) -> dict[str, list[Mapping[str, Json]]]:
    """Final replies by id (as JSON text) until every sent call has one."""
    replies: dict[str, list[Mapping[str, Json]]] = {}
    deadline, missing = time.monotonic() + seconds, len(sent)
    while missing > 0:
        frame = trial.arena.link.receive(deadline - time.monotonic())
        trial.arena.link.judge(frame, json.dumps(frame).encode(), b"")
        if "event" in frame:
            continue
        replies.setdefault(json.dumps(frame.get("id")), []).append(frame)
        missing -= 1
    return replies


def attack_flood(trial: Trial, count: int) -> None:
    """Bursts far above the cap without waiting: one final reply each, the surplus busy, then ordinary
    service."""
    link, busy, answered = trial.arena.link, 0, 0
    for burst in range(3):
        ids: list[Json] = [f"flood-{burst}-{number}" for number in range(max(200, count))]
        link.send(b"".join(frames.call(call_id, "db.query", {"sql": SLOW}) for call_id in ids))
        link.attacks += len(ids) - 1
        replies = collect(trial, ids)
        trial.tried(IDS, len(ids))
        for call_id in ids:
            got = replies.get(json.dumps(call_id), [])
            if len(got) != 1:
                trial.fail(
                    IDS, "a call in a flood was not answered exactly once", f"{call_id}: {len(got)} replies"
                )
                break
            busy += got[0].get("error", {}).get("code") == "busy"
            answered += got[0].get("ok") is True
    trial.notes.append(f"floods: {answered} answered, {busy} busy")
    if answered == 0:
        trial.fail(IDS, "a flood stopped the service", "no call of it was served")
    if busy == 0:
        trial.fail(
            IDS,
            "a flood was taken in without bound",
            f"all of {answered} calls were kept open, none was answered busy",
        )
    attack_same_id(trial)


def attack_same_id(trial: Trial) -> None:
    """One id used again while its call is open: the first is served, the others are refused, each once."""
    link, rng, refused = trial.arena.link, trial.arena.ctx.rng("escape-same-id"), 0
    for _ in range(10):
        count = rng.randint(3, 8)
        link.send(b"".join(frames.call("same", "db.query", {"sql": SLOW}) for _ in range(count)))
        replies = collect(trial, ["same"] * count)
        trial.tried(IDS, count)
        codes = [frame.get("error", {}).get("code", "ok") for frame in replies.get('"same"', [])]
        refused += codes.count("bad_request")
        if len(codes) != count or not set(codes) <= {"ok", "bad_request"} or "ok" not in codes:
            trial.fail(IDS, "one id used twice confused the replies", f"{count} calls: {sorted(codes)}")
    if not refused:
        trial.fail(IDS, "an id is accepted again while its call is open", "no second use was refused")


def attack_cancel(trial: Trial, count: int) -> None:
    """Cancels before, during and after: never a second reply, and a cancelled call says so or had ended
    already."""
    link, rng = trial.arena.link, trial.arena.ctx.rng("escape-cancel")
    for number in range(count):
        call_id = f"cancel-{number}"
        cancel = frames.pack(json.dumps({"cancel": call_id}).encode())
        work = frames.call(call_id, "db.query", {"sql": "SELECT 1"})
        order = rng.choice(
            (
                [cancel, work],
                [work, cancel],
                [work, cancel, cancel],
                [work, frames.pack(b'{"cancel":"other"}')],
            )
        )
        link.send(b"".join(order))
        replies = collect(trial, [call_id])
        trial.tried(IDS)
        got = replies.get(json.dumps(call_id), [])
        code = got[0].get("error", {}).get("code", "ok") if got else "nothing"
        if len(got) != 1 or code not in ("ok", "cancelled"):
            trial.fail(IDS, "a cancelled call was not answered exactly once", f"{code}, {len(got)} replies")
    marker = link.ask("app.info")
    trial.twin(IDS, marker.ok, "app.info after the cancels")


def attack_fatal(trial: Trial) -> None:
    """Streams without frame boundaries, each on a connection of its own: answered or closed, never served."""
    ctx = trial.arena.ctx
    for attack_ in frames.fatal():
        with open_arena(ctx, pick=False) as arena:
            arena.link.send(attack_.data)
            arena.app.client.end_input()
            trial.tried(BROKEN)
            answers = remaining(arena.link)
            trial.arena.link.attacks += 1
            bad = [
                frame
                for frame in answers
                if frame.get("ok") is True or frame.get("error", {}).get("code") not in attack_.codes
            ]
            if bad:
                trial.fail(
                    BROKEN, "a stream without frames was served", f"{attack_.name}: {bad[0]}", attack_.name
                )


def remaining(link: Link) -> list[Mapping[str, Json]]:
    """Every frame until the stream ends."""
    found: list[Mapping[str, Json]] = []
    while True:
        try:
            found.append(link.receive(20.0))
        except Gone as gone:
            if "did not answer" in str(gone):
                raise
            return found

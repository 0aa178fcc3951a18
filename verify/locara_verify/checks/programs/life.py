"""LC526: a program lives as long as its call: not after a cancel, not after the app, and it leaves nothing."""

from __future__ import annotations

import base64
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.errors import CallError
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, survives
from locara_verify.checks.programs.stage import CALL_SECONDS, has_programs, put, reading_app, running, sample
from locara_verify.checks.waiting import happens
from locara_verify.context import Context

if TYPE_CHECKING:
    from locara.runtime.client import Client

RULE: Final = "LC526"
MARK: Final = b"tesseract\0stdin"
SEEN_SECONDS: Final = 30.0
GONE_SECONDS: Final = 8.0
"""Ending one takes a moment; reading the picture to its end takes several times as long as this."""
THINKS: Final = 0.3
"""Seconds of processor time. To begin takes half of this, and to read the picture fifty times as much."""
SIDE: Final = 1_600
PAGES: Final = 16


@check("programs.life", rules=(RULE,), needs=frozenset({"live"}), applies=has_programs)
def life(ctx: Context) -> CheckResult:
    """Calls that are cancelled, an app that is closed in the middle, and what one call finds of another."""
    tally = Tally()
    before = set(running(MARK))
    with reading_app(ctx) as app, survives(tally, RULE, app.client):
        data = base64.b64encode(large(ctx)).decode()
        for number in range(3):
            waiting = app.client.send("ocr.fromBytes", {"data": data})
            if not happens(lambda: at_work(set(running(MARK)) - before), SEEN_SECONDS):
                tally.undecided(RULE, "no program was seen to run, so its end proves nothing")
                break
            app.client.cancel(waiting)
            tally.expect(
                RULE, ended(app.client, waiting) == "cancelled", "a cancelled call ended in another way"
            )
            gone = happens(lambda: not set(running(MARK)) - before, GONE_SECONDS)
            tally.expect(RULE, gone, "the program of a cancelled call went on", f"call {number}")
            tally.attacks += 1
        apart(tally, app.client, ctx)
        app.client.send("ocr.fromBytes", {"data": data})
        if not happens(lambda: at_work(set(running(MARK)) - before), SEEN_SECONDS):
            tally.undecided(RULE, "no program was seen to run before the app was closed")
    tally.expect(
        RULE,
        happens(lambda: not set(running(MARK)) - before, GONE_SECONDS),
        "a program outlived its app",
        attempt="close",
    )
    return tally.result()


def large(ctx: Context) -> bytes:
    """A picture whose reading takes far longer than the end of a program: noise in the shape of lines, which is the
    same on each of its pages, so that sending it takes no time beside reading it."""
    rng = ctx.rng("noise")
    row = SIDE // 8
    pixels = b"".join(rng.randbytes(row) if at % 40 < 22 else b"\xff" * row for at in range(SIDE))
    out = bytearray(struct.pack("<4sI", b"II*\0", 8 + len(pixels)) + pixels)
    tags = ((256, SIDE), (257, SIDE), (258, 1), (259, 1), (262, 1), (273, 8), (278, SIDE), (279, len(pixels)))
    for page in range(PAGES):
        following = len(out) + 2 + 12 * len(tags) + 4 if page < PAGES - 1 else 0
        out += struct.pack("<H", len(tags))
        out += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        out += struct.pack("<I", following)
    return bytes(out)


def ended(client: Client, waiting: int | str) -> str:
    """How a call ended."""
    try:
        client.wait(waiting, CALL_SECONDS)
    except CallError as error:
        return error.code
    return "ok"


def at_work(found: set[int]) -> bool:
    """Whether one of them has all its input and thinks: it used twice the processor time that its languages take."""
    ticks = os.sysconf("SC_CLK_TCK")
    for pid in found:
        try:
            used = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[11:13]
        except OSError:
            continue
        if sum(map(int, used)) > ticks * THINKS:
            return True
    return False


def apart(tally: Tally, client: Client, ctx: Context) -> None:
    """Two documents in turn: the answers are the same each time, and hold nothing of the other."""
    texts = put(client, "text.pdf", sample(ctx, "text.pdf"))
    other = put(client, "many.pdf", sample(ctx, "many-pages.pdf"))
    first = client.call("pdf.text", texts, timeout=CALL_SECONDS)
    client.call("pdf.text", other, timeout=CALL_SECONDS)
    again = client.call("pdf.text", texts, timeout=CALL_SECONDS)
    tally.expect(RULE, again == first, "a second reading of a document gave another answer")
    tally.expect(
        RULE, "Page number" not in str(again), "words of one document stood in the answer for another"
    )

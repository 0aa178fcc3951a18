"""LC526: a program lives as long as its call: not after a cancel, not after the app, and it leaves nothing."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from locara.errors import CallError
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, survives
from locara_verify.checks.programs.stage import CALL_SECONDS, has_programs, put, reading_app, running, sample
from locara_verify.context import Context

if TYPE_CHECKING:
    from locara.runtime.client import Client

RULE: Final = "LC526"
MARK: Final = b"tesseract\0stdin"
LONG_SECONDS: Final = 20.0


@check("programs.life", rules=(RULE,), needs=frozenset({"live"}), applies=has_programs)
def life(ctx: Context) -> CheckResult:
    """Calls that are cancelled, an app that is closed in the middle, and what one call finds of another."""
    tally = Tally()
    before = set(running(MARK))
    with reading_app(ctx) as app, survives(tally, RULE, app.client):
        data = base64.b64encode(large(ctx)).decode()
        for number in range(3):
            waiting = app.client.send("ocr.fromBytes", {"data": data})
            if not happens(lambda: set(running(MARK)) - before):
                tally.undecided(RULE, "no program was seen to run, so its end proves nothing")
                break
            app.client.cancel(waiting)
            tally.expect(
                RULE, ended(app.client, waiting) == "cancelled", "a cancelled call ended in another way"
            )
            gone = happens(lambda: not set(running(MARK)) - before)
            tally.expect(RULE, gone, "the program of a cancelled call went on", f"call {number}")
            tally.attacks += 1
        apart(tally, app.client, ctx)
        app.client.send("ocr.fromBytes", {"data": data})
        if not happens(lambda: set(running(MARK)) - before):
            tally.undecided(RULE, "no program was seen to run before the app was closed")
    tally.expect(
        RULE, happens(lambda: not set(running(MARK)) - before), "a program outlived its app", attempt="close"
    )
    return tally.result()


def large(ctx: Context) -> bytes:
    """A picture whose reading takes seconds: noise in the shape of many lines."""
    import zlib  # noqa: PLC0415 - only here

    rng = ctx.rng("noise")
    side = 2_400
    rows = b"".join(b"\0" + (rng.randbytes(side) if row % 40 < 22 else b"\xff" * side) for row in range(side))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + bytes((8, 0, 0, 0, 0))
    packed = zlib.compress(rows, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def ended(client: Client, waiting: int | str) -> str:
    """How a call ended."""
    try:
        client.wait(waiting, CALL_SECONDS)
    except CallError as error:
        return error.code
    return "ok"


def happens(holds: Callable[[], object]) -> bool:
    """Whether it comes true within a time that is generous on any machine."""
    end = time.monotonic() + LONG_SECONDS
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.01)
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

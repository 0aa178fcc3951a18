"""LC522 pictures and LC523 PDF files that lie, LC524 words that would be commands: all through the running app."""

from __future__ import annotations

import base64
import itertools
import random
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.descriptors import open_count
from locara_verify.checks.escape.processes import runtime_of
from locara_verify.checks.models.probe import Tally, refusal, survives
from locara_verify.checks.programs.confined import OPTIONS
from locara_verify.checks.programs.stage import (
    CALL_SECONDS,
    PICTURES,
    SEEN,
    expected,
    has_programs,
    put,
    reading_app,
    sample,
)
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.runtime.client import Client
    from locara.runtime.launch import RunningApp

PICTURE, PDF, WORDS = "LC522", "LC523", "LC524"
REFUSED: Final = frozenset({"bad_request", "limit_exceeded", "too_large", "not_found"})
ANSWERED: Final = REFUSED | {"ok"}
_TURNS: Final = 4
CANARY: Final = "canary-words-2f6c"


def damaged(rng: random.Random, data: bytes) -> bytes:
    """A copy with some bytes changed, cut out, doubled or cut off; the beginning is hit more often."""
    copy = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(min(len(copy), rng.choice((64, 512, 1 << 30))))
        kind = rng.random()
        if kind < 0.5:
            copy[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind < 0.7:
            copy[at : at + 4] = rng.choice(
                (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
            )
        elif kind < 0.85:
            piece = rng.randint(1, 200)
            copy[at:at] = copy[at : at + piece]
        else:
            del copy[at + 1 :]
        if len(copy) < 8:
            break
    return bytes(copy)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that claim to be large, in every format."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (30_000, 32_768, 2**31 - 1):
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        body = zlib.compress(bytes(3_000_000), 9)
        png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
        yield f"a png of {side} x {side}", png
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 65_000, 65_000, 1) + b"\1\x11\0"
    yield "a jpeg of 65000 x 65000", b"\xff\xd8" + frame + b"\xff\xda\0\2\xff\xd9"
    yield (
        "a webp of 16383 x 16383",
        b"RIFF"
        + struct.pack("<I", 40)
        + b"WEBPVP8L"
        + struct.pack("<IBI", 20, 0x2F, 16_382 | 16_382 << 14)
        + bytes(24),
    )
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 60_000), (257, 60_000)))
    yield "a tiff of 60000 x 60000", b"II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4)
    ring = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 256, 4, 1, 9) + struct.pack("<I", 8)
    yield "a tiff whose pages never end", ring
    sides = (100, 0, 54, 40, 30_000, 30_000, 1, 24, 0)
    yield "a bmp of 30000 x 30000", b"BM" + struct.pack("<IIIIiiHHI", *sides) + bytes(60)


def lists(canary: Path) -> Iterator[tuple[str, bytes]]:
    """What the reader would take for a list of pictures to open, or for another language of pages."""
    yield "a file name", f"{canary}\n".encode()
    yield "file names", f"{canary}\n/proc/self/environ\n/etc/passwd\n".encode()
    yield "an address", b"http://127.0.0.1:9/a.png\n"
    yield "a relative name", b"../files/page.png\n"
    yield "a name behind a mark", b"\xef\xbb\xbf" + str(canary).encode()
    yield "PostScript", b"%!PS\n(" + str(canary).encode() + b") (r) file\n"
    yield "a pnm picture", b"P5 2 2 255 abcd"
    yield "a gif picture", b"GIF89a" + bytes(40)
    yield "a PDF file", b"%PDF-1.4\n"


@check("programs.pictures", rules=(PICTURE,), needs=frozenset({"live", "kernel"}), applies=has_programs)
def pictures(ctx: Context) -> CheckResult:
    """Damaged copies of every format, bombs and lists of file names; real pictures in between are read."""
    tally, rng = Tally(), ctx.rng("pictures")
    canary = ctx.fresh_dir("canary") / "page.png"
    canary.write_bytes(sample(ctx, "page.png"))
    for folder in (canary.parent, *canary.parents[1:4]):
        folder.chmod(folder.stat().st_mode | 0o055)
    rounds = {"quick": 1, "ci": 2, "strict": 3}.get(ctx.profile.profile, 20)
    with reading_app(ctx) as app, survives(tally, PICTURE, app.client):
        for number, name in enumerate(PICTURES):
            ctx.progress(number, len(PICTURES), name)
            twin(tally, app.client, sample(ctx, name), name)
            for _ in range(rounds):
                judge(tally, app.client, damaged(rng, sample(ctx, name)), f"a damaged {name}", ANSWERED)
        for what, data in bombs():
            # Before a decoder starts: its own refusal would be another one.
            code = "bad_request" if "never end" in what else "limit_exceeded"
            judge(tally, app.client, data, what, frozenset({code}))
        for what, data in lists(canary):
            judge(tally, app.client, data, what, frozenset({"bad_request"}), says="no picture of a kind")
        misspelled(tally, app.client, sample(ctx, "page.png"))
        keeps_nothing(tally, PICTURE, app, {"ocr.fromFile": {}})
        twin(tally, app.client, sample(ctx, "page.png"), "page.png at the end")
    return tally.result()


def misspelled(tally: Tally, client: Client, data: bytes) -> None:
    """A picture in what is no base64 by its letter is refused: a lenient reader passes over what another takes."""
    right = base64.b64encode(data).decode()
    for sign in ("!", "\n", " ", "-", "_", "\u00e9", "\0", "=", "===="):
        for at in (0, 4, 41, len(right) // 2, len(right)):
            if sign[0] == "=" and at == len(right):
                continue  # some more of what fills the end
            tally.attacks += 1
            code, message = refusal(client, "ocr.fromBytes", {"data": right[:at] + sign + right[at:]})
            tally.expect(
                PICTURE,
                code == "bad_request",
                "a picture in what is no base64 was taken",
                f"{sign!a} at {at}: {code}: {message}"[:300],
            )


def keeps_nothing(tally: Tally, rule: str, app: RunningApp, commands: Mapping[str, dict[str, JSON]]) -> None:
    """Files that are refused are closed, for whatever they are refused: nothing stays open in the runtime."""
    client, pid = app.client, runtime_of(app.pid) or 0  # of no process at all nothing is told
    places = {"no file of the kind": put(client, "odd", b"PK" * 40), "empty": put(client, "empty", b"")}
    places["too large"] = {"root": "$APP_DATA", "path": "large"}
    with (app.home.path / "files/large").open("wb") as file:
        file.truncate(1 << 30)
    try:
        for command, more in commands.items():
            for what, place in places.items():
                before = open_count(pid)
                codes = {refusal(client, command, {**place, **more})[0] for _ in range(_TURNS)}
                kept = open_count(pid) - before
                tally.attacks += _TURNS
                told = f"{command}, {what}: {kept} more after {_TURNS} calls ({codes})"
                tally.expect(rule, kept < _TURNS, "a file that was refused stays open", told)
                tally.expect(rule, codes <= REFUSED, "a file was not refused as it must be", told)
    except OSError as error:
        tally.undecided(rule, f"the open files of the runtime are not told ({error.strerror})")
    finally:
        (app.home.path / "files/large").unlink()


def as_large_as_may_be(tally: Tally, client: Client) -> None:
    """A large page becomes a picture, and one of just over 40 million pixels does not, in any shape."""
    for width, height, wanted in (
        (3000, 3000, "ok"),
        (6325, 6325, "limit_exceeded"),
        (14_000, 2_858, "limit_exceeded"),
    ):
        page = b"<</Type/Page/Parent 3 0 R/MediaBox[0 0 %d %d]/Contents 5 0 R>>" % (width, height)
        place = put(client, "large.pdf", pdf({4: page}))
        tally.attacks += 1
        code, message = refusal(client, "pdf.render", {**place, "page": 1, "dpi": 72})
        told = f"{width} by {height}: {code}: {message}"[:300]
        tally.expect(PDF, code == wanted, "the pixels of a rendered page are not counted", told)


def judge(  # noqa: PLR0917 - what is sent, and what must come back
    tally: Tally, client: Client, data: bytes, what: str, wanted: frozenset[str], says: str = ""
) -> None:
    """One hostile picture: its answer is one of those wanted, and says why."""
    tally.attacks += 1
    code, message = refusal(client, "ocr.fromBytes", {"data": base64.b64encode(data).decode()})
    tally.expect(
        PICTURE,
        code in wanted and says in message,
        f"{what} was not refused as it must be",
        f"{code}: {message}"[:300],
    )


def twin(tally: Tally, client: Client, data: bytes, what: str) -> None:
    """A real picture must be read."""
    encoded = base64.b64encode(data).decode()
    found = client.call("ocr.fromBytes", {"data": encoded}, timeout=CALL_SECONDS)
    if SEEN not in found["text"]:
        tally.undecided(PICTURE, f"the allow twin failed: {what} was read as {found['text'][:100]!r}")


def broken_pdfs(rng: random.Random, ctx: Context) -> Iterator[tuple[str, bytes, frozenset[str]]]:
    """Damaged copies, bombs, circles and active content."""
    rounds = {"quick": 1, "ci": 3, "strict": 5}.get(ctx.profile.profile, 40)
    for name in ("text.pdf", "scan.pdf", "many-pages.pdf"):
        for _ in range(rounds):
            yield f"a damaged {name}", damaged(rng, sample(ctx, name)), ANSWERED
    yield "a file with a password", sample(ctx, "password.pdf"), frozenset({"bad_request"})
    yield "no PDF file", b"PK\3\4" + bytes(5_000), frozenset({"bad_request"})
    yield "nothing but a head", b"%PDF-1.7\n%%EOF", frozenset({"bad_request"})
    yield "pages in a circle", pdf({3: b"<</Type/Pages/Kids[3 0 R]/Count 9>>"}), ANSWERED
    many = b"<</Type/Pages/Kids[4 0 R]/Count 2000000000>>"
    yield "two thousand million pages", pdf({3: many}), ANSWERED
    packed = zlib.compress(zlib.compress(bytes(40_000_000), 1), 9)
    filters = b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n" % len(packed)
    yield "contents that unpack for ever", pdf({5: filters + packed + b"\nendstream"}), ANSWERED
    action = b"<</Type/Catalog/Pages 3 0 R/OpenAction<</S/Launch/F(/bin/sh)>>>>"
    yield "a program to launch", pdf({1: action}), ANSWERED
    script = b"<</Type/Catalog/Pages 3 0 R/OpenAction<</S/JavaScript/JS(app.launchURL\\(1\\))>>>>"
    yield "a script to run", pdf({1: script}), ANSWERED
    outer = b"<</Length 0/F(/etc/passwd)>>stream\n\nendstream"
    yield "contents in another file", pdf({5: outer}), ANSWERED


def pdf(changes: dict[int, bytes]) -> bytes:
    """A small file of one page, some of its objects replaced."""
    objects = {
        1: b"<</Type/Catalog/Pages 3 0 R>>",
        3: b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
        4: b"<</Type/Page/Parent 3 0 R/MediaBox[0 0 200 200]/Contents 5 0 R>>",
        5: b"<</Length 0>>stream\n\nendstream",
    } | changes
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 6\n" + b"0000000000 65535 f \n"
    for number in range(1, 6):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    return bytes(out) + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start


@check("programs.pdf", rules=(PDF,), needs=frozenset({"live", "kernel"}), applies=has_programs)
def pdfs(ctx: Context) -> CheckResult:
    """Hostile files for their text and as pictures; a real one after each batch gives its own text and no other."""
    tally, rng = Tally(), ctx.rng("pdf")
    lines = expected(ctx)["lines"]
    with reading_app(ctx) as app, survives(tally, PDF, app.client):
        client = app.client
        for number, (what, data, wanted) in enumerate(broken_pdfs(rng, ctx)):
            ctx.progress(number, 0, what)
            place = put(client, "a.pdf", data)
            tally.attacks += 1
            command = "pdf.render" if number % 3 == 2 else "pdf.text"
            more: dict[str, JSON] = {"page": 1, "dpi": 72} if command == "pdf.render" else {}
            code, message = refusal(client, command, {**place, **more})
            tally.expect(
                PDF,
                code in wanted,
                f"{what}: {command} did not answer as it must",
                f"{code}: {message}"[:300],
            )
            if number % 8 == 0:
                page = client.call("pdf.text", put(client, "b.pdf", sample(ctx, "text.pdf")))["pages"][0]
                if page["text"].splitlines() != lines:
                    tally.undecided(PDF, f"the allow twin failed: {page['text'][:100]!r}")
        asked_alone(tally, client)
        keeps_nothing(tally, PDF, app, {"pdf.text": {}, "pdf.render": {"page": 1}})
        as_large_as_may_be(tally, client)
        place = put(client, "many.pdf", sample(ctx, "many-pages.pdf"))
        for page, dpi in ((13, 72), (100_000, 600)):
            code, message = refusal(client, "pdf.render", {**place, "page": page, "dpi": dpi})
            tally.expect(
                PDF, code == "not_found", f"page {page} of 12 was not refused", f"{code}: {message}"[:300]
            )
    return tally.result()


def asked_alone(tally: Tally, client: Client) -> None:
    """The pages that are asked for are read, and no others: each has a size of its own, and two have too much text."""
    place = put(client, "sizes.pdf", sized(6, long=(0, 5)))
    for first, count, due in ((3, 1, [3]), (2, 4, [2, 3, 4, 5])):
        try:
            found = client.call("pdf.text", {**place, "first": first, "count": count})["pages"]
            got = [(page["page"], round(page["width"])) for page in found]
        except Exception as error:
            got = [(0, str(error)[:100])]
        told = f"{count} from page {first}: {got}"
        tally.attacks += 1
        held = got == [(page, 100 + page) for page in due]
        tally.expect(PDF, held, "other pages were read than were asked for", told)
    code, _ = refusal(client, "pdf.text", {**place, "first": 1, "count": 1})
    if code == "ok":
        tally.undecided(PDF, "the allow twin failed: a page that has too much text is taken")
    for page in (2,):
        try:
            width: object = client.call("pdf.render", {**place, "page": page, "dpi": 72})["width"]
        except Exception as error:
            width = str(error)[:100]
        tally.attacks += 1
        tally.expect(
            PDF, width == 100 + page, "another page was rendered than was asked for", f"{page}: {width}"
        )


def sized(count: int, *, long: tuple[int, ...]) -> bytes:
    """A file whose pages are a point wider each than the one before; those at ``long`` have more text than is taken."""
    lines = b"(" + b"x" * 1_000 + b")Tj 0 1 Td "
    text = b"BT/F1 1 Tf " + lines * 1_010 + b"ET"
    packed = zlib.compress(text)
    kids = b" ".join(b"%d 0 R" % (10 + at) for at in range(count))
    objects = {
        1: b"<</Type/Catalog/Pages 3 0 R>>",
        3: b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, count),
        4: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        5: b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(packed), packed),
    }
    for at in range(count):
        more = b"/Contents 5 0 R" if at in long else b""
        objects[10 + at] = (
            b"<</Type/Page/Parent 3 0 R/MediaBox[0 0 %d 200]/Resources<</Font<</F1 4 0 R>>>>%b>>"
            % (101 + at, more)
        )
    out = bytearray(b"%PDF-1.7\n")
    places = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n" % size
    for number in range(size):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    return bytes(out) + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, start)


ODD_WORDS: Final = (
    "../eng", "/etc/passwd", "eng+../../etc/passwd", "-l", "--help", "eng\n", "eng\0", "eng --user-words /etc/passwd",
    "eng;id", "$(id)", "osd", "ENG", "eng.traineddata", "e" * 20,
)  # fmt: skip
ODD_VOICES: Final = (
    "../en", "/etc/passwd", "en+../../x", "mb/mb-en1", "-w/tmp/x", "--stdin", "en -f /etc/passwd", "en\n", "en;id",
    "EN", "en_US", "!v/f3",
)  # fmt: skip
SPOKEN: Final = (
    ("phonemes", "one [[m'aI]] two", "one   m'aI   two"),
    ("a command", "\x0130S one two three", " 30S one two three"),
    ("a sound to play", "\x01/etc/passwd\x01I one", " /etc/passwd I one"),
)


def further(tally: Tally) -> None:
    """Options beside those of a call, at the side that starts the program: whoever took over a runtime sends them."""
    from locara.errors import CallError  # noqa: PLC0415 - loads the framework
    from locara.programs.starter import LAUNCHES  # noqa: PLC0415

    for name, launch in LAUNCHES.items():
        right = OPTIONS.get(name, {})
        for option in (
            "program",
            "argv",
            "args",
            "env",
            "environment",
            "path",
            "data",
            "config",
            "command",
            "-f",
            "",
        ):
            tally.attacks += 1
            try:
                taken: object = launch({**right, option: "/bin/sh"}).argv
            except CallError as error:
                taken = None if error.code in REFUSED else error.code
            tally.expect(WORDS, taken is None, f"{name} takes the further option {option!a}", f"{taken}")
        for option, odd in itertools.product(
            right, ("", "-l", "--psm", "../x", "3 -l", "$(id)", "x\n", 10**9, -1, 1.5)
        ):
            for value in (odd, [odd]):
                tally.attacks += 1
                code = "taken"
                try:
                    launch({**right, option: value})
                except CallError as error:
                    code = error.code
                tally.expect(WORDS, code in REFUSED, f"{name} takes {option} of {value!r}", code)
        for missing in right:
            with suppress(CallError):
                launch({option: value for option, value in right.items() if option != missing})
                tally.expect(WORDS, False, f"{name} begins without {missing}", "options that are not whole")


@check("programs.words", rules=(WORDS,), needs=frozenset({"live"}), applies=has_programs)
def words(ctx: Context) -> CheckResult:
    """Names that would be paths or options, and text that would be commands of the speaker."""
    tally = Tally()
    further(tally)
    picture = base64.b64encode(sample(ctx, "page.png")).decode()
    with reading_app(ctx) as app, survives(tally, WORDS, app.client):
        client = app.client
        for word in ODD_WORDS:
            for listed in ([word], ["eng", word]):
                refused(tally, client, "ocr.fromBytes", {"data": picture, "languages": listed}, word)
        for name, value in (
            ("layout", "3"),
            ("layout", "auto -l"),
            ("dpi", "300"),
            ("dpi", 10**9),
            ("psm", "0"),
            ("config", "hocr"),
        ):
            refused(tally, client, "ocr.fromBytes", {"data": picture, name: value}, f"{name} = {value}")
        for voice in ODD_VOICES:
            refused(tally, client, "tts.speak", {"text": "one", "voice": voice}, voice)
        for name, value in (
            ("rate", 10**6),
            ("pitch", -1),
            ("rate", "80 -f x"),
            ("ssml", True),
            ("text", "a" * 5_000),
        ):
            refused(tally, client, "tts.speak", {"text": "one", name: value}, f"{name} = {str(value)[:20]}")
        for what, hostile, plain in SPOKEN:
            tally.attacks += 1
            said, meant = (spoken(client, text) for text in (hostile, plain))
            tally.expect(
                WORDS, said == meant, f"{what} in the text was obeyed", f"{len(said)} and {len(meant)} bytes"
            )
        pause = spoken(client, '<speak>one<break time="9s"/>two</speak>')
        tally.expect(
            WORDS, len(pause) < 9 * 2 * 22_050, "markup in the text was obeyed", f"{len(pause)} bytes"
        )
        if len(spoken(client, "one two three")) <= len(spoken(client, "one")):
            tally.undecided(WORDS, "the allow twin failed: more words are not more sound")
    return tally.result()


def refused(tally: Tally, client: Client, command: str, args: dict[str, JSON], shown: object) -> None:
    """The call must be refused by name."""
    tally.attacks += 1
    code, message = refusal(client, command, args)
    tally.expect(
        WORDS,
        code in REFUSED,
        f"{command} took {ascii(shown)[:80]}",
        f"{code}: {message}"[:300],
        command=command,
    )


def spoken(client: Client, text: str) -> bytes:
    """The samples of a text."""
    found = client.call("tts.speak", {"text": text, "format": "pcm"}, timeout=CALL_SECONDS)
    return base64.b64decode(found["data"])

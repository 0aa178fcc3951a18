"""LC411 and LC412 where a person meets them: a real terminal shows the whole text before it takes an answer, and
takes only one that was typed after it. What the menu of a window tells of an app is the same text."""

from __future__ import annotations

import os
import random
import select
import termios
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Final

from locara.core.changes import gains
from locara.core.consent import ConsentText, consent_text
from locara.errors import LocaraError
from locara.records import dataclass
from locara.runtime.app import AppBundle
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.words import compiled
from locara_verify.context import Context
from locara_verify.strategies import manifests
from locara_verify.tally import Tally

WORDS: Final = "LC411"
ANSWERS: Final = "LC412"
SECONDS: Final = 20.0
PROMPT: Final = b"Enter: "
TEXTS: Final = 8
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
_ODD: Final = tuple(
    number
    for number in (
        *range(0x3000),
        *range(0xFE00, 0x10000),
        *range(0x1D100, 0x1D200),
        *range(0xE0000, 0xE0080),
    )
    if unicodedata.category(chr(number)) in _UNSEEN
)
"""Letters that control, format, hide or part lines, by their numbers."""
CHANGES: Final = ("use the microphone", "use the camera")
# What is typed after the question, and whether it is a yes.
TYPED: Final = (
    ("yes\n", True), ("y\n", True), ("no\n", False), ("\n", False), ("yes please\n", False), ("n\n", False),
    ("oui\n", False), ("1\n", False), ("true\n", False), ("\x04", False), ("ye\n", False), ("yes,no\n", False),
)  # fmt: skip


@dataclass(slots=True)
class Meeting:
    """One question in a terminal: what stood there before the answer, and what the answer counted for."""

    shown: str = ""
    said: list[object] = field(default_factory=list)


@contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    """Our end of a terminal, and the name of the other end."""
    ours, theirs = os.openpty()
    try:
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def meet(
    text: ConsentText, changes: tuple[str, ...], *, before: str = "", during: str = "", after: str = "no\n"
) -> Meeting:
    """Put the question in a terminal of its own; ``before`` is typed before it stands there, ``during`` when its first
    words do, and ``after`` then."""
    from locara.cli.asking import TerminalConsent  # noqa: PLC0415 - only this check asks

    meeting = Meeting()
    with terminal() as (ours, name):
        os.write(ours, before.encode())
        consent = TerminalConsent(name)
        asking = threading.Thread(
            target=lambda: meeting.said.append(consent.ask(text, changes)), name="asking", daemon=True
        )
        asking.start()
        seen, until = b"", time.monotonic() + SECONDS
        while PROMPT not in seen and asking.is_alive() and time.monotonic() < until:
            if select.select([ours], [], [], 0.05)[0]:
                seen += os.read(ours, 512 if during else 65_536)
                os.write(ours, during.encode())
                during = ""
        os.write(ours, after.encode())
        asking.join(SECONDS)
        meeting.shown = seen.decode("utf-8", "replace").replace("\r\n", "\n")
    return meeting


@check("consent.shown", rules=(WORDS, ANSWERS), quick=True)
def run(ctx: Context) -> CheckResult:
    """Texts and updates as they are shown, answers as they are typed, and the menu of the target's window."""
    tally, rng = Tally(), ctx.rng("consent-shown")
    for number in range(TEXTS):
        whole(tally, rng, wide=number % 2 == 0)
    answers(tally, consent_text(compiled(manifests.plenty(rng))))
    nobody(tally, ctx.fresh_dir("nobody"), consent_text(compiled(manifests.plenty(rng))))
    menu(tally, ctx.target.path)
    steering(tally)
    return tally.result()


def whole(tally: Tally, rng: random.Random, *, wide: bool) -> None:
    """Every line of a text, and of what an update adds, stands in the terminal when the answer is awaited."""
    old, new = manifests.minimal(), manifests.plenty(rng) if wide else manifests.valid(rng)
    grants = compiled(new)
    text = consent_text(grants)
    changes = tuple(gain.sentence for gain in gains(compiled(old), grants)) if rng.random() < 0.5 else ()
    shown = meet(text, changes).shown
    lines = (text.title, *text.may, *text.may_not, *text.models, *changes)
    missing = [line for line in lines if line not in shown]
    told = f"{len(missing)} of {len(lines)} lines, the first: {missing[0][:160]}" if missing else ""
    tally.judge(WORDS, not missing, "the terminal keeps a part of the consent text back", told)


def steering(tally: Tally) -> None:
    """Words that steer a terminal, in every line of a text, and every such letter by itself where words are escaped."""
    from locara.core.text import escape  # noqa: PLC0415 - only this check escapes

    odd = "".join(map(chr, _ODD))
    shown = meet(ConsentText(f"a{odd}", (f"b{odd}",), (f"c{odd}",), (f"d{odd}",)), (f"e{odd}",)).shown
    left = sorted({letter for letter in shown if ord(letter) in _ODD and letter != "\n"})
    tally.judge(WORDS, not left, "a text steers the terminal that asks for consent", f"{left!a}"[:200])
    lines = [line.strip()[:3] for line in shown.splitlines()]
    tally.twin(
        WORDS, {"+ b", "- c", "* d", "+ e"} <= {*lines}, f"each odd line is shown in its place: {lines}"[:200]
    )
    raw = sorted(number for number in _ODD if chr(number) in escape(f"a{chr(number)}b"))
    tally.judge(WORDS, not raw, "a letter that cannot be shown stays in escaped words", f"{raw[:8]}")


def answers(tally: Tally, text: ConsentText) -> None:
    """Only a yes that was typed after the question counts."""
    for number, (typed, wanted) in enumerate(TYPED):
        got = meet(text, CHANGES if number % 2 else (), after=typed).said
        if wanted:
            tally.twin(ANSWERS, got == [True], f"{typed!r} in the terminal is a yes ({got})")
        else:
            tally.judge(ANSWERS, got == [False], "what is no yes was taken for one", f"typed: {typed!r}")
    for number, typed in enumerate(("yes\n", "yes\nyes\nyes\n", "y\n")):
        got = meet(text, CHANGES if number % 2 else (), before=typed, after="no\n").said
        because = f"typed before the question stood there: {typed!r}"
        tally.judge(ANSWERS, got == [False], "an answer counted for a question that was not read", because)
    # More than a terminal holds: what is typed at its first line is typed before its last one is written.
    long = ConsentText(text.title, tuple(f"{number}: {'x' * 200}" for number in range(200)), (), ())
    for number, typed in enumerate(("yes\n", "y\n")):
        got = meet(long, CHANGES if number % 2 else (), during=typed, after="no\n").said
        because = f"typed while the question was being written: {typed!r}"
        tally.judge(ANSWERS, got == [False], "an answer counted for a question that was not read", because)


def nobody(tally: Tally, folder: Path, text: ConsentText) -> None:
    """What is no terminal has nobody at it: what can be read there is no answer, to a new app or to an update."""
    from locara.cli.asking import TerminalConsent  # noqa: PLC0415 - only this check asks

    said = b"yes\ny\n"
    (folder / "file").write_bytes(said)
    os.mkfifo(folder / "pipe")
    pipe = os.open(folder / "pipe", os.O_RDWR | os.O_NONBLOCK)
    try:
        for name in ("file", "pipe", "not there", "."):
            for changes in ((), CHANGES):
                os.write(pipe, said)
                try:
                    got = "yes" if TerminalConsent(str(folder / name)).ask(text, changes) else "no"
                except (LocaraError, OSError, termios.error) as error:
                    got = type(error).__name__
                told = f"a {name} in place of the terminal, {'an update' if changes else 'a new app'}: {got}"
                tally.judge(ANSWERS, got != "yes", "what is no terminal answered for a person", told)
    finally:
        os.close(pipe)


def menu(tally: Tally, app: Path) -> None:
    """What the menu of the window tells of the target is its consent text."""
    from locara.ui.look import about_of  # noqa: PLC0415 - loads the window's side

    bundle = AppBundle.open(app)
    about, text = about_of(bundle), consent_text(bundle.grants)
    told = ConsentText("", *(tuple(about.get(part, ())) for part in ("may", "may_not", "models")))
    right = (told.may, told.may_not, len(told.models)) == (text.may, text.may_not, len(text.models))
    tally.judge(WORDS, right, "the menu of the window tells other powers than the app has", str(about)[:200])

"""LC813 at the program that calls the session's notification server: what it is started with is the text, and nothing
that the server or the program would read as more than text.

A program of the same name stands in its place, writes its arguments down and tells what the server can do.
"""

from __future__ import annotations

import html
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from locara.sandbox.desktop.notifications import SessionNotifier
from locara.sandbox.desktop.ports import Note
from locara_verify.checks.desktop.stage import NOTES
from locara_verify.context import Context
from locara_verify.tally import Tally

# What servers say of themselves: that they read markup, that they do not, and nothing at all.
SERVERS: Final = ("(['body', 'body-markup'],)", "(['actions', 'body'],)", "")
_PIECES: Final = (
    "<b>", "</b>", "<a href='https://evil.example'>", "<img src=x>", "&", "&lt;", "&amp;lt;", "&#60;",
    '"', "'", "\\", "\\U0000003c", '", uint32 0', "', @as []", "{}", "[]", "<@as []>", "%s", "$(id)", "ä", "\u2028",
)  # fmt: skip
# A text in GVariant's own notation, without any quote or backslash that does not write a character.
_TEXT: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\U[0-9a-f]{8})*)"')
_CHARACTER: Final = re.compile(r"\\U([0-9a-f]{8})")
_MARKUP: Final = re.compile(r"[<>]|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-f]+);)")
_ARGUMENTS: Final = 8
_SOUND: Final = "message-new-instant"


def servers(ctx: Context, tally: Tally) -> None:
    """Texts of every kind shown by each kind of server."""
    rng = ctx.rng("desktop-notifications")
    for number, told in enumerate(SERVERS):
        folder = ctx.fresh_dir(f"server-{number}")
        notifier = SessionNotifier({"PATH": str(_stand_in(folder, told))})
        for text in _texts(rng):
            sound, badge = rng.choice(((False, None), (True, None), (False, 7), (True, 7)))
            note = Note("acme/probe", "Probe", True, sound, title=text, body=text[::-1] + text, badge=badge)
            notifier.show(note)
            fault = _fault(_calls(folder)[-1], note, reads_markup=told != SERVERS[1])
            tally.judge(
                NOTES, fault is None, "the server was told more than a text", f"{fault}: {ascii(text)[:80]}"
            )


def _texts(rng: random.Random) -> Iterator[str]:
    yield "".join(_PIECES[:8])
    yield "".join(_PIECES[8:])
    for _ in range(4):
        yield "".join(rng.choice(_PIECES) for _ in range(6))


def _stand_in(folder: Path, told: str) -> Path:
    program = folder / "gdbus"
    program.write_text(
        "#!/bin/sh\n"
        f"for one in \"$@\"; do printf '%s\\0' \"$one\" >> '{folder}/said'; done; printf '\\1' >> '{folder}/said'\n"
        f'case "$*" in *GetCapabilities*) printf \'%s\' "{told}";; esac\n',
        "utf-8",
    )
    program.chmod(0o755)
    return folder


def _calls(folder: Path) -> list[list[str]]:
    """The arguments of every start, oldest first."""
    starts = (folder / "said").read_text("utf-8", "replace").split("\1")
    return [start.split("\0")[:-1] for start in starts[:-1]]


def _fault(arguments: list[str], note: Note, *, reads_markup: bool) -> str | None:
    """What is wrong with the arguments of a call that shows a note; None when the server shows just that: a new note,
    which the server ends when it likes, without pictures, buttons or hints of the app's choice."""
    given = arguments[-_ARGUMENTS:]
    if len(arguments) < _ARGUMENTS or "Notify" not in arguments[-_ARGUMENTS - 1]:
        return "it was not called to show a notification"
    read = [_read(given[at]) for at in (0, 2, 3, 4)]
    if None in read:
        return "an argument ends its own quotes"
    name, icon, title, body = (text or "" for text in read)
    if (name, icon, title) != (note.app_name, "", note.title):
        return "the name, the picture or the title is another text"
    hint = f'"sound-name": <"{_SOUND}">' if note.sound else '"suppress-sound": <true>'
    hints = f'{{"desktop-entry": <"locara.acme.probe">, {hint}}}'
    if (given[1], *given[5:]) != ("uint32 0", "@as []", hints, "int32 -1"):
        return "it takes the place of another, stays, can be clicked, or hints at more than its app and its sound"
    if reads_markup:
        if _MARKUP.search(body):
            return "there is markup in the body"
        body = html.unescape(body)
    return None if body == note.body else "the body is another text"


def _read(argument: str) -> str | None:
    found = _TEXT.fullmatch(argument)
    return None if found is None else _CHARACTER.sub(lambda match: chr(int(match[1], 16)), found[1])

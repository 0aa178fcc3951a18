"""LC203, at the launcher's end of a drop and of a dialog: what of their words becomes a path that is handed over.

The window says what was dropped, and nothing that it says is believed: its addresses are compared with an independent
reading, a drop is given once and soon, and only the one value of a dialog that means yes hands anything over.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room

RULE: Final = "LC203"
FRESH: Final = 30.0
MOST: Final = 256
_NO_YES: Final[tuple[Any, ...]] = (False, None, 0, 1, 1.0, "true", "yes", [True], {"agreed": True}, [], "")
_NAMES: Final = (
    "a.txt",
    "a b.txt",
    "\u00e4\u00f6.txt",
    "100%.txt",
    "a#b",
    "a?b",
    "-x",
    "$HOME",
    "..",
    "a\nb",
    "\\x",
)


@check("drops-and-dialogs", rules=(RULE,), waits=True, quick=True)
def run(ctx: Context) -> CheckResult:
    """Addresses, times, and answers."""
    findings: list[Finding] = []
    tried = 0
    for said, wanted, what in (
        *_addresses(ctx.rng("drops")),
        *_times(),
        *_answers(),
        *_asked(ctx.rng("asked")),
        *_asked_again(),
    ):
        tried += 1
        if said != wanted and has_room(findings, RULE):
            message = "what a window or a dialog says hands over something else than the person gave"
            findings.append(Finding(RULE, message, because=f"{what}: {said}, not {wanted}"[:600]))
    return CheckResult(tuple(findings), {RULE: tried}, attacks=tried)


def _spelled(path: bytes, rng: random.Random) -> str:
    """A path as an address writes it: what need not be escaped is, now and then, but for the slash that ends a host."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"
    return "/" + "".join(
        chr(byte) if byte in plain and rng.random() < 0.95 else f"%{byte:02x}" for byte in path[1:]
    )


def _addresses(rng: random.Random) -> Iterator[tuple[object, object, str]]:
    """Addresses of files of this machine give exactly their path; every other address gives nothing."""
    from locara.ui.drops import path_of  # noqa: PLC0415 - loads the framework

    for name in _NAMES:
        path = f"/home/person/{name}".encode()
        spelled = _spelled(path, rng)
        for head in ("file://", "file://localhost"):
            yield path_of(head + spelled), Path(path.decode()), f"{head}{spelled}"
        wrong = [
            f"file://evil.example{spelled}", f"file://localhost.evil{spelled}", f"file://127.0.0.1{spelled}",
            f"file://me@localhost{spelled}", f"file://localhost:1{spelled}", f"http://localhost{spelled}",
            f"smb://host{spelled}", f"https:{spelled}", f"data:,{spelled}", f"locara://app{spelled}", spelled,
            f"file:{spelled[1:]}", f"file://{spelled}?x=1", f"file://{spelled}#part", f"file://{spelled}%00.txt",
            f"file://[::1{spelled}", f"//evil.example{spelled}",
        ]  # fmt: skip
        for address in wrong:
            yield path_of(address), None, address


def _times() -> Iterator[tuple[object, object, str]]:
    """A drop is there once, for half a minute, until the next one; too many things are none."""
    from locara.ui.drops import Dropped  # noqa: PLC0415 - loads the framework

    now = [1_000.0]
    dropped = Dropped(clock=lambda: now[0])

    def taken() -> list[str]:
        return [str(path) for path in dropped.take(0.0)]

    yield taken(), [], "nothing was dropped"
    for later, there in ((0.0, True), (FRESH - 1, True), (FRESH + 1, False), (86_400.0, False)):
        dropped.put(["file:///a", "file:///b", "file:///a", "http://x/c"])
        now[0] += later
        yield taken(), ["/a", "/b"] if there else [], f"a drop of {later:.0f} seconds ago"
        yield taken(), [], f"the same drop again, {later:.0f} seconds ago"
    dropped.put(["file:///a"])
    dropped.put(["file:///b"])
    yield taken(), ["/b"], "a second drop takes the place of the first"
    dropped.put(["file:///a"])
    dropped.put(["http://x/a"])
    yield taken(), [], "a second drop that is no file takes the place of the first"
    for count in (MOST, MOST + 1):
        dropped.put([f"file:///{number}" for number in range(count)])
        yield len(taken()), count if count <= MOST else 0, f"a drop of {count} things"


def _answers() -> Iterator[tuple[object, object, str]]:
    """Of a dialog's answer only a yes is one, and only a whole path is a place."""
    from locara.sandbox.picker import Ask  # noqa: PLC0415 - loads the framework

    drop, pick = Ask("dropped", "read"), Ask("file", "read", remember=True)
    for value in (True, *_NO_YES):
        person, _ = _person(value)
        person.dropped.put(["file:///a"])
        paths = [str(path) for path in person.pick(drop).paths]
        yield paths, ["/a"] if value is True else [], f"a drop, and the dialog says {value!r}"
        if isinstance(value, bool):  # it waits a moment for a drop, so not after each value
            yield list(person.pick(drop).paths), [], f"the same drop again, and the dialog says {value!r}"
        answer = _person({"paths": ["/a"], "remember": value})[0].pick(pick)
        yield answer.remember, value is True, f"a pick is to be found again: {value!r}"
        plain = _person({"paths": ["/a"], "remember": True})[0].pick(Ask("file", "read"))
        yield plain.remember, False, "a pick that nobody asked to find again"
        yield list(_person(value)[0].pick(pick).paths), [], f"a pick, and the dialog says {value!r}"
    for listed in (["a", "./a", "~/a", "", "file:///a"], [1, None, ["/a"]], None, {"x": "/a"}):
        paths = [str(path) for path in _person({"paths": listed, "remember": False})[0].pick(pick).paths]
        yield paths, [], f"a dialog names {listed!r}"


class _Turns(list[Any]):
    """What a person says now."""


def _person(value: Any) -> tuple[Any, list[Any]]:  # noqa: ANN401 - what JSON holds
    """A person whose dialogs end with this value, and what they are asked; what a dialog does not read is told as the
    real one tells it."""
    from locara.ui.picker import DialogPicker  # noqa: PLC0415 - loads the framework

    asked: list[Any] = []

    class Answered(DialogPicker):
        def _show(self, dialog: str, request: Any) -> Any:  # noqa: ANN401 - what JSON holds
            asked.append(request)
            return value[0] if isinstance(value, _Turns) else value

    return Answered("an app", {}), asked


def _asked(rng: random.Random) -> Iterator[tuple[object, object, str]]:
    """A person is asked for what the app asks, of everything that was dropped, each by its whole path in letters that
    can be seen."""
    from locara.sandbox.picker import Ask  # noqa: PLC0415 - loads the framework

    folders = [
        "/home/person",
        "/srv/of another",
        "/" + "deep/" * 500 + "down",
        "/home/person/\u202e\x1b[2J\n\u200b",
    ]
    names = [f"{rng.choice(_NAMES)}{number}" for number in range(12)]
    paths = [f"{rng.choice(folders)}/{name}" for name in names] + [f"{folder}/same" for folder in folders]
    for recursive in (False, True):
        person, asked = _person(True)
        person.dropped.put(["file://" + _spelled(path.encode(), rng) for path in paths])
        given = [str(path) for path in person.pick(Ask("dropped", "read", recursive=recursive)).paths]
        yield given, paths, "what was dropped is handed over"
        request = asked[0] if len(asked) == 1 else {}
        shown = request.get("paths", [])
        yield len(set(shown)), len(paths), "things that were dropped are told apart in the dialog"
        plain = [path for path in paths if path.isprintable() and path.isascii() and "\\" not in path]
        yield [path for path in plain if path not in shown], [], "the whole path stands in the dialog"
        yield [text for text in shown if not text.isprintable()], [], "what stands in the dialog can be seen"
        yield request.get("recursive"), recursive, "the dialog says whether folders are read as well"
        yield request.get("app"), "an app", "the dialog names the app"
    for kind, access, flag in (
        ("file", "read", False),
        ("directory", "read-write", True),
        ("file", "read-write", True),
    ):
        person, asked = _person({"paths": [], "remember": False})
        person.pick(Ask(kind, access, multiple=flag, recursive=flag, remember=not flag))  # type: ignore[arg-type]
        wanted = {"app": "an app", "kind": kind, "access": access, "multiple": flag, "recursive": flag}
        yield asked, [{**wanted, "remember": not flag}], "the dialog is told what the app asks for"


def _asked_again() -> Iterator[tuple[object, object, str]]:
    """What a person said before decides nothing now: the same things dropped or picked again, for more or for less, are
    asked for each time, and a no is a no."""
    from locara.sandbox.picker import Ask  # noqa: PLC0415 - loads the framework

    for said in itertools.product((True, False), repeat=3):
        for first, wide in itertools.product((True, False), repeat=2):
            word = _Turns([None])
            person, asked = _person(word)
            for number, yes in enumerate(said):
                recursive = first if number == 0 else wide
                person.dropped.put([f"file:///{name}" for name in "abc"[number % 2 :]])
                word[0] = yes
                given = [str(path) for path in person.pick(Ask("dropped", "read", recursive=recursive)).paths]
                what = f"a drop after the answers {said[:number]}, the answer is {yes}"
                yield given, [f"/{name}" for name in "abc"[number % 2 :]] if yes else [], what
                yield [one["recursive"] for one in asked[number:]], [recursive], f"what is asked of {what}"
    for chosen in itertools.product((["/a"], []), repeat=3):
        word = _Turns([None])
        person, asked = _person(word)
        for number, paths in enumerate(chosen):
            word[0] = {"paths": paths, "remember": number == 0}
            access = "read" if number == 0 else "read-write"
            answer = person.pick(Ask("file", access, recursive=number > 1, remember=True))  # type: ignore[arg-type]
            what = f"a pick after the answers {chosen[:number]}, the answer is {paths}"
            yield ([str(path) for path in answer.paths], answer.remember), (paths, number == 0), what
            yield [one["access"] for one in asked[number:]], [access], f"what is asked of {what}"

"""LC203, at the launcher's end of a drop and of a dialog: what of their words becomes a path that is handed over.

The window says what was dropped, and nothing that it says is believed: its addresses are compared with an independent
reading, a drop is given once and soon, and only the one value of a dialog that means yes hands anything over.
"""

from __future__ import annotations

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


@check("drops-and-dialogs", rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Addresses, times, and answers."""
    findings: list[Finding] = []
    tried = 0
    for said, wanted, what in (*_addresses(ctx.rng("drops")), *_times(), *_answers()):
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
    from locara.ui.picker import DialogPicker  # noqa: PLC0415

    class Answered(DialogPicker):
        """A person whose dialog ends with this value; what it does not read is told as the real one tells it."""

        def __init__(self, value: Any) -> None:  # noqa: ANN401 - what JSON holds
            super().__init__("an app", {})
            self._value = value

        def _show(self, dialog: str, request: Any) -> Any:  # noqa: ANN401 - what JSON holds
            return self._value

    drop, pick = Ask("dropped", "read"), Ask("file", "read", remember=True)
    for value in (True, *_NO_YES):
        person = Answered(value)
        person.dropped.put(["file:///a"])
        paths = [str(path) for path in person.pick(drop).paths]
        yield paths, ["/a"] if value is True else [], f"a drop, and the dialog says {value!r}"
        if isinstance(value, bool):  # it waits a moment for a drop, so not after each value
            yield list(person.pick(drop).paths), [], f"the same drop again, and the dialog says {value!r}"
        answer = Answered({"paths": ["/a"], "remember": value}).pick(pick)
        yield answer.remember, value is True, f"a pick is to be found again: {value!r}"
        plain = Answered({"paths": ["/a"], "remember": True}).pick(Ask("file", "read"))
        yield plain.remember, False, "a pick that nobody asked to find again"
        yield list(Answered(value).pick(pick).paths), [], f"a pick, and the dialog says {value!r}"
    for listed in (["a", "./a", "~/a", "", "file:///a"], [1, None, ["/a"]], None, {"x": "/a"}):
        paths = [str(path) for path in Answered({"paths": listed, "remember": False}).pick(pick).paths]
        yield paths, [], f"a dialog names {listed!r}"

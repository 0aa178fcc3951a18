"""LC407 and LC408 at a session that is opened in this process: each call that reaches the desktop, the person or a
program is on record before it does, and the log says of each session how the one before it ended.

The place of the broker is taken by one that only notes that it was asked. Where the log has no room, nobody may be.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.errors import LocaraError
from locara_verify.check import CheckResult, check
from locara_verify.checks.desktop.stage import EVERYTHING, narrowed
from locara_verify.checks.escape.audit import CHAIN, ORDER, file_limit
from locara_verify.context import Context
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.runtime.session import Session

HOST: Final = "declared.example"
_GRANT: Final = "0" * 16
_PICTURE, _PDF = "page.png", "text.pdf"
_SKILLS: Final = ("text-to-speech", "image-to-text")
REACHING: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("background.begin", {"mode": "passive"}), ("background.begin", {"mode": "active"}),
    ("clipboard.read", {}), ("clipboard.write", {"text": "x"}),
    ("notify.show", {"modes": ["alert"], "title": "x"}), ("notify.show", {"modes": ["badge"], "badge": 1}),
    ("notify.show", {"modes": ["sound", "alert"]}), ("shell.openExternal", {"url": f"https://{HOST}/"}),
    ("audio.open", {"source": "microphone"}), ("audio.open", {"source": "system"}), ("camera.open", {}),
    ("fs.pick", {"kind": "file", "access": "read"}),
    ("fs.pick", {"kind": "directory", "access": "read-write"}), ("fs.dropped", {}), ("fs.remembered", {}),
    ("fs.reopen", {"grant": _GRANT}), ("fs.forget", {"grant": _GRANT}),
    ("tts.speak", {"text": "one"}), ("tts.speak", {"text": "one", "format": "pcm"}), ("ocr.fromBytes", {"data": ""}),
    ("ocr.fromFile", {"root": "$APP_DATA", "path": _PICTURE}),
    ("pdf.text", {"root": "$APP_DATA", "path": _PDF}), ("pdf.render", {"root": "$APP_DATA", "path": _PDF, "page": 1}),
)  # fmt: skip
"""Commands that ask the broker for something, with arguments that this app is granted."""
FILES: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("fs.read", {"path": _PICTURE}), ("fs.list", {"path": ""}), ("fs.stat", {"path": _PDF}),
    *(("fs.write", {"path": f"{mode}.txt", "data": "", "mode": mode}) for mode in ("create", "replace", "append")),
    ("fs.mkdir", {"path": "made"}), ("fs.remove", {"path": "made"}), ("fs.remove", {"path": "create.txt"}),
)  # fmt: skip
"""Commands about files, in an order in which each of them works. What is written is empty: it fits everywhere."""
_OF_NO_FILE: Final = frozenset({"audit.capabilityLog", "fs.release"})
"""The log itself, and what gives something up."""
MANY: Final = 1_100
SOME: Final = 250
_LANES: Final = frozenset({"desktop", "device", "pick", "program"})
_NOT_ASKING: Final = frozenset({
    "background.end", "audio.read", "audio.close", "camera.read", "camera.close", "ocr.languages", "tts.voices",
})  # fmt: skip
"""They give something up, go on with what was asked for before, or tell what is installed."""


class _Reached(Exception):
    """The broker was asked."""


class _Broker:
    """Notes which operation it was asked for, and does none."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any operation
        def ask(*_args: object, **_more: object) -> None:
            self.asked.append(name)
            raise _Reached(name)

        return ask


class Bench:
    """An app that is granted all that reaches the desktop, and its folders."""

    def __init__(self, ctx: Context) -> None:
        from locara.runtime.app_home import AppHome  # noqa: PLC0415 - loads the runtime
        from locara.runtime.session import Places  # noqa: PLC0415 - as above

        def edit(document: dict[str, Any]) -> None:
            granted = {**EVERYTHING, "open-external": {"hosts": [HOST]}, "fs.user-selected": "read-write"}
            narrowed(document, {**granted, "fs.app-data": "read-write"})
            document["modalities"] = list(dict.fromkeys((*document.get("modalities", ()), *_SKILLS)))

        home, empty = ctx.fresh_dir("home"), ctx.fresh_dir("empty")
        for part in ("db", "files", "audit", "tmp"):
            (home / part).mkdir()
        for name in (_PICTURE, _PDF):
            (home / "files" / name).write_bytes((ctx.fixtures / "pictures" / name).read_bytes())
        self.picture = base64.b64encode((home / "files" / _PICTURE).read_bytes()).decode()
        self.log: Path = home / "audit/log.jsonl"
        self.files: Path = home / "files"
        self.broker: Any = _Broker()
        self._places = Places(ctx.variant("order", edit, page=False), AppHome(home), empty, empty, empty)

    def opened(self) -> Any:  # noqa: ANN401 - a session that is opened and closed by `with`
        """A session."""
        from locara.runtime.app import AppBundle  # noqa: PLC0415 - loads the runtime
        from locara.runtime.awake import Admitted  # noqa: PLC0415 - as above
        from locara.runtime.session import open_session  # noqa: PLC0415 - as above

        admitted = Admitted(AppBundle.open(self._places.app).grants)
        return open_session(self._places, admitted=admitted, broker=self.broker)


@check("escape-order", rules=(CHAIN, ORDER), quick=True)
def run(ctx: Context) -> CheckResult:
    """Calls with and without room in the log; sessions that end in order and sessions that do not."""
    tally = Tally()
    recorded_first(tally, Bench(ctx))
    files_first(tally, Bench(ctx))
    each_is_recorded(tally, Bench(ctx))
    how_it_ended(tally, Bench(ctx))
    return tally.result()


def _calls(bench: Bench, session: Session, name: str, args: Mapping[str, Any]) -> list[str]:
    """What the broker was asked for by one call."""
    from locara.runtime.call import Call  # noqa: PLC0415 - loads the runtime
    from locara.runtime.commands import table  # noqa: PLC0415 - as above

    bench.broker.asked.clear()
    command = table(session.grants)[name]
    with suppress(_Reached, LocaraError):
        command.run(session, Call(1, name, lambda _event: None), command.checked(dict(args)))
    return list(bench.broker.asked)


def recorded_first(tally: Tally, bench: Bench) -> None:
    """Each command where its record does not fit, and where it does."""
    from locara.runtime.commands import table  # noqa: PLC0415 - loads the runtime

    with bench.opened() as session:
        reach = {name for name, command in table(session.grants).items() if command.lane in _LANES}
        missed = reach - {name for name, _ in REACHING} - _NOT_ASKING
        tally.twin(
            ORDER, not missed, f"each command that reaches the desktop or the person is tried ({missed})"
        )
        for name, given in REACHING:
            args = {**given, "data": bench.picture} if "data" in given else given
            size = bench.log.stat().st_size
            with file_limit(size):
                asked = _calls(bench, session, name, args)
            told = f"{name} {json.dumps(given)}: {asked}"
            tally.judge(ORDER, not asked, "the broker was asked before the call was on record", told)
            asked = _calls(bench, session, name, args)
            works = bool(asked) and bench.log.stat().st_size > size
            tally.twin(ORDER, works, f"with room in the log the broker is asked ({name}: {asked})")


def files_first(tally: Tally, bench: Bench) -> None:
    """Each command about files where its record does not fit: nothing is told, and nothing changes. Where it does, each
    of them works."""
    from locara.runtime.commands import table  # noqa: PLC0415 - loads the runtime

    with bench.opened() as session:
        files = {name for name, command in table(session.grants).items() if command.lane == "files"}
        missed = files - {name for name, _ in FILES} - {name for name, _ in REACHING} - _OF_NO_FILE
        tally.twin(ORDER, not missed, f"each command about files is tried ({missed})")
        for name, given in FILES:
            args = {"root": "$APP_DATA", **given}
            before = _held(bench.files)
            with file_limit(bench.log.stat().st_size):
                said = _said(session, name, args)
            told = f"{name} {json.dumps(given)}: {'refused' if said is None else 'answered'}"
            held = said is None and _held(bench.files) == before
            tally.judge(ORDER, held, "a command about files did something before it was on record", told)
            works = _said(session, name, args) is not None
            tally.twin(ORDER, works, f"with room in the log the command works ({name} {json.dumps(given)})")


def _held(folder: Path) -> list[tuple[str, bytes]]:
    """All that is in a folder."""
    return sorted(
        (str(path.relative_to(folder)), path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    )


def _said(session: Session, name: str, args: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what JSON holds
    """What a command answers, None when it refuses."""
    from locara.runtime.call import Call  # noqa: PLC0415 - loads the runtime
    from locara.runtime.commands import table  # noqa: PLC0415 - as above

    command = table(session.grants)[name]
    with suppress(LocaraError):
        return command.run(session, Call(1, name, lambda _event: None), command.checked(dict(args)))
    return None


def each_is_recorded(tally: Tally, bench: Bench) -> None:
    """As many decisions as a page can ask for in a moment, of every kind: each is on record, however many were."""
    from locara.core.request import FsRequest, NetRequest  # noqa: PLC0415 - loads the runtime

    with bench.opened() as session:
        gate = session.gate
        ways: dict[str, Callable[[], object]] = {
            "denied": lambda: gate.require(NetRequest("evil.example", 443), cmd="net.fetch"),
            "allowed": lambda: gate.require(FsRequest("app-data", "", "read"), cmd="fs.list"),
            "of no command": lambda: session.absent("no.such"),
            "of a use": lambda: gate.record_use("tts.speak", capability="modalities", because="declared"),
            "found by the effect": lambda: gate.refuse(
                FsRequest("app-data", "x", "read"), cmd="fs.read", because="a link"
            ),
        }
        for what, way in ways.items():
            before = bench.log.read_bytes().count(b"\n")
            many = MANY if what == "denied" else SOME
            for _ in range(many):
                with suppress(LocaraError):
                    way()
            more = bench.log.read_bytes().count(b"\n") - before
            told = f"{what}: {more} of {many}"
            tally.judge(CHAIN, more == many, "not every decision is on record", told)


class _BrokenOff(Exception):
    """A session does not come to its end."""


def how_it_ended(tally: Tally, bench: Bench) -> None:
    """The first entry of a session says how the one before it ended."""
    due = "none"
    for number, ends in enumerate((True, True, False, True, False, False, True)):
        before = bench.log.read_bytes().count(b"\n") if bench.log.exists() else 0
        with suppress(_BrokenOff), bench.opened():
            if not ends:
                raise _BrokenOff
        first = json.loads(bench.log.read_bytes().splitlines()[before])
        told = str(first["request"].get("previous"))
        held = first["cmd"] == "runtime.start" and told == due
        said = f"session {number + 1}: {told}, it was {due}"
        tally.judge(CHAIN, held, "the log tells another end of a session than it had", said)
        due = "stopped" if ends else "interrupted"

"""LC311, LC422, LC811 to LC813 and LC408 through the running app: everything is asked for under three manifests, and
what happened on the desktop, what came back, and what was written down are compared with another reading of each."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.errors import LocaraError
from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.desktop.stage import (
    CLIPBOARD,
    DEVICES,
    ENDS,
    GRANTED_HOST,
    NOTES,
    PAGES,
    WILD_HOST,
    Watched,
    logs,
    narrowed,
    page_fault,
    watched,
)
from locara_verify.context import Context
from locara_verify.oracle import policy
from locara_verify.strategies import hosts
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

RECORD: Final = "LC408"
RULES: Final = (PAGES, ENDS, DEVICES, CLIPBOARD, NOTES, RECORD)
WRITTEN: Final = "text-of-the-app-5d1c"
TITLE: Final = "title-of-a-note-77ae"
TOPIC: Final = "topic-of-a-page-90bd"
_SECONDS: Final = 30.0
SETS: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {
        "device.microphone": True,
        "clipboard": {"write": True},
        "notifications": {"modes": ["badge"]},
        "open-external": {"hosts": [GRANTED_HOST]},
        "background": {"mode": "passive", "reasons": ["index"]},
    },
    {
        "device.system-audio": True,
        "device.camera": True,
        "clipboard": {"read": True},
        "notifications": {"modes": ["alert", "sound"]},
        "open-external": {"hosts": [WILD_HOST]},
    },
)

Json = Any


@dataclass(frozen=True, slots=True)
class Try:
    """One call, what it would do to the desktop, and the questions that all have to be answered yes."""

    rule: str
    command: str
    args: Mapping[str, Json]
    effect: str
    asks: tuple[Mapping[str, Json], ...]


def tries() -> Iterator[Try]:
    """One of everything, and combinations of modes."""
    for source, device in (("microphone", "microphone"), ("system", "system-audio")):
        asks = ({"kind": "device", "device": device},)
        yield Try(DEVICES, "audio.open", {"source": source}, device, asks)
    yield Try(DEVICES, "camera.open", {}, "camera", ({"kind": "device", "device": "camera"},))
    for use, args in (("read", {}), ("write", {"text": WRITTEN})):
        asks = ({"kind": "clipboard", "access": use},)
        yield Try(CLIPBOARD, f"clipboard.{use}", args, f"clipboard.{use}", asks)
    for modes in (
        ["alert"],
        ["badge"],
        ["sound"],
        ["alert", "sound"],
        ["badge", "alert"],
        ["sound", "badge"],
    ):
        told = {"modes": modes, "title": TITLE, "body": "b"} | ({"badge": 2} if "badge" in modes else {})
        needed = tuple({"kind": "notify", "mode": mode} for mode in modes)
        yield Try(NOTES, "notify.show", told, modes[0], needed)
    for host in (GRANTED_HOST, "a.wild.example", "wild.example", "evil.test"):
        asks = ({"kind": "open-external", "host": host},)
        yield Try(PAGES, "shell.openExternal", {"url": f"https://{host}/{TOPIC}"}, "pages", asks)
    for mode in policy.BACKGROUND_MODES:
        asks = ({"kind": "background", "mode": mode},)
        yield Try(ENDS, "background.begin", {"mode": mode}, "background", asks)


@check("desktop.live", rules=RULES, needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """The target with no power, with some, and with the others."""
    tally = Tally()
    for number, capabilities in enumerate(SETS):
        ctx.progress(number, len(SETS), "desktop")
        desk, home = watched(ctx), ctx.fresh_dir("home")
        variant = ctx.variant("desktop", partial(narrowed, capabilities=capabilities), page=False)
        manifest = json.loads((variant / "locara.json").read_bytes())
        with ctx.open_app(variant, home=home, desktop=desk.desktop) as app:
            for one in tries():
                _attempt(tally, app, desk, manifest, one)
            _addresses(ctx, tally, app, desk, manifest)
            _floods(tally, app, desk, manifest)
            log = app.home.audit_log
        _unlogged(tally, home, desk)
        _told(tally, desk)
        _recorded(tally, log, desk)
    return tally.result()


def call(app: RunningApp, command: str, args: Mapping[str, Json]) -> tuple[str, Json]:
    """("ok", result), or the code and the text of the error."""
    try:
        return "ok", app.client.call(command, args, timeout=_SECONDS)
    except LocaraError as error:
        return error.code, error.diagnostics()


def _attempt(tally: Tally, app: RunningApp, desk: Watched, manifest: Mapping[str, Json], one: Try) -> None:
    allowed = all(policy.judge(manifest, ask).allowed for ask in one.asks)
    before = desk.effects()
    code, result = call(app, one.command, one.args)
    after = desk.effects()
    happened = after[one.effect] > before[one.effect]
    moved = sorted(name for name in after if after[name] != before[name])
    told = f"{one.command} {json.dumps(dict(one.args))[:120]} answered {code}, and moved {moved or 'nothing'}"
    tally.judge(
        one.rule, happened == allowed, "a power was used that is not granted, or refused that is", told
    )
    tally.judge(one.rule, allowed or not moved, "a refused call had an effect", told)
    known = code in {"unknown_command", "capability_denied"}
    tally.judge(one.rule, allowed or known, "a denial does not say that it is one", told)
    leaked = desk.canary in json.dumps(result)
    reads = one.command == "clipboard.read" and allowed
    tally.judge(CLIPBOARD, leaked == reads, "the text of the clipboard came back, or did not", told)
    if allowed:
        tally.twin(one.rule, code == "ok", f"{one.command} is granted and works ({code})")
    if allowed and code == "ok" and one.rule == DEVICES:
        _use(tally, app, desk, one, result)


def _use(tally: Tally, app: RunningApp, desk: Watched, one: Try, opened: Mapping[str, Json]) -> None:
    """The device gives what it holds, and is off when the app has closed it: its handle names nothing then."""
    area = one.command.partition(".")[0]
    handle = {"handle": opened["handle"]}
    code, result = call(app, f"{area}.read", handle)
    gives = code == "ok" and bool(base64.b64decode(result["data"]))
    desk.reads[f"{area}.read"] = desk.reads.get(f"{area}.read", 0) + gives
    denied = code == "capability_denied"
    tally.judge(
        DEVICES, not denied, "a device that is granted was opened and is denied", f"{one.effect}: {result}"
    )
    tally.twin(DEVICES, gives or denied, f"{one.effect} gives data ({code})")
    for most in (4, 6, 258) if area == "audio" else ():
        code, result = call(app, "audio.read", {**handle, "atLeastMs": 0, "maxBytes": most})
        size = len(base64.b64decode(result["data"])) if code == "ok" else 0
        held = code in {"ok", "capability_denied"} and size <= most
        tally.judge(DEVICES, held, "more sound came than was asked for", f"{size} of {most} bytes: {code}")
    for forged in ("x" * 32, opened["handle"][:-1], opened["handle"].upper() + "0", ""):
        code, _ = call(app, f"{area}.read", {"handle": forged})
        tally.judge(
            DEVICES, code in {"not_found", "bad_request"}, "a handle nobody was given gave data", forged
        )
    call(app, f"{area}.close", handle)
    for verb in ("read", "close"):
        code, _ = call(app, f"{area}.{verb}", handle)
        tally.judge(
            DEVICES, code == "not_found", "a device that was closed is still there", f"{verb}: {code}"
        )


def _addresses(
    ctx: Context, tally: Tally, app: RunningApp, desk: Watched, manifest: Mapping[str, Json]
) -> None:
    """Addresses in every spelling; each start of the browser is judged by its arguments."""
    rng = ctx.rng("desktop-addresses")
    granted = manifest["capabilities"].get("open-external", {}).get("hosts", [GRANTED_HOST])
    name = granted[0].replace("*", "a")
    addresses = [*hosts.urls(name), *(f"https://{hosts.near(rng, granted)}/" for _ in range(30))]
    addresses += [f"https://{hosts.hostile(rng)}/" for _ in range(15)] + [
        f"https://{name}/%0d%0ax",
        "-x",
        "--help",
    ]
    for address in addresses:
        before = len(desk.pages())
        call(app, "shell.openExternal", {"url": address})
        faults = [page_fault(manifest, started) for started in desk.pages()[before:]]
        wrong = next((fault for fault in faults if fault), "")
        held = not wrong
        tally.judge(
            PAGES,
            held,
            "the browser was started with what is not granted",
            f"{wrong}: {ascii(address)[:120]}",
        )


def _floods(tally: Tally, app: RunningApp, desk: Watched, manifest: Mapping[str, Json]) -> None:
    """Too much at once, with a clock that stands."""
    desk.standing = True
    modes = manifest["capabilities"].get("notifications", {}).get("modes")
    if modes:
        before = len(desk.notes.shown)
        told = {"modes": [modes[0]], "title": TITLE} | ({"badge": 1} if modes[0] == "badge" else {})
        for _ in range(40):
            call(app, "notify.show", told)
        shown = len(desk.notes.shown) - before
        tally.judge(NOTES, shown <= 20, "a flood of notifications was shown", f"{shown} of 40 at once")
    desk.standing = False


def _unlogged(tally: Tally, home: Path, desk: Watched) -> None:
    """What was copied, shown and opened is in no log of the app."""
    written = logs(home)
    tally.twin(CLIPBOARD, "runtime.start" in written, "the audit log was found")
    for what, text in (
        ("the clipboard", desk.canary),
        ("what was copied", WRITTEN),
        ("a notification", TITLE),
        ("an address", TOPIC),
    ):
        tally.judge(
            CLIPBOARD, text not in written, f"the text of {what} stands in a log", "found in the data folder"
        )


def _told(tally: Tally, desk: Watched) -> None:
    opened = len(desk.recorder.opened)
    on = sum(" uses " in line and "no longer" not in line for line in desk.told)
    off = sum("no longer uses" in line for line in desk.told)
    tally.judge(
        DEVICES, on == off == opened, "a device went on or off untold", f"{opened} opened, {on} on, {off} off"
    )


def _recorded(tally: Tally, log: Path, desk: Watched) -> None:
    """Every effect has its entry in the audit log."""
    entries = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    allowed: dict[str, int] = {}
    for entry in entries:
        if entry["allowed"]:
            allowed[entry["cmd"]] = allowed.get(entry["cmd"], 0) + 1
    effects = {
        "audio.open": sum(desk.effects()[name] for name in ("microphone", "system-audio")),
        "camera.open": desk.effects()["camera"],
        "clipboard.read": desk.clipboard.reads,
        "clipboard.write": desk.effects()["clipboard.write"],
        "notify.show": len(desk.notes.shown),
        "shell.openExternal": len(desk.pages()),
        "background.begin": desk.effects()["background"],
        **desk.reads,
    }
    for command, count in effects.items():
        held = allowed.get(command, 0) >= count
        told = f"{command}: {count} effects, {allowed.get(command, 0)} entries"
        tally.judge(RECORD, held, "something happened on the desktop that is not in the audit log", told)

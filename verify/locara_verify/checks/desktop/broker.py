"""LC311, LC422, LC811 to LC813 at the broker itself: a runtime that was taken over asks for everything, under every
combination of grants. What happened on the desktop must be what another reading of the manifest allows."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from locara.errors import CallError
from locara_verify.check import CheckResult, check
from locara_verify.checks.descriptors import open_count
from locara_verify.checks.desktop import spans, unread
from locara_verify.checks.desktop.clipboards import clipboards
from locara_verify.checks.desktop.fetched import fetched
from locara_verify.checks.desktop.programs import servers
from locara_verify.checks.desktop.sources import ended, sources
from locara_verify.checks.desktop.stage import (
    CLIPBOARD,
    DEVICES,
    ENDS,
    GRANTED_HOST,
    NOTES,
    PAGES,
    WILD_HOST,
    Flood,
    Watched,
    manifest_of,
    page_fault,
    watched,
)
from locara_verify.checks.escape.outside import Peer, serving
from locara_verify.checks.waiting import happens
from locara_verify.context import Context
from locara_verify.oracle import policy
from locara_verify.strategies import hosts
from locara_verify.tally import Tally

RULES: Final = (PAGES, ENDS, DEVICES, CLIPBOARD, NOTES)
_SOON: Final = 10.0
_MOST_DEVICES: Final = 4
_OFFERS: Final = 16
_BAD_NAMES: Final[tuple[Any, ...]] = (
    "",
    "Microphone",
    "mic",
    "/dev/snd",
    None,
    1,
    ["microphone"],
    "camera\0",
)
_MARKUP: Final = (
    "<b>x</b>", "a & b", "x\u202ey", "x\0y", "x\x1b[2J", "x" * 401, "\u200b", " padded ",
    *(f"x{end}y" for end in ("\n", "\t", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029")),
)  # fmt: skip
_LINES: Final = "\n\t"
"""What a body may have and a title may not."""
_CALLED: Final = {"microphone": "microphone", "system-audio": "sound of other apps", "camera": "camera"}
"""What the person is told of each device."""

Json = Any


@check("desktop.broker", rules=RULES, waits=True, needs=frozenset({"live"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Every family under every combination of its grants."""
    tally = Tally()
    devices(ctx, tally)
    clipboard(ctx, tally)
    clipboards(ctx, tally)
    fetched(ctx, tally)
    notifications(ctx, tally)
    pages(ctx, tally)
    background(ctx, tally)
    spans.rates(ctx, tally)
    spans.turns(ctx, tally)
    return tally.result()


def subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every combination, none and all among them."""
    for size in range(len(names) + 1):
        yield from itertools.combinations(names, size)


def devices(ctx: Context, tally: Tally) -> None:
    """Each device under each combination of the three grants."""
    for granted in subsets(policy.DEVICES):
        manifest, grants = manifest_of(ctx, {f"device.{name}": True for name in granted})
        desk = watched(ctx)
        with serving(grants, desktop=desk.desktop) as peer:
            for device in policy.DEVICES:
                allowed = policy.judge(manifest, {"kind": "device", "device": device}).allowed
                switched = _switch_on(peer, desk, device)
                tally.judge(
                    DEVICES,
                    switched == allowed,
                    f"the broker {'refused' if allowed else 'switched on'} the device {device}",
                    f"granted: {', '.join(granted) or 'none'}",
                )
            for name in _BAD_NAMES:
                before = desk.effects()
                answer = peer.ask(op="listen", device=name, rate=16_000, channels=1)
                held = not answer.ok and desk.effects() == before
                tally.judge(DEVICES, held, "a name that is no device switched one on", repr(name))
        _off_at_the_end(tally, desk)
    _tells_and_lets_go(ctx, tally)
    _counted(ctx, tally)
    spans.recordings(ctx, tally)
    unread.sound(tally)
    sources(ctx, tally)
    ended(ctx, tally)


def _switch_on(peer: Peer, desk: Watched, device: str) -> bool:
    before = desk.effects()[device]
    if device == "camera":
        peer.ask(op="watch", width=64, height=48)
    else:
        peer.ask(op="listen", device=device, rate=16_000, channels=1)
    return desk.effects()[device] > before


def _uses(desk: Watched) -> int:
    """How often the person was told that a device is on."""
    return sum(" uses " in line and "no longer" not in line for line in desk.told)


def _off_at_the_end(tally: Tally, desk: Watched) -> None:
    """Whatever was switched on was told, and its end as well."""
    on = _uses(desk)
    opened = len(desk.recorder.opened)
    tally.judge(
        DEVICES, on == opened, "a device was switched on and the person was not told", f"{on} of {opened}"
    )

    for device, words in _CALLED.items():
        uses = sum(f") uses the {words}" in line for line in desk.told)
        count = desk.recorder.opened.count(device)
        tally.judge(
            DEVICES, uses == count, f"the person is told of another device than the {device}", f"{uses}"
        )

    def off() -> int:
        return sum(f"no longer uses the {words}" in line for words in _CALLED.values() for line in desk.told)

    tally.judge(
        DEVICES,
        soon(lambda: off() == opened),
        "a device's end was not told when the app was gone",
        f"{off()}",
    )


def _tells_and_lets_go(ctx: Context, tally: Tally) -> None:
    """An app that stops reading, and nothing more, has switched the device off."""
    _, grants = manifest_of(ctx, {"device.microphone": True})
    desk = watched(ctx)
    with serving(grants, desktop=desk.desktop) as peer:
        answer = peer.ask(op="listen", device="microphone", rate=16_000, channels=1)
        tally.twin(DEVICES, answer.ok and bool(answer.data), "a granted microphone gives sound")
        gone = soon(lambda: any("no longer uses" in line for line in desk.told))
        tally.judge(DEVICES, gone, "a device nobody reads from stays on", "its end was not told within 10 s")


def _counted(ctx: Context, tally: Tally) -> None:
    """More devices at a time than there may be; each that goes off makes room, and all are off in the end."""
    _, grants = manifest_of(ctx, {"device.microphone": True, "device.camera": True})
    flood, desk = Flood(0), watched(ctx)
    desk.standing = True  # all of it happens in one moment
    with (
        serving(grants, desktop=replace(desk.desktop, recorder=flood)) as peer,
        contextlib.ExitStack() as held,
    ):

        def begin(number: int) -> str:
            told = (
                {"op": "watch", "width": 64, "height": 48}
                if number % 3 == 2
                else {"op": "listen", "device": "microphone", "rate": 16_000, "channels": 1}
            )
            return str(peer.hold(held, **told).reply.get("recording", ""))

        names = [begin(number) for number in range(_MOST_DEVICES + 4)]
        held_back = len(flood.recordings) <= _MOST_DEVICES
        told = f"{len(flood.recordings)} of {len(names)}"
        tally.judge(DEVICES, held_back, "as many devices are on as an app likes", told)
        told = f"{_uses(desk)} of {len(flood.recordings)} devices were told"
        each = _uses(desk) == len(flood.recordings)
        tally.judge(DEVICES, each, "a device was switched on and the person was not told", told)
        first = next((name for name in names if name), "")
        peer.ask(op="stop", recording=first)
        off = any("no longer uses" in line for line in desk.told)
        tally.judge(DEVICES, off, "a device that was stopped stays on", "its end was not told")
        tally.twin(DEVICES, bool(begin(0)), "a device that goes off makes room for another")
    mute = Flood(0)
    with serving(grants, desktop=replace(desk.desktop, recorder=mute, tell=_says_nothing)) as peer:
        answer = peer.ask(op="listen", device="microphone", rate=16_000, channels=1)
        silent = not answer.ok and soon(lambda: mute.on == 0)
        tally.judge(DEVICES, silent, "a device goes on though the person cannot be told", f"{answer.reply}")


def _says_nothing(_text: str) -> None:
    raise OSError("the terminal is gone")


def soon(there: Callable[[], bool]) -> bool:
    """Whether something comes true within a short while."""
    return happens(there, _SOON)


def clipboard(ctx: Context, tally: Tally) -> None:
    """Both directions under each combination of grants, with text that is none."""
    for granted in subsets(("read", "write")):
        _, grants = manifest_of(ctx, {"clipboard": {use: use in granted for use in ("read", "write")}})
        desk = watched(ctx)
        with serving(grants, desktop=desk.desktop) as peer:
            answer = peer.ask(op="clipboard-read")
            came = desk.canary.encode() in answer.data or desk.clipboard.reads > 0
            told = f"granted: {', '.join(granted) or 'none'}"
            tally.judge(
                CLIPBOARD, came == ("read" in granted), "the broker read the clipboard or refused to", told
            )
            put = _put(peer, b"text of the app")
            wrote = desk.clipboard.text == b"text of the app"
            tally.judge(
                CLIPBOARD, wrote == put == ("write" in granted), "the clipboard was written or not", told
            )
            if "read" in granted:
                kept, desk.clipboard.text = desk.clipboard.text, b"x" * 1_048_577
                much = peer.ask(op="clipboard-read")
                desk.clipboard.text = kept
                tally.judge(
                    CLIPBOARD, not much.ok, "more was read than a clipboard may hold", "1 MiB and a byte"
                )
            if "write" not in granted:
                continue
            for bad in (b"a\0b", b"\xff\xfe", b"x" * 1_048_577):
                _put(peer, bad)
                held = desk.clipboard.text == b"text of the app"
                tally.judge(
                    CLIPBOARD, held, "the clipboard took what is no text, or too much", f"{bad[:8]!r}"
                )
            forged = not peer.ask(op="clipboard-write", offer="x" * 32).ok
            tally.judge(CLIPBOARD, forged, "an offer nobody was given was taken", "x" * 32)
            _offers_end(peer, desk, tally)
            spans.used_up(peer, desk, tally)


def _offers_end(peer: Peer, desk: Watched, tally: Tally) -> None:
    """Places for text that are asked for and left: one at a time is there, and what it holds is nobody's later on."""
    before = open_count()
    offers = [str(peer.ask(op="clipboard-offer").reply.get("offer", "")) for _ in range(_OFFERS)]
    more = open_count() - before
    told = f"{more} of {_OFFERS} are open"
    tally.judge(CLIPBOARD, more <= _OFFERS // 4, "places for text that nobody writes pile up", told)
    kept, desk.clipboard.text = desk.clipboard.text, b"canary"
    taken = [at for at, offer in enumerate(offers[:-1]) if peer.ask(op="clipboard-write", offer=offer).ok]
    tally.judge(CLIPBOARD, not taken, "an offer that was followed by another is taken", f"{len(taken)}")
    desk.clipboard.text = kept
    for _ in range(_OFFERS):
        peer.ask(op="clipboard-read")
    more = open_count() - before
    tally.judge(CLIPBOARD, more <= _OFFERS // 4, "what was read of the clipboard stays open", f"{more}")


def _put(peer: Peer, text: bytes) -> bool:
    return peer.offer("clipboard-offer", "clipboard-write", text).ok


def notifications(ctx: Context, tally: Tally) -> None:
    """Every combination of modes under every combination of grants."""
    modes = policy.NOTIFICATION_MODES
    for granted in subsets(modes):
        _, grants = manifest_of(ctx, {"notifications": {"modes": list(granted)}})
        desk = watched(ctx)
        with serving(grants, desktop=desk.desktop) as peer:
            for asked in subsets(modes):
                before = desk.effects()
                peer.ask(op="notify", modes=list(asked), title="t", body="b", badge=1)
                seen = tuple(mode for mode in modes if desk.effects()[mode] > before[mode])
                wanted = asked if asked and set(asked) <= set(granted) else ()
                told = f"asked for {asked}, granted {granted}"
                tally.judge(NOTES, seen == wanted, "a notification came in other modes than granted", told)
    _texts(ctx, tally)
    _badges(ctx, tally)
    servers(ctx, tally)


def _texts(ctx: Context, tally: Tally) -> None:
    _, grants = manifest_of(ctx, {"notifications": {"modes": ["alert"]}})
    desk = watched(ctx)
    with serving(grants, desktop=desk.desktop) as peer:
        for text in _MARKUP:
            for title, body in ((text, "b"), ("t", text)):
                before = len(desk.notes.shown)
                peer.ask(op="notify", modes=["alert"], title=title, body=body)
                shown = desk.notes.shown[before:]
                plain = all((note.title, note.body) == (title, body) for note in shown)
                welcome = "" if title == text else _LINES
                hidden = any(not one.isprintable() and one not in welcome for one in text)
                long = len(text) > 400 or (len(text) > 100 and title == text)
                held = plain and not (shown and (hidden or long))
                tally.judge(NOTES, held, "text that cannot be shown as it is was shown", ascii(text)[:40])
        desk.standing = True
        asked = [peer.ask(op="notify", modes=["alert"], title="t", body="b").ok for _ in range(40)]
        tally.twin(NOTES, asked[0], "one notification is shown")
        tally.judge(
            NOTES, sum(asked) <= 20, "a flood of notifications was shown", f"{sum(asked)} of 40 at once"
        )


def _badges(ctx: Context, tally: Tally) -> None:
    """Counts that no icon shows."""
    _, grants = manifest_of(ctx, {"notifications": {"modes": ["badge"]}})
    desk = watched(ctx)
    with serving(grants, desktop=desk.desktop) as peer:
        for badge in (10_000, -1, 2**63, True, 1.5, "9", None, [1]):
            peer.ask(op="notify", modes=["badge"], title="", body="", badge=badge)
            tally.judge(NOTES, not desk.notes.shown, "a badge showed what is no count", repr(badge))
        peer.ask(op="notify", modes=["badge"], title="", body="", badge=9_999)
        tally.twin(NOTES, [note.badge for note in desk.notes.shown] == [9_999], "a count is shown")


_NO_PAGES: Final = (
    *(
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@b.example",
        "smb://b.example/x",
    ),
    *("--help", "-v", "//b.example/", "/usr/bin/true", "C:\\x", "\\\\b.example\\x", "evil.desktop", "", " "),
    *(
        f"http://{GRANTED_HOST}/",
        f"HTTPS://{GRANTED_HOST}/",
        f"https://{GRANTED_HOST}",
        f" https://{GRANTED_HOST}/",
    ),
    *(
        f"https://a@{GRANTED_HOST}/",
        f"https://{GRANTED_HOST}:8443/",
        f"https://{GRANTED_HOST}/\n",
        "https://127.0.0.1/",
    ),
)
"""What nothing that opens pages may be given, whoever asked before."""


def pages(ctx: Context, tally: Tally) -> None:
    """Addresses in every spelling, for what is granted and what is near it."""
    manifest, grants = manifest_of(ctx, {"open-external": {"hosts": [GRANTED_HOST, WILD_HOST]}})
    desk, rng = watched(ctx), ctx.rng("desktop-pages")
    names = [GRANTED_HOST, "a.wild.example", "wild.example", f"{GRANTED_HOST}.evil.test", "evil.test"]
    near = [f"a.{GRANTED_HOST}", f"not{GRANTED_HOST}", "evilwild.example", GRANTED_HOST.partition(".")[2]]
    names += [hosts.near(rng, [GRANTED_HOST, WILD_HOST]) for _ in range(40)]
    addresses = [url for name in names[:5] for url in hosts.urls(name)]
    addresses += [
        f"https://{name}/" for name in (*near, *names[5:], *(hosts.hostile(rng) for _ in range(40)))
    ]
    addresses += [
        f"https://{GRANTED_HOST}/{rest}" for rest in ("%0a", "%00x", "a b", '"', "`id`", "\\x", "%", "$(id)")
    ]
    with serving(grants, desktop=desk.desktop) as peer:
        for address in addresses:
            before = len(desk.pages())
            peer.ask(op="open-external", url=address)
            faults = [page_fault(manifest, started) for started in desk.pages()[before:]]
            wrong = next((fault for fault in faults if fault), "")
            tally.judge(
                PAGES,
                not wrong,
                "the browser was started with what is not granted",
                f"{wrong}: {ascii(address)[:120]}",
            )
        for address in _NO_PAGES:
            before = len(desk.pages())
            with contextlib.suppress(CallError):
                desk.desktop.opener.open(address)
            told = f"{address!a}: {desk.pages()[before:]}"
            tally.judge(
                PAGES, len(desk.pages()) == before, "the browser was started with what is no page", told
            )
        plain = f"https://{GRANTED_HOST}/plain"
        peer.ask(op="open-external", url=plain)
        tally.twin(PAGES, desk.pages()[-1:] == [[plain]], "a granted page is opened")
        before, desk.standing = len(desk.pages()), True
        for _ in range(20):
            peer.ask(op="open-external", url=plain)
        opened = len(desk.pages()) - before
        tally.judge(PAGES, opened <= 6, "a flood of pages was opened", f"{opened} of 20 at once")


def background(ctx: Context, tally: Tally) -> None:
    """Each mode under each grant; the person is told of what begins."""
    for granted in (False, "passive", "active"):
        reasons: Mapping[str, Json] = {"reasons": ["index"]} if granted else {}
        manifest, grants = manifest_of(ctx, {"background": {"mode": granted, **reasons}})
        for mode in (*policy.BACKGROUND_MODES, "Active", "", None, True):
            desk = watched(ctx)
            with serving(grants, desktop=desk.desktop) as peer:
                peer.ask(op="background", mode=mode)
                went = peer.background not in {"none"}
            allowed = (
                policy.judge(manifest, {"kind": "background", "mode": mode}).allowed
                if isinstance(mode, str)
                else False
            )
            told = any("goes on" in line for line in desk.told)
            held = went == allowed == told
            tally.judge(
                ENDS,
                held,
                "going on without a window was granted or told wrongly",
                f"{mode!r} under {granted!r}",
            )

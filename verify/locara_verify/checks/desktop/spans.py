"""LC311, LC422, LC811 to LC813 over a span of time: what happened before decides what a broker does next.

How often something may happen, what the person hears when an app goes on and when it no longer does, what is used up
by being used, and what ends when one of several things does not end by itself.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field, replace
from functools import partial
from typing import Any, Final

from locara.core.grant import Grants
from locara.errors import CallError
from locara.records import dataclass
from locara.sandbox.desktop.ports import Desktop, Note, Recording, SoundSource
from locara.sandbox.desktop.scripted import FedRecording, KeptNotes, KeptPages
from locara_verify.checks.desktop.stage import (
    CLIPBOARD,
    DEVICES,
    ENDS,
    GRANTED_HOST,
    NOTES,
    PAGES,
    Watched,
    manifest_of,
    watched,
)
from locara_verify.checks.escape.outside import Peer, serving
from locara_verify.checks.names import ENOUGH, guessable
from locara_verify.checks.waiting import happens
from locara_verify.context import Context
from locara_verify.oracle import policy
from locara_verify.tally import Tally

_RATES: Final[tuple[tuple[str, dict[str, Any], int, int], ...]] = (
    (NOTES, {"op": "notify", "modes": ["alert"], "title": "t"}, 10, 60),
    (PAGES, {"op": "open-external", "url": f"https://{GRANTED_HOST}/"}, 3, 10),
)
"""What is asked for, and how often it may happen in how many seconds."""
_FAILS: Final = (
    CallError("gone", code="device_unavailable"),
    CallError("gone", code="io_error"),
    OSError(111, "gone"),
    TimeoutError(),
    ValueError(),
)
"""How a desktop fails."""
_ASKED: Final = 80
_DEVICES: Final = 3
_SOON: Final = 10.0


def rates(ctx: Context, tally: Tally) -> None:
    """Asked for at drawn moments, many of them near the ends of spans: never more in any span than there may be, and
    each time when there were fewer."""
    given = {"notifications": {"modes": ["alert"]}, "open-external": {"hosts": [GRANTED_HOST]}}
    _, grants = manifest_of(ctx, given)
    rng = ctx.rng("desktop-rates")
    for rule, asked, most, span in _RATES:
        # One, the others just before its span ends, and as many again when it has ended: the worst order first.
        steps = [0, span - 1, *[0] * (most - 2), 1, *[0] * most]
        steps += [rng.choice((0, 0, 0, 1, span // most, span - 1, span)) for _ in range(_ASKED)]
        _rate(tally, grants, steps, (rule, asked, most, span))
        for error in _FAILS:
            _failing(tally, grants, error, (rule, asked, most, span))


def _rate(tally: Tally, grants: Grants, steps: list[int], one: tuple[str, dict[str, Any], int, int]) -> None:
    """Ask once after each of these seconds."""
    rule, asked, most, span = one
    now, notes, pages = [0.0], KeptNotes(), KeptPages()
    desktop = Desktop(notifier=notes, opener=pages, clock=lambda: now[0])
    happened: list[float] = []
    with serving(grants, desktop=desktop) as peer:
        for step in steps:
            now[0] += step
            before = len(notes.shown) + len(pages.opened)
            lately = sum(at > now[0] - span for at in happened)
            free = lately < most
            peer.ask(**asked)
            came = len(notes.shown) + len(pages.opened) > before
            happened += [now[0]] * came
            told = f"{asked['op']} {sum(at > now[0] - span for at in happened)} times in {span} seconds"
            tally.judge(rule, free or not came, "more happened in a span of time than there may", told)
            # Fewer than there may be are no fault; that half of them happen shows that not all is refused.
            tally.twin(rule, came or lately >= most // 2, f"what is not too much happens ({told})")


@dataclass(slots=True)
class _Failing:
    """A desktop that shows and opens nothing, and counts how often it was to."""

    error: Exception
    tries: int = 0

    def show(self, _note: Note) -> None:
        """See Notifier."""
        self.open("")

    def open(self, _address: str) -> None:
        """See Opener."""
        self.tries += 1
        raise self.error


def _failing(
    tally: Tally, grants: Grants, error: Exception, one: tuple[str, dict[str, Any], int, int]
) -> None:
    """What fails is counted as well: each try starts a program of the person's."""
    rule, asked, most, span = one
    desk = _Failing(error)
    with serving(grants, desktop=Desktop(notifier=desk, opener=desk, clock=lambda: 0.0)) as peer:
        for _ in range(2 * most):
            peer.ask(**asked)
    told = f"{asked['op']} failed {desk.tries} times in {span} seconds with {type(error).__name__}"
    tally.judge(rule, desk.tries <= most, "what fails is tried without end", told)
    tally.twin(rule, desk.tries >= 1, f"what fails is tried ({told})")


def turns(ctx: Context, tally: Tally) -> None:
    """An app that may go on goes from each mode to each: the person hears when it begins to and when it no longer does,
    each time, and nothing while nothing changes."""
    _, grants = manifest_of(ctx, {"background": {"mode": "active", "reasons": ["index"]}})
    modes = ("none", *policy.BACKGROUND_MODES)
    pairs = [*itertools.product(modes, repeat=2)]
    ctx.rng("desktop-turns").shuffle(pairs)
    desk, before = watched(ctx), "none"
    with serving(grants, desktop=desk.desktop) as peer:
        for mode in itertools.chain.from_iterable(pairs):
            heard = len(desk.told)
            peer.ask(op="background", mode=mode)
            tally.twin(ENDS, peer.background == mode, f"an app that may go on is {mode}")
            lines = desk.told[heard:]
            word = "ends with its window" if mode == "none" else "goes on"
            turned = (mode == "none") != (before == "none")
            held = len(lines) == 1 if turned else len(lines) <= (mode != before)
            held = held and all(word in line for line in lines)
            told = f"from {before} to {mode}: {lines}"
            tally.judge(ENDS, held, "the person is not told whether an app goes on", told)
            before = mode


def used_up(peer: Peer, desk: Watched, tally: Tally) -> None:
    """A place for text is taken from once, also when another has come in its place; and places cannot be guessed."""
    kept = desk.clipboard.text

    def put(offer: str) -> tuple[str, bool]:
        desk.clipboard.text = kept
        answer = peer.ask(op="clipboard-write", offer=offer)
        wrote, desk.clipboard.text = desk.clipboard.text != kept, kept
        return str(answer.reply.get("code", "ok")), wrote

    offers = [_offer(peer)]
    tally.twin(CLIPBOARD, put(offers[0]) == ("ok", True), "text is written")
    for number in range(ENOUGH):
        code, wrote = put(offers[-1])
        told = f"answered {code}, after {number} others"
        held = code == "not_found" and not wrote
        tally.judge(CLIPBOARD, held, "a place for text is there after it was used", told)
        offers.append(_offer(peer))
        tally.twin(CLIPBOARD, bool(offers[-1]), "there is a place for another text")
        tally.twin(CLIPBOARD, put(offers[-1]) == ("ok", True), "another text is written")
    guessed = guessable(offers)
    tally.judge(CLIPBOARD, guessed is None, "places for text can be guessed", str(guessed))


def _offer(peer: Peer) -> str:
    return str(peer.ask(op="clipboard-offer").reply.get("offer", ""))


@dataclass(slots=True)
class _Stuck:
    """Devices that are silent and on until they are stopped; the one of this number does not stop as it should."""

    number: int = -1
    stopped: list[bool] = field(default_factory=list)

    def listen(self, _source: SoundSource, _rate: int, _channels: int) -> Recording:
        """See Recorder."""
        self.stopped.append(False)
        return _Silent(self, len(self.stopped) - 1)

    def watch(self, _width: int, _height: int) -> Recording:
        """See Recorder."""
        return self.listen("microphone", 0, 0)


class _Silent(FedRecording):
    """One of them."""

    def __init__(self, among: _Stuck, number: int) -> None:
        self._among, self._number = among, number
        super().__init__(lambda _fd: None)

    def running(self) -> bool:
        """See Recording."""
        return not self._among.stopped[self._number]

    def stop(self) -> None:
        """See Recording."""
        super().stop()
        self._among.stopped[self._number] = True
        if self._number == self._among.number:
            raise OSError("the device does not answer")


def recordings(ctx: Context, tally: Tally) -> None:
    """Silent devices are stopped by names that cannot be guessed, each once; and when an app has gone, all go off, also
    where one of them does not as it should."""
    _, grants = manifest_of(ctx, {"device.microphone": True})
    listen = {"op": "listen", "device": "microphone", "rate": 16_000, "channels": 1}
    desk, silent = watched(ctx), _Stuck()
    with serving(grants, desktop=replace(desk.desktop, recorder=silent)) as peer:
        names: list[str] = []
        for _ in range(ENOUGH):
            names.append(str(peer.ask(**listen).reply.get("recording", "")))
            stops = [str(peer.ask(op="stop", recording=names[-1]).reply.get("code", "ok")) for _ in range(2)]
            tally.twin(DEVICES, stops[0] == "ok" and all(silent.stopped), "a silent device is stopped")
            tally.judge(DEVICES, stops[1] == "not_found", "a device that was stopped is there", stops[1])
    guessed = guessable(names)
    tally.judge(DEVICES, guessed is None, "names of devices can be guessed", str(guessed))
    for number in range(_DEVICES):
        stuck = _Stuck(number)
        with (
            _quietly(),
            serving(grants, desktop=replace(desk.desktop, recorder=stuck)) as peer,
        ):
            on = sum(peer.ask(**listen).ok for _ in range(_DEVICES))
        tally.twin(DEVICES, on == _DEVICES, f"{_DEVICES} devices are on ({on})")
        off = happens(partial(all, stuck.stopped), _SOON)
        told = f"the one of number {number} does not answer: {stuck.stopped}"
        tally.judge(DEVICES, off, "one device that does not go off leaves others on", told)


@contextmanager
def _quietly() -> Iterator[None]:
    """A thread that ends by an error says nothing during the block."""
    before = threading.excepthook
    threading.excepthook = lambda _args: None
    try:
        yield
    finally:
        threading.excepthook = before

"""Which powers of an app are awake: what was agreed to, and when each part of it begins to work.

The powers an update adds sleep for seven days after the person agreed to them, so that a stolen publisher's
key gains nothing in the first week. The first version a person agrees to has nothing asleep.

Time only goes forward here: the clock that counts is the latest time ever seen. Setting a clock back does not
make anything sleep longer than seven days of that time, and setting it back and forth gains nothing.

Pure: no clock is read and nothing is stored.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from locara.core.decision import decide
from locara.core.grant import Grants, intersect, widening
from locara.core.request import Request
from locara.core.surface import command_table
from locara.records import dataclass

COOL_DOWN: Final = 7 * 24 * 3_600.0
MAX_LAYERS: Final = 16
ALWAYS: Final = 0.0


@dataclass(frozen=True, slots=True)
class Layer:
    """Grants that work from a point in time on, in seconds since 1970; ALWAYS for those that never slept."""

    grants: Grants
    wakes: float


@dataclass(frozen=True, slots=True)
class Standing:
    """One app's layers, each as wide as the one before or wider; the last is all that was agreed to.

    ``newest`` is the latest time ever seen. The first layer is awake.
    """

    layers: tuple[Layer, ...]
    newest: float

    @classmethod
    def first(cls, grants: Grants, now: float) -> Standing:
        """The standing of an app that was agreed to for the first time: all of it is awake."""
        return cls((Layer(grants, ALWAYS),), now)

    @property
    def agreed(self) -> Grants:
        """All that was agreed to, awake or not."""
        return self.layers[-1].grants

    @property
    def awake(self) -> Grants:
        """What works at ``newest``."""
        return [layer for layer in self.layers if layer.wakes <= self.newest][-1].grants

    @property
    def asleep(self) -> tuple[Layer, ...]:
        """What does not work yet, soonest first; each layer holds the powers of those before it too."""
        return tuple(layer for layer in self.layers if layer.wakes > self.newest)

    def widened_by(self, new: Grants) -> tuple[Request, ...]:
        """What a version asks for that was not agreed to, as witnesses."""
        return widening(self.agreed, new)

    def seen_at(self, now: float) -> Standing:
        """The same at a later time; an earlier one changes nothing."""
        return replace(self, newest=max(self.newest, now))

    def moved_to(self, new: Grants, now: float) -> Standing:
        """The standing once a version runs that was agreed to, or that widens nothing.

        What it no longer asks for is given up at once. What it adds sleeps for COOL_DOWN from now. What slept
        before goes on sleeping until its own time, neither longer nor shorter.
        """
        time = max(self.newest, now)
        added = bool(self.widened_by(new))
        last = Layer(new, time + COOL_DOWN if added else self.layers[-1].wakes)
        kept = [Layer(intersect(new, layer.grants), layer.wakes) for layer in self.layers]
        chain: list[Layer] = []
        for layer in [*kept, last] if added else [*kept[:-1], last]:
            if chain and not widening(chain[-1].grants, layer.grants):
                chain[-1] = Layer(layer.grants, chain[-1].wakes)
            else:
                chain.append(layer)
        first = max(at for at, layer in enumerate(chain) if layer.wakes <= time)
        chain = [Layer(chain[first].grants, ALWAYS), *chain[first + 1 :]]
        while len(chain) > MAX_LAYERS:
            del chain[1]  # its powers wake with the next layer: later, never earlier
        return Standing(tuple(chain), time)


@dataclass(frozen=True, slots=True)
class Asleep:
    """What sleeps while an app runs, to tell those who ask for it. It allows nothing."""

    layers: tuple[Layer, ...] = ()

    def of(self, request: Request) -> tuple[str, str] | None:
        """Because and fix of a request that is denied now and will be allowed; None when it will not be."""
        for layer in self.layers:
            decision = decide(layer.grants, request)
            if decision.allowed:
                return sleeping(decision.because, layer.wakes)
        return None

    def command(self, name: str) -> float | None:
        """When a command that is absent now will be there; None when it will not be."""
        return next((layer.wakes for layer in self.layers if name in command_table(layer.grants)), None)


def sleeping(declared: str, wakes: float) -> tuple[str, str]:
    """Because and fix of what sleeps: ``declared`` says where it was declared, ``wakes`` is when it works."""
    when = datetime.fromtimestamp(wakes, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{declared}, but it is new with an update and sleeps until {when}",
        f"start the app again after {when}; nothing has to be added",
    )

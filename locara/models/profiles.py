"""Which of an app's models a machine needs: the profile that fits its memory, and what no profile lists."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from locara.core.declarations import Profile
from locara.core.manifest import Manifest
from locara.models.pin import Pin
from locara.records import dataclass

TIERS: Final = ("low", "mid", "high")
GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Choice:
    """What this machine needs.

    profile: the name of the chosen one, None when the manifest has none. fits: False when the machine has
    less memory than the smallest profile asks for; that one is chosen then. models: the pins that have to be
    here, in the order of the manifest: those of the profile, and those that belong to no profile.
    """

    profile: str | None
    fits: bool
    min_ram_gb: int | None
    models: tuple[Pin, ...]

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the models that have to be here."""
        return frozenset(pin.id for pin in self.models)


def choose(manifest: Manifest, ram_bytes: int) -> Choice:
    """The profile with the highest demand that this much memory meets. Pure: same manifest, same answer.

    Machines report a little less than what is built in, because firmware and graphics keep a part: a profile
    that asks for 8 GiB is met by 7.2 GiB and more (a tenth is allowed for).
    """
    pins = tuple(Pin.parse(text) for text in manifest.capabilities.models)
    profiles = _profiles(manifest)
    if not profiles:
        return Choice(None, True, None, pins)
    order = sorted(profiles, key=lambda name: (profiles[name].min_ram_gb, TIERS.index(name)))
    fitting = [name for name in order if profiles[name].min_ram_gb * GIB * 9 <= ram_bytes * 10]
    name = fitting[-1] if fitting else order[0]
    elsewhere = {pin for profile in profiles.values() for pin in profile.models}
    chosen = set(profiles[name].models)
    needed = tuple(pin for pin in pins if str(pin) in chosen or str(pin) not in elsewhere)
    return Choice(name, bool(fitting), profiles[name].min_ram_gb, needed)


def ram_bytes() -> int:
    """The memory of this machine in bytes, as its kernel reports it."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _profiles(manifest: Manifest) -> Mapping[str, Profile]:
    found = {name: getattr(manifest.profiles, name) for name in TIERS}
    return {name: profile for name, profile in found.items() if profile is not None}

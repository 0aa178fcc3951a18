"""What a person lets an app find again: a pick that is remembered, and how it is known to be the same thing.

A path is only a way to something. What was picked is the thing itself: a folder that was exchanged for
another one of the same name, or for a link, is not what the person handed over and does not open again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from locara.errors import CallError, CapabilityDenied
from locara.records import dataclass
from locara.sandbox.handles import EntryKind, Handle, kind_of, new_key
from locara.sandbox.linux.kernel_calls import born, open_without_links

TAKEN_BACK: Final = "the person took this back, or it was given for another version of the app"
ASK_AGAIN: Final = "ask the person again: fs.pick"


@dataclass(frozen=True, slots=True)
class Identity:
    """One thing on one file system: its number there and the moment it was made, in nanoseconds since 1970.

    Numbers are used again after something was removed; a number and its moment are not.
    """

    filesystem: int
    number: int
    born: int


@dataclass(frozen=True, slots=True)
class Kept:
    """One remembered pick. ``picked`` is when, in seconds since 1970; ``path`` had no link in it then."""

    key: str
    path: Path
    identity: Identity
    kind: EntryKind
    writable: bool
    recursive: bool
    picked: float


class Memory(Protocol):
    """Where remembered picks are kept, outside every sandbox. Raises CallError where it cannot be relied on."""

    def keep(self, handle: Handle, path: Path, identity: Identity) -> Kept:
        """Remember a pick; the same thing picked for the same use is one remembered pick."""

    def kept(self) -> Mapping[str, Kept]:
        """What this version of the app may find again, by key, as it is now."""

    def forget(self, key: str) -> bool:
        """Take one back, False when there is none of that key."""


class NoMemory:
    """Nothing is remembered."""

    def keep(self, handle: Handle, path: Path, identity: Identity) -> Kept:
        """CallError not_found."""
        raise CallError("nothing is remembered here", code="not_found")

    def kept(self) -> Mapping[str, Kept]:
        """Nothing."""
        return MappingProxyType({})

    def forget(self, key: str) -> bool:
        """False."""
        return False


def identity_of(fd: int) -> Identity:
    """What an open descriptor names. CallError io_error where the file system does not tell enough."""
    moment = born(fd)
    if moment is None:
        raise CallError(
            "this file system does not tell when a thing was made, so it could not be known again",
            code="io_error",
            fix="ask fs.pick without remember",
        )
    return Identity(os.fstatvfs(fd).f_fsid, os.fstat(fd).st_ino, moment)


def reopen(kept: Kept) -> Handle:
    """A handle of what was remembered: the same thing, at the same place, without a link on the way.

    CapabilityDenied when something else is there now. OSError when nothing can be opened there.
    """
    fd = open_without_links(kept.path, os.O_PATH)
    try:
        if kind_of(os.fstat(fd).st_mode) != kept.kind or identity_of(fd) != kept.identity:
            raise CapabilityDenied(
                capability="fs.user-selected",
                because="something else is at the place of what the person picked",
                fix=ASK_AGAIN,
            )
    except BaseException:
        os.close(fd)
        raise
    return Handle(new_key(), fd, kept.kind, kept.path.name, kept.writable, kept.recursive, kept.key)


def require_kept(memory: Memory, key: object) -> Kept:
    """The remembered pick of a key. CapabilityDenied when there is none (any more)."""
    found = memory.kept().get(key) if isinstance(key, str) else None
    if found is None:
        raise CapabilityDenied(capability="fs.user-selected", because=TAKEN_BACK, fix=ASK_AGAIN)
    return found

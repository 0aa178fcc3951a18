"""The signature of a slice: the blobs of its table, and its code directories compared with the bytes they sign."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from locara.records import dataclass
from locara_verify.codesign.macho import MalformedError, Slice

ENTITLEMENTS: Final = 5
ENTITLEMENTS_DER: Final = 7
CMS: Final = 0x10000
AD_HOC: Final = 0x2
RUNTIME: Final = 0x10000
"""Flags: signed by nobody; and the hardened runtime."""
WEAK: Final = {
    0x4: "lets others debug it",
    0x8: "may install what the system protects",
    0x20: "goes on with pages that were changed",
}
"""Flags that take away what a signature is for."""

_TABLE: Final = 0xFADE0CC0
_DIRECTORY: Final = 0xFADE0C02
_MAGIC: Final = {2: 0xFADE0C01, ENTITLEMENTS: 0xFADE7171, ENTITLEMENTS_DER: 0xFADE7172, CMS: 0xFADE0B01}
_ALTERNATES: Final = range(0x1000, 0x1006)
_TICKET: Final = 0x10002
_INFO: Final = 1
_RESOURCES: Final = 3
_LAUNCH: Final = frozenset({8, 9, 10, 11})  # constraints on who may start it, and on the libraries it takes
_HASHES: Final = {1: ("sha1", 20), 2: ("sha256", 32), 3: ("sha256", 20), 4: ("sha384", 48)}
_STRONG: Final = frozenset({2, 4})
_MOST_BLOBS: Final = 64


@dataclass(frozen=True, slots=True)
class Directory:
    """One code directory. ``digest`` is what the system knows the program by, by the directory's own hash; ``segment``
    what it says of the part that is run: 1 for a program, 0 for a library."""

    raw: bytes
    identifier: str
    team: str
    flags: int
    segment: int
    strong: bool
    digest: bytes
    algorithm: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What signs a slice: the code directories, the first of them the main one, and every other blob by its slot."""

    directories: tuple[Directory, ...]
    blobs: Mapping[int, bytes]

    @property
    def cms(self) -> bytes:
        """The signature of a person; empty where nobody signed."""
        return self.blobs.get(CMS, b"")

    @property
    def flags(self) -> int:
        """What the main directory asks the system for."""
        return self.directories[0].flags


@dataclass(frozen=True, slots=True)
class Beside:
    """Files that a directory signs beside the program: the bundle's property list and the list of its files."""

    info: bytes | None = None
    resources: bytes | None = None


def signature(one: Slice, beside: Beside) -> Signature:
    """The signature of a slice whose every byte is as it was signed. Raises MalformedError, saying what is not."""
    if one.signature is None:
        raise MalformedError("it is not signed")
    start, size = one.signature
    blobs = dict(_blobs(one.data[start : start + size]))
    if any(one.data[start + size :]):
        raise MalformedError("there are bytes behind its signature, which nothing covers")
    slots = [slot for slot in blobs if slot == 0 or slot in _ALTERNATES]
    if 0 not in slots:
        raise MalformedError("its signature has no code directory")
    others = {slot: raw for slot, raw in blobs.items() if slot not in slots}
    for slot, raw in others.items():
        wanted = _MAGIC.get(slot)
        if wanted is None and slot not in (_TICKET, *_LAUNCH):
            raise MalformedError(f"its signature has something in slot {slot:#x}, which nobody reads")
        if wanted is not None and struct.unpack_from(">I", raw)[0] != wanted:
            raise MalformedError(f"what its signature has in slot {slot} says that it is something else")
    signed: dict[int, bytes | None] = {**others, _INFO: beside.info, _RESOURCES: beside.resources}
    found = tuple(_directory(blobs[slot], one, signed) for slot in sorted(slots))
    if not any(directory.strong for directory in found):
        raise MalformedError("it is signed with SHA-1 alone")
    return Signature(found, {slot: raw[8:] for slot, raw in others.items()})


def _blobs(data: memoryview) -> Iterator[tuple[int, bytes]]:
    """Each slot with its blob, head and all: none twice, none over another, and only zeros beside them."""
    magic, length, count = _unpack(">3I", data, 0)
    if magic != _TABLE or not 12 <= length <= len(data) or count > _MOST_BLOBS:
        raise MalformedError("what lies where its signature should is none")
    places = [_unpack(">II", data, 12 + 8 * number) for number in range(count)]
    if len({slot for slot, _ in places}) != count:
        raise MalformedError("its signature has one slot twice")
    at = 12 + 8 * count
    for slot, start in sorted(places, key=lambda place: place[1]):
        _, size = _unpack(">II", data, start)
        if start < at or size < 8 or start + size > length:
            raise MalformedError("a part of its signature lies within another one, or beyond the end")
        if any(data[at:start]):
            raise MalformedError("there are bytes between the parts of its signature")
        at = start + size
        yield slot, bytes(data[start:at])
    if any(data[at:]):
        raise MalformedError("there are bytes behind the parts of its signature")


def _directory(raw: bytes, one: Slice, signed: Mapping[int, bytes | None]) -> Directory:
    """A code directory whose every hash is that of what it signs."""
    view = memoryview(raw)
    magic, _, version, flags, at, name, special, pages, limit, width, kind, _, bits = _unpack(
        ">9I4B", view, 0
    )
    if magic != _DIRECTORY or not 0x20001 <= version < 0x30000:
        raise MalformedError("its code directory is of a form that is not known")
    algorithm, size = _HASHES.get(kind, ("", 0))
    if width != size or not size:
        raise MalformedError(f"its code directory has hashes of kind {kind} and {width} bytes")
    if version >= 0x20100 and _unpack(">I", view, 44)[0]:
        raise MalformedError("its code directory signs parts of it in another order")
    if version >= 0x20300 and (wide := _unpack(">Q", view, 56)[0]):
        limit = wide
    end = one.signature[0] if one.signature else 0
    page = 1 << bits if bits else limit
    if limit != end or pages != -(-limit // max(page, 1)):
        raise MalformedError(f"its code directory signs {limit} of {end} bytes")
    if at < size * special or at + size * pages > len(raw):
        raise MalformedError("the hashes of its code directory lie outside of it")

    def hashed(data: bytes | memoryview) -> bytes:
        return hashlib.new(algorithm, data).digest()[:size]

    for number in range(pages):
        begin = number * page
        if (
            hashed(one.data[begin : min(begin + page, limit)])
            != raw[at + size * number : at + size * (number + 1)]
        ):
            raise MalformedError(f"page {number} is not as it was signed")
    for slot in range(1, max(special, *(slot for slot in signed if slot < _ALTERNATES[0])) + 1):
        kept = raw[at - size * slot : at - size * (slot - 1)] if slot <= special else bytes(size)
        _special(slot, kept, signed.get(slot), hashed)
    digest = hashlib.new(algorithm, raw).digest()
    team = _unpack(">I", view, 48)[0] if version >= 0x20200 else 0
    segment = _unpack(">Q", view, 80)[0] if version >= 0x20400 else 0
    owner = _name(raw, team) if team else ""
    return Directory(raw, _name(raw, name), owner, flags, segment, kind in _STRONG, digest, algorithm)


def _special(slot: int, kept: bytes, data: bytes | None, hashed: Callable[[bytes], bytes]) -> None:
    """What a directory signs beside the program is there and unchanged, and what is there is signed."""
    if any(kept):
        if (
            data is None and slot != _INFO
        ):  # a property list may lie in the program, where its pages are signed
            raise MalformedError(f"what it signed beside itself is not there (slot {slot})")
        if data is not None and hashed(data) != kept:
            raise MalformedError(f"what it signed beside itself was changed (slot {slot})")
    elif data is not None:
        raise MalformedError(f"what lies beside it is not signed (slot {slot})")


def _name(raw: bytes, start: int) -> str:
    end = raw.find(b"\0", start)
    if not 0 < start < len(raw) or end < 0:
        raise MalformedError("a name in its code directory has no end")
    try:
        return raw[start:end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("a name in its code directory is no text") from error


def _unpack(form: str, data: memoryview, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, at)
    except struct.error as error:
        raise MalformedError("its signature ends within its own headers") from error

"""One reading of a zip archive: its members one after the other, their list, its end, and nothing else.

A zip archive says everything twice, before each member and in a list at its end, and programs differ in which of
the two they believe, where they look for the end, and what further fields mean. An archive in which the two differ,
or in which anything lies before, between or behind the members, shows one thing to one program and another to the
next. Such an archive is refused here, before anything of it is read. Layout: PKWARE APPNOTE.TXT 6.3.10, 4.3.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from locara.records import dataclass

MAX_LIST_BYTES: Final = 64 << 20
_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LISTED: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_ZIP64: Final = 1
_UTF8: Final = 0x800
_WIDE: Final = 0xFFFFFFFF


class LayoutError(ValueError):
    """The archive has more than one reading, or none. The message says where."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What both places say about a member."""

    flags: int
    method: int
    crc: int
    packed: int
    size: int
    name: bytes


def check_layout(file: BinaryIO) -> None:
    """Raise LayoutError unless the archive has exactly one reading. OSError as reading raises it."""
    length = file.seek(0, 2)
    count, at, end = _end(file, length)
    if end - at > MAX_LIST_BYTES:
        raise LayoutError("the list of members is too long")
    listing, place, expected = _read(file, at, end - at), 0, 0
    for _ in range(count):
        entry, offset, place = _listed(listing, place)
        if offset != expected:
            raise LayoutError(f"something lies before, in or between the members (at byte {expected})")
        expected = _local(file, offset, entry)
    if place != len(listing) or expected != at:
        raise LayoutError("something lies between the members and the end")


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    data = file.read(size)
    if len(data) != size:
        raise LayoutError("the archive is cut")
    return data


def _end(file: BinaryIO, length: int) -> tuple[int, int, int]:
    """(members, where their list begins, where it ends): from the last bytes of the file, which hold no comment."""
    last = length - _END.size
    if last < 0:
        raise LayoutError("the archive is cut")
    mark, disk, first, here, count, size, at, comment = _END.unpack(_read(file, last, _END.size))
    if mark != b"PK\5\6" or comment or disk or first or here != count:
        raise LayoutError("the archive does not end with its end record")
    if count != 0xFFFF and _WIDE not in (size, at):
        if at + size != last:
            raise LayoutError("something lies between the list of members and the end")
        return count, at, last
    middle = last - _LOCATOR.size
    start = middle - _END_64.size
    if start < 0:
        raise LayoutError("the archive is cut")
    mark, disk, found, disks = _LOCATOR.unpack(_read(file, middle, _LOCATOR.size))
    if (mark, disk, found, disks) != (b"PK\6\7", 0, start, 1):
        raise LayoutError("the wide end record is not where it must be")
    mark, rest, _, _, disk, first, here, count, size, at = _END_64.unpack(_read(file, start, _END_64.size))
    if (mark, rest, disk, first, here) != (b"PK\6\6", _END_64.size - 12, 0, 0, count) or at + size != start:
        raise LayoutError("the wide end record is not what it must be")
    return count, at, start


def _listed(listing: bytes, place: int) -> tuple[_Entry, int, int]:
    """A member as the list has it, where it begins, and where the next entry of the list does."""
    fields, place = listing[place : place + _LISTED.size], place + _LISTED.size
    if len(fields) != _LISTED.size:
        raise LayoutError("the list of members is cut")
    (mark, _, _, flags, method, _, _, crc, packed, size, named, extra, comment, disk, _, _, offset) = (
        _LISTED.unpack(fields)
    )
    name = listing[place : place + named]
    more = listing[place + named : place + named + extra]
    if mark != b"PK\1\2" or comment or disk or len(more) != extra:
        raise LayoutError(f"the list of members is damaged at {name[:80]!r}")
    size, packed, offset = _wide(more, name, size, packed, offset)
    return _judged(_Entry(flags, method, crc, packed, size, name)), offset, place + named + extra


def _local(file: BinaryIO, at: int, listed: _Entry) -> int:
    """Compare what stands before the member, and say where it ends."""
    mark, _, flags, method, _, _, crc, packed, size, named, extra = _LOCAL.unpack(
        _read(file, at, _LOCAL.size)
    )
    name = _read(file, at + _LOCAL.size, named)
    more = _read(file, at + _LOCAL.size + named, extra)
    if mark != b"PK\3\4":
        raise LayoutError(f"no member begins where {listed.name[:80]!r} is listed")
    size, packed, _ = _wide(more, name, size, packed, 0)
    if _Entry(flags, method, crc, packed, size, name) != listed:
        raise LayoutError(f"{listed.name[:80]!r} is listed as something else than it is")
    return at + _LOCAL.size + int(named) + int(extra) + packed


def _judged(entry: _Entry) -> _Entry:
    # A flag for encryption, or for sizes that come after the bytes, makes the sizes before them meaningless.
    if entry.flags & ~_UTF8:
        raise LayoutError(
            f"{entry.name[:80]!r} is encrypted, patched or of a length that is not said before it"
        )
    if b"\0" in entry.name or not entry.name:
        raise LayoutError("a member has no name, or one with a zero byte")
    return entry


def _wide(extra: bytes, name: bytes, *short: int) -> tuple[int, int, int]:
    """Size, packed size and offset, read from the field for wide numbers where the short ones say so.

    No other further field is allowed: one of them gives the member another name.
    """
    if not extra:
        size, packed, offset = short
        return size, packed, offset
    kind, length = struct.unpack_from("<HH", extra) if len(extra) >= 4 else (0, 0)
    numbers = [value for value in short if value == _WIDE]
    if kind != _ZIP64 or length != len(extra) - 4 or length != 8 * len(numbers):
        raise LayoutError(f"{name[:80]!r} has further fields")
    wide = iter(struct.unpack(f"<{len(numbers)}Q", extra[4:]))
    size, packed, offset = (next(wide) if value == _WIDE else value for value in short)
    return size, packed, offset

"""The structure of a Mach-O file: its slices, the libraries each loads, and where its signature lies."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from locara.records import dataclass

EXECUTE: Final = 2
"""The file type of a program; everything else is loaded by one."""

_FAT: Final = {b"\xca\xfe\xba\xbe": ">5I", b"\xca\xfe\xba\xbf": ">2I2Q2I"}
_THIN: Final = {b"\xcf\xfa\xed\xfe": 32, b"\xce\xfa\xed\xfe": 28}
_OTHERS: Final = frozenset(
    {b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce", b"\xbe\xba\xfe\xca", b"\xbf\xba\xfe\xca"}
)
_MOST_SLICES: Final = 16  # Java's classes begin as fat files do, with a version of 45 or more in this place
_MOST_ALIGNED: Final = 15
_SEGMENT: Final = {0x19: "<24x4Q", 0x01: "<24x4I"}
_SIGNATURE: Final = 0x1D
_ENVIRONMENT: Final = 0x27
_RPATH: Final = 0x8000001C
_LIBRARIES: Final = frozenset({0x06, 0x0C, 0x0E, 0x20, 0x80000018, 0x8000001F, 0x80000023})
"""Commands that name a library in any way, and the one that names the loader itself."""


class MalformedError(ValueError):
    """The file is not what it says, or says what no linker writes."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One architecture of a file. ``data`` is its bytes, ``signature`` where the signature lies in them: offset, size.

    ``loads`` are the places that libraries are looked for in, ``environment`` the variables it sets for the loader.
    """

    cpu: int
    kind: int
    data: memoryview
    signature: tuple[int, int] | None
    loads: tuple[str, ...]
    environment: tuple[str, ...]


def is_macho(head: bytes) -> bool:
    """Whether a file that begins so is for the loader of macOS, in any byte order. Needs 8 bytes."""
    magic = head[:4]
    if magic == b"\xca\xfe\xba\xbe":
        return len(head) >= 8 and 0 < struct.unpack(">I", head[4:8])[0] <= _MOST_SLICES
    return magic in _THIN or magic in _FAT or magic in _OTHERS


def slices(data: bytes) -> tuple[Slice, ...]:
    """Every slice of a file. Raises MalformedError, also for bytes that belong to none."""
    whole = memoryview(data)
    magic = bytes(whole[:4])
    if magic in _THIN:
        return (_thin(whole),)
    if magic not in _FAT:
        raise MalformedError("it is in a byte order that no Mac of today runs")
    found = []
    for cpu, part in _parts(whole, _FAT[magic]):
        one = _thin(part)
        if cpu != one.cpu:
            raise MalformedError("a slice is for another processor than the file says")
        found.append(one)
    return tuple(found)


def _parts(whole: memoryview, form: str) -> Iterator[tuple[int, memoryview]]:
    """The slices of a fat file with their processors, none within another, and only zeros between them."""
    (count,) = _unpack(">I", whole, 4)
    if not 0 < count <= _MOST_SLICES:
        raise MalformedError(f"it says that it has {count} slices")
    size = struct.calcsize(form)
    heads = [_unpack(form, whole, 8 + size * number) for number in range(count)]
    if len({head[0] for head in heads}) != count:
        raise MalformedError("two slices are for one processor")
    at = 8 + size * count
    for cpu, _, start, length, align, *reserved in sorted(heads, key=lambda head: head[2]):
        if start < at or start + length > len(whole) or align > _MOST_ALIGNED or start % (1 << align):
            raise MalformedError("a slice lies within another one, beyond the end, or where none may begin")
        if any(reserved):
            raise MalformedError("what is to be zero in its list of slices is not")
        if any(whole[at:start]):
            raise MalformedError("there are bytes between its slices, which no signature covers")
        at = start + length
        yield cpu, whole[start:at]
    if any(whole[at:]):
        raise MalformedError("there are bytes behind its slices, which no signature covers")


def _thin(data: memoryview) -> Slice:
    header = _THIN.get(bytes(data[:4]))
    if header is None:
        raise MalformedError("a slice is no program in the byte order of today's Macs")
    _, cpu, _, kind, count, size, _ = _unpack("<7I", data, 0)
    if header + size > len(data):
        raise MalformedError("its load commands go beyond its end")
    signature: tuple[int, int] | None = None
    loads, environment, ends = list[str](), list[str](), [0]
    for command, body in _commands(data[header : header + size], count):
        if command == _SIGNATURE:
            if signature is not None:
                raise MalformedError("it has two signatures")
            start, length = _unpack("<8xII", body, 0)
            signature = start, length
        elif command in _SEGMENT:
            _, _, offset, length = _unpack(_SEGMENT[command], body, 0)
            if offset + length > len(data):
                raise MalformedError("a segment goes beyond its end")
            ends += [offset + length] if bytes(body[8:24]).rstrip(b"\0") != b"__LINKEDIT" else []
        elif command in _LIBRARIES or command == _RPATH:
            loads.append(_text(body))
        elif command == _ENVIRONMENT:
            environment.append(_text(body))
    if signature is not None and not max(ends) <= signature[0] <= sum(signature) <= len(data):
        raise MalformedError("its signature lies within what it signs, or beyond the end")
    return Slice(cpu, kind, data, signature, tuple(loads), tuple(environment))


def _commands(data: memoryview, count: int) -> Iterator[tuple[int, memoryview]]:
    at = 0
    for _ in range(count):
        command, size = _unpack("<II", data, at)
        if size < 8 or size % 4 or at + size > len(data):
            raise MalformedError("a load command is longer than all of them, or empty")
        yield command, data[at : at + size]
        at += size
    if at != len(data):
        raise MalformedError("its load commands are longer than they say")


def _text(command: memoryview) -> str:
    """The text of a command that says where in itself it begins."""
    (start,) = _unpack("<8xI", command, 0)
    raw = bytes(command[start:])
    if not 12 <= start <= len(command) or b"\0" not in raw:
        raise MalformedError("the name of a library has no end")
    try:
        return raw[: raw.index(b"\0")].decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("the name of a library is no text") from error


def _unpack(form: str, data: memoryview, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, at)
    except struct.error as error:
        raise MalformedError("it ends within its own headers") from error

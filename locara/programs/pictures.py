"""The header of a picture, read here before any decoder sees it: what it is, and how many pixels it claims.

Nothing is decoded. Every number is checked against the file and against the limits; a format that is not one of
the five is refused, above all text, which the reader would take for a list of file names.
"""

from __future__ import annotations

import struct
from typing import Final, Literal

from locara.errors import CallError
from locara.records import dataclass

Format = Literal["png", "jpeg", "tiff", "bmp", "webp"]
FORMATS: Final[tuple[Format, ...]] = ("png", "jpeg", "tiff", "bmp", "webp")
MAX_BYTES: Final = 32 * 1024 * 1024
MAX_SIDE: Final = 32_767
MAX_PIXELS: Final = 64_000_000
MAX_PAGES: Final = 64
_MAX_TAGS: Final = 512
_MAX_DEPTH: Final = 64  # bits of one pixel: four samples of 16
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class Header:
    """The format and the size in pixels of each page."""

    format: Format
    pages: tuple[tuple[int, int], ...]


def read_header(data: bytes) -> Header:
    """What the picture says of itself, within the limits. Raises CallError: bad_request, too_large,
    limit_exceeded."""
    if len(data) > MAX_BYTES:
        raise CallError(f"a picture is at most {MAX_BYTES // 2**20} MiB", code="too_large")
    try:
        kind, pages = _read(data)
    except (struct.error, IndexError) as error:
        raise _damaged("its header is cut off") from error
    total = 0
    for width, height in pages:
        if width < 1 or height < 1:
            raise _damaged("it has no pixels")
        total += width * height
        if max(width, height) > MAX_SIDE or total > MAX_PIXELS:
            raise CallError(
                f"the picture claims {width} x {height} pixels; {MAX_SIDE} on a side and {MAX_PIXELS:,} in all"
                " are read",
                code="limit_exceeded",
                fix="make it smaller; 300 dpi is enough for reading",
            )
    return Header(kind, tuple(pages))


def _damaged(why: str) -> CallError:
    return CallError(f"the picture cannot be read: {why}", code="bad_request")


def _read(data: bytes) -> tuple[Format, list[tuple[int, int]]]:
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png", [_png(data)]
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg", [_jpeg(data)]
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "tiff", _tiff(data)
    if data[:2] == b"BM":
        return "bmp", [_bmp(data)]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp", [_webp(data)]
    raise CallError(
        f"the file is no picture of a kind that is read ({', '.join(FORMATS)})", code="bad_request"
    )


def _png(data: bytes) -> tuple[int, int]:
    length, kind, width, height, depth, colour = struct.unpack_from(">I4sIIBB", data, 8)
    if length != 13 or kind != b"IHDR" or depth not in (1, 2, 4, 8, 16) or colour not in (0, 2, 3, 4, 6):
        raise _damaged("its first part is not a header")
    if data.find(b"acTL", 33, 4096) != -1:
        raise _damaged("it is an animation")
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    """The size of the first frame; a second one is refused, since a decoder might believe that."""
    at, found = 2, None
    while at < len(data):
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        if data[at] != 0xFF:
            raise _damaged("its parts do not follow each other")
        marker = data[at + 1]
        at += 2
        if marker in _ALONE:
            continue
        if marker in (0xD9, 0xDA):
            break
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or at + length > len(data):
            raise _damaged("one of its parts reaches beyond the end")
        if marker in _FRAMES:
            if found is not None:
                raise _damaged("it has two frames")
            height, width, samples = struct.unpack_from(">HHB", data, at + 3)
            if samples not in (1, 3, 4):
                raise _damaged(f"a pixel of it has {samples} samples")
            found = width, height
        at += length
    if found is None:
        raise _damaged("it has no frame")
    return found


def _bmp(data: bytes) -> tuple[int, int]:
    (size,) = struct.unpack_from("<I", data, 14)
    if size < 40 or size > 124:
        raise _damaged("its header has an unknown size")
    width, height, planes, bits = struct.unpack_from("<iiHH", data, 18)
    (compression,) = struct.unpack_from("<I", data, 30)
    if planes != 1 or bits not in (1, 2, 4, 8, 16, 24, 32) or compression not in (0, 3):
        raise _damaged("its pixels are of an unknown kind")
    row = (max(width, 0) * bits + 31) // 32 * 4
    (start,) = struct.unpack_from("<I", data, 10)
    within = 0 < width <= MAX_SIDE and abs(height) <= MAX_SIDE and width * abs(height) <= MAX_PIXELS
    if within and start + row * abs(height) > len(data):
        raise _damaged("it is shorter than its pixels")
    return width, abs(height)


def _webp(data: bytes) -> tuple[int, int]:
    (size,) = struct.unpack_from("<I", data, 4)
    kind, length = struct.unpack_from("<4sI", data, 12)
    if size + 8 > len(data) + 1 or 20 + length > len(data) + 1:
        raise _damaged("one of its parts reaches beyond the end")
    if kind == b"VP8X":
        if data[20] & 0x02:
            raise _damaged("it is an animation")
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return width, height
    if kind == b"VP8L":
        if data[20] != 0x2F:
            raise _damaged("its pixels are of an unknown kind")
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    if kind != b"VP8 " or data[23:26] != b"\x9d\x01\x2a":
        raise _damaged("its pixels are of an unknown kind")
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff(data: bytes) -> list[tuple[int, int]]:
    """The size of every page, by walking the chain of directories once."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    pages: list[tuple[int, int]] = []
    seen: set[int] = set()
    while at:
        if at in seen or at + 2 > len(data):
            raise _damaged("its pages do not follow each other")
        if len(pages) == MAX_PAGES:
            raise CallError(f"a picture has at most {MAX_PAGES} pages", code="limit_exceeded")
        seen.add(at)
        (count,) = struct.unpack_from(order + "H", data, at)
        if not 1 <= count <= _MAX_TAGS:
            raise _damaged("one of its directories has a false length")
        pages.append(_directory(data, at + 2, count, order))
        (at,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    if not pages:
        raise _damaged("it has no page")
    return pages


def _directory(data: bytes, at: int, count: int, order: str) -> tuple[int, int]:
    width = height = 0
    bits, samples = 1, 1
    for entry in range(at, at + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", data, entry)
        if tag == 258 and kind == 3 and values > 2:
            (place,) = struct.unpack_from(order + "I", data, entry + 8)
            (bits,) = struct.unpack_from(order + "H", data, place)
        elif tag in (256, 257, 258, 277):
            value = _one(data, entry, kind, order)
            if tag == 256:
                width = value
            elif tag == 257:
                height = value
            elif tag == 258:
                bits = value
            else:
                samples = value
    if not 1 <= bits * samples <= _MAX_DEPTH:
        raise _damaged(f"a pixel of it has {bits * samples} bits")
    return width, height


def _one(data: bytes, entry: int, kind: int, order: str) -> int:
    if kind not in (3, 4):
        raise _damaged("one of its numbers is of another kind")
    return int(struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)[0])

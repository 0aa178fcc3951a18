"""Reading just enough of PNG and JPEG files to know that they are whole and how large the picture is."""

from __future__ import annotations

import struct
import zlib
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE: Final = frozenset({0x01, *range(0xD0, 0xDA)})


def size_of(data: bytes) -> tuple[str, int, int]:
    """``("png" | "jpeg", width, height)`` of the picture ``data``. Raises ValueError saying what is wrong."""
    if data.startswith(_PNG):
        return ("png", *_png(data))
    if data.startswith(b"\xff\xd8\xff"):
        return ("jpeg", *_jpeg(data))
    raise ValueError("it is neither a PNG nor a JPEG file")


def _png(data: bytes) -> tuple[int, int]:
    size: tuple[int, int] | None = None
    position = len(_PNG)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            raise ValueError("the PNG file is cut off")
        (crc,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(data[position + 4 : end - 4]) != crc:
            raise ValueError("the PNG file is damaged")
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise ValueError("the PNG file has no header")
            size = struct.unpack_from(">II", data, position + 8)
        if kind == b"IEND":
            if end != len(data):
                raise ValueError("something follows the end of the PNG picture")
            return size
        position = end
    raise ValueError("the PNG file is cut off")


def _jpeg(data: bytes) -> tuple[int, int]:
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _BARE or marker == 0xFF:
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in _FRAMES and position + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, position + 5)
            if not data.rstrip(b"\x00").endswith(b"\xff\xd9"):
                raise ValueError("the JPEG file is cut off")
            return width, height
        position += 2 + length
    raise ValueError("the JPEG file has no picture")

"""Inside: PDF bytes on descriptor 0, one answer on descriptor 1, by PDFium and nothing else.

The process is confined before `run` is called: no file, no socket, no other process. The answer is one line of
JSON; a rendered page follows it as a PNG file.
"""

from __future__ import annotations

import codecs
import ctypes
import json
import os
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

from locara.programs import pdfium_calls as pdfium

MAX_INPUT: Final = 64 * 1024 * 1024
MAX_PAGE_TEXT: Final = 1_000_000
MAX_TEXT: Final = 4_000_000
MAX_PIXELS: Final = 40_000_000
# Loaded while files still open; afterwards none does.
_UNITS: Final = codecs.lookup("utf-16-le")
_PIECE: Final = 1024 * 1024
_ERRORS: Final = {pdfium.FPDF_ERR_PASSWORD: "encrypted", pdfium.FPDF_ERR_SECURITY: "encrypted"}


class _Refused(Exception):
    """The file or the request is refused; the text is one of the reasons of `locara.programs.pages`."""


def run(options: Mapping[str, Any]) -> int:
    """Read, answer, and return the exit code. What is refused is an answer, too."""
    data = _input()
    try:
        with_document = _text if options["work"] == "text" else _render
        head, body = with_document(data, options)
    except _Refused as refused:
        head, body = {"refused": str(refused)}, b""
    _write(json.dumps(head, separators=(",", ":")).encode("ascii") + b"\n" + body)
    return 0


def _input() -> bytes:
    pieces, size = [], 0
    while piece := os.read(0, _PIECE):
        size += len(piece)
        if size > MAX_INPUT:
            raise SystemExit(3)
        pieces.append(piece)
    return b"".join(pieces)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view[:_PIECE]) :]


def _open(data: bytes) -> tuple[Any, int]:
    """The document and the number of its pages."""
    pdfium.FPDF_InitLibrary()
    document = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
    if not document:
        raise _Refused(_ERRORS.get(pdfium.FPDF_GetLastError(), "damaged"))
    return document, int(pdfium.FPDF_GetPageCount(document))


def _text(data: bytes, options: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    document, count = _open(data)
    first = options["first"]
    if first > max(count, 1):
        raise _Refused("no_page")
    pages, room = [], MAX_TEXT
    for index in range(first - 1, min(first - 1 + options["count"], count)):
        pages.append(_page_text(document, index, room))
        room -= len(pages[-1]["text"])
        if room <= 0:
            raise _Refused("too_much_text")
    return {"pageCount": count, "pages": pages}, b""


def _page_text(document: object, index: int, room: int) -> dict[str, Any]:
    page = pdfium.FPDF_LoadPage(document, index)
    if not page:
        return {"page": index + 1, "width": 0.0, "height": 0.0, "text": "", "damaged": True}
    size = {
        "page": index + 1,
        "width": round(float(pdfium.FPDF_GetPageWidthF(page)), 2),
        "height": round(float(pdfium.FPDF_GetPageHeightF(page)), 2),
    }
    text_page = pdfium.FPDFText_LoadPage(page)
    text = _characters(text_page, room) if text_page else ""
    if text_page:
        pdfium.FPDFText_ClosePage(text_page)
    pdfium.FPDF_ClosePage(page)
    return {**size, "text": text, "damaged": False}


def _characters(text_page: object, room: int) -> str:
    count = int(pdfium.FPDFText_CountChars(text_page))
    if count <= 0:
        return ""
    if count > MAX_PAGE_TEXT or count > room:
        raise _Refused("too_much_text")
    # Generated characters can be more than were counted: the library says how many units it wrote.
    buffer = (ctypes.c_ushort * (2 * count + 2))()
    written = int(pdfium.FPDFText_GetText(text_page, 0, count, buffer))
    return _UNITS.decode(bytes(buffer)[: 2 * max(written - 1, 0)], "replace")[0]


def _render(data: bytes, options: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    document, count = _open(data)
    if options["page"] > count:
        raise _Refused("no_page")
    page = pdfium.FPDF_LoadPage(document, options["page"] - 1)
    if not page:
        raise _Refused("damaged")
    scale = options["dpi"] / 72
    width = round(pdfium.FPDF_GetPageWidthF(page) * scale)
    height = round(pdfium.FPDF_GetPageHeightF(page) * scale)
    if not (0 < width <= 32_767 and 0 < height <= 32_767 and width * height <= MAX_PIXELS):
        raise _Refused("too_many_pixels")
    bitmap = pdfium.FPDFBitmap_CreateEx(width, height, pdfium.FPDFBitmap_Gray, None, 0)
    if not bitmap:
        raise _Refused("too_many_pixels")
    pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
    pdfium.FPDF_RenderPageBitmap(
        bitmap, page, 0, 0, width, height, 0, pdfium.FPDF_GRAYSCALE | pdfium.FPDF_ANNOT
    )
    stride = int(pdfium.FPDFBitmap_GetStride(bitmap))
    pixels = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), stride * height)
    png = _png(width, height, stride, pixels, options["dpi"])
    return {
        "pageCount": count,
        "page": options["page"],
        "width": width,
        "height": height,
        "bytes": len(png),
    }, png


def _png(width: int, height: int, stride: int, pixels: bytes, dpi: int) -> bytes:
    """A grey PNG file that says its resolution."""
    packer = zlib.compressobj(6)
    parts = []
    for row in range(height):
        parts.append(packer.compress(b"\0" + pixels[row * stride : row * stride + width]))
    parts.append(packer.flush())
    metre = round(dpi / 0.0254)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _chunk(b"pHYs", struct.pack(">IIB", metre, metre, 1))
        + _chunk(b"IDAT", b"".join(parts))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

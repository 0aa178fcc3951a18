"""The header reader knows the size of every real picture, and no lie of a header gets past it."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from locara.errors import CallError
from locara.programs.pictures import MAX_BYTES, MAX_PAGES, MAX_PIXELS, MAX_SIDE, read_header

PICTURES = Path(__file__).parents[3] / "fixtures/pictures"
NAMES = {"page.png": "png", "page.jpg": "jpeg", "page.bmp": "bmp", "page.webp": "webp", "pages.tif": "tiff"}


def refusal(data: bytes) -> str:
    with pytest.raises(CallError) as caught:
        read_header(data)
    return caught.value.code


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_pictures(name: str) -> None:
    header = read_header((PICTURES / name).read_bytes())
    assert header.format == NAMES[name]
    assert header.pages == ((900, 420),) * (2 if name == "pages.tif" else 1)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_damage_is_a_header_or_a_refusal(name: str, data: st.DataObject) -> None:
    original = (PICTURES / name).read_bytes()
    changed = bytearray(original[: data.draw(st.integers(0, len(original)))])
    for _ in range(data.draw(st.integers(0, 6))):
        if changed:
            changed[data.draw(st.integers(0, min(len(changed), 200) - 1))] = data.draw(st.integers(0, 255))
    try:
        header = read_header(bytes(changed))
    except CallError as error:
        assert error.code in {"bad_request", "limit_exceeded"}
    else:
        assert sum(width * height for width, height in header.pages) <= MAX_PIXELS
        assert all(1 <= side <= MAX_SIDE for size in header.pages for side in size)


@settings(deadline=None, max_examples=40)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    kind=st.sampled_from(["PNG", "JPEG", "TIFF", "BMP", "WEBP"]),
    mode=st.sampled_from(["L", "RGB"]),
)
def test_what_another_writer_wrote(width: int, height: int, kind: str, mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (width, height), 7).save(out, kind)
    assert read_header(out.getvalue()).pages == ((width, height),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"/etc/passwd\n",
        b"https://example.com/a.png\n",
        b"%PDF-1.4",
        b"GIF89a" + bytes(40),
        b"P5 1 1 255 a",
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
        b"%!PS-Adobe",
        b"II+\0" + bytes(40),
        b"\xef\xbb\xbf\x89PNG\r\n\x1a\n",
    ],
)
def test_what_the_reader_would_take_otherwise_is_refused(data: bytes) -> None:
    assert refusal(data) == "bad_request"


def png(width: int, height: int, *, depth: int = 8, colour: int = 0) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(
        ">I4sIIBBBBBI", 13, b"IHDR", width, height, depth, colour, 0, 0, 0, 0
    )


def tiff(pages: int, *, order: str = "<", loop: bool = False, width: int = 10, bits: int = 8) -> bytes:
    out = bytearray(b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for number in range(pages):
        here = len(out)
        entries = [(256, width), (257, 10), (258, bits)]
        out += struct.pack(order + "H", len(entries))
        for tag, value in entries:
            out += struct.pack(order + "HHII", tag, 4, 1, value)
        following = (8 if loop else 0) if number == pages - 1 else here + 2 + 12 * len(entries) + 4
        out += struct.pack(order + "I", following)
    return bytes(out)


def test_bombs_are_counted_before_anything_is_decoded() -> None:
    assert read_header(png(8000, 8000)).pages == ((8000, 8000),)
    assert refusal(png(8001, 8000)) == "limit_exceeded"
    assert refusal(png(2**31 - 1, 2**31 - 1)) == "limit_exceeded"
    assert refusal(png(MAX_SIDE + 1, 1)) == "limit_exceeded"
    assert refusal(png(0, 10)) == "bad_request"
    assert read_header(tiff(MAX_PAGES)).pages == ((10, 10),) * MAX_PAGES
    assert refusal(tiff(MAX_PAGES + 1)) == "limit_exceeded"
    assert refusal(tiff(40, width=200_000)) == "limit_exceeded"
    assert refusal(tiff(3, width=30_000_000)) == "limit_exceeded"
    assert refusal(b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES)) == "too_large"


def test_pages_that_lead_in_a_circle_end() -> None:
    assert read_header(tiff(2, order=">")).pages == ((10, 10),) * 2
    assert refusal(tiff(2, loop=True)) == "bad_request"
    assert refusal(tiff(1, bits=60_000)) == "bad_request"


def test_a_jpeg_has_one_frame() -> None:
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 5, 6, 1) + b"\1\x11\0"
    scan = b"\xff\xda\0\2\xff\xd9"
    assert read_header(b"\xff\xd8" + frame + scan).pages == ((6, 5),)
    assert refusal(b"\xff\xd8" + frame + frame + scan) == "bad_request"
    assert refusal(b"\xff\xd8" + scan) == "bad_request"

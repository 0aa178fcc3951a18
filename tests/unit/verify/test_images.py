from __future__ import annotations

import io

import pytest
from PIL import Image

from locara_verify.checks.manifest.images import size_of


def picture(kind: str, width: int, height: int, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (10, 20, 30)).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (picture("png", 512, 512), ("png", 512, 512)),
        (picture("png", 1, 7), ("png", 1, 7)),
        (picture("jpeg", 640, 400), ("jpeg", 640, 400)),
        (picture("jpeg", 33, 17, progressive=True), ("jpeg", 33, 17)),
    ],
)
def test_the_size_of_a_whole_picture_is_read(data, expected) -> None:
    assert size_of(data) == expected


PNG = picture("png", 16, 16)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"<svg/>",
        PNG[:8],
        PNG[:20],
        PNG[:-4],
        PNG + b"PK",
        PNG.replace(b"IDAT", b"IDAX"),
        PNG[:30] + bytes([PNG[30] ^ 1]) + PNG[31:],
        picture("jpeg", 16, 16)[:40],
        b"\xff\xd8\xff\xd9",
    ],
)
def test_what_is_no_whole_picture_is_refused(data) -> None:
    with pytest.raises(ValueError, match=r"PNG|JPEG"):
        size_of(data)

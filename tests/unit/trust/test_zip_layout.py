"""Archives with exactly one reading: what passes is read alike from the front and from the list at the end."""

from __future__ import annotations

import io
import struct
import sys
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.trust.zip_layout import LayoutError, check_layout

NAMES = st.text("abcé/.", min_size=1, max_size=9).filter(lambda name: not name.endswith("/"))
FILES = st.dictionaries(NAMES, st.binary(max_size=60), max_size=5)

# Before 3.11.4 the library wrote the field for wide numbers without saying in the short ones that it is there.
WIDE = st.booleans() if sys.version_info >= (3, 11, 4) else st.just(False)


def packed(files: dict[str, bytes], *, wide: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=wide) as member:
                member.write(data)
    return out.getvalue()


def from_the_front(data: bytes) -> list[tuple[bytes, bytes]]:
    """Members as a program reads them that does not look for the list."""
    found, at = [], 0
    while data[at : at + 4] == b"PK\x03\x04":
        (method,) = struct.unpack_from("<H", data, at + 8)
        (length,) = struct.unpack_from("<L", data, at + 18)
        named, more = struct.unpack_from("<HH", data, at + 26)
        name = data[at + 30 : at + 30 + named]
        if length == 0xFFFFFFFF:
            (length,) = struct.unpack_from("<Q", data, at + 30 + named + 12)
        body = data[at + 30 + named + more :][:length]
        found.append((name, zlib.decompress(body, -15) if method else body))
        at += 30 + named + more + length
    return found


def from_the_list(data: bytes) -> list[tuple[bytes, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [
            (one.orig_filename.encode("utf-8" if one.flag_bits & 0x800 else "cp437"), archive.read(one))
            for one in archive.infolist()
        ]


@settings(deadline=None, max_examples=100)
@given(files=FILES, wide=WIDE)
def test_what_is_written_in_order_passes(files: dict[str, bytes], wide: bool) -> None:
    data = packed(files, wide=wide)
    check_layout(io.BytesIO(data))
    assert from_the_front(data) == from_the_list(data)


@settings(deadline=None, max_examples=300)
@given(files=FILES.filter(bool), drawn=st.data())
def test_whatever_passes_has_one_reading(files: dict[str, bytes], drawn: st.DataObject) -> None:
    data = bytearray(packed(files))
    for _ in range(drawn.draw(st.integers(1, 3))):
        at = drawn.draw(st.integers(0, len(data) - 1))
        data[at] ^= drawn.draw(st.integers(1, 255))
    try:
        check_layout(io.BytesIO(data))
    except LayoutError:
        return
    try:
        listed = from_the_list(bytes(data))
    except Exception:
        return  # damaged bytes inside a member: no reading at all
    assert from_the_front(bytes(data)) == listed


@pytest.mark.parametrize("size", [0, 1, 21, 22, 40, 80])
def test_cut_archives_are_refused(size: int) -> None:
    with pytest.raises(LayoutError):
        check_layout(io.BytesIO(packed({"a": b"one", "b": b"two"})[:size]))


def test_many_members_and_none() -> None:
    check_layout(io.BytesIO(packed({})))
    check_layout(io.BytesIO(packed({f"f{number}": b"" for number in range(70_000)})))


def test_what_lies_beside_the_members_is_refused() -> None:
    good = packed({"a": b"one", "b": b"two"})
    listed, end = good.index(b"PK\x01\x02"), good.rindex(b"PK\x05\x06")
    for bent in (
        b"x" + good,
        good + b"x",
        good[:listed] + b"x" + good[listed:],
        good[:end] + b"x" + good[end:],
        good + good,
    ):
        with pytest.raises(LayoutError):
            check_layout(io.BytesIO(bent))
        # The library alone takes most of them: what is refused here is its leniency.
    with zipfile.ZipFile(io.BytesIO(b"x" + good)) as archive:
        assert archive.namelist() == ["a", "b"]

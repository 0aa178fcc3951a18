"""Slices of Mach-O files: what is one, where it lies, and every lie about that."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.macos.programs import ARM64, DYLIB, TEXT, X86_64, Recipe, fat, thin
from locara_verify.codesign.macho import EXECUTE, MalformedError, is_macho, slices

ONE, OTHER = thin(Recipe()), thin(Recipe(cpu=X86_64, kind=DYLIB))
BOTH = fat([ONE, OTHER], [ARM64, X86_64])


def changed(data: bytes, at: int, form: str, value: int) -> bytes:
    out = bytearray(data)
    struct.pack_into(form, out, at, value)
    return bytes(out)


@pytest.mark.parametrize("wide", [False, True])
def test_each_slice_is_found_with_what_it_loads(wide: bool) -> None:
    found = slices(fat([ONE, OTHER], [ARM64, X86_64], wide=wide))
    assert [(one.cpu, one.kind, bytes(one.data)) for one in found] == [
        (ARM64, EXECUTE, ONE),
        (X86_64, DYLIB, OTHER),
    ]
    recipe = Recipe()
    assert found[0].loads == (recipe.loader, *recipe.loads, *recipe.rpaths)
    assert found[0].signature == (TEXT, len(ONE) - TEXT)
    assert slices(ONE)[0].environment == ()
    assert slices(thin(Recipe(environment=("DYLD_X=1",))))[0].environment == ("DYLD_X=1",)
    assert slices(thin(Recipe(signed=False)))[0].signature is None


def test_a_program_is_known_by_how_it_begins_and_a_class_of_java_is_none() -> None:
    for data in (ONE, BOTH, fat([ONE], [ARM64], wide=True), b"\xfe\xed\xfa\xcf" + bytes(8)):
        assert is_macho(data[:8])
    for head in (
        b"\xca\xfe\xba\xbe\x00\x00\x00\x41",
        b"\x7fELF\2\1\1\0",
        b"PK\3\4\0\0\0\0",
        b"",
        b"\xca\xfe",
    ):
        assert not is_macho(head)


ARCH = 8  # where the list of slices begins; 20 bytes each: processor, its kind, place, size, alignment


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (changed(BOTH, 4, ">I", 0), "0 slices"),
        (changed(BOTH, 4, ">I", 17), "17 slices"),
        (changed(BOTH, 4, ">I", 3), "beyond the end|within another"),
        (changed(BOTH, ARCH, ">I", X86_64), "one processor"),
        (changed(BOTH, ARCH, ">I", 7), "another processor"),
        (changed(BOTH, ARCH + 8, ">I", 0), "where none may begin|within another"),
        (changed(BOTH, ARCH + 8, ">I", 0x4004), "where none may begin"),
        (changed(BOTH, ARCH + 12, ">I", len(BOTH)), "beyond the end|within another"),
        (changed(BOTH, ARCH + 16, ">I", 200), "where none may begin"),
        (changed(BOTH, 0x100, "B", 1), "between its slices"),
        (BOTH + b"x", "behind its slices"),
        (BOTH[:-1], "beyond the end"),
        (BOTH[:20], "ends within its own headers"),
        (changed(ONE, 16, "<I", 99), "load command|headers"),
        (changed(ONE, 20, "<I", 1 << 30), "beyond its end"),
        (changed(ONE, 20, "<I", 80), "longer"),
        (changed(ONE, 36, "<I", 0), "longer than all of them, or empty"),
        (changed(ONE, 36, "<I", 73), "longer than all of them, or empty"),
        (changed(ONE, 32 + 48, "<Q", 1 << 40), "a segment goes beyond its end"),
        (b"\xfe\xed\xfa\xcf" + ONE[4:], "byte order"),
        (fat([b"\xfe\xed\xfa\xcf" + ONE[4:]], [ARM64]), "no program"),
        (fat([BOTH], [ARM64]), "no program"),
    ],
)
def test_what_contradicts_itself_is_refused_for_that(data: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        slices(data)


def test_a_signature_lies_behind_all_that_it_signs() -> None:
    command = ONE.index(struct.pack("<II", 0x1D, 16))
    for start, size in ((TEXT - 16, len(ONE) - TEXT), (TEXT, len(ONE)), (1 << 31, 1)):
        with pytest.raises(MalformedError, match="within what it signs, or beyond"):
            slices(changed(changed(ONE, command + 8, "<I", start), command + 12, "<I", size))
    twice = changed(ONE, 32, "<I", 0x1D)
    with pytest.raises(MalformedError, match="two signatures"):
        slices(twice)


@settings(deadline=None)
@given(st.data())
def test_no_bytes_break_the_reader(data) -> None:
    """Whatever a file says, the answer is slices within it or a reason."""
    out = bytearray(BOTH if data.draw(st.booleans()) else ONE)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, 400))
        out[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(out)))
    try:
        found = slices(bytes(out[: cut or None]))
    except MalformedError:
        return
    assert all(len(one.data) <= len(out) for one in found)

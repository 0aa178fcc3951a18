"""Signatures of slices: every byte is covered, and each part is bound to the directory."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fixtures.macos.programs import ARM64, TEXT, X86_64, Recipe, blob, fat, thin
from locara_verify.codesign.blobs import Beside, signature
from locara_verify.codesign.macho import MalformedError, slices

ASKED = {"com.apple.security.app-sandbox": True}
RECIPE = Recipe(entitlements=ASKED, info=b"<plist/>", resources=b"files", text=bytes(range(256)) * 40)
BESIDE = Beside(b"<plist/>", b"files")
SIGNED = thin(RECIPE)


def read(data: bytes, beside: Beside = BESIDE) -> None:
    for one in slices(data):
        signature(one, beside)


@pytest.mark.parametrize("algorithms", [("sha256",), ("sha1", "sha256"), ("sha256", "sha384"), ("sha384",)])
@pytest.mark.parametrize("page_bits", [12, 14, 0])
def test_a_whole_signature_is_read(algorithms: tuple[str, ...], page_bits: int) -> None:
    recipe = replace(RECIPE, algorithms=algorithms, page_bits=page_bits or 30, team="TEAM123456")
    (one,) = slices(thin(recipe))
    found = signature(one, BESIDE)
    assert [each.algorithm for each in found.directories] == list(algorithms)
    assert {(each.identifier, each.team) for each in found.directories} == {("example.notes", "TEAM123456")}
    assert (found.flags, found.cms) == (2, b"")


@settings(deadline=None)
@given(at=st.integers(0, len(SIGNED) - 1), bit=st.integers(0, 7))
@example(at=TEXT - 1, bit=0)
@example(at=len(SIGNED) - 1, bit=7)
def test_no_bit_of_a_signed_slice_can_change(at: int, bit: int) -> None:
    data = bytearray(SIGNED)
    data[at] ^= 1 << bit
    with pytest.raises(MalformedError):
        read(bytes(data))


def test_every_slice_is_looked_at() -> None:
    other = thin(replace(RECIPE, cpu=X86_64))
    read(fat([SIGNED, other], [ARM64, X86_64]))
    for bad in (other[: TEXT - 1] + b"x" + other[TEXT:], thin(replace(RECIPE, cpu=X86_64, signed=False))):
        for order in ([SIGNED, bad], [bad, SIGNED]):
            cpus = [ARM64, X86_64] if order[0] is SIGNED else [X86_64, ARM64]
            with pytest.raises(MalformedError, match=r"page 3 is not as it was signed|it is not signed"):
                read(fat(order, cpus))


@pytest.mark.parametrize(
    ("recipe", "beside", "why"),
    [
        (replace(RECIPE, algorithms=("sha1",)), BESIDE, "SHA-1 alone"),
        (replace(RECIPE, unbound=frozenset({"xml"})), BESIDE, r"not signed \(slot 5\)"),
        (replace(RECIPE, unbound=frozenset({"der"})), BESIDE, r"not signed \(slot 7\)"),
        (replace(RECIPE, unbound=frozenset({"requirements"})), BESIDE, r"not signed \(slot 2\)"),
        (replace(RECIPE, drop=frozenset({"xml"})), BESIDE, r"not there \(slot 5\)"),
        (replace(RECIPE, drop=frozenset({"der"})), BESIDE, r"not there \(slot 7\)"),
        (replace(RECIPE, resources=None), BESIDE, r"not signed \(slot 3\)"),
        (replace(RECIPE, info=None), BESIDE, r"not signed \(slot 1\)"),
        (RECIPE, Beside(b"<plist/>", b"other"), r"changed \(slot 3\)"),
        (RECIPE, Beside(b"other", b"files"), r"changed \(slot 1\)"),
        (RECIPE, Beside(b"<plist/>", None), r"not there \(slot 3\)"),
        (replace(RECIPE, more={9: blob(0xFADE8181, b"x")}, entitlements=None), BESIDE, ""),
        (replace(RECIPE, more={12: blob(0xFADE0C01, b"")}), BESIDE, "which nobody reads"),
        (replace(RECIPE, more={0x1006: blob(0xFADE0C02, b"")}), BESIDE, "which nobody reads"),
        (replace(RECIPE, more={5: blob(0xFADE7172, b"x")}), BESIDE, "something else"),
        (replace(RECIPE, more={2: blob(0xFADE7171, b"x")}), BESIDE, "something else"),
    ],
)
def test_what_is_beside_the_program_is_bound_to_it(recipe: Recipe, beside: Beside, why: str) -> None:
    if not why:
        read(thin(recipe), beside)
        return
    with pytest.raises(MalformedError, match=why):
        read(thin(recipe), beside)


def _rewritten(**fields: int) -> bytes:
    """The slice with numbers of its directory changed, which then signs something else."""
    at = SIGNED.index(b"\xfa\xde\x0c\x02")
    places = {"version": 8, "hashes": 16, "special": 24, "pages": 28, "limit": 32, "scatter": 44}
    data = bytearray(SIGNED)
    for name, value in fields.items():
        struct.pack_into(">I", data, at + places[name], value)
    return bytes(data)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"limit": TEXT - 1}, f"signs {TEXT - 1} of {TEXT} bytes"),
        ({"limit": 0, "pages": 0}, "signs 0 of"),
        ({"pages": 3}, "signs"),
        ({"pages": 5}, "signs"),
        ({"scatter": 96}, "in another order"),
        ({"version": 0x20000}, "form that is not known"),
        ({"version": 0x30000}, "form that is not known"),
        ({"hashes": 8}, "lie outside of it"),
        ({"special": 1 << 20}, "lie outside of it"),
    ],
)
def test_a_directory_signs_all_of_the_slice(fields: dict[str, int], why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        read(_rewritten(**fields))


def test_nothing_hides_between_the_parts_of_a_signature() -> None:
    start = TEXT
    count = struct.unpack_from(">I", SIGNED, start + 8)[0]
    twice = bytearray(SIGNED)
    twice[start + 12 : start + 16] = twice[start + 20 : start + 24]
    with pytest.raises(MalformedError, match="one slot twice"):
        read(bytes(twice))
    over = bytearray(SIGNED)
    over[start + 16 : start + 20] = over[start + 24 : start + 28]
    with pytest.raises(MalformedError, match=r"within another one|between the parts"):
        read(bytes(over))
    assert count > 3
    with pytest.raises(MalformedError, match="behind"):
        read(SIGNED[:-1] + b"x")

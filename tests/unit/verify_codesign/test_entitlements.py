"""Entitlements in two forms: each is read strictly, and both say the same or neither is believed."""

from __future__ import annotations

import contextlib
import plistlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.macos.programs import Recipe, encoded, thin
from locara_verify.codesign.blobs import Beside, signature
from locara_verify.codesign.entitlements import entitlements, from_der, from_xml
from locara_verify.codesign.macho import MalformedError, slices

ASKED = {"com.apple.security.app-sandbox": True, "com.apple.security.device.camera": True}
NAMES = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=12)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def asked(recipe: Recipe) -> object:
    (one,) = slices(thin(recipe))
    return entitlements(signature(one, Beside()))


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.booleans())
def test_both_forms_of_any_entitlements_are_read_alike(told, older: bool) -> None:
    assert from_der(encoded(told, older=older)) == told
    assert from_xml(b"  " + plistlib.dumps(told) + b"\n\0\0") == told
    assert asked(Recipe(entitlements=told, older_der=older)) == told


def test_a_program_without_any_asks_for_nothing() -> None:
    assert asked(Recipe()) == {}


@pytest.mark.parametrize(
    "der",
    [
        encoded({}),
        encoded({**ASKED, "com.apple.private.tcc.allow": True}),
        encoded({"com.apple.security.app-sandbox": True}),
        encoded({**ASKED, "com.apple.security.device.camera": False}),
        encoded({**ASKED, "com.apple.security.device.camera": 1}),
        encoded({**ASKED, "com.apple.security.device.camera": "true"}),
        encoded({**ASKED, "com.apple.security.device.camera": [True]}),
    ],
    ids=["nothing", "one more", "one less", "false", "1", "a text", "a list"],
)
def test_two_forms_that_differ_are_refused(der: bytes) -> None:
    assert asked(Recipe(entitlements=ASKED, der=encoded(ASKED))) == ASKED
    with pytest.raises(MalformedError, match="the two forms of its entitlements differ: com"):
        asked(Recipe(entitlements=ASKED, der=der))


def test_one_form_alone_is_refused() -> None:
    for form in ("xml", "der"):
        gone = frozenset({form})
        with pytest.raises(MalformedError, match="one form of two"):
            asked(Recipe(entitlements=ASKED, drop=gone, unbound=gone))


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"", "no property list"),
        (
            b"<plist><dict><key>a</key><true/><key>a</key><false/></dict></plist>",
            "no property list: ValueError",
        ),
        (b"<plist><array/></plist>", "no dictionary"),
        (b"<plist><dict><key>a</key></dict></plist>", "no property list"),
        (b"bplist00" + bytes(32), "no property list"),
        (
            b'<!DOCTYPE plist [<!ENTITY x "y">]><plist><dict><key>a</key><string>&x;</string></dict></plist>',
            "no property list",
        ),
    ],
)
def test_a_property_list_has_one_reading(xml: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        from_xml(xml)


ROUND = encoded({"a": True})


@pytest.mark.parametrize(
    ("der", "why"),
    [
        (b"", "too early"),
        (ROUND[:-1], "too early"),
        (ROUND + b"\0", "behind"),
        (b"\x30" + ROUND[1:], "form that is not known"),
        (ROUND.replace(b"\x02\x01\x01", b"\x02\x01\x02"), "version"),
        (ROUND.replace(b"\x01\x01\xff", b"\x01\x01\x07"), "a value of kind 0x1"),
        (ROUND.replace(b"\x01\x01\xff", b"\x09\x01\xff"), "a value of kind 0x9"),
        (b"\x70\x81" + ROUND[1:], "length that DER does not have"),
        (b"\x70\x80" + ROUND[2:] + b"\0\0", "length that DER does not have"),
        (b"\x31\x10" + 2 * b"\x30\x06\x0c\x01a\x01\x01\xff", "a twice"),
        (b"\x31\x08\x30\x06\x0c\x01\xff\x01\x01\xff", "no text"),
        (b"\x31\x08\x31\x06\x0c\x01a\x01\x01\xff", "no pair"),
        (b"\x31\x0b\x30\x09\x0c\x01a\x01\x01\xff\x01\x01\0", "no pair"),
        (encoded({"a": [[[[[[[[[[True]]]]]]]]]]}), "nested too deep"),
    ],
)
def test_the_encoded_form_has_one_reading(der: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        from_der(der)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for read in (from_der, from_xml):
        with contextlib.suppress(MalformedError):
            assert isinstance(read(data), dict)

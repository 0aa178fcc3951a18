"""Seals of bundles: whatever lies in one is listed and as it was, and what is listed is there."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.macos.bundles import app, sealed
from fixtures.macos.programs import DYLIB, Recipe, thin
from locara_verify.codesign.audit import audit
from locara_verify.codesign.bundle import Bundle, faults_of_seal, is_bundle, open_bundle
from locara_verify.codesign.macho import MalformedError


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle(app(tmp_path))


def faults(bundle: Bundle) -> list[str]:
    folder = bundle.folder.parent
    names = (str(path.relative_to(folder)) for path in bundle.root.rglob("*") if path.is_file())
    known = {folder / one.name: one.digests for one in audit(folder, names).programs}
    return list(faults_of_seal(bundle, known))


def test_a_whole_bundle_has_no_fault(bundle: Bundle) -> None:
    assert faults(bundle) == []
    assert bundle.program == bundle.root / "MacOS/notes"
    assert is_bundle(bundle.folder)


def test_the_layout_of_a_framework_is_read_as_well(tmp_path: Path) -> None:
    version = tmp_path / "Notes.framework/Versions/A"
    (version / "Resources").mkdir(parents=True)
    (tmp_path / "Notes.framework/Versions/Current").symlink_to("A")
    (version / "Resources/Info.plist").write_bytes(plistlib.dumps({"CFBundleExecutable": "Notes"}))
    (version / "_CodeSignature").mkdir()
    (version / "Notes").write_bytes(thin(Recipe(kind=DYLIB)))
    (version / "more").write_text("more")
    (version / "_CodeSignature/CodeResources").write_bytes(sealed(version))
    found = open_bundle(tmp_path / "Notes.framework")
    assert (found.root, found.program) == (version, version / "Notes")
    listed = plistlib.loads((version / "_CodeSignature/CodeResources").read_bytes())
    assert faults(found) == ["Notes is sealed and not there", "Resources/Info.plist is sealed and not there"]
    assert "more" in listed["files2"]
    (tmp_path / "Notes.framework/Versions/B").mkdir()
    with pytest.raises(MalformedError, match="no layout that is known"):
        open_bundle(tmp_path / "Notes.framework")


def _listed(bundle: Bundle, change: Callable[[dict], None]) -> None:
    place = bundle.root / "_CodeSignature/CodeResources"
    told = plistlib.loads(place.read_bytes())
    change(told)
    place.write_bytes(plistlib.dumps(told))


PAGE = "Resources/app/dist/index.html"
LIBRARY = "Frameworks/libnotes.dylib"
LINK = "Frameworks/libnotes.1.dylib"


def _outside(root: Path) -> None:
    (root / LINK).unlink()
    (root / LINK).symlink_to("/usr/lib/libevil.dylib")


def _relinked(root: Path) -> None:
    (root / LINK).unlink()
    (root / LINK).symlink_to("../MacOS/notes")


def _link_for_file(root: Path) -> None:
    (root / PAGE).rename(root.parent.parent / "page")
    (root / PAGE).symlink_to(root.parent.parent / "page")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda root: (root / PAGE).write_text("x"), f"{PAGE} is not as it was sealed"),
        (lambda root: (root / PAGE).unlink(), f"{PAGE} is sealed and not there"),
        (lambda root: (root / "Resources/more.py").write_text("x"), "Resources/more.py is not sealed"),
        (lambda root: (root / "MacOS/more").write_text("x"), "MacOS/more is not sealed"),
        (lambda root: (root / ".DS_Store").write_text("x"), ".DS_Store is not sealed"),
        (
            lambda root: (root / "de.lproj").mkdir() or (root / "de.lproj/x").write_text("x"),
            "de.lproj/x is not sealed",
        ),
        (lambda root: (root / "Helpers/PkgInfo").write_text("x"), "Helpers/PkgInfo is not sealed"),
        (
            lambda root: (root / LIBRARY).write_bytes(thin(Recipe(kind=DYLIB, identifier="other"))),
            f"{LIBRARY} is another program than was sealed",
        ),
        (
            lambda root: (root / LIBRARY).write_bytes(b"no program"),
            f"{LIBRARY} is another program than was sealed",
        ),
        (_outside, f"{LINK} is a link to another place than was sealed"),
        (_relinked, f"{LINK} is a link to another place than was sealed"),
        (_link_for_file, f"{PAGE} is a link to another place than was sealed"),
        (lambda root: os.mkfifo(root / "pipe"), "pipe is not sealed"),
    ],
)
def test_each_change_of_a_file_is_told(bundle: Bundle, change: Callable[[Path], object], fault: str) -> None:
    change(bundle.root)
    assert faults(bundle) == [fault]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda told: told["files2"].update({PAGE: b"sha1 of it"}), f"{PAGE} is sealed with SHA-1 alone"),
        (lambda told: told["files2"].update({PAGE: {"hash": bytes(20)}}), f"{PAGE} is not as it was sealed"),
        (
            lambda told: told["files2"][LINK].update(symlink="/etc"),
            f"{LINK} is a link to another place than was sealed",
        ),
        (lambda told: told["files2"].pop(PAGE), f"{PAGE} is not sealed"),
        (
            lambda told: (
                told.update(rules2={f"^{PAGE}$": {"omit": True, "weight": 9999.0}})
                or told["files2"].pop(PAGE)
            ),
            f"{PAGE} is not sealed",
        ),
        (lambda told: told["files2"].update({"gone": {"hash2": bytes(32)}}), "gone is sealed and not there"),
        (lambda told: told.pop("files2"), "its seal lists nothing with SHA-256"),
    ],
)
def test_what_the_seal_says_of_itself_is_not_believed(bundle: Bundle, change, fault: str) -> None:
    _listed(bundle, change)
    assert faults(bundle) == [fault]


def test_what_is_optional_may_be_gone_and_is_sealed_where_it_is(bundle: Bundle) -> None:
    _listed(
        bundle, lambda told: told["files2"].update({"de.lproj/x": {"hash2": bytes(32), "optional": True}})
    )
    assert faults(bundle) == []
    (bundle.root / "de.lproj").mkdir()
    (bundle.root / "de.lproj/x").write_text("x")
    assert faults(bundle) == ["de.lproj/x is not as it was sealed"]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("Info.plist", b"no list", "no property list"),
        ("Info.plist", plistlib.dumps([]), "no dictionary"),
        ("Info.plist", plistlib.dumps({}), "names no program"),
        ("Info.plist", plistlib.dumps({"CFBundleExecutable": "../x"}), "names no program"),
        ("Info.plist", plistlib.dumps({"CFBundleExecutable": ".."}), "names no program"),
        ("Info.plist", plistlib.dumps({"CFBundleExecutable": ["notes"]}), "names no program"),
    ],
)
def test_a_property_list_that_cannot_be_is_refused(bundle: Bundle, name: str, data: bytes, why: str) -> None:
    (bundle.root / name).write_bytes(data)
    with pytest.raises(MalformedError, match=why):
        open_bundle(bundle.folder)


def test_a_seal_that_is_gone_or_none_is_told(bundle: Bundle) -> None:
    place = bundle.root / "_CodeSignature/CodeResources"
    place.write_bytes(b"x")
    assert faults(bundle) == [
        "its seal cannot be read: its CodeResources is no property list: InvalidFileException"
    ]
    place.unlink()
    assert faults(bundle) == ["its seal cannot be read: it has no CodeResources"]
    place.symlink_to(bundle.info)
    assert faults(bundle) == ["its seal cannot be read: it has no CodeResources"]

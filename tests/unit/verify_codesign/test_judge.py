"""A library that others read Mach-O files with says the same of their structure."""

from __future__ import annotations

import lief
import pytest

from fixtures.macos.bundles import ASKED
from fixtures.macos.programs import ARM64, DYLIB, X86_64, Recipe, fat, thin
from locara_verify.codesign.blobs import Beside, signature
from locara_verify.codesign.macho import slices

RECIPES = [
    Recipe(),
    Recipe(kind=DYLIB, cpu=X86_64, loads=("/usr/lib/libz.dylib",), rpaths=()),
    Recipe(entitlements=ASKED, algorithms=("sha1", "sha256")),
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_one_slice(recipe: Recipe) -> None:
    data = thin(recipe)
    (ours,), whole = slices(data), lief.MachO.parse(list(data))  # its parts die with it
    theirs = whole.at(0)
    assert lief.MachO.check_layout(theirs) == (True, "")
    assert (ours.cpu, ours.kind) == (theirs.header.cpu_type.value, theirs.header.file_type.value)
    assert ours.signature == (theirs.code_signature.data_offset, theirs.code_signature.data_size)
    named = [one.name for one in theirs.libraries if one.command != lief.MachO.LoadCommand.TYPE.ID_DYLIB]
    loader = [theirs.dylinker.name] if theirs.has_dylinker else []
    assert list(ours.loads) == [*loader, *named, *(one.path for one in theirs.rpaths)]
    start, size = ours.signature
    assert bytes(ours.data[start : start + size]) == bytes(theirs.code_signature.content)
    signature(ours, Beside())


def test_several_slices() -> None:
    parts = [thin(Recipe()), thin(Recipe(cpu=X86_64))]
    data = fat(parts, [ARM64, X86_64])
    theirs = lief.MachO.parse(list(data))
    assert [(one.cpu, len(one.data)) for one in slices(data)] == [
        (one.header.cpu_type.value, len(part)) for one, part in zip(theirs, parts, strict=True)
    ]
    assert [one.fat_offset for one in theirs] == [data.index(part) for part in parts]

"""The calls of PDFium that the reader declares are declared as PDFium's package declares them."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import pytest

package = pytest.importorskip("pypdfium2_raw")
pdfium_calls = pytest.importorskip("locara.programs.pdfium_calls")

NAMES = sorted(name for name in vars(pdfium_calls) if name.startswith("FPDF"))


def shape(kind: Any) -> object:
    """A pointer of any kind is one; all else is itself."""
    if kind is None:
        return None
    pointer = issubclass(kind, ctypes._Pointer) or kind in (ctypes.c_void_p, ctypes.c_char_p)
    return "a pointer" if pointer else kind


@pytest.mark.parametrize("name", NAMES)
def test_a_call_is_declared_as_the_package_declares_it(name: str) -> None:
    ours, theirs = getattr(pdfium_calls, name), getattr(package, name)
    if isinstance(ours, int):
        assert ours == theirs
        return
    assert shape(ours.restype) == shape(theirs.restype)
    assert [shape(one) for one in ours.argtypes] == [shape(one) for one in theirs.argtypes]


def test_what_is_declared_is_what_the_reader_uses() -> None:
    text = Path(pdfium_calls.__file__).with_name("pdf_reader.py").read_text("utf-8")
    assert {*re.findall(r"\bpdfium\.(FPDF\w+)", text)} == {*NAMES}

"""Inside: the calls of PDFium that the reader makes, and no others, each as PDFium's headers declare it.

The library is the one of the package `pypdfium2_raw`. That package declares every call there is, and what it loads
to do so takes longer than most pages take to read; tests hold each declaration here against its own.
"""

from __future__ import annotations

import sys
from ctypes import CDLL, POINTER, c_char_p, c_float, c_int, c_size_t, c_ulong, c_ushort, c_void_p
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE: Final = "pypdfium2_raw"
_LIBRARY: Final = {"darwin": "libpdfium.dylib", "win32": "pdfium.dll"}.get(sys.platform, "libpdfium.so")

FPDF_ERR_PASSWORD: Final = 4
FPDF_ERR_SECURITY: Final = 5
FPDFBitmap_Gray: Final = 1
FPDF_ANNOT: Final = 0x01
FPDF_GRAYSCALE: Final = 0x08


def _library() -> CDLL:
    """The package's library. Raises ImportError when there is none."""
    found = find_spec(PACKAGE)
    for folder in (found and found.submodule_search_locations) or ():
        return CDLL(f"{folder}/{_LIBRARY}")
    raise ImportError(f"{PACKAGE} is not installed", name=PACKAGE)


_pdfium = _library()


def _call(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:  # noqa: ANN401 - types of ctypes
    declared = getattr(_pdfium, name)
    declared.restype, declared.argtypes = result, arguments
    return declared  # type: ignore[no-any-return]


FPDF_InitLibrary = _call("FPDF_InitLibrary", None)
FPDF_GetLastError = _call("FPDF_GetLastError", c_ulong)
FPDF_LoadMemDocument64 = _call("FPDF_LoadMemDocument64", c_void_p, c_void_p, c_size_t, c_char_p)
FPDF_GetPageCount = _call("FPDF_GetPageCount", c_int, c_void_p)
FPDF_LoadPage = _call("FPDF_LoadPage", c_void_p, c_void_p, c_int)
FPDF_ClosePage = _call("FPDF_ClosePage", None, c_void_p)
FPDF_GetPageWidthF = _call("FPDF_GetPageWidthF", c_float, c_void_p)
FPDF_GetPageHeightF = _call("FPDF_GetPageHeightF", c_float, c_void_p)
FPDFText_LoadPage = _call("FPDFText_LoadPage", c_void_p, c_void_p)
FPDFText_ClosePage = _call("FPDFText_ClosePage", None, c_void_p)
FPDFText_CountChars = _call("FPDFText_CountChars", c_int, c_void_p)
FPDFText_GetText = _call("FPDFText_GetText", c_int, c_void_p, c_int, c_int, POINTER(c_ushort))
FPDFBitmap_CreateEx = _call("FPDFBitmap_CreateEx", c_void_p, c_int, c_int, c_int, c_void_p, c_int)
FPDFBitmap_FillRect = _call("FPDFBitmap_FillRect", c_int, c_void_p, c_int, c_int, c_int, c_int, c_ulong)
FPDFBitmap_GetStride = _call("FPDFBitmap_GetStride", c_int, c_void_p)
FPDFBitmap_GetBuffer = _call("FPDFBitmap_GetBuffer", c_void_p, c_void_p)
FPDF_RenderPageBitmap = _call(
    "FPDF_RenderPageBitmap", None, c_void_p, c_void_p, c_int, c_int, c_int, c_int, c_int, c_int
)

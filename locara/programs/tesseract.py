"""Outside: what `tesseract` is started with. Only words of closed lists ever reach its command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from locara.errors import CallError
from locara.programs.launch import MIB, Launch, Limits, find, folder_of, interpreter_of
from locara.programs.places import PROGRAM, PROGRAM_DATA
from locara.sandbox.plan import Source

PACKAGE: Final = "tesseract-ocr"
PLACES: Final = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
)
LIMITS: Final = Limits(memory=1_536 * MIB, cpu=90, wall=120.0)
MAX_LANGUAGES: Final = 4
LAYOUTS: Final[Mapping[str, str]] = {"auto": "3", "column": "4", "block": "6", "line": "7", "sparse": "11"}
_NO_LANGUAGES: Final = frozenset({"osd", "equ"})
_DPI: Final = range(36, 2_401)


def data_folder() -> Path:
    """Where the languages lie. Raises CallError when none is installed."""
    found = folder_of(PLACES, "*.traineddata")
    if found is None:
        raise CallError(
            "tesseract has no languages on this machine",
            code="program_unavailable",
            fix="install one (Debian, Ubuntu: apt install tesseract-ocr-eng)",
        )
    return found


def languages(folder: Path) -> list[str]:
    """The languages in a folder, sorted: only plain names, which is what may be asked for."""
    names = (path.name.removesuffix(".traineddata") for path in folder.glob("*.traineddata"))
    return sorted(name for name in names if _is_language(name))


def _is_language(name: str) -> bool:
    parts = name.split("_")
    plain = all(part.isascii() and part.isalpha() and 3 <= len(part) <= 5 for part in parts)
    return plain and len(parts) <= 3 and name not in _NO_LANGUAGES


def facts() -> Mapping[str, Any]:
    """`{languages}`. Raises CallError when tesseract or its data is missing."""
    find("tesseract", package=PACKAGE)
    return {"languages": languages(data_folder())}


def launch(options: Mapping[str, Any]) -> Launch:
    """The call for `{languages, layout, dpi}`. Raises CallError for anything that is not on a list."""
    program, folder = find("tesseract", package=PACKAGE), data_folder()
    wanted, layout, dpi = options.get("languages"), options.get("layout"), options.get("dpi")
    if options.keys() != {"languages", "layout", "dpi"} or not isinstance(wanted, list):
        raise CallError("a picture is read with languages, layout and dpi", code="bad_request")
    if not 1 <= len(wanted) <= MAX_LANGUAGES or len({*map(str, wanted)}) != len(wanted):
        raise CallError(f"name 1 to {MAX_LANGUAGES} languages, each once", code="bad_request")
    known = languages(folder)
    for name in wanted:
        if not isinstance(name, str) or name not in known:
            raise _unknown(name)
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise CallError(f"layout is one of {', '.join(LAYOUTS)}", code="bad_request")
    if dpi is not None and (type(dpi) is not int or dpi not in _DPI):
        raise CallError(f"dpi is {_DPI[0]} to {_DPI[-1]}", code="bad_request")
    words = ["tesseract", "stdin", "stdout", "-l", "+".join(wanted), "--psm", LAYOUTS[layout]]
    words += [] if dpi is None else ["--dpi", str(dpi)]
    words += ["-c", "tessedit_create_tsv=1"]
    return Launch(
        "ocr",
        LIMITS,
        argv=tuple(words),
        interpreter=interpreter_of(program),
        sources=(Source(program, PROGRAM, "file"), *_sources(folder, wanted)),
        readable=(PROGRAM_DATA,),
        environment={"TESSDATA_PREFIX": PROGRAM_DATA, "OMP_THREAD_LIMIT": "1"},
    )


def _sources(folder: Path, wanted: list[str]) -> list[Source]:
    names = [f"{name}.traineddata" for name in wanted]
    return [Source(folder / name, f"{PROGRAM_DATA}/{name}", "file") for name in names]


def _unknown(name: object) -> CallError:
    plain = isinstance(name, str) and _is_language(name)
    return CallError(
        f"the language {name} is not installed" if plain else "that is not the name of a language",
        code="not_found" if plain else "bad_request",
        fix=f"Debian, Ubuntu: apt install tesseract-ocr-{str(name).replace('_', '-')}"
        if plain
        else "name one that ocr.languages returns",
    )

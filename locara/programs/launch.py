"""What one call of a program needs, as a value, and how a program is found on this machine."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from locara.errors import CallError
from locara.records import dataclass
from locara.sandbox.host import SEARCH
from locara.sandbox.plan import Source

MIB: Final = 1024 * 1024
_PT_INTERP: Final = 3
_MAX_INTERPRETER: Final = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """memory in bytes of address space, cpu and wall in seconds. Beyond any of them the program is ended."""

    memory: int
    cpu: int
    wall: float


@dataclass(frozen=True, slots=True)
class Launch:
    """One call: the words of its command line (none: a reader inside this package), its data, its limits.

    readable are paths inside that stay open beside the program and the system's libraries;
    threads says whether it works with more than one.
    """

    name: str
    limits: Limits
    argv: tuple[str, ...] = ()
    interpreter: str = ""
    reader: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    readable: tuple[str, ...] = ()
    threads: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def find(name: str, *, package: str, search: str = SEARCH) -> Path:
    """The real path of a program of the system, never one that PATH names. Raises CallError."""
    found = shutil.which(name, path=search)
    if found is None:
        raise CallError(
            f"{name} is not installed on this machine",
            code="program_unavailable",
            fix=f"install {name} (Debian, Ubuntu: apt install {package})",
        )
    return Path(os.path.realpath(found))


def interpreter_of(program: Path) -> str:
    """The loader that a 64-bit ELF file names: the one other file that is executed when it starts.

    Raises CallError for a file that is none, a script for instance.
    """
    with program.open("rb") as file:
        head = file.read(64)
        if len(head) == 64 and head[:6] == b"\x7fELF\x02\x01":
            (at,) = struct.unpack_from("<Q", head, 32)
            size, count = struct.unpack_from("<HH", head, 54)
            for index in range(count if size == 56 else 0):
                file.seek(at + index * size)
                entry = file.read(size)
                kind, offset, length = struct.unpack_from("<I", entry)[0], *_span(entry)
                if kind == _PT_INTERP and 1 < length <= _MAX_INTERPRETER:
                    file.seek(offset)
                    return file.read(length).rstrip(b"\0").decode("ascii")
    raise CallError(f"{program.name} is not a program of this machine", code="program_unavailable")


def _span(entry: bytes) -> tuple[int, int]:
    (offset,) = struct.unpack_from("<Q", entry, 8)
    (length,) = struct.unpack_from("<Q", entry, 32)
    return offset, length


def folder_of(places: tuple[str, ...], pattern: str) -> Path | None:
    """The first of the places that is a folder with a file of this pattern, by its real path."""
    for place in places:
        folder = Path(os.path.realpath(place))
        if folder.is_dir() and next(folder.glob(pattern), None) is not None:
            return folder
    return None

"""Files of the instance: written whole or not at all, and secret ones readable by nobody else.

A secret that others could read is no secret any more, so a wider mode is refused and not repaired: whoever runs
the instance must decide whether the key has to be replaced.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from locara.durable import write_whole
from locara.trust.refusal import Reason, TrustError

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
_LIMIT: Final = 4 << 20


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter; one that exists must already be so."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _owned(os.fstat(fd), folder, "folder", 0o700)
    finally:
        os.close(fd)


def write(place: Path, content: bytes, *, mode: int = PRIVATE, replace: bool = False) -> None:
    """Write a file whole: another process sees the old state or the new one, also after a loss of power.

    Raises FileExistsError when there is one and ``replace`` is false.
    """
    write_whole(place, content, mode=mode, replace=replace)


def read_private(place: Path) -> bytes:
    """The bytes of a secret file.

    Raises TrustError: `MATERIAL_MISSING` when it is not there, `MATERIAL_UNTRUSTED` when it is no plain file of
    ours or when anybody else may read or write it.
    """
    try:
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise TrustError(Reason.MATERIAL_MISSING, f"{place} is not there") from error
    except OSError as error:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{place} cannot be opened: {error.strerror}") from error
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{place} is not a plain file")
        _owned(found, place, "file", PRIVATE)
        with os.fdopen(os.dup(fd), "rb") as file:
            content = file.read(_LIMIT + 1)
    finally:
        os.close(fd)
    if len(content) > _LIMIT:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{place} is larger than {_LIMIT} bytes")
    return content


def _owned(found: os.stat_result, place: Path, kind: str, widest: int) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid():
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"the {kind} {place} belongs to user {found.st_uid}")
    if mode & ~widest:
        raise TrustError(
            Reason.MATERIAL_UNTRUSTED,
            f"the {kind} {place} has mode {mode:04o}, and others may have read its keys",
            fix=f"if nobody did: chmod {widest:04o} {place}; else replace the keys",
        )

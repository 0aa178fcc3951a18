"""Bind sources, opened exactly once, by descriptor, without following any link (CVE-2024-42472,
CVE-2026-34078).

Whatever is swapped on the way to a source before, during or after the start: either the open is refused, or
the sandbox shows the very file that was opened.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from locara.errors import SandboxError
from locara.records import dataclass
from locara.sandbox.linux.identity import Identity
from locara.sandbox.linux.kernel_calls import open_beneath, open_without_links
from locara.sandbox.plan import Source
from locara.sandbox.profile import DATA, DATA_PARTS, SHARED

_SHAPES: Final[Mapping[str, tuple[Callable[[int], bool], str]]] = {
    "dir": (stat.S_ISDIR, "a directory"),
    "file": (stat.S_ISREG, "a regular file"),
    "socket": (stat.S_ISSOCK, "a socket"),
}
_LINK_FIX = "replace the link by the real file or directory, or name the real path"


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source with its descriptor (O_PATH) and the identity of what was opened."""

    source: Source
    fd: int
    device: int
    inode: int


def open_sources(sources: Iterable[Source]) -> list[OpenSource]:
    """Open every source; absent optional ones are left out. SandboxError launch_failed names the refused
    path.

    The caller closes the descriptors. On an error none stays open.
    """
    opened: list[OpenSource] = []
    try:
        for source in sources:
            one = _open(source)
            if one is not None:
                opened.append(one)
    except BaseException:
        close_sources(opened)
        raise
    return opened


def close_sources(sources: Iterable[OpenSource]) -> None:
    """Close the descriptors."""
    for source in sources:
        os.close(source.fd)


def _open(source: Source) -> OpenSource | None:
    shown = source.path if source.below is None else source.below / source.path
    try:
        fd = _open_fd(source)
    except FileNotFoundError as error:
        if source.optional:
            return None
        raise SandboxError(f"{shown} does not exist", code="launch_failed") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EXDEV):
            reason = f"{shown} is reached through a symbolic link"
            raise SandboxError(reason, code="launch_failed", fix=_LINK_FIX) from error
        raise SandboxError(f"{shown} cannot be opened: {error.strerror}", code="launch_failed") from error
    seen = os.fstat(fd)
    is_kind, noun = _SHAPES[source.shape]
    if not is_kind(seen.st_mode):
        os.close(fd)
        raise SandboxError(f"{shown} is not {noun}", code="launch_failed", fix=_LINK_FIX)
    return OpenSource(source, fd, seen.st_dev, seen.st_ino)


def _open_fd(source: Source) -> int:
    if source.below is None:
        return open_without_links(source.path, os.O_PATH)
    top = open_without_links(source.below, os.O_PATH | os.O_DIRECTORY)
    try:
        return open_beneath(top, str(source.path), os.O_PATH)
    finally:
        os.close(top)


def prepare_data(sources: Iterable[Source], identity: Identity | None) -> None:
    """Make the app's data directory with its parts, and the folders it shares with other apps: private (0700)
    and owned by the user the app runs as.

    Existing directories keep their mode. As root, directories (never files: they may be hard links) are
    handed over.
    """
    for source in sources:
        if source.dest != DATA and not source.dest.startswith(f"{SHARED}/"):
            continue
        source.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        top = _open_directory(source.path)
        try:
            hand_over(top, identity)
            for part in DATA_PARTS if source.dest == DATA else ():
                _make_part(top, part, identity)
        finally:
            os.close(top)


def _open_directory(path: Path) -> int:
    try:
        return open_without_links(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SandboxError(
            f"{path} is not a directory free of symbolic links: {error.strerror}",
            code="launch_failed",
            fix=_LINK_FIX,
        ) from error


def _make_part(top: int, part: str, identity: Identity | None) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(part, 0o700, dir_fd=top)
    try:
        fd = open_beneath(top, part, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SandboxError(
            f"the data directory's {part!r} is not a directory: {error.strerror}",
            code="launch_failed",
            fix=_LINK_FIX,
        ) from error
    try:
        hand_over(fd, identity)
    finally:
        os.close(fd)


def hand_over(directory_fd: int, identity: Identity | None) -> None:
    """As root, give a directory that root owns to the user the app runs as; otherwise nothing."""
    if identity is not None and os.fstat(directory_fd).st_uid == 0:
        os.fchown(directory_fd, identity.uid, identity.gid)

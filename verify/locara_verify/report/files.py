"""Writing reports so that what is on disk is either whole and as meant, or not there."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from locara.durable import sync_folder
from locara_verify.report import github, html, human, json_report, junit, ndjson, sarif
from locara_verify.report.value import Report

FORMATS: Final[Mapping[str, Callable[[Report], str]]] = {
    "human": human.render,
    "json": json_report.render,
    "ndjson": ndjson.render,
    "sarif": sarif.render,
    "junit": junit.render,
    "github": github.render,
    "html": html.render,
}


def remove_stale(path: Path) -> None:
    """Remove an older report at ``path``, so that a run that fails to write leaves no verdict of another one.

    Raises OSError when it cannot be removed; a path that is not an ordinary file (a device) is left alone.
    """
    if path.is_file() or path.is_symlink():
        path.unlink()


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` to ``path``: temporary file, fsync, rename, fsync of the folder, then read back.

    Raises OSError and leaves nothing at ``path`` when any step fails or other bytes come back.
    """
    data = text.encode("utf-8", "backslashreplace")
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a device or a pipe the caller chose: there is nothing to rename
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        with contextlib.suppress(OSError):  # some file systems cannot; the rename itself is done
            sync_folder(path.parent)
        if path.read_bytes() != data:
            path.unlink(missing_ok=True)
            raise OSError(f"{path} does not hold what was written")
    finally:
        temporary.unlink(missing_ok=True)

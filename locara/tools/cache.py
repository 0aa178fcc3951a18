"""The tool cache: one read-only folder per pin, shared by all apps of one person.

Layout: `<root>/<hex>/{tool.json, tool.wasm}` (mode 0444), `<hex>` the SHA-256 of `tool.json`, which names the digest
of `tool.wasm`. A folder appears by one rename, complete or not at all; names are always digests. Both files are
hashed again whenever a tool is loaded.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from locara.core.digest import Digest
from locara.errors import ToolError
from locara.plain_files import open_plain
from locara.records import dataclass
from locara.staging import attempt
from locara.tools.manifest import MAX_MANIFEST, MAX_MODULE, Tool, read_tool

MANIFEST: Final = "tool.json"
MODULE: Final = "tool.wasm"
_PARTIAL: Final = ".partial-"
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def load_tool(folder: Path, digest: Digest) -> tuple[Tool, bytes]:
    """The tool in a folder and its module, both with the bytes that the pin says.

    Raises ToolError `not_cached`, `digest_mismatch` or `bad_format`.
    """
    written = _read(folder / MANIFEST, MAX_MANIFEST)
    if Digest.of(written) != digest:
        raise _mismatch(f"{MANIFEST} of the tool {digest}")
    tool = read_tool(written)
    wasm = _read(folder / MODULE, MAX_MODULE)
    if Digest.of(wasm) != tool.module:
        raise _mismatch(f"the module of the tool {tool.id}")
    return tool, wasm


def read_folder(folder: Path) -> tuple[bytes, bytes]:
    """The bytes of `tool.json` and `tool.wasm` in a folder, within their bounds. Raises ToolError."""
    return _read(folder / MANIFEST, MAX_MANIFEST), _read(folder / MODULE, MAX_MODULE)


@dataclass(frozen=True, slots=True)
class ToolCache:
    """The cache below `root`. Reading never creates anything; a missing root is an empty cache."""

    root: Path

    def folder(self, digest: Digest) -> Path | None:
        """The folder of a cached tool, or None. Says nothing about its content: see `load_tool`."""
        path = self.root / digest.hex
        try:
            return path if stat.S_ISDIR(path.lstat().st_mode) else None
        except OSError:
            return None

    def verify(self, digest: Digest) -> Tool:
        """The tool of this pin, after both files were hashed. Raises ToolError."""
        folder = self.folder(digest)
        if folder is None:
            raise not_cached(digest)
        return load_tool(folder, digest)[0]

    def list(self) -> tuple[Digest, ...]:
        """The digests of all entries, sorted."""
        try:
            names = sorted(entry.name for entry in self.root.iterdir())
        except OSError:
            return ()
        found = []
        for name in names:
            with suppress(ValueError):
                found.append(Digest.parse(f"sha256:{name}"))
        return tuple(found)

    def add(self, manifest: bytes, wasm: bytes, *, expected: Digest | None = None) -> Tool:
        """Add a tool, replacing a damaged entry. Returns it; nothing of a failed attempt remains.

        Raises ToolError `bad_format`, `digest_mismatch` (the module is not the manifest's, or the manifest not
        the expected one), `disk_full` or `not_cached` (the cache cannot be written).
        """
        tool = read_tool(manifest)
        if expected is not None and tool.digest != expected:
            raise ToolError(f"the tool is {tool.digest}, expected {expected}", code="digest_mismatch")
        if len(wasm) > MAX_MODULE:
            raise ToolError(f"a module has at most {MAX_MODULE} bytes", code="bad_format")
        if Digest.of(wasm) != tool.module:
            raise _mismatch(f"the module of the tool {tool.id}")
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with attempt(self.root, _PARTIAL) as staging:
                _write(staging / MANIFEST, manifest)
                _write(staging / MODULE, wasm)
                staging.chmod(0o755)
                self._publish(staging, tool.digest)
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise ToolError("the disk is full: the tool was not added", code="disk_full") from error
            raise ToolError(
                f"the tool could not be added: {error.strerror or type(error).__name__}", code="not_cached"
            ) from error
        return tool

    def _publish(self, staging: Path, digest: Digest) -> None:
        """Move the finished folder to its name; an intact entry that is already there wins."""
        final = self.root / digest.hex
        try:
            staging.rename(final)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise
            try:
                self.verify(digest)
            except ToolError:
                damaged = self.root / f"{_PARTIAL}{secrets.token_hex(16)}"
                final.rename(damaged)
                staging.rename(final)
                if damaged.is_dir() and not damaged.is_symlink():
                    shutil.rmtree(damaged, ignore_errors=True)
                else:
                    damaged.unlink(missing_ok=True)


def not_cached(digest: Digest) -> ToolError:
    """The error for a tool that is pinned but not on this machine."""
    return ToolError(
        f"the tool {digest} is not in the cache",
        code="not_cached",
        fix="add it with `locara tools import DIR`",
    )


def default_root() -> Path:
    """Where tools of this person are kept: the platform's cache directory, `Locara/tools`."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "Locara" / "tools"
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rule: a relative value is invalid and must be ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "Locara" / "tools"


def _mismatch(what: str) -> ToolError:
    return ToolError(
        f"{what} has other bytes than its digest says",
        code="digest_mismatch",
        fix="delete the tool's folder in the cache and import it again",
    )


def _read(path: Path, most: int) -> bytes:
    """The bytes of a regular file; a link in the last place, a pipe or a device is refused."""
    try:
        with open_plain(path) as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ToolError(f"{path.name} cannot be read: {error.strerror}", code="not_cached") from error
    if len(data) > most:
        raise ToolError(f"{path.name} has more than {most} bytes", code="bad_format")
    return data


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o444)

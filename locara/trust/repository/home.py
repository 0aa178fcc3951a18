"""Where the client keeps what it fetched: the registry it follows, what it saw, and the last copy that was whole.

    registry.json  root.json     the registry, and the root that was trusted when following began
    seen/                        metadata as far as it was ever verified: no going back behind it
    good -> copy-<random>        the last copy that was verified from end to end, with its targets

Everything below is replaced whole, so that a kill at any moment leaves the copy before or the copy after.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from locara.core.digest import Digest
from locara.durable import sync_folder, write_whole
from locara.plain_files import open_plain
from locara.records import dataclass
from locara.trust.repository.address import checked_address
from locara.trust.repository.refused import UpdateRefused
from locara.trust.repository.verified import MAX_ROOT, MAX_TARGETS, verify

MAX_TARGET: Final = 16 << 20
_LINK: Final = "good"


class _Registry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    format: Literal["locara-registry/1"]
    url: str
    root: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that is followed: its address, which ends in a slash, and the root it is trusted by."""

    url: str
    root: bytes

    @property
    def targets_url(self) -> str:
        """Where the targets lie."""
        return f"{self.url}targets/"


@dataclass(frozen=True, slots=True)
class Home:
    """The client's folder. It belongs to the person and is reached by no app."""

    path: Path

    @property
    def seen(self) -> Path:
        """The metadata that was verified so far."""
        return self.path / "seen"

    @property
    def good(self) -> Path:
        """The last whole copy. UpdateRefused ``no_copy``."""
        try:
            name = (self.path / _LINK).readlink().name
        except OSError as error:
            raise UpdateRefused(
                "nothing was fetched from a registry yet", code="no_copy", fix="run `locara trust update`"
            ) from error
        return self.path / name

    def registry(self) -> Registry:
        """The registry that is followed. UpdateRefused ``not_followed`` or ``copy_changed``."""
        data = _read(self.path / "registry.json", MAX_ROOT)
        root = _read(self.path / "root.json", MAX_ROOT)
        if data is None:
            raise UpdateRefused(
                "no registry is followed on this machine",
                code="not_followed",
                fix="locara trust follow URL --root root.json",
            )
        try:
            told = _Registry.model_validate(json.loads(data))
        except (ValueError, ValidationError) as error:
            raise _changed("registry.json") from error
        if root is None or str(Digest.of(root)) != told.root:
            raise _changed("root.json")
        return Registry(checked_address(told.url), root)

    def follow(self, url: str, root: bytes) -> Registry:
        """Begin to follow a registry. What was seen and kept of another one is forgotten.

        Raises UpdateRefused ``bad_address``, ``malformed`` or ``unsigned`` when the root is not one.
        """
        registry = Registry(checked_address(url), root)
        check_root(root)
        told = {"format": "locara-registry/1", "url": registry.url, "root": str(Digest.of(root))}
        with self.alone(), _writing("registry.json"):
            with suppress(UpdateRefused):
                if self.registry() == registry:
                    return registry
            (self.path / _LINK).unlink(missing_ok=True)
            shutil.rmtree(self.seen, ignore_errors=True)
            self._sweep()
            (self.path / "registry.json").unlink(missing_ok=True)
            write_whole(self.path / "root.json", root)
            write_whole(self.path / "registry.json", json.dumps(told).encode())
        return registry

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the block runs no other process updates; a second one waits."""
        with _writing(str(self.path)):
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def keep(self, metadata: Mapping[str, bytes], targets: Mapping[str, bytes]) -> None:
        """Make these files the last whole copy. Call it `alone`."""
        name = f"copy-{secrets.token_hex(8)}"
        with _writing(name):
            self._sweep()
            for file, data in metadata.items():
                _write(self.path / name / "metadata" / file, data)
            for path, data in targets.items():
                _write(self.path / name / "targets" / quote(path, safe=""), data)
            for folder in ("metadata/root_history", "metadata", "targets", ""):
                if (self.path / name / folder).is_dir():
                    sync_folder(self.path / name / folder)
            link = self.path / f".{name}"
            link.symlink_to(name)
            link.replace(self.path / _LINK)
            sync_folder(self.path)
            self._sweep()

    def metadata(self, name: str) -> bytes | None:
        """A metadata file of the last whole copy, by the name that `verify` asks for."""
        return _read(self.good / "metadata" / name, MAX_TARGETS)

    def seen_metadata(self, name: str) -> bytes | None:
        """A metadata file as far as it was ever verified, by the name that `verify` asks for."""
        return _read(self.seen / name, MAX_TARGETS)

    def target(self, path: str) -> bytes | None:
        """The bytes kept for a target in the last whole copy, unverified."""
        return _read(self.good / "targets" / quote(path, safe=""), MAX_TARGET)

    def _sweep(self) -> None:
        """Remove copies that are not the good one: of updates that ended, or were killed."""
        current = (self.path / _LINK).readlink().name if (self.path / _LINK).is_symlink() else ""
        for entry in self.path.iterdir():
            if entry.name.startswith(".copy-"):
                entry.unlink(missing_ok=True)
            elif entry.name.startswith("copy-") and entry.name != current:
                shutil.rmtree(entry, ignore_errors=True)


def check_root(root: bytes) -> None:
    """Raise UpdateRefused unless these bytes are a root that is signed by itself."""
    if len(root) > MAX_ROOT:
        raise UpdateRefused("this is larger than any root", code="too_long")
    try:
        verify(lambda _name: None, root, (), at=None)
    except UpdateRefused as error:
        if error.code != "mixed":  # the root is sound, and nothing lies behind it yet
            raise


def _changed(name: str) -> UpdateRefused:
    return UpdateRefused(
        f"{name} of the registry that is followed was changed",
        code="copy_changed",
        fix="look at who changed it, then run `locara trust follow` again",
    )


@contextmanager
def _writing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UpdateRefused(
            f"{what} cannot be written: {error.strerror}",
            code="unwritable",
            fix="make room or correct the rights, then run `locara trust update`",
        ) from error


def _read(path: Path, limit: int) -> bytes | None:
    """The bytes of a plain file, one more than the limit at most; None when there is none."""
    try:
        with open_plain(path) as file:
            return file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UpdateRefused(f"{path} cannot be read: {error.strerror}", code="copy_changed") from error


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())

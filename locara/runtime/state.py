"""What the person decided about apps: a folder of small files that no app can reach.

The folder belongs to the person, not to an app: no sandbox shows it, and the launcher refuses to start an app
whose own folders would hold it. That is why what is kept here needs no signature: a program that can write
here already runs as the person, outside every sandbox.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from locara.core.digest import Digest
from locara.core.strict_json import JSON, parse
from locara.durable import write_whole
from locara.errors import LocaraError, ManifestError
from locara.plain_files import NotPlainError, open_plain
from locara.records import dataclass

MAX_BYTES: Final = 8 * 1024 * 1024
START_CODES: Final = frozenset(
    {
        "consent_needed",
        "consent_refused",
        "consent_unreadable",
        "manifest_changed",
        "revocation_stale",
        "revocation_unreadable",
        "revoked",
        "state_exposed",
        "state_unwritable",
    }
)
_RECORDS: Final = ("consent", "picked")
_NOT_OURS: Final = "it belongs to somebody else, others may write to it, or it is not a plain file"


class StartError(LocaraError):
    """The app may not start. Nothing of it has run. ``code`` is one of `START_CODES`."""

    code = "consent_refused"

    def __init__(self, message: str, *, code: str, fix: str | None = None) -> None:
        if code not in START_CODES:
            raise ValueError("not a code of the closed list START_CODES")
        super().__init__(message, code=code, fix=fix)


def default_state_root() -> Path:
    """The folder of the person's decisions: below XDG_STATE_HOME, or Application Support on macOS."""
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/Locara/state"
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local/state") / "Locara"


@dataclass(frozen=True, slots=True)
class StateFolder:
    """A folder of JSON files that are replaced whole, readable and writable by their owner alone."""

    path: Path

    def read(self, name: str, *, code: str) -> dict[str, JSON] | None:
        """The JSON object in a file, ``None`` only when there is no such file.

        Raises StartError with ``code`` for anything else: a link, a file others can write, damaged text.
        """
        data = self.read_bytes(name, code=code)
        if data is None:
            return None
        try:
            value = parse(data, max_bytes=MAX_BYTES).value
        except ManifestError as error:
            reason = f"line {error.problems[0].line}: {error.problems[0].message}"
            raise self.unreadable(name, reason, code=code) from error
        if not isinstance(value, dict):  # above all no null, which would pass for an absent file
            raise self.unreadable(name, "it does not hold an object", code=code)
        return value

    def read_bytes(self, name: str, *, code: str) -> bytes | None:
        """The bytes of a file, ``None`` only when there is no such file. Raises StartError with ``code`` as
        `read` does, except for what the text says."""
        try:
            file = open_plain(self.path / name)
        except FileNotFoundError:
            return None
        except NotPlainError as error:
            raise self.unreadable(name, _NOT_OURS, code=code) from error
        except OSError as error:
            raise self.unreadable(name, error.strerror or "it cannot be opened", code=code) from error
        with file:
            seen = os.fstat(file.fileno())
            if seen.st_uid not in (os.geteuid(), 0) or seen.st_mode & 0o022:
                raise self.unreadable(name, _NOT_OURS, code=code)
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise self.unreadable(name, f"it is larger than {MAX_BYTES:,} bytes", code=code)
        return data

    def unreadable(self, name: str, reason: str, *, code: str) -> StartError:
        """The error for a file whose content cannot be believed."""
        return StartError(
            f"{self.path / name} cannot be relied on ({reason})",
            code=code,
            fix="look at who changed it; while it cannot be read, the app does not start",
        )

    def write(self, name: str, value: JSON, *, mode: int = 0o600) -> Digest:
        """Replace a file and return the digest of its bytes. A reader or a power cut sees the old or the new.

        Raises StartError ``state_unwritable``.
        """
        place = self.path / name
        try:
            self._make(place.parent)
            text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
            data = text.encode()
            write_whole(place, data, mode=mode)
        except OSError as error:
            raise _unwritable(place, error) from error
        return Digest.of(data)

    def remove(self, name: str) -> None:
        """Take a file away; nothing when it is not there."""
        with suppress(FileNotFoundError):
            (self.path / name).unlink()

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """While the block runs no other process holds the same name; a second one waits."""
        place = self.path / f"{name}.lock"
        try:
            self._make(place.parent)
            fd = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(place, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _make(self, folder: Path) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)

    def keep_away_from(self, places: Iterable[Path]) -> None:
        """Raise StartError ``state_exposed`` when one of the places holds this folder or its records."""
        ours = Path(os.path.realpath(self.path))
        for place in places:
            theirs = Path(os.path.realpath(place))
            records = any(theirs.is_relative_to(ours / folder) for folder in _RECORDS)
            if ours.is_relative_to(theirs) or records:
                raise StartError(
                    f"the app could reach your decisions about apps: {self.path} and {place} overlap",
                    code="state_exposed",
                    fix="keep the state folder (XDG_STATE_HOME) out of every folder that an app is given",
                )


def _unwritable(place: Path, error: OSError) -> StartError:
    return StartError(
        f"{place} cannot be written: {error.strerror}",
        code="state_unwritable",
        fix="without a record of your answer the app does not start; make room or correct the rights",
    )

"""An app's data seen by a developer's verb: the app is not running, and nothing in the way is a link."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from locara.errors import AuditError, LocaraError

if TYPE_CHECKING:
    from locara.runtime.app_home import AppHome


class DataError(LocaraError):
    """The app's data is not there, or not as it should be."""

    code = "unreadable"


@contextmanager
def stopped(home: AppHome, *, make: bool = False) -> Iterator[None]:
    """While the block runs the app cannot start on this data; what was made in it belongs to the app.

    make also makes the folders that are not there yet. Raises AuditError `in_use` when the app is running,
    DataError when there is no data (and make is not set) and for links on the way.
    """
    folder = home.database.parent
    if make:
        for place in (home.path, folder, home.audit_log.parent):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place in (home.path, folder, home.audit_log.parent):
        _check_folder(place)
    if os.path.lexists(_backups(home)):  # as yet there may be none
        _check_folder(_backups(home))
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(home.audit_log, flags, 0o600)
    except OSError as error:
        raise DataError(f"{home.audit_log} cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AuditError(
                "the app is running on this data", code="in_use", fix="close the app, then try again"
            ) from error
        yield
    finally:
        _hand_over(home)
        os.close(fd)


def database_of(home: AppHome) -> Path:
    """The app's database. Raises DataError when it is not there or not a plain file of its own."""
    try:
        seen = home.database.lstat()
    except FileNotFoundError as error:
        raise DataError(
            f"there is no database at {home.database}",
            fix="run the app once, or name the --data folder that it was run with",
        ) from error
    except OSError as error:
        raise DataError(f"{home.database} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1:
        raise DataError(f"{home.database} is not a plain file of its own")
    return home.database


def _backups(home: AppHome) -> Path:
    return home.database.parent / "backups"


def _check_folder(place: Path) -> None:
    try:
        seen = place.lstat()
    except FileNotFoundError as error:
        raise DataError(
            f"the app has no data at {place}",
            fix="run the app once, or name the --data folder that it was run with",
        ) from error
    if not stat.S_ISDIR(seen.st_mode):
        raise DataError(f"{place} is not a folder", fix="replace a link by the folder itself")


def _hand_over(home: AppHome) -> None:
    """As root, give what root made here to the user the app runs as, as the launcher does with folders."""
    from locara.sandbox.linux.identity import ordinary_identity

    identity = ordinary_identity(os.geteuid(), os.environ)
    if identity is None:
        return
    backups = _backups(home)
    made = [home.path, home.database.parent, home.audit_log.parent, home.audit_log, home.database]
    made += [home.database.with_name(home.database.name + end) for end in ("-wal", "-shm")]
    made += [backups, *backups.glob("*.sqlite")] if backups.is_dir() else []
    for place in made:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(place, flags)
        except OSError:
            continue
        try:
            seen = os.fstat(fd)
            if seen.st_uid == 0 and (stat.S_ISDIR(seen.st_mode) or seen.st_nlink == 1):
                os.fchown(fd, identity.uid, identity.gid)
        finally:
            os.close(fd)

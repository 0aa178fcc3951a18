"""Small files that must survive a power cut and that others must not write: keys, states, checkpoints."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from locara.durable import write_whole
from locara.plain_files import open_plain
from locara.trust.log_refusal import LogRefused
from locara.trust.note_keys import SigningKey

MAX_KEY_FILE: Final = 4_096


def read_file(path: Path, most: int, *, code: str) -> bytes | None:
    """The bytes of a plain file of at most that many bytes, None when there is none. Links are not followed.

    Raises LogRefused with `code` for anything else.
    """
    try:
        with open_plain(path) as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LogRefused(f"{path} cannot be read: {error.strerror}", code=code) from error
    if len(data) > most:
        raise LogRefused(f"{path} is larger than {most} bytes", code=code)
    return data


def replace_file(path: Path, data: bytes, *, mode: int = 0o600, code: str = "state_unwritable") -> None:
    """Put a file in place whole: after a return it is on the disk, and a power cut leaves the old or the new.

    Raises LogRefused: `disk_full`, else `code`.
    """
    try:
        write_whole(path, data, mode=mode)
    except OSError as error:
        raise unwritable(path, error, code) from error


def unwritable(path: Path, error: OSError, code: str = "state_unwritable") -> LogRefused:
    """The refusal for a file that could not be written."""
    import errno  # noqa: PLC0415 - only when something went wrong

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LogRefused(f"{path} could not be written: the disk is full", code="disk_full")
    return LogRefused(f"{path} could not be written: {error.strerror}", code=code)


def make_private(folder: Path) -> None:
    """Make a folder that is its owner's alone, or see that it is. Raises LogRefused."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.lstat()
    except OSError as error:
        raise unwritable(folder, error) from error
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o077:
        raise LogRefused(
            f"{folder} must be a folder that only its owner can use",
            code="key_exposed",
            fix=f"chmod 700 {folder}, as the user who runs this",
        )


@contextmanager
def alone(folder: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """While the block runs nobody else holds the folder this way. Raises LogRefused `in_use`, unless told to
    wait for them."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise LogRefused(f"{folder} cannot be opened: {error.strerror}", code="state_unreadable") from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            raise LogRefused(
                f"another process is {what} with {folder}",
                code="in_use",
                fix="stop it first; two of them would contradict each other",
            ) from error
        yield
    finally:
        os.close(fd)


def write_key(path: Path, key: SigningKey) -> None:
    """Keep a new private key in a file that only its owner can read. A file that is there is not replaced.

    Raises LogRefused.
    """
    try:
        write_whole(path, key.text.encode() + b"\n", replace=False)
    except FileExistsError as error:
        raise LogRefused(f"{path} is there already and is kept", code="state_unwritable") from error
    except OSError as error:
        raise unwritable(path, error) from error


def read_key(path: Path, kind: int) -> SigningKey:
    """The private key in a file. Raises LogRefused: `key_exposed` when others can read or write the file,
    `key_unreadable` when it is not there or holds no key of this kind."""
    raw = read_file(path, MAX_KEY_FILE, code="key_unreadable")
    if raw is None:
        raise LogRefused(f"there is no key at {path}", code="key_unreadable")
    seen = path.lstat()
    if seen.st_uid not in (os.geteuid(), 0) or seen.st_mode & 0o077 or seen.st_nlink != 1:
        raise LogRefused(
            f"others can use the key {path}",
            code="key_exposed",
            fix=f"chmod 600 {path}; if others may have read it, make a new key",
        )
    try:
        key = SigningKey.parse(raw.decode("utf-8").removesuffix("\n"))
    except (LogRefused, UnicodeDecodeError) as error:
        raise LogRefused(f"{path} does not hold the private key of a note", code="key_unreadable") from error
    if key.kind != kind:
        raise LogRefused(f"{path} holds a key for another kind of signature", code="key_unreadable")
    return key

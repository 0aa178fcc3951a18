"""LC756: what a witness keeps is a plain file of its own, of a bounded size, with a key of its kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from locara.trust.kept_files import MAX_KEY_FILE, read_file, read_key, replace_file, write_key
from locara.trust.log_refusal import LogRefused
from locara.trust.note_keys import COSIGNATURE, ED25519, SigningKey
from locara_verify.checks.log.trial import Trial
from locara_verify.checks.waiting import in_time

RULE: Final = "LC756"
SECONDS: Final = 5.0
_SIZE: Final = 1_000


def kept_files(trial: Trial, folder: Path) -> None:
    """What lies in the place of a file, how large it may be, and which key a key file holds."""
    folder.mkdir()
    place = folder / "kept"

    def read(most: int = _SIZE) -> object:
        return _in_time(place, lambda: read_file(place, most, code="state_unreadable"))

    replace_file(place, b"x" * _SIZE)
    trial.believed(RULE, "a file as large as may be", lambda: _equal(read(), b"x" * _SIZE))
    trial.refused(RULE, "a file that is larger than may be", "state_unreadable", lambda: read(_SIZE - 1))
    place.unlink()
    trial.believed(RULE, "a file that is not there", lambda: _equal(read(), None))
    for what, make in _odd(folder).items():
        make(place)
        trial.refused(RULE, f"{what} in the place of a file", "state_unreadable", read)
        place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
    _keys(trial, folder / "key")


def _odd(folder: Path) -> dict[str, Callable[[Path], object]]:
    (folder / "other").write_bytes(b"x")
    return {
        "a pipe": os.mkfifo,
        "a folder": Path.mkdir,
        "a link to a file": lambda place: place.symlink_to(folder / "other"),
        "a link to a device": lambda place: place.symlink_to("/dev/zero"),
        "a link to nothing": lambda place: place.symlink_to(folder / "none"),
    }


def _keys(trial: Trial, place: Path) -> None:
    first, second = (SigningKey.generate(f"{name}.example.org", COSIGNATURE) for name in ("one", "two"))
    write_key(place, first)
    good = place.read_bytes()
    trial.believed(RULE, "a key of the kind", lambda: _equal(read_key(place, COSIGNATURE), first))
    trial.refused(RULE, "a key of another kind", "key_unreadable", lambda: read_key(place, ED25519))
    trial.refused(RULE, "a key over a key", "state_unwritable", lambda: write_key(place, second))
    trial.holds(RULE, "a key was replaced", "its file changed", fault=place.read_bytes() != good)
    for what, data in {
        "a key and more": good + b"x",
        "two keys": good * 2,
        "half a key": good[: len(good) // 2],
        "a key that is too long": good + b"\n" * MAX_KEY_FILE,
        "no key": b"",
        "what is no text": b"\xff" + good,
    }.items():
        place.write_bytes(data)
        trial.refused(RULE, what, "key_unreadable", lambda: read_key(place, COSIGNATURE))


def _equal(found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError("another one came back")


def _in_time(place: Path, act: Callable[[], object]) -> object:
    """What ``act`` returns or raises, or LogRefused ``waits`` when it has not ended in time."""
    ended: list[object] = []

    def run() -> None:
        try:
            ended.append(act())
        except LogRefused as error:
            ended.append(error)

    if not in_time(run, SECONDS, place):
        raise LogRefused("it is still waited for", code="in_use")
    if not ended:
        raise ValueError("it broke off")
    if isinstance(ended[0], LogRefused):
        raise ended[0]
    return ended[0]

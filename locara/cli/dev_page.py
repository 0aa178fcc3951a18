"""A copy of the built page for a window: its folder stays the same one while a build makes `dist` anew."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

MAX_FILES: Final = 20_000
_NEW: Final = ".locara-new"


def mirror(source: Path, target: Path) -> None:
    """Make ``target`` hold the ordinary files that ``source`` holds now. What vanishes meanwhile is left out.

    A file is replaced whole. Links are not followed and not copied: a window serves none. At most `MAX_FILES`.
    Raises OSError when ``target`` cannot be written.
    """
    target.mkdir(exist_ok=True)
    target.chmod(0o755)  # the window's sandbox may be of another user
    kept = {target}
    for file in _files(source):
        place = target / file.relative_to(source)
        _make_way(place, target)
        new = place.with_name(_NEW)
        try:
            shutil.copyfile(file, new, follow_symlinks=False)
        except FileNotFoundError:
            continue
        new.chmod(0o644)
        new.replace(place)
        kept |= {place, *place.parents}
    _remove_others(target, kept)


def _files(source: Path) -> list[Path]:
    found: list[Path] = []
    waiting = [source]
    while waiting and len(found) < MAX_FILES:
        with suppress(OSError):
            for entry in os.scandir(waiting.pop()):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False) and entry.name != _NEW:
                    found.append(Path(entry.path))
    return found


def _make_way(place: Path, target: Path) -> None:
    """Folders down to a file's place, each where a file of that name may have been before."""
    for folder in reversed(place.relative_to(target).parents[:-1]):
        each = target / folder
        if not each.is_dir():
            each.unlink(missing_ok=True)
            each.mkdir()
            each.chmod(0o755)
    if place.is_dir():
        shutil.rmtree(place)


def _remove_others(target: Path, kept: set[Path]) -> None:
    waiting = [target]
    while waiting:
        for entry in os.scandir(waiting.pop()):
            path = Path(entry.path)
            is_folder = stat.S_ISDIR(entry.stat(follow_symlinks=False).st_mode)
            if path in kept:
                waiting += [path] if is_folder else []
            elif is_folder:
                shutil.rmtree(path)
            else:
                path.unlink()

"""Where the person's documents, pictures and so on are on this machine."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

from locara.runtime.private_places import PrivatePlaces

_ENGLISH: Final = {
    "documents": "Documents",
    "downloads": "Downloads",
    "desktop": "Desktop",
    "pictures": "Pictures",
    "music": "Music",
    "movies": "Movies" if sys.platform == "darwin" else "Videos",
}
_XDG: Final = {
    "DOCUMENTS": "documents",
    "DOWNLOAD": "downloads",
    "DESKTOP": "desktop",
    "PICTURES": "pictures",
    "MUSIC": "music",
    "VIDEOS": "movies",
}
_LINE: Final = re.compile(r'\s*XDG_([A-Z]+)_DIR\s*=\s*"(\$HOME/|/)((?:[^"\\]|\\.)*)"\s*')
_MOST_BYTES: Final = 64 * 1024


def default_user_roots() -> dict[str, Path]:
    """The person's folders, as far as they exist: those of ``user-dirs.dirs`` where it names them (a person whose
    language is not English has them under other names), else the usual ones.

    A folder that is private as a whole is none of them: a line that names the home folder itself means that there
    is no such folder. Only those that an app is granted are ever shown to it.
    """
    home = Path.home()
    named = {} if sys.platform == "darwin" else _named(home)
    places = PrivatePlaces.of(home=home)
    found = {name: named.get(name, home / usual) for name, usual in _ENGLISH.items()}
    return {name: path for name, path in found.items() if path.is_dir() and places.refusal(path) is None}


def _named(home: Path) -> dict[str, Path]:
    """The folders that xdg-user-dirs names; nothing when its file is missing or not text."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    place = (Path(base) if base.startswith("/") else home / ".config") / "user-dirs.dirs"
    try:
        with place.open("rb") as file:
            text = file.read(_MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, Path] = {}
    for line in text.splitlines():
        said = _LINE.fullmatch(line)
        if said is not None and said[1] in _XDG and "\0" not in said[3]:
            base_folder = home if said[2].startswith("$") else Path("/")
            found[_XDG[said[1]]] = base_folder / re.sub(r"\\(.)", r"\1", said[3])
    return found

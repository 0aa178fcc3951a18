"""Places that no app is given, whoever picks them: what belongs to the system, to the person alone, or to Locara.

A pick is a person's own word, and still not everything can be given with a click. Whoever picks the whole home
folder does not think of the keys in it, and one file written there in the right place is run at the next login.
Browsers that hand folders to pages keep the same places back.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from locara.core.text import escape
from locara.errors import CapabilityDenied
from locara.models.cache import default_root as models_root
from locara.records import dataclass
from locara.runtime.app_home import default_apps_root
from locara.runtime.state import default_state_root
from locara.tools.cache import default_root as tools_root

SYSTEM: Final = frozenset({
    *("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "nix", "opt", "proc", "root", "run", "sbin"),
    *("snap", "sys", "usr", "var/backups", "var/cache", "var/db", "var/lib", "var/lock", "var/log", "var/mail"),
    *("var/root", "var/run", "var/spool", "private/etc", "private/var/db", "private/var/log", "private/var/root"),
    *("private/var/run", "Applications", "Library", "System", "cores"),
})  # fmt: skip
"""Folders below / that are the system's."""

_LOOKS: Final = 20
LENT: Final = ("/run/media", "/run/user", "/var/run/user")
"""Where below them a person's own things are: removable disks, network folders and single files of a portal."""


@dataclass(frozen=True, slots=True)
class PrivatePlaces:
    """The places of one person on this machine. ``own`` are the folders that Locara keeps: decisions, apps' data,
    models and tools."""

    home: Path
    own: tuple[Path, ...]

    @classmethod
    def of(cls, *own: Path, home: Path | None = None) -> PrivatePlaces:
        """Those of the person who runs this, with further folders that Locara keeps."""
        usual = (default_state_root(), default_apps_root().parent, models_root(), tools_root())
        return cls(_real(Path.home() if home is None else home), tuple(map(_real, (*usual, *own))))

    def refusal(self, path: Path) -> str | None:
        """Why an app is not given this file or folder, as the rest of a sentence about it; None when it may be.

        Judged by where the path really leads. A folder that holds a private place is refused with it.
        """
        return self._because(_real(path))

    def judge(self, place: Path) -> None:
        """Raises CapabilityDenied when an app is not given what lies open at this place.

        No name is looked up in it again: what is exchanged after it was opened changes nothing.
        """
        because = self._because(place)
        if because is not None:
            raise CapabilityDenied(
                capability="fs.user-selected",
                because=f"{escape(place.name, 80) or '/'} {because}",
                fix="pick another place, such as a folder inside Documents",
            )

    def _because(self, real: Path) -> str | None:
        because = None
        if real == Path("/"):
            because = "is the whole disk"
        elif any(_overlap(real, place) for place in self.own):
            because = "holds what Locara keeps: your decisions about apps, their data or their models"
        elif self.home.is_relative_to(real):
            because = "is your whole home folder, with your keys and settings in it"
        elif real.is_relative_to(self.home):
            if _is_hidden(real.relative_to(self.home).parts[0]):
                because = "is where programs keep your keys and settings"
        elif not _is_lent(real) and any(_overlap(real, Path("/") / name) for name in SYSTEM):
            because = "belongs to the system"
        return because


def _is_hidden(first: str) -> bool:
    """Whether something right below the home folder, by its name, belongs to programs."""
    return first.startswith(".") or (sys.platform == "darwin" and first.casefold() == "library")


def _is_lent(real: Path) -> bool:
    return any(real.is_relative_to(place) and real != Path(place) for place in LENT)


def _real(path: Path) -> Path:
    """Where a path leads. What was exchanged between two looks at it is looked at again."""
    for _ in range(_LOOKS):
        with suppress(OSError):
            return Path(os.path.realpath(path))
    return Path(os.path.realpath(path))


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)

"""Where an app keeps its data on this machine, and where in that folder the parts are.

The sandbox's launcher makes the folder and its parts (db, files, audit, tmp) when an app starts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from locara.core.grant import Grants
from locara.records import dataclass

AUDIT_LOG: Final = "audit/log.jsonl"
DATABASE: Final = "db/app.sqlite3"
FILES: Final = "files"


def default_apps_root() -> Path:
    """The folder that holds every app's data: below XDG_DATA_HOME, or Application Support on macOS."""
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/Locara/apps"
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local/share") / "Locara/apps"


def shared_root(apps: Path | None = None) -> Path:
    """The folder that holds what apps share: beside the person's apps, or inside a chosen folder of apps."""
    default = default_apps_root()
    return default.parent / "shared" if apps in (None, default) else Path(apps or default) / "shared"


def file_name(app_id: str) -> str:
    """``publisher.name``: how everything that belongs to an app is called on the disk."""
    return app_id.replace("/", ".", 1)


@dataclass(frozen=True, slots=True)
class AppHome:
    """One app's data folder, seen from outside or, at another path, from inside the sandbox."""

    path: Path

    @classmethod
    def of(cls, grants: Grants, *, root: Path | None = None) -> AppHome:
        """The home of an app, below root (the person's data folder when None). Nothing is created yet."""
        return cls((default_apps_root() if root is None else root) / file_name(grants.app_id))

    @property
    def audit_log(self) -> Path:
        """The app's audit log."""
        return self.path / AUDIT_LOG

    @property
    def database(self) -> Path:
        """The app's database."""
        return self.path / DATABASE

    @property
    def files(self) -> Path:
        """The folder that the app calls $APP_DATA."""
        return self.path / FILES

    @property
    def runtime_log(self) -> Path:
        """What the runtime wrote to stderr in its last run. It lies beside the folder: the app cannot reach
        it."""
        return self.path.with_name(f"{self.path.name}.runtime.log")

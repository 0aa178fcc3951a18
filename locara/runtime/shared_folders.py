"""Folders that apps share: open only when every app that is named declares the same folder with the others.

What an app declares counts once the person has agreed to it: the register of declarations is the records of
consent in their state folder, which no app reaches. A declaration that sleeps, was withdrawn, was revoked or
cannot be read is none. Each start looks again, so what one side takes back is closed to the others when they
start next.

The folder belongs to exactly that circle of apps: with one app more or less it is another, empty one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.runtime.consent import load
from locara.runtime.revocation import refuse_revoked
from locara.runtime.state import StartError, StateFolder


def folder_name(circle: Iterable[str], folder: str) -> str:
    """The name of a shared folder on disk, from its id and the ids of all apps of its circle."""
    told = json.dumps([folder, *sorted(set(circle))], separators=(",", ":"))
    return f"{folder}-{Digest.of(told.encode()).hex}"


def open_folders(grants: Grants, state: StateFolder, *, root: Path, now: float) -> dict[str, Path]:
    """Where the shared folders of an app lie that are open to it at ``now`` (seconds since 1970), by id.

    ``root`` is the folder that holds them all. Nothing is made, and nothing is raised: whatever cannot be
    read keeps its folder closed.
    """
    found: dict[str, Path] = {}
    for folder in grants.shared_folders:
        circle = frozenset((grants.app_id, *folder.partners))
        if all(_declares(state, partner, folder.id, circle, now) for partner in folder.partners):
            found[folder.id] = root / folder_name(circle, folder.id)
    return found


def _declares(state: StateFolder, app_id: str, folder_id: str, circle: frozenset[str], now: float) -> bool:
    try:
        record = load(state, app_id)
        if record is None or record.answer != "yes":
            return False
        awake = record.standing.seen_at(now).awake
        refuse_revoked(state, awake, now=now)
    except StartError:
        return False
    return any(
        folder.id == folder_id and frozenset((app_id, *folder.partners)) == circle
        for folder in awake.shared_folders
    )

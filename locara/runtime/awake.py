"""What a version is let run with, and how the runtime inside is told: what is awake, and what still sleeps.

The launcher writes the list into a file and hands over its digest; the runtime reads that file against its own
manifest. Neither side takes more from it than the manifest gives.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from locara.core.digest import Digest
from locara.core.grant import intersect
from locara.core.grant_json import grants_json, read_grants
from locara.records import dataclass
from locara.runtime.app import AppBundle
from locara.runtime.app_home import file_name
from locara.runtime.standing import Asleep, Layer
from locara.runtime.state import MAX_BYTES, StartError, StateFolder

AWAKE_NAME: Final = "awake.json"


@dataclass(frozen=True, slots=True)
class Admission:
    """A version that may start. ``bundle`` holds the Grants that are awake, ``asleep`` the rest.

    ``notices`` is what the person should be told about it: warnings of the list of revocations, and its age.
    """

    bundle: AppBundle
    asleep: Asleep
    notices: tuple[str, ...] = ()


@contextmanager
def awake_file(state: StateFolder, admission: Admission) -> Iterator[tuple[Path, Digest] | None]:
    """While the block runs: the file that tells the runtime inside what is awake, and its digest.

    None when nothing sleeps: then the manifest says it all.
    """
    if not admission.asleep.layers:
        yield None
        return
    grants = admission.bundle.grants
    name = f"consent/{file_name(grants.app_id)}.{secrets.token_hex(8)}.{AWAKE_NAME}"
    value = {
        "awake": grants_json(grants),
        "asleep": [
            {"wakes": layer.wakes, "grants": grants_json(layer.grants)} for layer in admission.asleep.layers
        ],
    }
    # Read inside by another user when the launcher is root; the folder around it is the person's alone.
    digest = state.write(name, value, mode=0o444)
    try:
        yield Path(os.path.realpath(state.path)) / name, digest
    finally:
        state.remove(name)


def confirm(bundle: AppBundle, *, manifest: Digest | None, awake: Digest | None, folder: Path) -> Admission:
    """Inside the sandbox: the same admission again, from what the launcher handed in.

    The manifest must be the one that was agreed to and the file of awake powers the one that was written;
    what it says can only narrow the manifest. Raises StartError ``manifest_changed``.
    """
    if manifest is not None and bundle.manifest.digest != manifest:
        raise _changed("the app's manifest changed while it was being started")
    if awake is None:
        return Admission(bundle, Asleep())
    try:
        with (folder / AWAKE_NAME).open("rb") as file:
            data = file.read(MAX_BYTES)
        if Digest.of(data) != awake:
            raise ValueError("another file")
        value = json.loads(data)
        grants = intersect(bundle.grants, read_grants(value["awake"], source=AWAKE_NAME))
        layers = tuple(
            Layer(intersect(bundle.grants, read_grants(item["grants"], source=AWAKE_NAME)), item["wakes"])
            for item in value["asleep"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _changed("the list of powers that are awake is not the one that was handed in") from error
    return Admission(replace(bundle, grants=grants), Asleep(layers))


def _changed(message: str) -> StartError:
    return StartError(message, code="manifest_changed", fix="start the app again; you are asked if need be")

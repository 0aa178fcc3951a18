"""Signed bundles of one app in several versions, as an installer meets them, and machines to install them on.

The bundles are the fixtures' (`fixtures/trust/installs.json`), written here into archives without the product. A
machine is a folder that holds the state and the installed apps of one person; the installer is `locara install`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass

PLACE: Final = "trust/installs.json"
BROKEN: Final = "nothing that may start"
NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Releases:
    """What the publisher signed: by version, once more with other files, and what must never be installed: ``never``
    for its version, ``unbelievable`` for what comes with it, ``strangers`` where the publisher is expected."""

    app: str
    expected: tuple[str, ...]
    trust: bytes
    releases: Mapping[str, Any]
    otherwise: Mapping[str, Any]
    never: Mapping[str, Any]
    unbelievable: Mapping[str, Any]
    strangers: Mapping[str, Any]

    @classmethod
    def read(cls, fixtures: Path) -> Releases:
        """Raises OSError, ValueError, KeyError when they are not whole."""
        told = json.loads((fixtures / PLACE).read_bytes())
        expected = [f"--expect-{what}={told[what]}" for what in ("source", "builder", "identity")]
        trust = json.dumps(told["trust"]).encode()
        bundles = ("releases", "otherwise", "never", "unbelievable", "strangers")
        return cls(told["app"], tuple(expected), trust, *(told[name] for name in bundles))

    def named(self, files: Mapping[str, str]) -> str:
        """Whose files these are, all of them and no others: a version, or ``1.10.0 otherwise``; else `BROKEN`."""
        for word, bundles in (("", self.releases), (" otherwise", self.otherwise)):
            for version, bundle in bundles.items():
                if bundle["files"] == files:
                    return f"{version}{word}"
        return BROKEN


def archive(
    place: Path, listed: Mapping[str, Any], *, files: Mapping[str, Any], attested: Mapping[str, Any]
) -> Path:
    """A `.locapp` of the list of one bundle, the files of one and the attestations of one: honest when all agree."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("locapp.json", listed["list"])
        for name, text in attested["attestations"].items():
            out.writestr(f"attestations/{name}", text)
        for name, text in files["files"].items():
            out.writestr(f"app/{name}", text)
    return place


def honest(place: Path, bundle: Mapping[str, Any]) -> Path:
    """The `.locapp` as the publisher made it."""
    return archive(place, bundle, files=bundle, attested=bundle)


@dataclass(frozen=True, slots=True)
class Machine:
    """One person's machine, in a folder. Everything an installer writes is below ``state`` and ``data``."""

    folder: Path
    offer: Releases

    @property
    def state(self) -> Path:
        """The folder of the person's decisions."""
        return self.folder / "state/Locara"

    @property
    def shelf(self) -> Path:
        """The folder of what is installed."""
        return self.folder / "data/Locara/bundles"

    def install(self, bundle: Path, *more: str, expecting: bool = True) -> tuple[int, str]:
        """`locara install` with this process's own environment set to the machine: exit code, and what it said.

        ``expecting``: the person says of whom the app must be.
        """
        from locara.cli.__main__ import main  # noqa: PLC0415 - loads the framework

        trust = self.folder / "trust.json"
        if not trust.exists():
            trust.write_bytes(self.offer.trust)
        os.environ.update(
            HOME=str(self.folder),
            XDG_STATE_HOME=str(self.folder / "state"),
            XDG_DATA_HOME=str(self.folder / "data"),
        )
        said, expected = io.StringIO(), self.offer.expected if expecting else ()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(["install", str(bundle), f"--trust-root={trust}", *expected, *more])
        return code, said.getvalue()

    def starts(self) -> str:
        """What `locara run publisher/name` would start: see `Releases.named`, `NOTHING` when it refuses."""
        from locara.errors import LocaraError  # noqa: PLC0415 - loads the framework
        from locara.runtime.installed import Shelf, app_of  # noqa: PLC0415
        from locara.runtime.state import StateFolder  # noqa: PLC0415

        try:
            place = app_of(StateFolder(self.state), Shelf(self.shelf), self.offer.app)
        except LocaraError:
            return NOTHING
        if place is None:
            return NOTHING
        found = {
            path.relative_to(place).as_posix(): path.read_text("utf-8", errors="replace")
            for path in place.rglob("*")
            if not path.is_dir()
        }
        return self.offer.named(found)

    def everything(self) -> dict[str, bytes]:
        """Every file that installing may change, by its path; locks hold nothing."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for root in ("state", "data")
            for path in sorted((self.folder / root).rglob("*"))
            if path.is_file() and path.suffix != ".lock"
        }

    def strays(self) -> list[str]:
        """What lies in the person's folders beside what is Locara's; a hook, a menu or a shell would read it."""
        own = {"state", "data", "trust.json", "state/Locara", "data/Locara"}
        found = (
            path
            for root in (self.folder, self.folder / "state", self.folder / "data")
            for path in root.glob("*")
        )
        return sorted({str(path.relative_to(self.folder)) for path in found} - own)

    def copied(self, folder: Path) -> Machine:
        """Another machine in the same state."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Machine(folder, self.offer)

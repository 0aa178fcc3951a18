"""An app on disk: its folder, its manifest and what the manifest grants."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from locara.core.grant import Grants, compile_grants
from locara.core.manifest import Manifest, parse_manifest
from locara.errors import LocaraError
from locara.plain_files import NotPlainError, open_plain
from locara.records import dataclass

MANIFEST_NAME: Final = "locara.json"
_READ_LIMIT: Final = (
    262_145  # one byte above the manifest's own cap, so that the parser refuses what is larger
)


class BundleError(LocaraError):
    """The path does not hold an app. Codes: `not_an_app`, `unreadable`."""

    code = "unreadable"


@dataclass(frozen=True, slots=True)
class AppBundle:
    """An app that was read: its folder, its Manifest and its Grants. All three belong to the same bytes."""

    path: Path
    manifest: Manifest
    grants: Grants

    @classmethod
    def open(cls, path: Path) -> AppBundle:
        """Read the app in a folder (or named by its locara.json).

        Raises BundleError when there is no app there and ManifestError when its manifest is not valid.
        """
        folder = path.parent if path.name == MANIFEST_NAME else path
        manifest = parse_manifest(read_manifest(folder / MANIFEST_NAME), source=MANIFEST_NAME)
        return cls(folder, manifest, compile_grants(manifest))


def read_manifest(path: Path) -> bytes:
    """The bytes of a manifest. Raises BundleError when it is a link, no plain file or cannot be read."""
    try:
        # Not a link, and no wait when somebody put a fifo there.
        file = open_plain(path)
    except FileNotFoundError as error:
        raise BundleError(
            f"{path.parent} is not an app: it has no {MANIFEST_NAME}",
            code="not_an_app",
            fix=f"name a folder that holds a {MANIFEST_NAME}",
        ) from error
    except NotPlainError as error:
        raise BundleError(f"{path} is not a regular file", code="not_an_app") from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        return file.read(_READ_LIMIT)

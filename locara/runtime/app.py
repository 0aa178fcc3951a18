"""An app on disk: its folder, its manifest and what the manifest grants."""

from __future__ import annotations

from pathlib import Path

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import Manifest, parse_manifest
from locara.records import dataclass
from locara.runtime.manifest_file import MANIFEST_NAME, read_manifest


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

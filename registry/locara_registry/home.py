"""The folder an instance lives in, and where each part of it is."""

from __future__ import annotations

import os
from pathlib import Path

from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError
from locara_registry.trust import private_files
from locara_registry.trust.key_files import FileKeys
from locara_registry.trust.key_tokens import TokenKeys
from locara_registry.trust.keys import Keys
from locara_registry.trust.token_place import TokenPlace


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one instance. Everything below ``root`` belongs to it; its mode is 0700."""

    root: Path

    @property
    def keys(self) -> Keys:
        """The online keys: in files, or in the token that `token` names. Root keys are elsewhere, offline.

        Raises TrustError when the token's file is not to be trusted.
        """
        files = FileKeys(self.root / "keys")
        return TokenKeys(TokenPlace.read(self.token), files) if self.token.exists() else files

    @property
    def token(self) -> Path:
        """Which hardware token holds the keys; no file when none does."""
        return self.root / "token.json"

    @property
    def instance(self) -> Path:
        """What is in use, what was retired and until when: public facts, in JSON."""
        return self.root / "instance.json"

    @property
    def log(self) -> Path:
        """The folder of the transparency log."""
        return self.root / "log"

    @property
    def public_log(self) -> Path:
        """The static files of the log, for any web server to serve."""
        return self.root / "public-log"

    @property
    def repository(self) -> Path:
        """The folder of the TUF repository."""
        return self.root / "repository"

    @property
    def published(self) -> Path:
        """What clients get: `trust-instance.json`, and Sigstore's own `client-config.json`."""
        return self.root / "published"

    def make(self) -> None:
        """Make the folder. Raises TrustError when it is there and others may enter it."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        private_files.make_folder(self.root)

    def exists(self) -> None:
        """Raise TrustError (`MATERIAL_MISSING`) unless an instance was made here."""
        if not self.instance.is_file():
            raise TrustError(
                Reason.MATERIAL_MISSING,
                f"there is no instance in {self.root}",
                fix=f"locara-registry trust init --home {self.root}",
            )


def default_root() -> Path:
    """$LOCARA_REGISTRY_HOME, else the user's data folder."""
    named = os.environ.get("LOCARA_REGISTRY_HOME")
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "locara-registry"

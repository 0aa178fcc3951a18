"""Which token an instance keeps its keys in, and where its PIN comes from. The PIN itself is written nowhere."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import read_json, read_model
from locara_registry.trust import private_files
from locara_registry.trust.key_files import passphrase_in


class TokenPlace(BaseModel):
    """A PKCS#11 module, the label of a token, and the file with its PIN (none: whoever starts is asked)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["locara-token/1"] = "locara-token/1"
    module: Path
    label: Annotated[str, Field(pattern=r"^[!-~][ -~]{0,31}$")]
    pin_file: Path | None = None

    @field_validator("module", "pin_file")
    @classmethod
    def _absolute(cls, place: Path | None) -> Path | None:
        if place is not None and not place.is_absolute():
            raise ValueError("the path must be absolute: a library of that name elsewhere is another one")
        return place

    def pin(self) -> str:
        """The PIN, from its file (mode 0600) or from the person at the terminal. Raises TrustError."""
        if self.pin_file is None:
            if not sys.stdin.isatty():
                raise TrustError(
                    Reason.MATERIAL_LOCKED,
                    f"nobody is here to type the PIN of {self.label}",
                    fix="--pin-file F",
                )
            return getpass.getpass(f"PIN of the token {self.label}: ")
        try:
            return (passphrase_in(self.pin_file) or b"").decode()
        except UnicodeDecodeError as error:
            raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{self.pin_file} holds no PIN") from error

    def write(self, file: Path) -> None:
        """Keep it, for its owner alone: who could change it could have another library loaded."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
        private_files.write(file, text.encode())

    @classmethod
    def read(cls, file: Path) -> TokenPlace:
        """What `write` kept. Raises TrustError of the material."""
        value = read_json(private_files.read_private(file), str(file), Reason.MATERIAL_UNTRUSTED)
        return read_model(value, cls, str(file), Reason.MATERIAL_UNTRUSTED)

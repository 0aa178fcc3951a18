"""What an instance knows about itself: public facts, one JSON file, written whole.

Each part (a key at work) is in use from a time on, and until one when it was retired. Retired parts stay: bundles
signed in their time must go on verifying. A part is taken out only when nothing signed with it is needed.
"""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import read_json, read_model
from locara_registry.trust import private_files
from locara_registry.trust.keys import Algorithm

FORMAT: Final = "locara-instance/1"
_Pem = Annotated[str, Field(max_length=16_384)]
_Time = Annotated[AwareDatetime, Field(strict=False)]


class Role(StrEnum):
    """What a key of the instance is for. Each has keys of its own, so that a stolen one does one thing only."""

    AUTHORITY = "authority"
    CERTIFICATE_LOG = "certificate-log"
    LOG = "log"
    TIMESTAMPS = "timestamps"
    IDENTITY = "identity"

    @property
    def algorithm(self) -> Algorithm:
        """The kind of key this role has."""
        return Algorithm.ED25519 if self is Role.LOG else Algorithm.P256

    @property
    def root(self) -> str | None:
        """The name of the offline root above it, or None."""
        return {Role.AUTHORITY: "authority-root", Role.TIMESTAMPS: "timestamps-root"}.get(self)


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Part(_Form):
    """One key at work. ``chain``: its certificates as PEM, from its own to the root; ``public``: its key as PEM."""

    role: Annotated[Role, Field(strict=False)]
    key: str
    public: _Pem
    chain: tuple[_Pem, ...] = Field(default=(), strict=False)
    since: _Time
    until: Annotated[AwareDatetime | None, Field(strict=False)] = None


class Record(_Form):
    """An instance: its name (a host), its address, the issuer its certificates name, its parts, its witnesses."""

    format: Literal["locara-instance/1"] = "locara-instance/1"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")]
    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,500}[^/]$")]
    issuer: Annotated[str, Field(pattern=r"^https?://[!-~]{1,500}[^/]$")]
    origin: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9./-]{0,252}$")]
    parts: tuple[Part, ...] = Field(default=(), strict=False)
    witnesses: tuple[str, ...] = Field(default=(), strict=False)
    quorum: int = 0

    def of(self, role: Role) -> tuple[Part, ...]:
        """Every part of a role, the oldest first."""
        return tuple(sorted((one for one in self.parts if one.role is role), key=lambda one: one.since))

    def at_work(self, role: Role) -> Part:
        """The part that signs now. Raises TrustError `MATERIAL_MISSING`."""
        found = [one for one in self.of(role) if one.until is None]
        if not found:
            raise TrustError(Reason.MATERIAL_MISSING, f"the instance has no {role} at work")
        return found[-1]

    def with_part(self, part: Part, *, retire: datetime | None = None) -> Record:
        """The record with a new part; older ones of its role end at ``retire``."""
        older = tuple(
            one.model_copy(update={"until": retire})
            if one.role is part.role and one.until is None and retire is not None
            else one
            for one in self.parts
        )
        return self.model_copy(update={"parts": (*older, part)})

    def write(self, place: Path) -> None:
        """Write the record whole."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
        private_files.write(place, text.encode(), mode=private_files.PUBLIC, replace=True)

    @classmethod
    def read(cls, place: Path) -> Record:
        """The record in a file. Raises TrustError of the material."""
        try:
            raw = place.read_bytes()
        except FileNotFoundError as error:
            raise TrustError(Reason.MATERIAL_MISSING, f"{place} is not there") from error
        except OSError as error:
            raise TrustError(
                Reason.MATERIAL_UNTRUSTED, f"{place} cannot be read: {error.strerror}"
            ) from error
        value = read_json(raw, str(place), Reason.MATERIAL_UNTRUSTED)
        return read_model(value, cls, str(place), Reason.MATERIAL_UNTRUSTED)

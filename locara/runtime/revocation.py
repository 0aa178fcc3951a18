"""Versions that must not start, from a list on this machine.

The list is read at every start and never fetched there: a start asks no network and waits for nothing. A
version that is on the list does not start however old the list is. A list that cannot be read stops the
start; no list at all does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from locara.core.grant import Grants
from locara.core.text import escape
from locara.runtime.state import StartError, StateFolder

LIST_NAME: Final = "revocations.json"
_CODE: Final = "revocation_unreadable"
_VERSION: Final = r"^(?:0|[1-9][0-9]{0,8})\.(?:0|[1-9][0-9]{0,8})\.(?:0|[1-9][0-9]{0,8})$"
_APP: Final = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?/[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"
_Version: TypeAlias = Annotated[str, StringConstraints(pattern=_VERSION)]
_STRICT: Final = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Range(BaseModel):
    """Versions from ``from`` (the first when absent) to before ``before`` (without end when absent)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_alias=True)
    first: _Version | None = Field(default=None, alias="from")
    before: _Version | None = None

    def holds(self, version: str) -> bool:
        """Whether the version is in the range."""
        at = _ordered(version)
        return not (
            (self.first is not None and at < _ordered(self.first))
            or (self.before is not None and at >= _ordered(self.before))
        )


class _Entry(BaseModel):
    model_config = _STRICT
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    time: float = Field(ge=0, allow_inf_nan=False)
    app: Annotated[str, StringConstraints(pattern=_APP)] | None = None
    versions: _Range | None = None
    manifest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> _Entry:
        if (self.app is None) == (self.manifest is None) or (self.versions is not None and self.app is None):
            raise ValueError("an entry names an app, with or without versions, or the digest of a manifest")
        return self

    def names(self, grants: Grants) -> bool:
        """Whether this entry is about that version."""
        if self.manifest is not None:
            return self.manifest == str(grants.manifest_digest)
        return self.app == grants.app_id and (self.versions is None or self.versions.holds(grants.version))


class _List(BaseModel):
    model_config = _STRICT
    format: Literal["locara-revocations/1"]
    updated: float = Field(ge=0, allow_inf_nan=False)
    entries: list[_Entry]


@dataclass(frozen=True, slots=True)
class Revocation:
    """Why a version must not start; ``time`` is when that was decided, in seconds since 1970."""

    id: str
    reason: str
    time: float


def revocation_of(state: StateFolder, grants: Grants) -> Revocation | None:
    """The entry that stops this version, None when no list names it. StartError ``revocation_unreadable``."""
    value = state.read(LIST_NAME, code=_CODE)
    if value is None:
        return None
    try:
        listed = _List.model_validate(value)
        entry = next((entry for entry in listed.entries if entry.names(grants)), None)
    except (ValueError, ValidationError) as error:
        raise state.unreadable(LIST_NAME, "it is not a list of revocations", code=_CODE) from error
    return None if entry is None else Revocation(entry.id, escape(entry.reason, 400), entry.time)


def refuse_revoked(state: StateFolder, grants: Grants) -> None:
    """Raise StartError ``revoked`` when this version is on the list. What the app stored stays as it is."""
    found = revocation_of(state, grants)
    if found is not None:
        raise StartError(
            f"{escape(grants.app_id, 140)} {escape(grants.version, 40)} was revoked ({found.id}): "
            f"{found.reason}",
            code="revoked",
            fix="install a version that is not revoked; the app's data is untouched",
        )


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))

"""The two lists of revocations as they are written.

The list (`locara-revocations/2`) needs several keys: it blocks anything, lifts what was revoked, and names the
apps with so many users that no single key may stop them. The urgent list (`locara-revocations-urgent/1`) needs
one key that is always at hand: it can only add, and what it blocks among those apps only warns. It is issued
anew every few hours also when nothing happened, so its time says how fresh both are.

Who signed them is not the business of this module; the roles of the update repository hold that.
"""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from locara.core import strict_json
from locara.core.fields import APP_ID_PATTERN, VERSION_PATTERN
from locara.errors import ManifestError
from locara.records import dataclass
from locara.trust.revocation.refused import ListRefused

FORMAT: Final = "locara-revocations/2"
URGENT_FORMAT: Final = "locara-revocations-urgent/1"
MAX_BYTES: Final = 8 << 20
MAX_ENTRIES: Final = 50_000
MAX_URGENT: Final = 1_000

Severity: TypeAlias = Literal["block", "warn"]
Kind: TypeAlias = Literal["malware", "compromise", "vulnerability", "policy", "licence", "defect"]
"""Why: hostile on purpose, a stolen key, a hole, a broken rule of the registry, a licence, a fault."""

_Version: TypeAlias = Annotated[str, StringConstraints(pattern=VERSION_PATTERN)]
_App: TypeAlias = Annotated[str, StringConstraints(pattern=APP_ID_PATTERN)]
_Digest: TypeAlias = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
_Id: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_Time: TypeAlias = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
_Sequence: TypeAlias = Annotated[int, Field(ge=0, le=1 << 53)]
_FORM: Final = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_alias=True)
NAMES: Final = ("app", "manifest", "artifact", "commit", "signer", "model", "tool", "key")


class Range(BaseModel):
    """Versions from ``from`` (the first when absent) to before ``before`` (without end when absent)."""

    model_config = _FORM
    first: _Version | None = Field(default=None, alias="from")
    before: _Version | None = None

    @model_validator(mode="after")
    def _holds_something(self) -> Range:
        if self.before is not None and _ordered(self.before) <= _ordered(self.first or "0.0.0"):
            raise ValueError("no version is in this range")
        return self

    def holds(self, version: str) -> bool:
        """Whether the version is in the range."""
        at = _ordered(version)
        return not (
            (self.first is not None and at < _ordered(self.first))
            or (self.before is not None and at >= _ordered(self.before))
        )


class Entry(BaseModel):
    """One revocation. It names exactly one of `NAMES`.

    ``versions`` belongs to ``app``. ``signed_after`` belongs to ``signer``: what that identity signed at or after
    that time; without it, whatever it ever signed. ``time`` is when the entry was made, in seconds since 1970.
    """

    model_config = _FORM
    id: _Id
    severity: Severity
    kind: Kind
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    time: _Time
    fixed_in: _Version | None = Field(default=None, alias="fixedIn")
    app: _App | None = None
    versions: Range | None = None
    manifest: _Digest | None = None
    artifact: _Digest | None = None
    commit: Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")] | None = None
    signer: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = None
    signed_after: _Time | None = Field(default=None, alias="signedAfter")
    model: _Digest | None = None
    tool: _Digest | None = None
    key: _Digest | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> Entry:
        named = [name for name in NAMES if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(f"an entry names exactly one of {', '.join(NAMES)}")
        if self.versions is not None and self.app is None:
            raise ValueError("versions belong to an app")
        if self.signed_after is not None and self.signer is None:
            raise ValueError("signedAfter belongs to a signer")
        return self


class Listed(BaseModel):
    """The list that several keys sign. ``seq`` grows with every issue; ``updated`` is when it was issued."""

    model_config = _FORM
    format: Literal["locara-revocations/2"]
    seq: _Sequence
    updated: _Time
    entries: Annotated[list[Entry], Field(max_length=MAX_ENTRIES)]
    lifted: Annotated[list[_Id], Field(max_length=MAX_ENTRIES)] = []
    popular: Annotated[list[_App], Field(max_length=10_000)] = []

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Listed:
        _each_once([*(entry.id for entry in self.entries), *self.lifted])
        _each_once(self.popular)
        return self


class Urgent(BaseModel):
    """The list that one key signs. ``after`` is the number of the list that it was written beside."""

    model_config = _FORM
    format: Literal["locara-revocations-urgent/1"]
    seq: _Sequence
    updated: _Time
    after: _Sequence
    entries: Annotated[list[Entry], Field(max_length=MAX_URGENT)]

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Urgent:
        _each_once([entry.id for entry in self.entries])
        return self


@dataclass(frozen=True, slots=True)
class Known:
    """Both lists as they are known. ``urgent`` is None where none was ever delivered."""

    listed: Listed
    urgent: Urgent | None = None

    @property
    def updated(self) -> float:
        """When the newer of the two was issued, in seconds since 1970."""
        return max(self.listed.updated, 0.0 if self.urgent is None else self.urgent.updated)

    @property
    def urgent_entries(self) -> tuple[Entry, ...]:
        """What only the urgent list says: entries that the list neither took over nor lifted."""
        if self.urgent is None:
            return ()
        settled = {entry.id for entry in self.listed.entries} | set(self.listed.lifted)
        return tuple(entry for entry in self.urgent.entries if entry.id not in settled)


_Form = TypeVar("_Form", Listed, Urgent)


def parse_listed(data: bytes) -> Listed:
    """The list in these bytes. Raises ListRefused ``list_malformed``."""
    return _parse(Listed, data, "list of revocations")


def parse_urgent(data: bytes) -> Urgent:
    """The urgent list in these bytes. Raises ListRefused ``list_malformed``."""
    return _parse(Urgent, data, "urgent list of revocations")


def written(document: Listed | Urgent) -> bytes:
    """The bytes of a list: the same for equal lists."""
    value = document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def _parse(form: type[_Form], data: bytes, what: str) -> _Form:
    try:
        return form.model_validate(strict_json.parse(data, max_bytes=MAX_BYTES, source=what).value)
    except ManifestError as error:
        raise ListRefused(f"this is no {what}: {error.message}", code="list_malformed") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in first["loc"]) or "the document"
        raise ListRefused(f"this is no {what}: {first['msg']} (at {place})", code="list_malformed") from error


def _each_once(values: list[str]) -> None:
    if len(set(values)) != len(values):
        raise ValueError("an id is written twice")


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))

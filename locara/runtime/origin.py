"""How an installed app was built, as far as its attestations said when it was installed.

Only kept so that a revocation by build, commit, signer or key finds the apps it is about without a network. It
gives an app nothing: an app without such a record, or with one about another version, is one about which less
is known.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from locara.core.grant import Grants
from locara.records import dataclass
from locara.runtime.app_home import file_name
from locara.runtime.state import StateFolder

FORMAT: Final = "locara-origin/1"
_CODE: Final = "revocation_unreadable"
_Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Origin:
    """What attestations said: digests as ``sha256:<hex>``. ``signed_at`` is the latest time in any of them, in seconds
    since 1970, and ``keys`` are those that vouch for one of them: a revocation of any one is a revocation of all."""

    artifact: str | None = None
    commit: str | None = None
    signer: str | None = None
    signed_at: float | None = None
    keys: frozenset[str] = frozenset()


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    format: Literal["locara-origin/1"]
    manifest: _Digest
    artifact: _Digest | None = None
    commit: Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")] | None = None
    signer: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = None
    signed_at: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)] | None = None
    keys: Annotated[list[_Digest], Field(max_length=64)] = []


def origin_name(app_id: str) -> str:
    """The record's file below the state folder."""
    return f"origins/{file_name(app_id)}.json"


def origin_of(state: StateFolder, grants: Grants) -> Origin | None:
    """How this version was built; None where nothing is on record. StartError ``revocation_unreadable``."""
    name = origin_name(grants.app_id)
    value = state.read(name, code=_CODE)
    if value is None:
        return None
    try:
        told = _Form.model_validate(value)
    except ValidationError as error:
        raise state.unreadable(name, "it does not say how an app was built", code=_CODE) from error
    if told.manifest != str(grants.manifest_digest):
        return None
    return Origin(told.artifact, told.commit, told.signer, told.signed_at, frozenset(told.keys))


def record_origin(state: StateFolder, grants: Grants, origin: Origin) -> None:
    """Keep how a version was built, once its attestations were verified. StartError ``state_unwritable``."""
    facts = {
        "artifact": origin.artifact,
        "commit": origin.commit,
        "signer": origin.signer,
        "signed_at": origin.signed_at,
    }
    state.write(
        origin_name(grants.app_id),
        {
            "format": FORMAT,
            "manifest": str(grants.manifest_digest),
            "keys": sorted(origin.keys),
            **{key: value for key, value in facts.items() if value is not None},
        },
    )

"""What the administrator of a machine decides about revocations: only ever stricter, except by name.

The file is for managed machines. It can shorten the times of `Limits`, and it can answer for single entries by
their id; it cannot make anything else weaker.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from locara.core.strict_json import JSON
from locara.trust.revocation.judgement import DAY, Limits

FORMAT: Final = "locara-policy/1"
_FORM: Final = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_alias=True)
_Days = Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)]


class _Revocation(BaseModel):
    model_config = _FORM
    warn: _Days | None = Field(default=None, alias="warnDays")
    install: _Days | None = Field(default=None, alias="installDays")
    network: _Days | None = Field(default=None, alias="networkDays")
    local: _Days | None = Field(default=None, alias="localDays")
    allow: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=64)]], Field(max_length=1_000)
    ] = []


class _Policy(BaseModel):
    model_config = _FORM
    format: Literal["locara-policy/1"]
    revocation: _Revocation


def limits_of(value: JSON) -> Limits:
    """The limits that a policy leaves. Raises ValueError when it is not one."""
    try:
        told = _Policy.model_validate(value).revocation
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'/'.join(map(str, first['loc']))}: {first['msg']}") from error
    return Limits().stricter(
        warn=_seconds(told.warn),
        install=_seconds(told.install),
        network=_seconds(told.network),
        local=_seconds(told.local),
        lifted_here=frozenset(told.allow),
    )


def _seconds(days: float | None) -> float | None:
    return None if days is None else days * DAY

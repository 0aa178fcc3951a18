"""From signed bytes to a value, once: strict JSON, then the model of the type. Anything else is refused."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from locara.core import strict_json
from locara.core.strict_json import JSON
from locara.errors import ManifestError
from locara.trust.refusal import Reason, TrustError

MAX_STATEMENT: Final = 4 << 20
"""Bytes of a statement; a software bill of 10,000 packages has about two million."""
MAX_DEPTH: Final = 64

Hex256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=4096)]

_Model = TypeVar("_Model", bound=BaseModel)


class Part(BaseModel):
    """A part of a predicate. Fields that its type does not know are ignored, as in-toto asks."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", alias_generator=to_camel, validate_by_name=True
    )

    def as_json(self) -> dict[str, Any]:
        """The part as it is written: camelCase names, nothing that is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def read_json(raw: bytes, what: str, reason: Reason) -> JSON:
    """The one meaning of these bytes, or TrustError with ``reason``: a key written twice has two meanings."""
    try:
        return strict_json.parse(raw, max_bytes=MAX_STATEMENT, max_depth=MAX_DEPTH, source=what).value
    except ManifestError as error:
        raise TrustError(reason, str(error)) from error


def read_model(value: object, model: type[_Model], what: str, reason: Reason) -> _Model:
    """The value as the model, or TrustError with ``reason`` that names the first field which is wrong."""
    try:
        return model.model_validate_json(value) if isinstance(value, bytes) else model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise TrustError(reason, f"{what}: {place}: {first['msg']}") from error

"""The field types a manifest is made of: each one a string with one exact rule.

A rule that a regular expression can say is a pattern and travels into the published schema as it is; the rest
is a validator that only the parser runs, and the schema carries the nearest weaker pattern.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Final, LiteralString, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from locara.core import text
from locara.core.hosts import LABEL, MAX_HOST, WILDCARD_PATTERN, is_pattern
from locara.core.paths import MAX_BYTES, PATTERN, is_portable
from locara.core.scope import NAME_PATTERN, PIN_PATTERN
from locara.records import dataclass


class Value(BaseModel):
    """Base of everything in a manifest: unknown keys are errors, nothing is converted, nothing changes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)


def refuse(message: str, *, code: LiteralString = "bad_value", fix: str | None = None) -> PydanticCustomError:
    """A refusal in our own words; the message is shown to the author of the manifest."""
    return PydanticCustomError(code, "{message}", {"message": message, "fix": fix})


@dataclass(frozen=True, slots=True)
class Shown:
    """The rule of a text that people will read: 1 to ``limit`` characters, one line unless ``lines``."""

    limit: int
    lines: bool = False

    def check(self, value: str) -> str:
        """The value itself, or a refusal that names the first bad character."""
        found = text.fault(value, lines=self.lines)
        if found:
            raise refuse(f"this text cannot be shown: {found}")
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        limited = core_schema.str_schema(strict=True, max_length=self.limit)
        return core_schema.no_info_after_validator_function(self.check, limited)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        pattern = text.MANY_LINES_PATTERN if self.lines else text.ONE_LINE_PATTERN
        return {"type": "string", "minLength": 1, "maxLength": self.limit, "pattern": pattern}


class Absent:
    """Marks an optional key: it may be left out, it may not be ``null``."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


_PATH_ADVICE: Final = (
    "write a relative path with single slashes, without . .. backslash or colon, at most 255 bytes"
)
_HOST_ADVICE: Final = (
    'write a lower-case DNS name such as "api.example.com" or "*.example.com"; no address, port or scheme'
)


def _path(value: str) -> str:
    if not is_portable(value):
        raise refuse("not a portable path", fix=_PATH_ADVICE)
    return value


def _host(value: str) -> str:
    if not is_pattern(value):
        raise refuse("not a host this version can enforce exactly", fix=_HOST_ADVICE)
    return value


def each_once(values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    """The values themselves, or a refusal at the first one that is written twice."""
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise PydanticCustomError("bad_value", "this entry is written twice", {"at": index})
        seen.add(value)
    return values


Portable: TypeAlias = Annotated[
    str,
    AfterValidator(_path),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_BYTES, "pattern": PATTERN}),
]
HostPattern: TypeAlias = Annotated[
    str,
    AfterValidator(_host),
    WithJsonSchema({"type": "string", "maxLength": MAX_HOST, "pattern": WILDCARD_PATTERN}),
]
_PORT = r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_HOST_IN_URL: Final = rf"(?:{LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"
URL_PATTERN: Final = rf"^https://{_HOST_IN_URL}{_PORT}(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?$"
EMAIL_PATTERN: Final = rf"^[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@{_HOST_IN_URL}$"
VERSION_PATTERN: Final = r"^(?:0|[1-9][0-9]{0,8})\.(?:0|[1-9][0-9]{0,8})\.(?:0|[1-9][0-9]{0,8})$"
TAG_PATTERN: Final = r"^[a-z0-9-]{1,32}$"
APP_ID_PATTERN: Final = rf"{NAME_PATTERN[:-1]}/{NAME_PATTERN[1:]}"

Name: TypeAlias = Annotated[str, Field(pattern=NAME_PATTERN)]
Version: TypeAlias = Annotated[str, Field(pattern=VERSION_PATTERN)]
Url: TypeAlias = Annotated[str, Field(pattern=URL_PATTERN, max_length=2_048)]
Email: TypeAlias = Annotated[str, Field(pattern=EMAIL_PATTERN, max_length=254)]
TagName: TypeAlias = Annotated[str, Field(pattern=TAG_PATTERN)]
Pin: TypeAlias = Annotated[str, Field(pattern=PIN_PATTERN)]
AppId: TypeAlias = Annotated[str, Field(pattern=APP_ID_PATTERN)]

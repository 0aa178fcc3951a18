"""`tool.json`: what a tool is, what it takes and gives, what it needs, and how much of the machine it may use.

A pin in `capabilities.tools` is the digest of the bytes of this file, and the file names its module by digest:
one pin fixes code, schemas, limits and needs. Nothing in it can name a path, an argument, a variable, a command
or a host; the needs it can state are the closed list below, and a call has no more than what the tool needs
*and* the app is granted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from locara.core import strict_json
from locara.core.capability import Kind
from locara.core.digest import Digest
from locara.core.grant import Grant, Grants, Origin
from locara.core.scope import AtomScope
from locara.errors import ManifestError, ToolError
from locara.records import dataclass
from locara.tools.schemas import Schema, read_schema

MAX_MANIFEST: Final = 262_144
MAX_MODULE: Final = 32 * 1024 * 1024
Abi = Literal["wasi-p1-json", "quickjs", "python"]
# An interpreter runs whatever a model writes: the app must have said that it wants that, by its language.
CODE_EXEC: Final[Mapping[str, str]] = {"quickjs": "code-exec.javascript", "python": "code-exec.python"}
TOOL_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_VERSION: Final = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use: wasm instructions (about), bytes of memory, milliseconds, bytes in and out."""

    fuel: int
    memory_bytes: int
    timeout_ms: int
    input_bytes: int
    output_bytes: int


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as its manifest tells it. `digest` is the manifest's own, `needs` what it asks to be granted."""

    digest: Digest
    id: str
    version: str
    abi: Abi
    module: Digest
    description: str
    license: str
    input: Schema
    output: Schema
    needs: Grants
    scratch: bool
    limits: Limits


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class _Needs(_Part):
    """The closed list of what a tool can ask for. The app's data is read below `/data`; scratch is an empty
    folder of the call's own at `/scratch`, gone when it ends."""

    app_data: Annotated[Literal["read"] | None, Field(alias="fs.app-data")] = None
    scratch: bool = False
    tooling: Annotated[list[Literal["code-exec.javascript", "code-exec.python"]], Field(max_length=4)] = (
        Field(default_factory=list)
    )


class _Limits(_Part):
    fuel: Annotated[int, Field(ge=1, le=20_000_000_000)] = 1_000_000_000
    memory_mb: Annotated[int, Field(ge=1, le=512)] = 64
    timeout_ms: Annotated[int, Field(ge=1, le=60_000)] = 10_000
    input_bytes: Annotated[int, Field(ge=1, le=8 * 1024 * 1024)] = 1024 * 1024
    output_bytes: Annotated[int, Field(ge=1, le=8 * 1024 * 1024)] = 1024 * 1024


def _line(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("one line of printable text")
    return value


class _Written(_Part):
    format: Annotated[Literal["locara-tool/1"], Field(alias="schema")]
    id: Annotated[str, Field(pattern=f"^{TOOL_ID.pattern}$")]
    version: Annotated[str, Field(pattern=f"^{_VERSION.pattern}$")]
    abi: Abi
    module: str
    description: Annotated[str, Field(max_length=200), AfterValidator(_line)]
    license: Annotated[str, Field(max_length=64), AfterValidator(_line)]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    capability_requirements: _Needs = _Needs.model_validate({})
    limits: _Limits = _Limits.model_validate({})


def read_tool(data: bytes) -> Tool:
    """The tool in the bytes of a `tool.json`. Raises ToolError `bad_format`, which says what is wrong."""
    try:
        document = strict_json.parse(data, source="tool.json", max_bytes=MAX_MANIFEST)
        written = _Written.model_validate(document.value)
        module = Digest.parse(written.module)
    except ManifestError as error:
        raise ToolError(error.message, code="bad_format") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"])
        raise ToolError(f"tool.json: {where}: {first['msg']}", code="bad_format") from error
    except ValueError as error:
        raise ToolError("tool.json: module is not a digest", code="bad_format") from error
    digest = Digest.of(data)
    needs = written.capability_requirements
    wanted = [CODE_EXEC[written.abi]] if written.abi in CODE_EXEC else []
    if needs.tooling != wanted:
        listed = ", ".join(wanted) or "none"
        raise ToolError(
            f'tool.json: the tooling that a tool of the abi "{written.abi}" needs is {listed}',
            code="bad_format",
        )
    if written.abi == "python" and (needs.scratch or needs.app_data is not None):
        raise ToolError('tool.json: a tool of the abi "python" is given no folder', code="bad_format")
    limits = written.limits
    return Tool(
        digest=digest,
        id=written.id,
        version=written.version,
        abi=written.abi,
        module=module,
        description=written.description,
        license=written.license,
        input=read_schema(written.input_schema, "input_schema"),
        output=read_schema(written.output_schema, "output_schema"),
        needs=_grants(written, digest, document.positions),
        scratch=needs.scratch,
        limits=Limits(
            limits.fuel, limits.memory_mb << 20, limits.timeout_ms, limits.input_bytes, limits.output_bytes
        ),
    )


def _grants(written: _Written, digest: Digest, positions: Mapping[str, tuple[int, int]]) -> Grants:
    needs = written.capability_requirements
    grants: tuple[Grant, ...] = ()
    if needs.app_data is not None:
        pointer = "/capability_requirements/fs.app-data"
        origin = Origin("tool.json", pointer, '"fs.app-data": "read"', positions)
        scope = AtomScope(Kind.FS_APP_DATA, frozenset({("app-data", "read")}))
        grants = (Grant(Kind.FS_APP_DATA, scope, origin),)
    return Grants(
        app_id=f"tool/{written.id}",
        version=written.version,
        manifest_digest=digest,
        grants=grants,
        tooling=frozenset(needs.tooling),
    )

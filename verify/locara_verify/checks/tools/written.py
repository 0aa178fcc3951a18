"""LC608: what a `tool.json` may say, on both sides of each bound, as the docs have it and not as the reader does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.tools.modules import echo, make
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC608"
NAME: Final = "tool-texts"
MIB: Final = 1 << 20
MOST: Final[dict[str, int]] = {
    "fuel": 20_000_000_000, "memory_mb": 512, "timeout_ms": 60_000, "input_bytes": 8 * MIB, "output_bytes": 8 * MIB,
}  # fmt: skip
"""The most that a call may be given; the least is one."""
LANGUAGES: Final = {"quickjs": "code-exec.javascript", "python": "code-exec.python"}
LARGEST: Final = 262_144
Json = Any


@check(NAME, rules=(RULE,), quick=True)
def run(_ctx: Context) -> CheckResult:
    """Texts that are right and texts with one thing that is wrong; each must be taken or refused as bad_format."""
    tally = Tally()
    right = json.loads(make("tool", echo()).manifest)
    for what, data, good in texts(right):
        said = _read(data)
        if good:
            tally.twin(RULE, said == "taken", f"{what}: {said}")
        else:
            tally.judge(
                RULE, said == "bad_format", "what a tool.json may not say is taken", f"{what}: {said}"
            )
    return tally.result()


def _read(data: bytes) -> str:
    from locara.errors import ToolError  # noqa: PLC0415 - loads the framework
    from locara.tools.manifest import read_tool  # noqa: PLC0415

    try:
        read_tool(data)
    except ToolError as error:
        return error.code
    except Exception as error:  # whatever it is: a text must not break its reader
        return type(error).__name__
    return "taken"


def texts(right: dict[str, Json]) -> Iterator[tuple[str, bytes, bool]]:
    """What it is, the bytes, and whether they are a tool's."""
    for what, document, good in _documents(right):
        yield what, json.dumps(document).encode(), good
    data = json.dumps(right).encode()
    yield "as large as may be", data + b" " * (LARGEST - len(data)), True
    yield "larger than may be", data + b" " * (LARGEST - len(data) + 1), False
    yield "a field twice", data.replace(b'"id"', b'"id": "other", "id"', 1), False
    yield "with a mark before it", b"\xef\xbb\xbf" + data, False
    yield "cut", data[:-1], False
    yield "and more", data + b"{}", False


def _documents(right: dict[str, Json]) -> Iterator[tuple[str, dict[str, Json], bool]]:
    for name, most in MOST.items():
        for value in (1, most):
            yield f"{name} {value!r}", _with(right, "limits", **{name: value}), True
        for odd in (0, -1, most + 1, 1.5, "1", True, 10**30):
            yield f"{name} {odd!r}", _with(right, "limits", **{name: odd}), False
    for abi in ("wasi-p1-json", *LANGUAGES):
        for tooling in ([], *([one] for one in LANGUAGES.values()), list(LANGUAGES.values()), ["ocr"]):
            good = tooling == ([LANGUAGES[abi]] if abi in LANGUAGES else [])
            yield (
                f"{abi} with {tooling}",
                {**_with(right, "capability_requirements", tooling=tooling), "abi": abi},
                good,
            )
            for folder in ({"scratch": True}, {"fs.app-data": "read"}):
                needs = _with(right, "capability_requirements", tooling=tooling, **folder)
                yield f"{abi} with {tooling} and {folder}", {**needs, "abi": abi}, good and abi != "python"
    for need in _NEEDS:
        yield f"a need of {need}", _with(right, "capability_requirements", **need), False
    for field, values in _ODD.items():
        for value in values:
            yield f"{field} {value!a:.60}", {**right, field: value}, False
    for field in right.keys() - {"capability_requirements", "limits"}:
        yield f"without {field}", {key: value for key, value in right.items() if key != field}, False
    for field in ("path", "env", "args", "module_path", "host", "Id", "schema_", ""):
        yield f"a further field {field!r}", {**right, field: "x"}, False
        yield f"a further limit {field!r}", _with(right, "limits", **{field: 1}), False


_NEEDS: Final[tuple[dict[str, Json], ...]] = (
    {"fs.app-data": "read-write"}, {"fs.app-data": True}, {"fs.user-selected": "read"}, {"net": True}, {"scratch": 1},
    {"env": {}}, {"args": []}, {"models": []}, {"clipboard": {"read": True}}, {"fs.app-data": "/etc"},
)  # fmt: skip
_HEX: Final = "ab" * 32
_ODD: Final[dict[str, tuple[Json, ...]]] = {
    "schema": ("locara-tool/2", "locara-tool", "", 1),
    "id": ("", "Tool", "-x", "../x", "a/b", "a b", "x" * 65, "\u0430", "x\n", ".", 1),
    "version": ("1", "1.0", "01.0.0", "1.0.0-x", "v1.0.0", "1.0.0\n", "1.0.1234567890", 1),
    "abi": ("wasm", "native", "", "QUICKJS", 1),
    "module": (
        _HEX, f"sha256:{_HEX[:-1]}", f"sha256:{_HEX}0", f"sha256:{_HEX.upper()}", f"sha512:{_HEX}", "./x.wasm", "", 1,
    ),
    "description": ("", " ", "a\nb", "a\u202eb", "a\x1bb", "a\u2028b", "x" * 201, 1),
    "license": ("", "a\nb", "x" * 65, 1),
    "input_schema": ([], "x", 1, None),
    "output_schema": ([], "x", 1, None),
}  # fmt: skip


def _with(right: dict[str, Json], part: str, **more: Json) -> dict[str, Json]:
    document = copy.deepcopy(right)
    document[part] = {**document.get(part, {}), **more}
    return document

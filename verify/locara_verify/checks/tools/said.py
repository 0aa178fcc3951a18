"""LC606 at what schemas may say and what errors tell: nothing that refers elsewhere or is judged without end, no value
of a call, and of a tool's own words one line that can be shown.

The real host runs in this process. What an error tells goes into a log, to a model and before a person's eyes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from locara.core.grant import Grants
from locara.errors import ToolError
from locara_verify.checks.tools.modules import Made, echo, make, program
from locara_verify.finding import JSON
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.tools.host import ToolHost

SCHEMA: Final = "LC606"
_CANARY: Final = "a-value-that-is-nobody-elses"
_OWN_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_DRAFTS: Final[tuple[JSON, ...]] = (
    "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema", f"{_OWN_DRAFT}#",
    "https://127.0.0.1/schema", "file:///etc/passwd", "schema.json", "", None, 1, [_OWN_DRAFT],
)  # fmt: skip
# A search that goes back over what it has read can take for ever; these cannot be judged in any other way.
_BACK: Final = (
    r"(a)\1",
    r"(?=a)a",
    r"(?<=a)b",
    r"(?!a)b",
    r"(?<!a)b",
    r"(?>a+)b",
    r"(?<n>a)\k<n>",
    "a" * 9 + "{9999}" * 3,
)
_ORDINARY: Final = (r"^[a-z]{1,9}$", r"^(a+)+$", r"^\p{L}+(-\d+)?$", "a|b")
# Schemas that a value breaks which has the canary in it, each by another keyword.
_BROKEN: Final[tuple[tuple[Mapping[str, JSON], JSON], ...]] = (
    ({"type": "integer"}, _CANARY), ({"const": 1}, _CANARY), ({"enum": ["a", 2]}, _CANARY),
    ({"pattern": "^x$"}, _CANARY), ({"maxLength": 3}, _CANARY), ({"minLength": 99}, _CANARY),
    ({"not": {"type": "string"}}, _CANARY), ({"anyOf": [{"type": "null"}, {"const": 2}]}, _CANARY),
    ({"oneOf": [{"type": "string"}, {}]}, _CANARY), ({"items": {"type": "integer"}}, [1, _CANARY]),
    ({"uniqueItems": True}, [_CANARY, _CANARY]), ({"maxItems": 0}, [_CANARY]),
    ({"prefixItems": [{"type": "null"}]}, [_CANARY]),
    ({"properties": {"a": {"type": "integer"}}}, {"a": _CANARY}), ({"required": ["b"]}, {"a": _CANARY}),
    ({"maxProperties": 0}, {"a": _CANARY}), ({"additionalProperties": {"type": "null"}}, {"a": _CANARY}),
)  # fmt: skip
_DEEP: Final = 32
# Characters that move a cursor, turn a line round, hide, or begin another line.
_ODD: Final = "\x1b[2J\x07\x00\r\n\x7f\x85\u200b\u202e\u2028\u2066\ufeff\U000e0041"


def said(tally: Tally, host: ToolHost) -> None:
    """Schemas first, then calls whose values break them, outputs that are deep, and words of tools that fail."""
    _schemas(tally)
    _values(tally, host)
    _depth(tally, host)
    _words(tally, host)


def _taken(schema: Mapping[str, JSON]) -> bool:
    from locara.tools.manifest import read_tool  # noqa: PLC0415 - loads the framework

    try:
        read_tool(make("schema", b"", takes=schema).manifest)
    except ToolError:
        return False
    return True


def _places(keyword: str, value: JSON) -> tuple[Mapping[str, JSON], ...]:
    """Schemas with this keyword, at their top and further down."""
    return {keyword: value}, {"items": {keyword: value}}, {"properties": {"a": {keyword: value}}}


def _schemas(tally: Tally) -> None:
    tally.twin(SCHEMA, _taken({"$schema": _OWN_DRAFT, "type": "object"}), "a schema names its draft")
    for draft in _DRAFTS:
        for schema in _places("$schema", draft):
            told = json.dumps(schema)
            tally.judge(SCHEMA, not _taken(schema), "a schema names what is not its draft", told)
    for pattern in _ORDINARY:
        tally.twin(SCHEMA, _taken({"pattern": pattern}), f"an ordinary pattern: {pattern}")
    for pattern in _BACK:
        for schema in _places("pattern", pattern):
            taken = _taken(schema)
            tally.judge(SCHEMA, not taken, "a pattern that may be judged for ever is taken", pattern)


def _ends(host: ToolHost, made: Made, value: JSON) -> tuple[str, str]:
    """How a call ends, "ok" or the code, and what it tells: the output or the message."""
    from locara.tools.manifest import read_tool  # noqa: PLC0415 - as above

    tool = read_tool(made.manifest)
    try:
        if not host.is_loaded(tool):
            host.load(tool, made.wasm)
        return "ok", json.dumps(host.invoke(tool, value, rights=Grants.none("acme/app")).output)
    except ToolError as error:
        return error.code, f"{error.message} {error.fix or ''}"


def _values(tally: Tally, host: ToolHost) -> None:
    """Values that break a schema; and in whole calls, on the way in and on the way out."""
    from locara.tools.manifest import read_tool  # noqa: PLC0415 - as above

    wasm, (schema, value) = echo(), _BROKEN[0]
    told = [read_tool(make("values", b"", takes=one).manifest).input.problem(of) for one, of in _BROKEN]
    tally.twin(SCHEMA, None not in told, f"each of these values breaks its schema: {told}")
    for made, due in (
        (make("takes", wasm, takes=schema), "bad_request"),
        (make("gives", wasm, gives=schema), "tool_error"),
    ):
        code, said_then = _ends(host, made, value)
        tally.twin(SCHEMA, code == due, f"what breaks a schema is refused ({made.id}: {code})")
        told.append(said_then)
    for message in told:
        tally.judge(
            SCHEMA, _CANARY not in str(message), "an error repeats a value of the call", str(message)[:200]
        )


def _depth(tally: Tally, host: ToolHost) -> None:
    """An output that is as deep as it may be, and one that is deeper."""
    made = make("deep", echo())
    for levels in (_DEEP, _DEEP + 1, 200):
        value: JSON = 1
        for _ in range(levels):
            value = [value]
        code, told = _ends(host, made, value)
        if levels == _DEEP:
            tally.twin(SCHEMA, code == "ok", f"an output of {levels} levels is taken ({code})")
        else:
            held = code == "tool_error"
            tally.judge(SCHEMA, held, "an output is as deep as a tool likes", f"{levels}: {code} {told[:80]}")


def _words(tally: Tally, host: ToolHost) -> None:
    """What a tool says when it fails."""
    words = "mark".join(("", *_ODD, "")).encode()
    text = "".join(f"\\{byte:02x}" for byte in words)
    body = (
        "(i32.store (i32.const 16) (i32.const 512))"
        f" (i32.store (i32.const 20) (i32.const {len(words)}))"
        " (drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 8)))"
        " (call $proc_exit (i32.const 7))"
    )
    exits = '(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))'
    wasm = program(body, imports=exits, parts=f'(data (i32.const 512) "{text}")')
    code, told = _ends(host, make("fails", wasm), None)
    odd = sorted({f"U+{ord(character):04X}" for character in told if not character.isprintable()})
    tally.twin(SCHEMA, code == "tool_error" and "mark" in told, f"what a tool says is told ({code})")
    tally.judge(SCHEMA, not odd, "a tool's words are shown as they are", ", ".join(odd))

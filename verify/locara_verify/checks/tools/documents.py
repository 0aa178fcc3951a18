"""LC605 at `tool.json`: what a tool says of itself gives it nothing beyond the closed list of what it may say."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

from locara.errors import ToolError
from locara_verify.checks.tools.modules import echo, make
from locara_verify.tally import Tally

NOTHING: Final = "LC605"
_FURTHER: Final = (
    *(
        "args",
        "argv",
        "command",
        "entrypoint",
        "env",
        "mounts",
        "volumes",
        "preopens",
        "dirs",
        "network",
        "host",
        "net",
    ),
    *(
        "privileged",
        "user",
        "grants",
        "capabilities",
        "fs.user-selected",
        "stdin",
        "inherit",
        "debug",
        "x",
        "",
    ),
)
"""Names by which descriptions of containers, services and tools ask for more."""
_MOST: Final = {
    "fuel": 20_000_000_000, "memory_mb": 512, "timeout_ms": 60_000, "input_bytes": 8 << 20, "output_bytes": 8 << 20,
}  # fmt: skip
"""The bounds of docs/tools.md."""
_OTHER: Final[dict[str, tuple[Any, ...]]] = {
    "fs.app-data": ("write", "read-write", "Read", "", True, ["read"], {"read": True}),
    "scratch": ("yes", 1, None, "/tmp", {"path": "/tmp"}),  # noqa: S108 - a value to be refused
    "tooling": (
        ["ocr"],
        ["code-exec.shell"],
        ["code-exec.javascript"],
        "code-exec.python",
        [["code-exec.python"]],
    ),
}


def documents(tally: Tally) -> None:
    """One document that says what it may, and each that says one thing more or something else in one place."""
    made = make("document", echo(), needs={"fs.app-data": "read", "scratch": True}, limits=_MOST)
    right = json.loads(made.manifest)
    tally.twin(NOTHING, _taken(right), "a document with every need and the highest limits is read")
    for what, wrong in _wrong(right):
        tally.judge(NOTHING, not _taken(wrong), "a tool says more of itself than it may, and is taken", what)


def _wrong(right: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for place in ("", "capability_requirements", "limits"):
        for name in _FURTHER:
            yield f"{place}/{name} besides", _with(right, place, name, ["/:/host"])
    for name, most in _MOST.items():
        for value in (most + 1, most * 1_000, 0, -1, True, float(most), str(most), None):
            yield f"{name} of {value!r}", _with(right, "limits", name, value)
    for name, values in _OTHER.items():
        for value in values:
            yield f"{name} of {value!r}", _with(right, "capability_requirements", name, value)
    for name in ("id", "version", "description", "license", "module", "abi", "schema"):
        for odd in ("", "--help", "../x", "a b\n", "$(id)", None, 1, ["x"], {"path": "/bin/sh"}):
            words = isinstance(odd, str) and odd.isprintable() and bool(odd)
            if name not in ("description", "license") or not words:
                yield f"{name} of {odd!r}", _with(right, "", name, odd)


def _with(right: dict[str, Any], place: str, name: str, value: object) -> dict[str, Any]:
    bent = copy.deepcopy(right)
    (bent[place] if place else bent)[name] = value
    return bent


def _taken(document: dict[str, Any]) -> bool:
    from locara.tools.manifest import read_tool  # noqa: PLC0415 - loads the framework

    try:
        read_tool(json.dumps(document).encode())
    except ToolError:
        return False
    return True

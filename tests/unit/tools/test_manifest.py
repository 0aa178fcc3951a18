"""tool.json: what is read, what is refused, and that a pin fixes all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from locara.core.capability import Kind
from locara.core.digest import Digest
from locara.errors import ToolError
from locara.tools.manifest import read_tool

MODULE = f"sha256:{'a' * 64}"


def written(**changes: Any) -> bytes:
    document: dict[str, Any] = {
        "schema": "locara-tool/1", "id": "count", "version": "1.0.0", "abi": "wasi-p1-json", "module": MODULE,
        "description": "Counts", "license": "MIT", "input_schema": {"type": "string"}, "output_schema": {},
    }  # fmt: skip
    document.update(changes)
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def test_the_pin_is_the_digest_of_the_manifest_and_nothing_is_needed_unsaid() -> None:
    data = written()
    tool = read_tool(data)
    assert tool.digest == Digest.of(data)
    assert tool.module == Digest.parse(MODULE)
    assert tool.needs.grants == () and tool.needs.tooling == frozenset() and not tool.scratch
    assert tool.limits.memory_bytes == 64 << 20 and tool.limits.timeout_ms == 10_000


def test_needs_become_grants_with_their_line() -> None:
    tool = read_tool(written(capability_requirements={"fs.app-data": "read", "scratch": True}))
    grant = tool.needs.by_kind[Kind.FS_APP_DATA]
    assert (grant.origin.source, grant.origin.declared) == ("tool.json", '"fs.app-data": "read"')
    assert tool.scratch


@pytest.mark.parametrize(("abi", "language"), [("quickjs", "javascript"), ("python", "python")])
def test_a_language_is_what_its_abi_needs_and_no_other(abi: str, language: str) -> None:
    tooling = {"tooling": [f"code-exec.{language}"]}
    assert read_tool(written(abi=abi, capability_requirements=tooling)).needs.tooling
    other = {"tooling": ["code-exec.javascript" if language == "python" else "code-exec.python"]}
    both = {"tooling": [*tooling["tooling"], *other["tooling"]]}
    for needs in ({}, other, both):
        with pytest.raises(ToolError, match=f'the abi "{abi}" needs is code-exec.{language}'):
            read_tool(written(abi=abi, capability_requirements=needs))
    with pytest.raises(ToolError, match="needs is none"):
        read_tool(written(capability_requirements=tooling))


@pytest.mark.parametrize("folder", [{"scratch": True}, {"fs.app-data": "read"}])
def test_a_component_is_given_no_folder(folder: dict[str, Any]) -> None:
    needs = {"tooling": ["code-exec.python"], **folder}
    with pytest.raises(ToolError, match="given no folder"):
        read_tool(written(abi="python", capability_requirements=needs))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "Count"}, {"id": "../x"}, {"id": ""}, {"id": "a\n"}, {"version": "1"}, {"version": "1.0.0-rc"},
        {"abi": "native"}, {"module": "a" * 64}, {"module": None}, {"description": "a\u202eb"},
        {"description": " "}, {"description": "x" * 201}, {"argv": ["--all"]}, {"env": {}}, {"mounts": []},
        {"command": "sh"}, {"schema": "locara-tool/2"}, {"input_schema": True}, {"output_schema": None},
        {"capability_requirements": {"net": True}}, {"capability_requirements": {"fs.app-data": "read-write"}},
        {"capability_requirements": {"fs.user-paths": {"documents": "read"}}},
        {"capability_requirements": {"scratch": 1}}, {"limits": {"memory_mb": 0}}, {"limits": {"fuel": 1.0}},
        {"limits": {"memory_mb": 4096}}, {"limits": {"timeout_ms": 10**9}}, {"limits": {"files": 1}},
    ],
)  # fmt: skip
def test_what_a_manifest_cannot_say(changes: dict[str, Any]) -> None:
    with pytest.raises(ToolError) as refused:
        read_tool(written(**changes))
    assert refused.value.code == "bad_format"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"\xef\xbb\xbf{}", b'{"id":"a","id":"b"}', b'{"schema": NaN}', b"{}" * 200_000]
)
def test_bytes_that_are_no_manifest(data: bytes) -> None:
    with pytest.raises(ToolError) as refused:
        read_tool(data)
    assert refused.value.code == "bad_format"

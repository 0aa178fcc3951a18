"""JavaScript in QuickJS in WebAssembly, as set-up put it into the tool cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.errors import ToolError
from locara.tools.cache import ToolCache, default_root, load_tool
from locara.tools.host import Folders, ToolHost
from locara.tools.manifest import Tool

FIXTURES = Path(__file__).parents[3] / "fixtures" / "tools"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> tuple[ToolHost, Tool]:
    pins = {tool["id"]: tool["digest"] for tool in json.loads((FIXTURES / "tools.json").read_text())["tools"]}
    digest = Digest.parse(pins["quickjs"])
    folder = ToolCache(default_root()).folder(digest)
    assert folder is not None, "run fixtures/tools/prepare.py"
    tool, wasm = load_tool(folder, digest)
    place = tmp_path_factory.mktemp("javascript")
    host = ToolHost(Folders(place, place))
    host.load(tool, wasm)
    return host, tool


def run(engine: tuple[ToolHost, Tool], code: str, given: object = None, **more: int) -> object:
    host, tool = engine
    return host.invoke(tool, {"code": code, "input": given}, rights=Grants.none(), **more).output


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("input.x + 1", 42), ("[1, 2].map(n => n * 2)", [2, 4]), ("undefined", None), ("null", None),
        ("'\\u00e9\\u0000\\n\"'", "\u00e9\0\n\""), ("(async () => { await 0; return 7 })()", 7),
        ("let total = 0; for (const n of [1, 2, 3]) total += n; total", 6), ("'\\u2028'", "\u2028"),
        ("[typeof fetch, typeof require, typeof process, typeof setTimeout, typeof Deno]", ["undefined"] * 5),
    ],
)  # fmt: skip
def test_code_has_a_value(engine: tuple[ToolHost, Tool], code: str, value: object) -> None:
    assert run(engine, code, {"x": 41}) == {"value": value, "logs": []}


def test_what_is_logged_is_told(engine: tuple[ToolHost, Tool]) -> None:
    found = run(engine, "console.log('a', {b: 1}); console.error(2); 3")
    assert found == {"value": 3, "logs": ['a {"b":1}', "2"]}


def test_nothing_is_left_of_an_earlier_call(engine: tuple[ToolHost, Tool]) -> None:
    run(engine, "globalThis.kept = 1; Object.prototype.kept = 1")
    assert run(engine, "[typeof kept, ({}).kept === undefined]") == {"value": ["undefined", True], "logs": []}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("throw new Error('bad')", "Error: bad"), ("syntax error", "SyntaxError"),
        ("import('fs')", "could not load module"), ("new Promise(() => {})", "nobody will keep"),
        ("Promise.reject(new Error('late'))", "Error: late"), ("1n", "BigInt"),
        ("JSON.stringify = () => 'x'; 1", "destroyed"), ("delete globalThis.__run; 1", "failed"),
    ],
)  # fmt: skip
def test_code_that_fails(engine: tuple[ToolHost, Tool], code: str, words: str) -> None:
    with pytest.raises(ToolError, match=words) as failed:
        run(engine, code)
    assert failed.value.code == "tool_error"


@pytest.mark.parametrize("code", ["while (1) {}", "const f = () => Promise.resolve().then(f); f()"])
def test_code_without_end_is_stopped(engine: tuple[ToolHost, Tool], code: str) -> None:
    with pytest.raises(ToolError) as stopped:
        run(engine, code, timeout_ms=100)
    assert stopped.value.code == "limit_exceeded"
    assert run(engine, "1") == {"value": 1, "logs": []}


def test_code_without_bounds_runs_out_of_memory(engine: tuple[ToolHost, Tool]) -> None:
    with pytest.raises(ToolError):
        run(engine, "let all = []; for (;;) all.push(new Uint8Array(1 << 20))")
    assert run(engine, "1") == {"value": 1, "logs": []}

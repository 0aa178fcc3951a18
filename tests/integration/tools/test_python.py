"""Python in CPython in a component, as set-up put it into the tool cache."""

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
from locara_verify.checks.tools.code import ENDLESS, ESCAPES, GREEDY, KEEPS, SECRET

FIXTURES = Path(__file__).parents[3] / "fixtures" / "tools"
Engine = tuple[ToolHost, Tool]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Compiled once, and read back: what answers is the kept code."""
    pins = {tool["id"]: tool["digest"] for tool in json.loads((FIXTURES / "tools.json").read_text())["tools"]}
    digest = Digest.parse(pins["python"])
    folder = ToolCache(default_root()).folder(digest)
    assert folder is not None, "run fixtures/tools/prepare.py"
    tool, wasm = load_tool(folder, digest)
    place = tmp_path_factory.mktemp("python")
    (place / "canary.txt").write_text(SECRET)
    first = ToolHost(Folders(place, place), compiled=place / "kept")
    first.load(tool, wasm)
    first.close()
    (kept,) = (place / "kept").glob("*.cwasm")
    made = kept.stat().st_ino
    host = ToolHost(Folders(place, place), compiled=place / "kept")
    host.load(tool, wasm)
    assert kept.stat().st_ino == made
    return host, tool


def run(engine: Engine, code: str, given: object = None, **more: int) -> object:
    host, tool = engine
    return host.invoke(tool, {"code": code, "input": given}, rights=Grants.none(), **more).output


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("input['x'] + 1", 42), ("[n * n for n in range(3)]", [0, 1, 4]), ("x = 1", None), ("", None), ("# only", None),
        ("'\\u00e9\\x00\\n\"'", "\u00e9\0\n\""), ("total = 0\nfor n in (1, 2, 3):\n  total += n\ntotal", 6),
        ("import decimal\nstr(decimal.Decimal(1) / 3)", "0.3333333333333333333333333333"),
        ("import re, json\njson.loads(re.sub('a', '1', '[a]'))", [1]),
        ("import hashlib\nhashlib.sha256(b'x').hexdigest()[:8]", "2d711642"),
        ("import statistics, datetime\n[statistics.mean([1, 2]), datetime.date(2024, 2, 29).isoformat()]",
         [1.5, "2024-02-29"]),
        ("import csv, io\nlist(csv.reader(io.StringIO('a,b')))", [["a", "b"]]),
        ("def f(n):\n  return n if n < 2 else f(n - 1) + f(n - 2)\nf(12)", 144),
    ],
)  # fmt: skip
def test_code_has_a_value(engine: Engine, code: str, value: object) -> None:
    assert run(engine, code, {"x": 41}) == {"value": value, "logs": []}


def test_what_is_printed_is_told(engine: Engine) -> None:
    found = run(engine, "import sys\nprint('a', {'b': 1}); print('c', file=sys.stderr)\n3")
    assert found == {"value": 3, "logs": ["a {'b': 1}", "c"]}


def test_there_is_no_chance(engine: Engine) -> None:
    """The same code gives the same answer, which a seed in the input can change."""
    same = "import random\n[random.random(), hash('a')]"
    assert run(engine, same) == run(engine, same)
    seeded = "import random\nrandom.seed(input)\nrandom.random()"
    assert run(engine, seeded, 1) != run(engine, seeded, 2)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 / 0", r"ZeroDivisionError: division by zero \(line 1\)"), ("\n\ndef f(:", r"SyntaxError.*\(line 3\)"),
        ("return 1", "'return' outside"), ("def f():\n  raise ValueError('bad')\nf()", r"ValueError: bad \(line 2\)"),
        ("raise SystemExit(3)", "SystemExit: 3"), ("object()", "not JSON serializable"), ("float('nan')", "not JSON"),
        ("import socket", "no module 'socket'"), ("open('x')", "a tool has no files"),
        ("import time\ntime.time()", "a tool has no clock"),
        ("import datetime\ndatetime.datetime.now()", "asked for a file, the time"),
        ("import json\njson.dumps = lambda *a, **k: 'xx'\n1", "is not JSON"),
        ("import json\njson.dumps = lambda *a, **k: '{}'\n1", "is not what it says"),
        ("def f(): f()\nf()", "RecursionError"),
    ],
)  # fmt: skip
def test_code_that_fails(engine: Engine, code: str, words: str) -> None:
    with pytest.raises(ToolError, match=words) as failed:
        run(engine, code)
    assert failed.value.code == "tool_error"


@pytest.mark.parametrize("code", ESCAPES["python"])
def test_code_reaches_nothing(engine: Engine, code: str) -> None:
    with pytest.raises(ToolError) as failed:
        run(engine, code)
    assert failed.value.code == "tool_error" and SECRET not in failed.value.message
    assert run(engine, "1") == {"value": 1, "logs": []}


@pytest.mark.parametrize("code", ENDLESS["python"])
def test_code_without_end_is_stopped(engine: Engine, code: str) -> None:
    with pytest.raises(ToolError) as stopped:
        run(engine, code, timeout_ms=300)
    assert stopped.value.code == "limit_exceeded" or "f()" in code
    assert run(engine, "1") == {"value": 1, "logs": []}


@pytest.mark.parametrize("code", GREEDY["python"])
def test_code_without_bounds_runs_out_of_memory(engine: Engine, code: str) -> None:
    with pytest.raises(ToolError) as stopped:
        run(engine, code)
    assert stopped.value.code in {"tool_error", "limit_exceeded"}
    assert run(engine, "1") == {"value": 1, "logs": []}


def test_memory_that_ran_out_can_be_caught(engine: Engine) -> None:
    code = "try:\n  x = [0] * 10 ** 9\nexcept MemoryError:\n  x = 'caught'\nx"
    assert run(engine, code) == {"value": "caught", "logs": []}


def test_nothing_is_left_of_an_earlier_call(engine: Engine) -> None:
    leave, look, clean = KEEPS["python"]
    run(engine, leave)
    assert run(engine, look) == {"value": clean, "logs": []}


def test_a_large_answer_is_refused(engine: Engine) -> None:
    with pytest.raises(ToolError, match="more than 1048576 bytes") as refused:
        run(engine, "'x' * 2_000_000")
    assert refused.value.code == "limit_exceeded"

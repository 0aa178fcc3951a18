"""The host on real modules: bounds, streams, folders, compiled code."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.errors import ToolError
from locara.tools.cache import load_tool
from locara.tools.host import Answer, Folders, ToolHost
from locara.tools.manifest import read_tool
from locara_verify.checks.tools.attacks import ordinary
from locara_verify.checks.tools.modules import WASI, Made, counter, echo, make, numbers, program, wasi
from tests.integration.tools.conftest import Invoke

FIXTURES = Path(__file__).parents[3] / "fixtures" / "tools"
NOTHING = Grants.none()


def fixture(host: ToolHost, name: str, value: object, *, granted: bool = True) -> Answer:
    folder = FIXTURES / name
    tool, wasm = load_tool(folder, Digest.of((folder / "tool.json").read_bytes()))
    if not host.is_loaded(tool):
        host.load(tool, wasm)
    return host.invoke(tool, value, rights=tool.needs if granted else NOTHING)


def test_the_tools_of_the_repository_do_their_work(host: ToolHost, data: Path) -> None:
    stats = fixture(host, "text-stats", {"text": "h\u00e9llo w\u00f6rld \U0001f600\nzwei\n\nx"}).output
    assert stats == {"bytes": 26, "characters": 21, "words": 5, "lines": 4, "longestLine": 13}
    csv = fixture(host, "csv-to-json", {"csv": 'a,b\r\n1,"x ""q"", y"\n3,"li\nne"'}).output
    assert csv == {"header": ["a", "b"], "rows": [["1", 'x "q", y'], ["3", "li\nne"]]}
    assert fixture(host, "csv-to-json", {"csv": "a;b", "separator": ";"}).output == {
        "header": ["a", "b"],
        "rows": [],
    }
    empty = fixture(host, "digest", {"text": ""}).output
    assert isinstance(empty, dict) and empty["sha256"] == Digest.of(b"").hex
    (data / "a.bin").write_bytes(bytes(range(256)) * 3)
    found = fixture(host, "digest", {"path": "a.bin"}).output
    assert isinstance(found, dict) and found["sha256"] == Digest.of(bytes(range(256)) * 3).hex


def test_without_the_right_the_same_tool_finds_no_file(host: ToolHost, data: Path) -> None:
    (data / "a.bin").write_bytes(b"x")
    with pytest.raises(ToolError, match="cannot be opened"):
        fixture(host, "digest", {"path": "a.bin"}, granted=False)


def test_a_tool_that_fails_says_why(host: ToolHost) -> None:
    with pytest.raises(ToolError, match="ended with code 1: a quoted cell does not end") as failed:
        fixture(host, "csv-to-json", {"csv": '"a'})
    assert failed.value.code == "tool_error"


def test_the_modules_are_what_their_sources_make() -> None:
    """Where there is a compiler; without one the committed digests are what the other tests hold to."""
    run = subprocess.run(
        [sys.executable, str(FIXTURES / "build.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == (0 if shutil.which("clang-14") else 2), run.stderr


def test_ordinary_calls_cost_what_they_say(invoke: Invoke) -> None:
    answer = invoke(make("echo", echo()), {"a": ["\u00e9", 1.5, None]})
    assert answer.output == {"a": ["\u00e9", 1.5, None]}
    assert 0 < answer.usage.fuel < 1_000 and answer.usage.memory_bytes == 65_536 and answer.usage.ms > 0


def test_every_call_is_the_first(invoke: Invoke) -> None:
    made = make("counter", counter())
    assert {tuple(numbers(invoke(made).output)) for _ in range(5)} == {(1, 1)}


def test_output_is_capped_where_it_is_written(invoke: Invoke) -> None:
    size = 1_000
    body = f"(call $say (i32.const 4096) (i32.const {size}))"
    spaces = f'(data (i32.const 4096) "1{" " * (size - 1)}")'
    wasm = program(body, parts=spaces)
    assert invoke(make("exact", wasm, limits={"output_bytes": size})).output == 1
    with pytest.raises(ToolError, match="wrote more than 999 bytes") as stopped:
        invoke(make("over", wasm, limits={"output_bytes": size - 1}))
    assert stopped.value.code == "limit_exceeded"


@pytest.mark.parametrize(
    ("at", "count"), [(0xFFFFFFF8, 1), (16, 0xFFFFFFFF), (16, 1025), (65_532, 1), (24, 1)]
)
def test_addresses_outside_memory_are_an_error_of_the_tool(invoke: Invoke, at: int, count: int) -> None:
    """24: the vector itself is fine and points outside."""
    body = (
        "(i32.store (i32.const 24) (i32.const 0xfffffff0)) (i32.store (i32.const 28) (i32.const 64))"
        f"(call $number (call $write (i32.const 1) (i32.const {at - (1 << 32) if at >> 31 else at})"
        f" (i32.const {count - (1 << 32) if count >> 31 else count}) (i32.const 8))) (call $list)"
    )
    assert numbers(invoke(make("far", program(body))).output) == [21]


def test_scratch_is_empty_at_every_call_and_gone_after_it(invoke: Invoke, tmp_path: Path) -> None:
    body = """(call $number (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 1)
          (i32.const 5) (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 64)))
        (i32.store (i32.const 72) (i32.const 512)) (i32.store (i32.const 76) (i32.const 4))
        (call $number (call $write (i32.load (i32.const 64)) (i32.const 72) (i32.const 1) (i32.const 80)))
        (call $list)"""
    parts, imports = '(data (i32.const 512) "file")', wasi("path_open", 9, sixty_four=(5, 6))
    made = make("scratch", program(body, parts=parts, imports=imports), needs={"scratch": True})
    assert [numbers(invoke(made).output) for _ in range(2)] == [[0, 0], [0, 0]]
    assert list((tmp_path / "scratch").iterdir()) == []
    plain = make("plain", program(body, parts=parts, imports=imports))
    assert numbers(invoke(plain).output) == [8, 8]


def test_time_and_cancel_end_a_call_and_not_the_next(invoke: Invoke) -> None:
    limits = {"fuel": 20_000_000_000, "timeout_ms": 60_000}
    spin, other = make("spin", program("(loop $on (br $on))"), limits=limits), make("echo", echo())
    with pytest.raises(ToolError, match="longer than it may"):
        invoke(spin, timeout_ms=30)
    stop = threading.Event()
    threading.Timer(0.03, stop.set).start()
    with pytest.raises(ToolError) as ended:
        invoke(spin, cancelled=stop)
    assert ended.value.code == "cancelled"
    assert [invoke(other, n).output for n in range(20)] == list(range(20))


@pytest.mark.parametrize(
    ("wasm", "words"),
    [
        (b"\0asm\1\0\0\0bad", "not a WebAssembly module"),
        (program("(nop)", imports='(import "env" "f" (func $f))'), "env.f"),
        (program("(nop)", imports=f'(import "{WASI}" "fd_forge" (func $f))'), "fd_forge"),
        (program("(nop)", imports=f'(import "{WASI}" "fd_close" (func $f))'), "another type"),
        (program("(nop)", imports='(import "env" "t" (table 1 funcref))'), "other than functions"),
    ],
)
def test_a_module_that_is_not_run(host: ToolHost, wasm: bytes, words: str) -> None:
    made = make("refused", wasm)
    with pytest.raises(ToolError, match=words) as refused:
        host.load(read_tool(made.manifest), wasm)
    assert refused.value.code == "bad_format"


def test_other_bytes_than_the_manifest_names_are_not_loaded(host: ToolHost) -> None:
    first, second = ordinary()[:2]
    with pytest.raises(ToolError) as refused:
        host.load(read_tool(first.manifest), second.wasm)
    assert refused.value.code == "digest_mismatch"


def test_compiled_code_is_used_again_and_never_when_it_was_changed(tmp_path: Path, data: Path) -> None:
    kept = tmp_path / "kept"

    def answer(made: Made) -> object:
        host = ToolHost(Folders(data, data), compiled=kept)
        tool = read_tool(made.manifest)
        host.load(tool, made.wasm)
        found = host.invoke(tool, 7, rights=NOTHING).output
        host.close()
        return found

    made, other = make("echo", echo()), make("counter", counter())
    assert (answer(made), numbers(answer(other))) == (7, [1, 1])
    files = {path.name[:64]: path for path in kept.glob("*.cwasm")}
    mine, theirs = files[Digest.of(made.wasm).hex], files[Digest.of(other.wasm).hex]
    inode = mine.stat().st_ino
    assert answer(made) == 7 and mine.stat().st_ino == inode
    for forged in (theirs.read_bytes(), mine.read_bytes()[:32] + theirs.read_bytes()[32:], b""):
        mine.write_bytes(forged)
        assert answer(made) == 7
        assert mine.read_bytes() != forged
    assert {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}

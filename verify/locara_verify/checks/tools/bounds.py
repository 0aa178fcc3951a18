"""LC601 and LC603 to LC608 at the host of tools itself: what one call leaves, what its rights and its
manifest bound, which names are a tool's, and whose compiled code is run. The real host runs in this process, with tools
of this check.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from locara.core.grant import Grants
from locara.errors import CallError, ToolError
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.undeclared import other_names
from locara_verify.checks.tools.attacks import ISOLATION, LIMITS, SCHEMA, UNDECLARED
from locara_verify.checks.tools.documents import NOTHING, documents
from locara_verify.checks.tools.leftovers import leftovers
from locara_verify.checks.tools.modules import (
    Made,
    assemble,
    component,
    echo,
    make,
    numbers,
    prober,
    program,
    wasi,
)
from locara_verify.checks.tools.rights import RULE as RIGHTS
from locara_verify.checks.tools.said import said
from locara_verify.checks.tools.stage import fill
from locara_verify.checks.tools.surroundings import surroundings
from locara_verify.context import Context
from locara_verify.tally import Tally

CACHE: Final = "LC608"
NAME: Final = "tool-bounds"
_SECONDS: Final = 5.0
_FUEL: Final = 1_000_000
# One turn is eight instructions, of which each costs one.
_TURNS: Final = """(loop $on (global.set $n (i32.add (global.get $n) (i32.const 1)))
 (br_if $on (i32.lt_u (global.get $n) (i32.const {turns}))))"""
_COUNT: Final = "(global $n (mut i32) (i32.const 0))"
_MODULE: Final = '(module {parts} (func (export "_start")))'
_MEMORY: Final = '(export "memory")'
# What no tool may be made of, whatever its manifest says; the first of each pair differs in that alone and is taken.
_KINDS: Final = (
    ("four tables", "(memory {m} 1)" + "(table 1 funcref)" * 4,
     "five tables", "(memory {m} 1)" + "(table 1 funcref)" * 5),
    ("one memory", "(memory {m} 1)", "two memories", "(memory {m} 1) (memory 1)"),
    ("a memory of 32 bits", "(memory {m} 1 2)", "a memory of 64 bits", "(memory {m} i64 1 2)"),
    ("a memory of one thread", "(memory {m} 1 2)", "a memory that threads share", "(memory {m} 1 2 shared)"),
)  # fmt: skip
_TABLE: Final = 100_000
_PIECES: Final = 1_000_000
_WORK: Final = 0.5
_ENGINE: Final = """(module (memory (export "memory") 4) (data (i32.const 1024) "{text}")
 (func (export "malloc") (param i32) (result i32) (i32.const 65536))
 (func (export "qjs_eval") (param i32 i32 i32 i32) (result i32) (i32.const 0))
 (func (export "qjs_get_string") (param i32) (result i32) (i32.const 1024))
 (func (export "_initialize")) (func (export "qjs_init") (result i32) (i32.const 0))
 (func (export "qjs_is_exception") (param i32) (result i32) (i32.const 0))
 (func (export "qjs_get_exception") (result i32) (i32.const 0))
 (func (export "qjs_is_job_pending") (result i32) (i32.const 0))
 (func (export "qjs_execute_pending_job") (result i32) (i32.const 0)))"""
_KEYWORDS: Final = (
    "$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$defs", "definitions", "$vocabulary", "format", "if",
    "dependentSchemas", "unevaluatedProperties", "contentSchema", "patternProperties", "propertyNames", "contains",
)  # fmt: skip


@check(NAME, rules=(UNDECLARED, ISOLATION, LIMITS, NOTHING, SCHEMA, RIGHTS, CACHE))
def run(ctx: Context) -> CheckResult:
    """Scratch folders, rights, time, output, instructions, tables, schemas, compiled code."""
    tally = Tally()
    bench = Bench(ctx)
    try:
        scratch(tally, bench)
        scratch_links(tally, bench, ctx.fresh_dir("beside"))
        rights(tally, bench)
        bounds(tally, bench)
        complaints(tally, bench)
        instructions(tally, bench)
        kinds(tally, bench)
        inputs(tally, bench)
        stories(tally, bench)
        said(tally, bench.host)
    finally:
        bench.host.close()
    schemas(tally)
    documents(tally)
    pinned(tally, ctx.fresh_dir("pinned"))
    compiled(tally, ctx.fresh_dir("compiled"))
    leftovers(ctx, tally)
    surroundings(ctx, tally)
    return tally.result()


class Bench:
    """A host of tools with a file of the app and an empty place for scratch folders."""

    def __init__(self, ctx: Context) -> None:
        from locara.tools.host import Folders, ToolHost  # noqa: PLC0415 - loads Wasmtime

        self.scratch = ctx.fresh_dir("scratch")
        data = ctx.fresh_dir("data")
        (data / "own.txt").write_text("own", encoding="utf-8")
        self.host = ToolHost(Folders(app_data=data, scratch=self.scratch))

    def call(
        self, made: Made, value: object = None, *, granted: bool = True, timeout_ms: int | None = None
    ) -> tuple[str, object]:
        """How a call of a tool ends, "ok" or the code, and its output; with its needs granted, or nothing."""
        from locara.tools.manifest import read_tool  # noqa: PLC0415 - as above

        tool = read_tool(made.manifest)
        rights = tool.needs if granted else Grants.none("acme/app")
        try:
            if not self.host.is_loaded(tool):
                self.host.load(tool, made.wasm)
            answer = self.host.invoke(tool, value, rights=rights, timeout_ms=timeout_ms)
        except ToolError as error:
            return error.code, None
        return "ok", answer.output


def scratch(tally: Tally, bench: Bench) -> None:
    """A file that is made in a scratch folder is not there in the next call, of the same tool or another."""
    makes = (
        "(call $number (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 4)"
        " (i32.const 5) (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 64))) (call $list)"
    )
    wasm = program(
        makes, imports=wasi("path_open", 9, sixty_four=(5, 6)), parts='(data (i32.const 512) "mark")'
    )
    for turn in range(3):
        for name in ("leaves", "looks"):
            code, output = bench.call(make(name, wasm, needs={"scratch": True}))
            fresh = code == "ok" and numbers(output) == [0]
            if turn == 0 and name == "leaves":
                tally.twin(ISOLATION, fresh, f"a tool makes a file in its scratch folder ({code} {output})")
            tally.judge(
                ISOLATION, fresh, "a scratch folder holds what an earlier call left", f"{name}: {output}"
            )
            left = [path.name for path in bench.scratch.iterdir()]
            tally.judge(ISOLATION, not left, "a scratch folder outlives its call", str(left))


def scratch_links(tally: Tally, bench: Bench, beside: Path) -> None:
    """Links that a tool leaves in its scratch folder lead nowhere when that is taken away."""
    inner = beside / "inner"
    inner.mkdir()
    for place in (beside / "file", inner / "file"):
        place.write_bytes(b"beside")
        place.chmod(0o640)
    inner.chmod(0o750)
    before = _standing(beside)
    texts, calls, at = [], [], 512
    for number, aim in enumerate((beside / "file", inner, beside)):
        path = os.path.relpath(aim, bench.scratch / "tool")
        texts.append(f'(data (i32.const {at}) "{path}") (data (i32.const {at + 400}) "l{number}")')
        calls.append(
            f"(call $number (call $path_symlink (i32.const {at}) (i32.const {len(path)}) (i32.const 3)"
            f" (i32.const {at + 400}) (i32.const 2)))"
        )
        at += 500
    wasm = program(f"{' '.join(calls)} (call $list)", imports=wasi("path_symlink", 5), parts=" ".join(texts))
    code, output = bench.call(make("links", wasm, needs={"scratch": True}))
    tally.twin(ISOLATION, code == "ok", f"a tool that makes links ends ({code})")
    held = _standing(beside) == before and not list(bench.scratch.iterdir())
    told = f"{code} {output}: {_standing(beside)}"
    tally.judge(ISOLATION, held, "what links in a scratch folder lead to was changed with it", told)


def _standing(folder: Path) -> list[tuple[str, int, bytes]]:
    found = sorted(folder.rglob("*"))
    return [(one.name, one.stat().st_mode, one.read_bytes() if one.is_file() else b"") for one in found]


def rights(tally: Tally, bench: Bench) -> None:
    """A tool that needs the app's data, called with and without the right to it."""
    reader = make("reader", prober(("own.txt", "."), (3, 4)), needs={"fs.app-data": "read"})
    tally.twin(
        RIGHTS, 0 in numbers(bench.call(reader)[1]), "a tool with the right to the app's data reads it"
    )
    code, output = bench.call(reader, granted=False)
    opened = numbers(output)
    tally.judge(
        RIGHTS, code == "ok" and not opened, "a tool was given what the app may not do", f"{code} {opened}"
    )


def bounds(tally: Tally, bench: Bench) -> None:
    """Calls that ask for more time than their tool has, and tools that write more than they may."""
    long = {"fuel": 20_000_000_000, "timeout_ms": 200}
    spin = make("spin", program("(loop $on (br $on))"), limits=long)
    for asked in (None, 1, 60_000):
        begin = time.monotonic()
        code, _ = bench.call(spin, timeout_ms=asked)
        took = time.monotonic() - begin
        held = code == "limit_exceeded" and took < _SECONDS
        tally.judge(
            LIMITS,
            held,
            "a call took more time than its tool has",
            f"asked for {asked}: {code}, {took:.1f} s",
        )
    for most, size in ((100, 101), (100, 5_000), (4_000, 5_000)):
        large = make(f"large-{most}-{size}", echo(), limits={"output_bytes": most, "input_bytes": 8_000})
        code, _ = bench.call(large, "x" * (size - 2))
        tally.judge(
            LIMITS, code == "limit_exceeded", "a tool wrote more than it may", f"{size} of {most}: {code}"
        )
        code, output = bench.call(large, "x" * (most - 2))
        tally.twin(
            LIMITS, code == "ok" and output == "x" * (most - 2), f"{most} bytes of output are taken ({code})"
        )


def inputs(tally: Tally, bench: Bench) -> None:
    """Inputs of exactly as many bytes as a tool takes and of one more, in letters of one to four bytes each."""
    for letter in ("x", "\u00e9", "\u20ac", "\U0001d11e"):
        size = len(letter.encode())
        made = make(f"takes-{size}", echo(), limits={"input_bytes": 2 + 60 * size})
        fits, beyond = bench.call(made, letter * 60)[0], bench.call(made, letter * 61)[0]
        tally.twin(LIMITS, fits == "ok", f"60 letters of {size} bytes are taken ({fits})")
        tally.judge(
            LIMITS,
            beyond == "limit_exceeded",
            "a tool takes more bytes than it may",
            f"61 of {size}: {beyond}",
        )
    # A host function costs no instruction, so that its own work must be bounded.
    body = (
        f"(drop (call $write (i32.const 1) (i32.const 0) (i32.const {_PIECES}) (i32.const 8))) (call $list)"
    )
    long = make("pieces", program(body, pages=160), limits={"timeout_ms": 200})
    begin = time.thread_time()
    code = bench.call(long)[0]
    took = time.thread_time() - begin
    tally.judge(LIMITS, took < _WORK, "one write keeps the host at work for long", f"{code}, {took:.1f} s")


def stories(tally: Tally, bench: Bench) -> None:
    """What an interpreter says of its run: only code that came to its end has a value."""
    for state, due in (("done", "ok"), ("failed", "tool_error"), ("waiting", "tool_error")):
        for value in ('"an error"', "null", "0"):
            text = f'{{"state": "{state}", "logs": [], "value": {value}}}'.replace('"', '\\"')
            wasm = assemble(_ENGINE.format(text=text))
            needs = {"tooling": ["code-exec.javascript"]}
            made = make(f"tells-{state}", wasm, needs=needs, abi="quickjs")
            code = bench.call(made, {"code": "0"})[0]
            if due == "ok":
                tally.twin(SCHEMA, code == due, f"code that ended has a value ({code})")
            else:
                tally.judge(
                    SCHEMA, code == due, "code that did not end has a value", f"{state} {value}: {code}"
                )


def complaints(tally: Tally, bench: Bench) -> None:
    """The second stream of a tool, a little and more than is kept of it."""
    size = "(i32.store (i32.const 16) (i32.const 100)) (i32.store (i32.const 20) (i32.const {size}))"
    write = "(drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 8)))"
    for most, due in ((4_096, "ok"), (4_097, "limit_exceeded"), (60_000, "limit_exceeded")):
        body = f"{size.format(size=most)} {write} (call $list)"
        code = bench.call(make(f"complains-{most}", program(body)))[0]
        if due == "ok":
            tally.twin(LIMITS, code == due, f"a tool writes {most} bytes to its second stream ({code})")
        else:
            tally.judge(
                LIMITS, code == due, "a tool wrote more to its second stream than is kept", f"{most}: {code}"
            )


def instructions(tally: Tally, bench: Bench) -> None:
    """Tools that do a little less and a little more than their instructions allow, with all the time they want."""
    limits = {"fuel": _FUEL, "timeout_ms": 60_000}
    for turns, code in ((_FUEL * 9 // 80, "ok"), (_FUEL * 12 // 80, "limit_exceeded")):
        body = _TURNS.format(turns=turns)
        said = bench.call(
            make(f"turns-{turns}", program(f"{body} (call $list)", parts=_COUNT), limits=limits)
        )[0]
        made = component(body, parts=_COUNT)
        needs = {"tooling": ["code-exec.python"]}
        parts = bench.call(make(f"parts-{turns}", made, limits=limits, needs=needs, abi="python"), "text")[0]
        for what, ended in (("tool", said), ("component", parts)):
            if code == "ok":
                tally.twin(LIMITS, ended == "ok", f"a {what} within its instructions works ({ended})")
            else:
                message = f"a {what} ran more instructions than its manifest allows"
                tally.judge(LIMITS, ended == code, message, f"1.2 times as many: {ended}")


def kinds(tally: Tally, bench: Bench) -> None:
    """Tables of any size or number, and memories of a kind that no bound is made for."""
    grow = "(loop $on (if (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))"
    grow += " (then (global.set $n (i32.add (global.get $n) (i32.const 1)))"
    grow += " (br_if $on (i32.lt_u (global.get $n) (i32.const 50)))))) (call $number (global.get $n)) (call $list)"
    _, output = bench.call(make("grows", program(grow, parts=f"{_COUNT} (table $t 1 funcref)")))
    found = numbers(output)
    tally.twin(LIMITS, found >= [1], f"a table grows ({found})")
    most = _TABLE // 10_000 - 1
    tally.judge(LIMITS, found <= [most], f"a table is larger than {_TABLE} elements", f"{found} times 10,000")
    for fine, usual, beyond, odd in _KINDS:
        # A tool of this shape says nothing, which is no JSON: that error tells that it ran.
        for what, parts in ((fine, usual), (beyond, odd)):
            wasm = assemble(_MODULE.format(parts=parts.format(m=_MEMORY)))
            code = bench.call(make(what.replace(" ", "-"), wasm))[0]
            # Tables are counted by the store of a call, all else is no module at all for this engine.
            made = code == "tool_error" if "table" in what else code == "tool_error" or _compiles(wasm)
            if what == fine:
                tally.twin(LIMITS, made, f"a tool with {what} runs ({code})")
            else:
                tally.judge(LIMITS, not made, f"a tool with {what} is taken", f"it ended with {code}")


def _compiles(wasm: bytes) -> bool:
    import wasmtime  # noqa: PLC0415 - only this check needs it

    from locara.tools.engine import make_engine  # noqa: PLC0415 - as above

    try:
        wasmtime.Module(make_engine(), wasm)
    except wasmtime.WasmtimeError:
        return False
    return True


def schemas(tally: Tally) -> None:
    """Keywords that refer elsewhere, or that nobody keeps, wherever they stand in a schema."""
    from locara.tools.manifest import read_tool  # noqa: PLC0415 - loads the framework

    wasm = echo()
    tally.twin(
        SCHEMA,
        read_tool(make("plain", wasm, takes={"type": "object"}).manifest).id == "plain",
        "a plain schema",
    )
    for keyword in _KEYWORDS:
        part: dict[str, Any] = {keyword: "#/properties/a" if keyword.startswith("$") else {}}
        for schema in (part, {"properties": {"a": part}}, {"anyOf": [{}, part]}, {"items": {"not": part}}):
            taken = True
            try:
                read_tool(make("refers", wasm, takes=schema).manifest)
            except ToolError:
                taken = False
            tally.judge(
                SCHEMA, not taken, "a schema refers elsewhere, or says what nobody keeps", json.dumps(schema)
            )


def pinned(tally: Tally, folder: Path) -> None:
    """Names that are no pinned tool's, at the shelf of an app alone: nothing was decided before."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.runtime.loaded_tools import LoadedTools  # noqa: PLC0415 - as above

    tool, other = make("pinned", echo()), make("another", echo("another"))
    fill(folder, [tool, other])
    grants = replace(Grants.none("acme/app"), tools={tool.id: Digest.parse(tool.digest)})
    home: Any = SimpleNamespace(path=folder)
    shelf = LoadedTools(grants, folder, home)
    names = [*other_names(tool.id, tool.digest, other.digest), other.id, other.pin]
    for name in (tool.id, tool.pin, *names):
        found = ""
        with suppress(CallError, ToolError):
            found = shelf.tool(name).id
        if name in names:
            told = f"{ascii(name)[:100]}: {found}"
            tally.judge(UNDECLARED, not found, "a tool is found by a name that is not pinned", told)
        else:
            tally.twin(UNDECLARED, found == tool.id, f"a pinned tool is found by {name}")


def compiled(tally: Tally, folder: Path) -> None:
    """A secret that others may write is made anew, and with it the code that was kept under it."""
    import wasmtime  # noqa: PLC0415 - only this check needs it

    from locara.tools.compiled import Compiled  # noqa: PLC0415 - as above
    from locara.tools.engine import engine_key, make_engine  # noqa: PLC0415 - as above

    engine, wasm, key = make_engine(), echo(), folder / "key"
    keeper = Compiled(wasmtime.Module, engine, folder, engine_key=engine_key())
    keeper.get(wasm)
    first = key.read_bytes()
    keeper.get(wasm)
    tally.twin(CACHE, key.read_bytes() == first, "compiled code is kept")
    for mode in (0o620, 0o602, 0o666):
        key.write_bytes(b"\1" * 32)
        key.chmod(mode)
        keeper.get(wasm)
        anew = key.read_bytes() != b"\1" * 32 and not key.stat().st_mode & 0o022
        tally.judge(CACHE, anew, "a secret that others may write is relied on", oct(mode))
    alike = [echo(mark) for mark in ("left", "mean", "rite")]
    for turn in range(2):
        for wasm in alike:
            kept = Compiled(wasmtime.Module, engine, folder, engine_key=engine_key()).get(wasm)
            own = bytes(kept.serialize()) == bytes(wasmtime.Module(engine, wasm).serialize())
            tally.judge(
                CACHE, own, "a module runs the compiled code of another", f"turn {turn}, of one length"
            )

"""The host: loads tools that were checked against their pins, and runs each call in a store of its own."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import wasmtime

from locara.core import strict_json
from locara.core.decision import decide
from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.core.request import FsRequest
from locara.errors import ManifestError, ToolError
from locara.records import dataclass
from locara.tools import quickjs, wasi
from locara.tools.compiled import Compiled
from locara.tools.engine import Watch, engine_key, limited_store, make_engine
from locara.tools.manifest import Tool

if TYPE_CHECKING:
    from locara.tools.components import Components

_MOST_DEPTH: Final = 32
_STOPS: Final = {
    wasmtime.TrapCode.OUT_OF_FUEL: "it used up the instructions that its manifest allows",
    wasmtime.TrapCode.INTERRUPT: "it took longer than it may",
}
_TRAPS: Final = {
    "wasm `unreachable`": wasmtime.TrapCode.UNREACHABLE,
    "call stack exhausted": wasmtime.TrapCode.STACK_OVERFLOW,
    "out of bounds memory": wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS,
    "integer divide by zero": wasmtime.TrapCode.INTEGER_DIVISION_BY_ZERO,
}
_NO_ROOM: Final = ("exceeds memory limits", "memory minimum size", "resource limit exceeded")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used: instructions (about), milliseconds of wall time, bytes of memory at its end (None: of a
    component, whose memory cannot be seen)."""

    fuel: int
    ms: float
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's output, which has its output schema, and what it cost."""

    output: object
    usage: Usage


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a host finds what tools can be given: the app's data, and room for scratch folders."""

    app_data: Path
    scratch: Path


class ToolHost:
    """Runs tools, one call at a time. Callers have asked the gate before; `rights` is what it granted."""

    def __init__(self, folders: Folders, *, compiled: Path | None = None) -> None:
        self._folders = folders
        self._engine = make_engine()
        self._compiled = Compiled(wasmtime.Module, self._engine, compiled, engine_key=engine_key())
        self._kept = compiled
        self._components: Components | None = None
        self._watch = Watch(self._engine)
        self._outputs = wasi.Outputs()
        self._linker = wasi.make_linker(self._engine, self._outputs)
        self._linker_with_files = wasi.make_linker(self._engine, None)
        quickjs.add_host(self._linker)
        self._ready: dict[str, wasmtime.InstancePre] = {}
        self._lock = threading.Lock()

    def load(self, tool: Tool, wasm: bytes) -> None:
        """Compile a tool whose bytes have the digest in its manifest. Raises ToolError otherwise."""
        if tool.module != Digest.of(wasm):
            raise ToolError(
                f"the module of the tool {tool.id} has other bytes than it should", code="digest_mismatch"
            )
        if tool.abi == "python":
            self._of_components().load(tool, wasm)
            return
        module = self._compiled.get(wasm)
        if tool.abi == "quickjs":
            wasi.check_module(module, host=quickjs.HOST, needs=quickjs.EXPORTS)
        else:
            wasi.check_module(module, needs=("_start",))
        try:
            linker = self._linker_with_files if tool.scratch else self._linker
            self._ready[tool.digest.hex] = linker.instantiate_pre(module)
        except wasmtime.WasmtimeError as error:
            raise ToolError(
                f"the tool {tool.id} imports a function with another type than it has", code="bad_format"
            ) from error

    def is_loaded(self, tool: Tool) -> bool:
        """Whether `load` was called for this tool."""
        if tool.abi == "python":
            return self._components is not None and self._components.is_loaded(tool)
        return tool.digest.hex in self._ready

    def close(self) -> None:
        """End the threads that watch calls."""
        self._watch.close()
        if self._components is not None:
            self._components.watch.close()

    def _of_components(self) -> Components:
        if self._components is None:
            from locara.tools.components import Components  # noqa: PLC0415 - few apps have such a tool

            self._components = Components(self._kept)
        return self._components

    def invoke(
        self,
        tool: Tool,
        value: object,
        *,
        rights: Grants,
        timeout_ms: int | None = None,
        cancelled: threading.Event | None = None,
    ) -> Answer:
        """Run one call. `rights` are the tool's needs within the app's Grants: no folder beyond them is opened.

        Raises ToolError: `bad_request` (the input breaks the schema), `limit_exceeded` (time, instructions,
        memory, output), `cancelled`, `tool_error` (it failed, or its output is not what its schema says).
        """
        data = _encoded(tool, value)
        seconds = min(timeout_ms or tool.limits.timeout_ms, tool.limits.timeout_ms) / 1_000
        stop = cancelled or threading.Event()
        with self._lock, self._folders_of(tool, rights) as preopens:
            started = time.perf_counter()
            watch = self._components.watch if self._components and tool.abi == "python" else self._watch
            with watch.guard(seconds, stop):
                store = self._store(tool)
                try:
                    text, memory = self._run(tool, store, data, value, preopens)
                except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
                    late = time.perf_counter() - started >= seconds
                    raise _stopped(tool, error, stop, late=late, fuel=store.get_fuel()) from error
                finally:
                    left = store.get_fuel()
                    store.close()
            ms = (time.perf_counter() - started) * 1_000
        output = _decoded(tool, text)
        return Answer(output, Usage(tool.limits.fuel - left, round(ms, 3), memory))

    def _store(self, tool: Tool) -> wasmtime.Store:
        if tool.abi == "python":
            return self._of_components().store(tool)
        return limited_store(self._engine, fuel=tool.limits.fuel, memory_bytes=tool.limits.memory_bytes)

    def _run(
        self,
        tool: Tool,
        store: wasmtime.Store,
        data: bytes,
        value: object,
        preopens: tuple[wasi.Preopen, ...],
    ) -> tuple[bytes, int | None]:
        if tool.abi == "python":
            return self._of_components().run(tool, store, data), None
        pre = self._ready[tool.digest.hex]
        if tool.abi == "quickjs":
            if not isinstance(value, dict) or not isinstance(value.get("code"), str):
                raise ToolError("the input has no code", code="bad_request")
            text, memory = quickjs.run(store, pre, value, tool.limits.output_bytes)
            return _of_javascript(text), memory
        config = wasi.wasi_config(data, preopens)
        if tool.scratch:
            return self._run_with_files(tool, store, config)
        self._outputs.begin(tool.limits.output_bytes)
        code, memory = wasi.run(store, pre, config)
        return _finished(tool, code, self._outputs.stdout.bytes, self._outputs.stderr.bytes), memory

    def _run_with_files(
        self, tool: Tool, store: wasmtime.Store, config: wasmtime.WasiConfig
    ) -> tuple[bytes, int]:
        """A tool that writes files anyway has its streams in files, on the same small file system."""
        with tempfile.TemporaryDirectory(prefix="tool-", dir=self._folders.scratch) as folder:
            files = [Path(folder) / name for name in ("stdout", "stderr")]
            config.stdout_file, config.stderr_file = map(str, files)
            code, memory = wasi.run(store, self._ready[tool.digest.hex], config)
            most = tool.limits.output_bytes
            streams = []
            for file, limit in zip(files, (most, wasi.MOST_STDERR), strict=True):
                with file.open("rb") as reading:
                    streams.append(reading.read(limit + 1))
            if len(streams[0]) > most:
                raise wasi.too_much("stdout", most)
            return _finished(tool, code, streams[0], streams[1][: wasi.MOST_STDERR]), memory

    @contextmanager
    def _folders_of(self, tool: Tool, rights: Grants) -> Iterator[tuple[wasi.Preopen, ...]]:
        preopens: list[wasi.Preopen] = []
        if decide(rights, FsRequest("app-data", "", "read")).allowed:
            preopens.append(wasi.Preopen(str(self._folders.app_data), "/data", writable=False))
        if not tool.scratch:
            yield tuple(preopens)
            return
        scratch = tempfile.mkdtemp(prefix="tool-", dir=self._folders.scratch)
        try:
            yield (*preopens, wasi.Preopen(scratch, "/scratch", writable=True))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _finished(tool: Tool, code: int, stdout: bytes, stderr: bytes) -> bytes:
    """The output of a tool that ended with code 0."""
    if code != 0:
        said = quickjs.shown(stderr)
        raise ToolError(f"the tool {tool.id} ended with code {code}" + (f": {said}" if said else ""))
    return stdout


def _encoded(tool: Tool, value: object) -> bytes:
    problem = tool.input.problem(value)
    if problem is not None:
        raise ToolError(f"the input of the tool {tool.id}: {problem}", code="bad_request")
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if len(data) > tool.limits.input_bytes:
        most = tool.limits.input_bytes
        raise ToolError(f"the tool {tool.id} takes an input of at most {most} bytes", code="limit_exceeded")
    return data


def _decoded(tool: Tool, text: bytes) -> object:
    try:
        output = strict_json.parse(
            text, source="output", max_bytes=tool.limits.output_bytes, max_depth=_MOST_DEPTH
        ).value
    except ManifestError as error:
        raise ToolError(f"the output of the tool {tool.id} is not JSON") from error
    problem = tool.output.problem(output)
    if problem is not None:
        raise ToolError(f"the output of the tool {tool.id} is not what it says it is: {problem}")
    return output


def _of_javascript(text: bytes) -> bytes:
    """The output object, out of what the script's frame tells of its run."""
    try:
        told = json.loads(text)
        state, value, logs = told["state"], told.get("value"), told["logs"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ToolError("the code destroyed what its result is told by") from error
    if state == "waiting":
        raise ToolError("the code waits for a promise that nobody will keep")
    if state == "failed":
        raise ToolError(f"the code failed: {quickjs.shown(str(value).encode('utf-8', 'replace'))}")
    return json.dumps({"value": value, "logs": logs}, ensure_ascii=True).encode()


def _stopped(
    tool: Tool, error: wasmtime.Trap | wasmtime.WasmtimeError, stop: threading.Event, *, late: bool, fuel: int
) -> ToolError:
    code = (
        error.trap_code
        if isinstance(error, wasmtime.Trap)
        else _trap_of_component(error, late or stop.is_set(), fuel)
    )
    if code is wasmtime.TrapCode.INTERRUPT and stop.is_set():
        return ToolError(f"the tool {tool.id} was cancelled", code="cancelled")
    if code in _STOPS:
        return ToolError(f"the tool {tool.id} was stopped: {_STOPS[code]}", code="limit_exceeded")
    if code is wasmtime.TrapCode.UNREACHABLE and tool.abi == "python":
        return ToolError(
            "the code asked for a file, the time, chance or the network, and a tool has none of them"
        )
    if code is not None:
        return ToolError(f"the tool {tool.id} crashed: {code.name.lower().replace('_', ' ')}")
    if any(words in str(error) for words in _NO_ROOM):
        return ToolError(f"the tool {tool.id} needs more memory than it may have", code="limit_exceeded")
    return ToolError(f"the tool {tool.id} could not be run")


def _trap_of_component(error: wasmtime.WasmtimeError, ended: bool, fuel: int) -> wasmtime.TrapCode | None:
    """Components end with an error that tells its trap only in words: what this host did is known without them."""
    if fuel == 0:
        return wasmtime.TrapCode.OUT_OF_FUEL
    text = str(error)
    if ended and "wasm trap: interrupt" in text:
        return wasmtime.TrapCode.INTERRUPT
    return next((code for words, code in _TRAPS.items() if f"wasm trap: {words}" in text), None)


__all__ = ["Answer", "Folders", "ToolHost", "Usage"]

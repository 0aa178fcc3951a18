"""Running JavaScript in QuickJS, which itself runs as a WebAssembly module (the abi `quickjs`).

Input `{"code": text, "input": any}`; the code finds `input` and may `console.log`. Output `{"value", "logs"}`: the
value of its last statement, awaited when it is a promise. There is no module loader, no timer, no file, no
network and no host function at all: those that the engine imports answer nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import wasmtime

from locara.errors import ToolError
from locara.tools.wasi import function_type, wasi_config

EXPORTS: Final = (
    "_initialize", "qjs_init", "qjs_eval", "qjs_is_exception", "qjs_get_exception", "qjs_get_string",
    "qjs_is_job_pending", "qjs_execute_pending_job", "malloc",
)  # fmt: skip
_HOST: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "host_call": (("i32", "i32", "i32", "i32", "i32"), ("i32",)),
    "host_interrupt": ((), ("i32",)),
    "host_promise_rejection": (("i32", "i32", "i32"), ()),
    "host_module_normalize": (("i32", "i32"), ("i32",)),
    "host_module_load": (("i32", "i32"), ("i32",)),
    "host_get_timezone_offset": (("i32", "i32"), ("i32",)),
}
HOST: Final = frozenset(_HOST)
_BEFORE: Final = """globalThis.input = JSON.parse(%s);
globalThis.__run = {logs: [], state: "done", value: null};
globalThis.console = {};
for (const level of ["log", "info", "warn", "error", "debug"])
  console[level] = (...parts) => { __run.logs.push(parts.map(part =>
    typeof part === "string" ? part : JSON.stringify(part) ?? String(part)).join(" ")); };
try {
  const value = (0, eval)(%s);
  __run.value = value;
  if (value instanceof Promise) {
    __run.state = "waiting";
    value.then(found => { __run.value = found; __run.state = "done"; },
               error => { __run.value = String(error); __run.state = "failed"; });
  }
} catch (error) { __run.value = String(error); __run.state = "failed"; }
0"""
_AFTER: Final = """JSON.stringify({state: __run.state, logs: __run.logs,
  value: __run.state === "waiting" ? null : __run.value === undefined ? null : __run.value})"""
_MOST_MESSAGE: Final = 500


def add_host(linker: wasmtime.Linker) -> None:
    """Define the functions that the engine imports: none of them does anything."""
    for name, (parameters, results) in _HOST.items():
        linker.define_func("env", name, function_type(parameters, results), _zero if results else _nothing)


def _zero(*_arguments: object) -> int:
    return 0


def _nothing(*_arguments: object) -> None:
    return None


class _Machine:
    """One instance of the engine and the few of its functions that are used."""

    def __init__(self, store: wasmtime.Store, pre: wasmtime.InstancePre) -> None:
        self._store = store
        exports = pre.instantiate(store).exports(store)
        self._functions = {name: exports[name] for name in EXPORTS}
        memory = exports["memory"]
        if not isinstance(memory, wasmtime.Memory):
            raise ToolError("the tool exports no memory", code="bad_format")
        self.memory = memory

    def call(self, name: str, *arguments: int) -> int:
        function = self._functions[name]
        if not isinstance(function, wasmtime.Func):
            raise ToolError(f"the tool exports no function {name}", code="bad_format")
        found = function(self._store, *arguments)
        return found if isinstance(found, int) else 0

    def text_in(self, data: bytes) -> int:
        place = self.call("malloc", len(data) + 1)
        if not place:
            raise ToolError("the code and its input do not fit into the tool's memory", code="limit_exceeded")
        self.memory.write(self._store, data + b"\0", place)
        return place

    def text_out(self, place: int, most: int) -> bytes:
        """The bytes up to the NUL at a place, no more than `most`."""
        place &= 0xFFFFFFFF
        found = self.memory.read(self._store, place, min(place + most + 1, self.memory.data_len(self._store)))
        end = found.find(b"\0")
        if end < 0:
            raise ToolError("the tool's output is too large", code="limit_exceeded")
        return bytes(found[:end])

    def evaluate(self, source: str, most: int) -> bytes:
        """The text of a script's value. Raises ToolError when the script throws."""
        data = source.encode("utf-8", "surrogatepass")
        place = self.text_in(data)
        name = self.text_in(b"tool.js")
        value = self.call("qjs_eval", place, len(data), name, 0)
        failed = self.call("qjs_is_exception", value)
        if failed:
            value = self.call("qjs_get_exception")
        text = self.text_out(self.call("qjs_get_string", value), most)
        if failed:
            raise ToolError(f"the code failed: {shown(text)}")
        return text


def run(
    store: wasmtime.Store, pre: wasmtime.InstancePre, given: Mapping[str, Any], most: int
) -> tuple[bytes, int]:
    """Run `given["code"]`: (JSON text of the output, bytes of memory). Raises ToolError, Trap, WasmtimeError."""
    store.set_wasi(wasi_config(b"", ()))
    machine = _Machine(store, pre)
    machine.call("_initialize")
    machine.call("qjs_init")
    value = json.dumps(json.dumps(given.get("input")))
    machine.evaluate(_BEFORE % (value, json.dumps(given["code"])), most)
    while machine.call("qjs_is_job_pending"):
        machine.call("qjs_execute_pending_job")
    text = machine.evaluate(_AFTER, most)
    return text, machine.memory.data_len(store)


def shown(text: bytes) -> str:
    """What a tool said, fit to be shown: one line, printable, short."""
    line = " ".join(text.decode("utf-8", "replace").split())[:_MOST_MESSAGE]
    return "".join(char if char.isprintable() else "\ufffd" for char in line)

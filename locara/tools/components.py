"""Running components (the abi `python`): one function `run`, text in, text or a message out, and no import at all.

A component of this abi reaches nothing, because there is nothing it could call: all it is given is a linker that
defines nothing, and one that imports anything is refused. Interpreters come this way: CPython with its memory kept
from the moment its standard modules were loaded, so that a call begins in milliseconds.

Components have an engine of their own, see `make_engine`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import wasmtime
from wasmtime import component

from locara.errors import ToolError
from locara.tools.compiled import Compiled
from locara.tools.engine import Bounds, Watch, engine_key, limited_store, make_engine
from locara.tools.manifest import Tool
from locara.tools.quickjs import shown
from locara.tools.wasi import too_much

EXPORT: Final = "run"
# A component is a graph of modules: CPython's has some forty instances, and tables for each of its libraries.
_BOUNDS: Final = Bounds(instances=128, tables=128, memories=1)


class Components:
    """The components of one host: compiled or read back when they are loaded, one call at a time."""

    def __init__(self, folder: Path | None) -> None:
        self._engine = make_engine(components=True)
        key = engine_key(components=True)
        self._compiled = Compiled(component.Component, self._engine, folder, engine_key=key)
        self._linker = component.Linker(self._engine)
        self._ready: dict[str, component.Component] = {}
        self.watch = Watch(self._engine)

    def load(self, tool: Tool, wasm: bytes) -> None:
        """Compile a component whose digest was checked. Raises ToolError `bad_format`."""
        made = self._compiled.get(wasm)
        imports, exports = made.type.imports(self._engine), made.type.exports(self._engine)
        if imports:
            wanted = ascii(min(imports))[1:-1][:120]
            raise ToolError(f"the tool imports {wanted}, which no tool is given", code="bad_format")
        found = exports.get(EXPORT)
        if found is None or not _is_text_function(found.ty):
            raise ToolError(
                f"the tool exports no function {EXPORT}: func(string) -> result<string, string>",
                code="bad_format",
            )
        self._ready[tool.digest.hex] = made

    def is_loaded(self, tool: Tool) -> bool:
        """Whether `load` was called for this tool."""
        return tool.digest.hex in self._ready

    def store(self, tool: Tool) -> wasmtime.Store:
        """The store of one call."""
        limits = tool.limits
        return limited_store(self._engine, fuel=limits.fuel, memory_bytes=limits.memory_bytes, bounds=_BOUNDS)

    def run(self, tool: Tool, store: wasmtime.Store, data: bytes) -> bytes:
        """What `run` gives for a text. Raises ToolError, and what Wasmtime raises."""
        function = self._linker.instantiate(store, self._ready[tool.digest.hex]).get_func(store, EXPORT)
        found = None if function is None else function(store, data.decode())
        if not isinstance(found, component.Variant):
            raise ToolError(f"the tool {tool.id} gave no result")
        text = str(found.payload).encode()
        if found.tag != "ok":
            raise ToolError(f"the code failed: {shown(text)}")
        if len(text) > tool.limits.output_bytes:
            raise too_much("its output", tool.limits.output_bytes)
        return text


def _is_text_function(item: object) -> bool:
    """Whether an export is `func(string) -> result<string, string>`."""
    if not isinstance(item, component.FuncType):
        return False
    given, result, text = item.params, item.result, component.String
    if len(given) != 1 or not isinstance(given[0][1], text) or not isinstance(result, component.ResultType):
        return False
    return isinstance(result.ok, text) and isinstance(result.err, text)

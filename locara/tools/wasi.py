"""Running a module of the abi `wasi-p1-json`: JSON on stdin, JSON on stdout, exit code 0.

A call sees no argument but its own name, no environment, no network, and no folder but those it is given. What its
system interface is made of is a closed list; a module that imports anything else is refused before it runs.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import wasmtime
from wasmtime import _ffi as ffi

from locara.errors import ToolError

WASI: Final = "wasi_snapshot_preview1"
_ENOSYS: Final = 52
_MOST_STDERR: Final = 4_096
# These wait, or reach sockets or signals. They exist, because compilers import them unasked, and do nothing.
_ABSENT: Final[Mapping[str, tuple[str, ...]]] = {
    "poll_oneoff": ("i32", "i32", "i32", "i32"),
    "proc_raise": ("i32",),
    "sock_accept": ("i32", "i32", "i32"),
    "sock_recv": ("i32", "i32", "i32", "i32", "i32", "i32"),
    "sock_send": ("i32", "i32", "i32", "i32", "i32"),
    "sock_shutdown": ("i32", "i32"),
}
_GIVEN: Final = frozenset(
    {
        "args_get", "args_sizes_get", "clock_res_get", "clock_time_get", "environ_get", "environ_sizes_get",
        "fd_advise", "fd_allocate", "fd_close", "fd_datasync", "fd_fdstat_get", "fd_fdstat_set_flags",
        "fd_fdstat_set_rights", "fd_filestat_get", "fd_filestat_set_size", "fd_filestat_set_times", "fd_pread",
        "fd_prestat_dir_name", "fd_prestat_get", "fd_pwrite", "fd_read", "fd_readdir", "fd_renumber", "fd_seek",
        "fd_sync", "fd_tell", "fd_write", "path_create_directory", "path_filestat_get",
        "path_filestat_set_times", "path_link", "path_open", "path_readlink", "path_remove_directory",
        "path_rename", "path_symlink", "path_unlink_file", "proc_exit", "random_get", "sched_yield",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preopen:
    """A folder of the host that a call sees at `guest`."""

    path: str
    guest: str
    writable: bool


@dataclass(slots=True)
class Capped:
    """Takes a stream's bytes up to a number, and remembers that there were more."""

    most: int
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    overflowed: bool = False

    def take(self, data: bytes) -> int:
        """Wasmtime calls this: how many bytes were taken, or a negative error number."""
        if self.overflowed or self.size + len(data) > self.most:
            self.overflowed = True
            return -errno.EFBIG
        self.parts.append(data)
        self.size += len(data)
        return len(data)

    @property
    def bytes(self) -> bytes:
        """What was taken."""
        return b"".join(self.parts)


def make_linker(engine: wasmtime.Engine) -> wasmtime.Linker:
    """The system interface of this abi, made once for an engine."""
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    linker.allow_shadowing = True
    for name, parameters in _ABSENT.items():
        linker.define_func(WASI, name, function_type(parameters, ("i32",)), _absent)
    return linker


def function_type(parameters: tuple[str, ...], results: tuple[str, ...]) -> wasmtime.FuncType:
    """A function type by the names of its value types (i32, i64)."""
    kinds = {"i32": wasmtime.ValType.i32, "i64": wasmtime.ValType.i64}
    return wasmtime.FuncType([kinds[name]() for name in parameters], [kinds[name]() for name in results])


def _absent(*_arguments: object) -> int:
    return _ENOSYS


def check_module(
    module: wasmtime.Module, *, host: frozenset[str] = frozenset(), needs: tuple[str, ...]
) -> None:
    """Raise ToolError `bad_format` unless a module imports from the closed lists alone and exports what it must.

    `host` are the functions of the module `env` that exist besides.
    """
    for wanted in module.imports:
        if not isinstance(wanted.type, wasmtime.FuncType):
            raise ToolError("the tool imports something other than functions", code="bad_format")
        given = wanted.module == WASI and (wanted.name in _GIVEN or wanted.name in _ABSENT)
        if not given and not (wanted.module == "env" and wanted.name in host):
            shown = ascii(f"{wanted.module}.{wanted.name}")[:120]
            raise ToolError(f"the tool imports {shown}, which no tool is given", code="bad_format")
    exported = {export.name: export.type for export in module.exports}
    if not isinstance(exported.get("memory"), wasmtime.MemoryType):
        raise ToolError("the tool exports no memory", code="bad_format")
    for name in needs:
        if not isinstance(exported.get(name), wasmtime.FuncType):
            raise ToolError(f"the tool exports no function {name}", code="bad_format")


def wasi_config(
    stdin: bytes, stdout: Capped, stderr: Capped, preopens: tuple[Preopen, ...]
) -> wasmtime.WasiConfig:
    """The world of one call."""
    config = wasmtime.WasiConfig()
    config.argv = ["tool"]
    _set_stdin(config, stdin)
    config.stdout_custom = stdout.take
    config.stderr_custom = stderr.take
    for preopen in preopens:
        config.preopen_dir(preopen.path, preopen.guest, fs_mutable=preopen.writable)
    return config


def _set_stdin(config: wasmtime.WasiConfig, data: bytes) -> None:
    # The public class reads stdin from files alone; Wasmtime itself takes bytes, and takes them over.
    vector = ffi.wasm_byte_vec_t()
    held = (ctypes.c_ubyte * len(data)).from_buffer_copy(data)
    ffi.wasm_byte_vec_new(ctypes.byref(vector), len(data), held)
    ffi.wasi_config_set_stdin_bytes(config.ptr(), ctypes.byref(vector))


def stderr_cap() -> Capped:
    """Room for what a tool says when it fails."""
    return Capped(_MOST_STDERR)


def run(store: wasmtime.Store, pre: wasmtime.InstancePre, config: wasmtime.WasiConfig) -> tuple[int, int]:
    """Run `_start`: (exit code, bytes of memory at the end). Raises Trap and WasmtimeError as Wasmtime does."""
    store.set_wasi(config)
    exports = pre.instantiate(store).exports(store)
    start = exports["_start"]
    memory = exports["memory"]
    if not isinstance(start, wasmtime.Func) or not isinstance(memory, wasmtime.Memory):
        raise ToolError("the tool has no _start or no memory", code="bad_format")
    code = 0
    try:
        start(store)
    except wasmtime.ExitTrap as ended:
        code = ended.code
    return code, memory.data_len(store)

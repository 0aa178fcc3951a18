"""Running a module of the abi `wasi-p1-json`: JSON on stdin, JSON on stdout, exit code 0.

A call sees no argument but its own name, no environment, no network, and no folder but those it is given. What its
system interface is made of is a closed list; a module that imports anything else is refused before it runs.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping
from typing import Final

import wasmtime
from wasmtime import _ffi as ffi

from locara.errors import ToolError
from locara.records import dataclass

WASI: Final = "wasi_snapshot_preview1"
_EBADF: Final = 8
_EFAULT: Final = 21
_ENOSYS: Final = 52
_U32: Final = 0xFFFFFFFF
_MOST_VECTORS: Final = 1_024
MOST_STDERR: Final = 4_096
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
        "fd_prestat_dir_name", "fd_prestat_get", "fd_pwrite", "fd_read", "fd_readdir", "fd_renumber",
        "fd_seek", "fd_sync", "fd_tell", "fd_write", "path_create_directory", "path_filestat_get",
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


class Capped:
    """Takes a stream's bytes up to a number; more is an error of the tool."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0

    def take(self, data: bytes) -> None:
        """Keep what was written. Raises ToolError `limit_exceeded`, which ends the call."""
        self._size += len(data)
        if self._size > self._most:
            raise too_much(self._name, self._most)
        self._parts.append(data)

    @property
    def bytes(self) -> bytes:
        """What was taken."""
        return b"".join(self._parts)


def too_much(name: str, most: int) -> ToolError:
    """The error for a tool that writes without end."""
    return ToolError(
        f"the tool was stopped: it wrote more than {most} bytes to {name}", code="limit_exceeded"
    )


class Outputs:
    """`fd_write` for calls without a scratch folder: what the running call writes to stdout and stderr.

    Wasmtime's own streams hand bytes to a callback on another thread, whenever it gets to run, and that thread
    outlives the call; these are taken on the calling thread, and end the call at the first byte too many.
    """

    def __init__(self) -> None:
        self.stdout = Capped("stdout", 0)
        self.stderr = Capped("stderr", 0)

    def begin(self, most: int) -> None:
        """Forget the last call."""
        self.stdout = Capped("stdout", most)
        self.stderr = Capped("stderr", MOST_STDERR)

    def fd_write(self, caller: wasmtime.Caller, fd: int, vectors: int, count: int, written: int) -> int:
        """The system call, with every address checked against the tool's memory."""
        if fd not in (1, 2):
            return _EBADF
        memory = caller["memory"]
        if not isinstance(memory, wasmtime.Memory):
            return _EFAULT
        size = memory.data_len(caller)
        vectors, count, written = vectors & _U32, count & _U32, written & _U32
        if count > _MOST_VECTORS or vectors + 8 * count > size or written + 4 > size:
            return _EFAULT
        table = memory.read(caller, vectors, vectors + 8 * count)
        stream = self.stdout if fd == 1 else self.stderr
        total = 0
        for start, length in struct.iter_unpack("<II", bytes(table)):
            if start + length > size:
                return _EFAULT
            stream.take(bytes(memory.read(caller, start, start + length)))
            total += length
        memory.write(caller, struct.pack("<I", total & _U32), written)
        return 0


def make_linker(engine: wasmtime.Engine, outputs: Outputs | None) -> wasmtime.Linker:
    """The system interface of this abi, made once for an engine; without `outputs`, streams go to files."""
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    linker.allow_shadowing = True
    for name, parameters in _ABSENT.items():
        linker.define_func(WASI, name, function_type(parameters, ("i32",)), _absent)
    if outputs is not None:
        kind = function_type(("i32", "i32", "i32", "i32"), ("i32",))
        linker.define_func(WASI, "fd_write", kind, outputs.fd_write, access_caller=True)
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
    """Raise ToolError `bad_format` unless a module imports from the closed lists and exports what it must.

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


def wasi_config(stdin: bytes, preopens: tuple[Preopen, ...]) -> wasmtime.WasiConfig:
    """The world of one call. Its streams go nowhere, unless the linker or the caller says otherwise."""
    config = wasmtime.WasiConfig()
    config.argv = ["tool"]
    _set_stdin(config, stdin)
    for preopen in preopens:
        config.preopen_dir(preopen.path, preopen.guest, fs_mutable=preopen.writable)
    return config


def _set_stdin(config: wasmtime.WasiConfig, data: bytes) -> None:
    # The public class reads stdin from files alone; Wasmtime itself takes bytes, and takes them over.
    vector = ffi.wasm_byte_vec_t()
    held = (ctypes.c_ubyte * len(data)).from_buffer_copy(data)
    ffi.wasm_byte_vec_new(ctypes.byref(vector), len(data), held)
    ffi.wasi_config_set_stdin_bytes(config.ptr(), ctypes.byref(vector))


def run(store: wasmtime.Store, pre: wasmtime.InstancePre, config: wasmtime.WasiConfig) -> tuple[int, int]:
    """Run `_start`: (exit code, bytes of memory at the end). Raises ToolError, and what Wasmtime raises."""
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

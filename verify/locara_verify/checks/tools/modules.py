"""Hostile and harmless tools, written as WebAssembly text and assembled when a check runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from locara.records import dataclass
from locara_verify.finding import JSON

WASI: Final = "wasi_snapshot_preview1"
_WRITE: Final = f'(import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))'
# $say prints the bytes from $at for $size; addresses 0..15 are its own.
_SAY: Final = """(func $say (param $at i32) (param $size i32)
  (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $size))
  (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"""
# $number appends 1000 + n and a comma at $end: four digits, so that no number has a leading zero.
_NUMBER: Final = """(global $end (mut i32) (i32.const 32769))
(func $digit (param $v i32)
  (i32.store8 (global.get $end) (i32.add (i32.const 48) (i32.rem_u (local.get $v) (i32.const 10))))
  (global.set $end (i32.add (global.get $end) (i32.const 1))))
(func $number (param $n i32) (local $v i32)
  (local.set $v (i32.add (local.get $n) (i32.const 1000)))
  (call $digit (i32.div_u (local.get $v) (i32.const 1000)))
  (call $digit (i32.div_u (local.get $v) (i32.const 100)))
  (call $digit (i32.div_u (local.get $v) (i32.const 10)))
  (call $digit (local.get $v))
  (i32.store8 (global.get $end) (i32.const 44))
  (global.set $end (i32.add (global.get $end) (i32.const 1))))
(func $list
  (i32.store8 (i32.const 32768) (i32.const 91))
  (i32.store8 (global.get $end) (i32.const 48))
  (i32.store8 (i32.add (global.get $end) (i32.const 1)) (i32.const 93))
  (call $say (i32.const 32768) (i32.add (i32.sub (global.get $end) (i32.const 32768)) (i32.const 2))))"""


@dataclass(frozen=True, slots=True)
class Made:
    """A tool's two files and its pin."""

    id: str
    manifest: bytes
    wasm: bytes

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the manifest."""
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"

    @property
    def pin(self) -> str:
        """As a manifest of an app pins it."""
        return f"{self.id}@{self.digest}"


def make(
    name: str,
    wasm: bytes,
    *,
    needs: Mapping[str, JSON] | None = None,
    limits: Mapping[str, JSON] | None = None,
    takes: Mapping[str, JSON] | None = None,
    gives: Mapping[str, JSON] | None = None,
    abi: str = "wasi-p1-json",
    says: str | None = None,
) -> Made:
    """A tool of these bytes with a manifest that is right for them, and with `says` for its description."""
    document = {
        "schema": "locara-tool/1",
        "id": name,
        "version": "1.0.0",
        "abi": abi,
        "module": f"sha256:{hashlib.sha256(wasm).hexdigest()}",
        "description": says or f"The attack {name}",
        "license": "0BSD",
        "input_schema": takes or {},
        "output_schema": gives or {},
        "capability_requirements": needs or {},
        "limits": {"fuel": 200_000_000, "memory_mb": 16, "timeout_ms": 4_000, **(limits or {})},
    }
    return Made(name, json.dumps(document, indent=1).encode(), wasm)


def assemble(text: str) -> bytes:
    """The module of a text."""
    import wasmtime  # noqa: PLC0415 - only these checks load it

    return bytes(wasmtime.wat2wasm(text))


def program(body: str, *, imports: str = "", parts: str = "", pages: int = 1) -> bytes:
    """A module with `$say`, `$number` and `$list`, whose `_start` is `body`."""
    return assemble(
        f'(module {_WRITE} {imports} (memory (export "memory") {pages}) {_SAY} {_NUMBER} {parts}'
        f' (func (export "_start") {body}))'
    )


def component(body: str, *, parts: str = "", imports: str = "", of: str = "") -> bytes:
    """A component of the abi `python`: `run` gives back its input after `body`, which sees `$at` and `$len`.

    `parts` go into its module, `imports` and `of` into the component before and after that.
    """
    return assemble(
        f"""(component {imports}
 (core module $m (memory (export "memory") 1) (global $free (mut i32) (i32.const 1024)) {parts}
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3)))
    (br_if 0 (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
    (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get 3) (i32.const 65536))))))
  (func (export "run") (param $at i32) (param $len i32) (result i32)
    {body}
    (i32.store (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (local.get $at)) (i32.store (i32.const 8) (local.get $len))
    (i32.const 0)))
 (core instance $i (instantiate $m)) {of}
 (func (export "run") (param "input" string) (result (result string (error string)))
  (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""
    )


def wasi(name: str, parameters: int, *, sixty_four: Sequence[int] = ()) -> str:
    """The import `$name` of a system call with so many i32 parameters, some of them i64."""
    kinds = " ".join("i64" if index in sixty_four else "i32" for index in range(parameters))
    return f'(import "{WASI}" "{name}" (func ${name} (param {kinds}) (result i32)))'


def echo(mark: str = "") -> bytes:
    """Writes its input back. Modules with different marks are different modules."""
    return program(
        """(i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 8192))
        (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
        (call $say (i32.const 1024) (i32.load (i32.const 24)))""",
        imports=wasi("fd_read", 4),
        parts=f'(data (i32.const 10000) "{mark}")',
    )


def counter() -> bytes:
    """Tells how often this instance was called: `[1001,0]`, if nothing is left of earlier calls."""
    return program(
        """(i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (call $number (i32.load (i32.const 512))) (call $number (global.get $calls)) (call $list)""",
        parts="(global $calls (mut i32) (i32.const 0))",
    )


def prober(paths: Sequence[str], descriptors: Sequence[int]) -> bytes:
    """Tries to open, make, change and remove every path from every descriptor; tells what it could open."""
    data, calls, at = [], [], 40_960
    for index, path in enumerate(paths):
        raw = path.encode("utf-8", "surrogatepass")
        data.append(f'(data (i32.const {at}) "{"".join(f"{chr(92)}{byte:02x}" for byte in raw)}")')
        for fd in descriptors:
            calls.append(
                f"(call $try (i32.const {index}) (i32.const {fd}) (i32.const {at}) (i32.const {len(raw)}))"
            )
        at += len(raw) + 1
    names = ("path_unlink_file", "path_create_directory", "path_remove_directory")
    imports = [wasi(name, 3) for name in names]
    imports += [
        wasi("path_open", 9, sixty_four=(5, 6)),
        wasi("fd_pwrite", 5, sixty_four=(3,)),
        wasi("fd_filestat_set_size", 2, sixty_four=(1,)),
        wasi("path_filestat_set_times", 7, sixty_four=(4, 5)),
        wasi("path_symlink", 5),
        wasi("path_link", 7),
        wasi("path_rename", 6),
    ]
    return program(
        f"{' '.join(calls)} (call $list)",
        imports=" ".join(imports),
        parts=f"{' '.join(data)} {_TRY}",
        pages=2,
    )


# Every open is tried plainly, following a last link, with a link in the way, and with the flags that create,
# demand a directory and cut (CVE-2024-38358 lay in one combination of them).
_TRY: Final = """
(func $open (param $i i32) (param $fd i32) (param $at i32) (param $n i32) (param $look i32) (param $flags i32)
            (param $rights i64)
  (if (i32.eqz (call $path_open (local.get $fd) (local.get $look) (local.get $at) (local.get $n)
        (local.get $flags) (local.get $rights) (local.get $rights) (i32.const 0) (i32.const 64)))
    (then
      (call $number (local.get $i))
      (i32.store (i32.const 72) (i32.const 256)) (i32.store (i32.const 76) (i32.const 5))
      (drop (call $fd_pwrite (i32.load (i32.const 64)) (i32.const 72) (i32.const 1) (i64.const 0) (i32.const 80)))
      (if (i64.ne (local.get $rights) (i64.const 2))
        (then (drop (call $fd_filestat_set_size (i32.load (i32.const 64)) (i64.const 0))))))))
(func $try (param $i i32) (param $fd i32) (param $at i32) (param $n i32)
  (call $open (local.get $i) (local.get $fd) (local.get $at) (local.get $n) (i32.const 0) (i32.const 0) (i64.const 2))
  (call $open (local.get $i) (local.get $fd) (local.get $at) (local.get $n) (i32.const 1) (i32.const 0) (i64.const 2))
  (call $open (local.get $i) (local.get $fd) (local.get $at) (local.get $n) (i32.const 1) (i32.const 2) (i64.const 2))
  (call $open (local.get $i) (local.get $fd) (local.get $at) (local.get $n) (i32.const 0) (i32.const 0) (i64.const 66))
  (call $open (local.get $i) (local.get $fd) (local.get $at) (local.get $n) (i32.const 1) (i32.const 1) (i64.const 66))
  (call $open (local.get $i) (local.get $fd) (local.get $at) (local.get $n) (i32.const 1) (i32.const 9) (i64.const 66))
  (call $open (local.get $i) (local.get $fd) (local.get $at) (local.get $n) (i32.const 0) (i32.const 5) (i64.const 66))
  (drop (call $path_symlink (local.get $at) (local.get $n) (local.get $fd) (local.get $at) (local.get $n)))
  (drop (call $path_link (local.get $fd) (i32.const 1) (local.get $at) (local.get $n)
    (local.get $fd) (i32.const 256) (i32.const 5)))
  (drop (call $path_rename (local.get $fd) (local.get $at) (local.get $n)
    (local.get $fd) (i32.const 256) (i32.const 5)))
  (drop (call $path_filestat_set_times (local.get $fd) (i32.const 1) (local.get $at) (local.get $n)
    (i64.const 0) (i64.const 0) (i32.const 5)))
  (drop (call $path_create_directory (local.get $fd) (local.get $at) (local.get $n)))
  (drop (call $path_remove_directory (local.get $fd) (local.get $at) (local.get $n)))
  (drop (call $path_unlink_file (local.get $fd) (local.get $at) (local.get $n))))
(data (i32.const 256) "pwned")
"""


def numbers(output: object) -> list[int]:
    """What `$number` was called with, out of a `$list`."""
    if not isinstance(output, list):
        return []
    return [item - 1_000 for item in output if isinstance(item, int) and item]

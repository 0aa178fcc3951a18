"""LC605 and LC608 of what lies around a call: the functions of an interpreter's engine, and code that was kept.

An interpreter's engine asks its host for the hour of the person, for modules and for more; each is asked here, on a
machine that has an hour of its own, and must say nothing. Code that was kept compiled is put back under keys that
anybody knows, with the key itself taken away.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.errors import ToolError
from locara_verify.checks.in_process import environment
from locara_verify.checks.tools.documents import NOTHING
from locara_verify.checks.tools.leftovers import INTERPRETER
from locara_verify.checks.tools.modules import Made, assemble, counter, echo, make
from locara_verify.context import Context
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.tools.host import ToolHost

CACHE: Final = "LC608"
FUNCTIONS: Final = {
    "host_call": 5, "host_interrupt": 0, "host_module_normalize": 2, "host_module_load": 2,
    "host_get_timezone_offset": 2,
}  # fmt: skip
ZONE: Final = "NPT-5:45"
_MAC_BYTES: Final = 32


def surroundings(ctx: Context, tally: Tally) -> None:
    """Both."""
    with environment(TZ=ZONE, LANG="ne_NP.UTF-8"):
        time.tzset()
        _engine(ctx, tally)
    time.tzset()
    _unkeyed(ctx, tally)


def _engine(ctx: Context, tally: Tally) -> None:
    """An engine that tells what each function of its host said: digits, one for each call."""
    imports = " ".join(
        f'(import "env" "{name}" (func ${name} (param {" ".join(["i32"] * count)}) (result i32)))'
        for name, count in FUNCTIONS.items()
    )
    asked = [(name, at) for name in FUNCTIONS for at in (0, 1_024, 1_700_000_000)]
    calls = "".join(
        f"(call $put (i32.add (i32.const 48) (i32.ne (i32.const 0) (call ${name} "
        f"{' '.join([f'(i32.const {at})'] * FUNCTIONS[name])}))))"
        for name, at in asked
    )
    begins = '(func (export "qjs_init") (result i32) (i32.const 0))'
    text = INTERPRETER.replace("(module ", f"(module {imports} ", 1)
    text = text.replace(begins, f'(func (export "qjs_init") (result i32) {calls} (i32.const 0))')
    tool = make("engine", assemble(text), needs={"tooling": ["code-exec.javascript"]}, abi="quickjs")
    host = _host(ctx, None)
    try:
        said, output = _call(host, tool, {"code": "", "input": None})
    finally:
        host.close()
    found = str(output.get("value"))[: len(asked)] if isinstance(output, dict) else ""
    if said != "ok" or set(found) - {"0", "1"} or len(found) != len(asked):
        tally.twin(NOTHING, False, f"an engine that asks its host answers ({said}: {str(output)[:100]})")
        return
    told = [f"{name}({at})" for (name, at), digit in zip(asked, found, strict=True) if digit != "0"]
    tally.judge(NOTHING, not told, "a function of the engine's host says something", f"{ZONE}: {told}")


def _host(ctx: Context, compiled: Path | None) -> ToolHost:
    from locara.tools.host import Folders, ToolHost  # noqa: PLC0415 - loads Wasmtime

    return ToolHost(Folders(ctx.fresh_dir("data"), ctx.fresh_dir("scratch")), compiled=compiled)


def _call(host: ToolHost, made: Made, value: object) -> tuple[str, object]:
    from locara.tools.manifest import read_tool  # noqa: PLC0415 - as above

    tool = read_tool(made.manifest)
    try:
        if not host.is_loaded(tool):
            host.load(tool, made.wasm)
        return "ok", host.invoke(tool, value, rights=tool.needs).output
    except ToolError as error:
        return error.code, error.message


def _unkeyed(ctx: Context, tally: Tally) -> None:
    """The code of one tool under the name of another, as if it had been kept there with a key that is no secret."""
    kept, other = make("kept", echo()), make("other", counter())
    folder = ctx.fresh_dir("kept")
    host = _host(ctx, folder)
    right = [_call(host, made, ["a"]) for made in (kept, other)]
    host.close()
    files = {made.id: next(folder.glob(f"{_hex(made)}-*.cwasm"), None) for made in (kept, other)}
    place, foreign = files["kept"], files["other"]
    if place is None or foreign is None or right[0] != ("ok", ["a"]):
        tally.twin(CACHE, False, f"code is kept compiled, and runs ({right})")
        return
    good, body = place.read_bytes(), foreign.read_bytes()[_MAC_BYTES:]
    for what, secret in _secrets(place.stem):
        for path in folder.iterdir():
            if path.suffix != ".cwasm":
                path.unlink()
        told = place.stem.encode() + b"\0" + hashlib.sha256(body).digest()
        place.write_bytes((hmac.digest(secret, told, "sha256") if secret is not None else bytes(32)) + body)
        os.utime(place, ns=(0, 0))
        host = _host(ctx, folder)
        found = _call(host, kept, ["a"])
        host.close()
        held = found == right[0]
        tally.judge(CACHE, held, "code that was kept under no secret was run", f"{what}: {str(found)[:80]}")
    tally.twin(CACHE, len(good) > _MAC_BYTES, "what is kept is code")


def _secrets(stem: str) -> Iterator[tuple[str, bytes | None]]:
    """Keys that anybody can write down; None for no code of authentication at all."""
    yield "zeros", bytes(_MAC_BYTES)
    yield "nothing", b""
    yield "its name", stem.encode()
    yield "no code at all", None


def _hex(tool: Made) -> str:
    return hashlib.sha256(tool.wasm).hexdigest()

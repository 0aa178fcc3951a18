"""LC603 of everything a host could keep: a call answers what the same call answers at a host that saw no other.

Nothing is said of how something could be kept. One host runs generated calls in which every input is
told apart from every other one; each is repeated at a host of its own. The two must agree in output, code, message
and cost, and hold nothing of any other call, which is also seen where hosts of one process share what they keep.
Inputs come in equal lengths, shorter after longer ones, and not at all, since what is kept by mistake shows most
where a call brings nothing of its own.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.errors import ToolError
from locara.records import dataclass
from locara_verify.checks.tools.attacks import ISOLATION
from locara_verify.checks.tools.modules import Made, assemble, component, echo, make, program, wasi
from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.tally import Tally

if TYPE_CHECKING:
    from locara.tools.host import ToolHost

_ROUNDS: Final[tuple[tuple[int, ...], ...]] = ((12,), (40, 200), (12,), ())
# Says its input on the second stream, and fails.
_COMPLAINS: Final = """(i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 4096))
(drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
(i32.store (i32.const 20) (i32.load (i32.const 24)))
(drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 8))) (call $proc_exit (i32.const 3))"""
# Reads to the end of its input, a few bytes at a time, and says how many there were.
_COUNTS: Final = """(i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 7))
(loop $on (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
 (global.set $n (i32.add (global.get $n) (i32.load (i32.const 24)))) (br_if $on (i32.load (i32.const 24))))
(call $number (global.get $n)) (call $list)"""
# An interpreter that runs nothing: what a script says and logs is every text it was given, in hexadecimal digits.
INTERPRETER: Final = """(module (memory (export "memory") 4) (global $free (mut i32) (i32.const 131072))
 (global $put (mut i32) (i32.const 2048))
 (data (i32.const 2023) "{\\"state\\":\\"done\\",\\"value\\":\\"")
 (data (i32.const 1024) "\\",\\"logs\\":[\\"") (data (i32.const 1040) "\\"]}\\00")
 (func $put (param $byte i32) (i32.store8 (global.get $put) (local.get $byte))
  (global.set $put (i32.add (global.get $put) (i32.const 1))))
 (func $digit (param $d i32) (call $put (i32.add (local.get $d)
  (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $d) (i32.const 10))))))
 (func (export "malloc") (param $size i32) (result i32) (global.get $free)
  (global.set $free (i32.add (global.get $free) (local.get $size))))
 (func (export "qjs_eval") (param $at i32) (param $len i32) (param i32 i32) (result i32) (local $i i32)
  (loop $on (if (i32.lt_u (local.get $i) (local.get $len)) (then
   (call $digit (i32.shr_u (i32.load8_u (i32.add (local.get $at) (local.get $i))) (i32.const 4)))
   (call $digit (i32.and (i32.load8_u (i32.add (local.get $at) (local.get $i))) (i32.const 15)))
   (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $on)))) (i32.const 0))
 (func (export "qjs_get_string") (param i32) (result i32) (local $size i32)
  (local.set $size (i32.sub (global.get $put) (i32.const 2048)))
  (memory.copy (global.get $put) (i32.const 1024) (i32.const 11))
  (memory.copy (i32.add (global.get $put) (i32.const 11)) (i32.const 2048) (local.get $size))
  (memory.copy (i32.add (i32.add (global.get $put) (local.get $size)) (i32.const 11)) (i32.const 1040) (i32.const 4))
  (i32.const 2023))
 (func (export "_initialize")) (func (export "qjs_init") (result i32) (i32.const 0))
 (func (export "qjs_is_exception") (param i32) (result i32) (i32.const 0))
 (func (export "qjs_get_exception") (result i32) (i32.const 0))
 (func (export "qjs_is_job_pending") (result i32) (i32.const 0))
 (func (export "qjs_execute_pending_job") (result i32) (i32.const 0)))"""


# How code begins that somebody might take for worth keeping.
_BEGINNINGS: Final = ("globalThis.", "var a = ", "import ", '"use strict"; ')


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the sequence, and the text in it that no other call has."""

    made: Made
    value: JSON
    text: str


def leftovers(ctx: Context, tally: Tally) -> None:
    """The sequence at one host, and each of its calls at a host that ran nothing before."""
    place = _Place(ctx)
    used = place.host()
    calls = _sequence(ctx.rng("leftovers"))
    texts = {call.text for call in calls}
    try:
        answered = 0
        for number, call in enumerate(calls):
            found, due = place.call(used, call), place.alone(call)
            answered += found[0] == "ok"
            said = repr(found)
            kept = [text for text in texts - {call.text} if text in said or text.encode().hex() in said]
            tally.judge(
                ISOLATION,
                found == due and not kept,
                "a call is answered with something of another",
                f"call {number} of {call.made.id} with {str(call.value)[:60]!r}: {said[:200]} and not "
                f"{str(due)[:200]}; of others: {kept[:3]}",
            )
        tally.twin(ISOLATION, answered > len(calls) // 4, f"calls of this sequence are answered ({answered})")
    finally:
        used.close()


def _sequence(rng: random.Random) -> list[_Call]:
    """Rounds in which every tool is called once, in a random order; each input has a text that no other has.

    Two rounds have inputs of one length, so that what is kept by length shows; one between has longer ones, and the
    last has none at all.
    """
    found = []
    for lengths in _ROUNDS:
        cast = _cast()
        rng.shuffle(cast)
        for made in cast:
            text = f"{rng.getrandbits(48):012x}"
            value: JSON = text.ljust(rng.choice(lengths), "-") if lengths else None
            if made.id.startswith("script"):
                value = {"code": "input", "input": value} if lengths else {"code": text}
            found.append(_Call(made, value, text))
    script = next(made for made in _cast() if made.id == "script")
    for begins in _BEGINNINGS:
        text = f"{rng.getrandbits(48):012x}"
        found.append(_Call(script, {"code": f"{begins}{text}", "input": None}, text))
    return found


def _cast() -> list[Made]:
    """Tools of every kind that give back what they were given: by each stream, by a failure, by a count."""
    complains = program(
        _COMPLAINS,
        imports=wasi("fd_read", 4)
        + '(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))',
    )
    counts = program(_COUNTS, imports=wasi("fd_read", 4), parts="(global $n (mut i32) (i32.const 0))")
    spoken = component("")
    script = assemble(INTERPRETER)
    javascript, python = {"tooling": ["code-exec.javascript"]}, {"tooling": ["code-exec.python"]}
    return [
        make("says", echo()),
        make("repeats", echo("other")),
        make("files", echo(), needs={"scratch": True}),
        make("complains", complains),
        make("grumbles", complains, needs={"scratch": True}),
        make("counts", counts),
        make("silent", program("(nop)")),
        make("part", spoken, needs=python, abi="python"),
        make("script", script, needs=javascript, abi="quickjs"),
        make("script-2", script, needs=javascript, abi="quickjs"),
    ]


class _Place:
    """Where the hosts of this check have their folders."""

    def __init__(self, ctx: Context) -> None:
        from locara.tools.host import Folders  # noqa: PLC0415 - loads Wasmtime

        self._folders = Folders(app_data=ctx.fresh_dir("data"), scratch=ctx.fresh_dir("scratch"))
        self._compiled = ctx.fresh_dir("compiled")

    def host(self, *, compiled: Path | None = None) -> ToolHost:
        """A host that ran nothing."""
        from locara.tools.host import ToolHost  # noqa: PLC0415 - as above

        return ToolHost(self._folders, compiled=compiled)

    def call(self, host: ToolHost, call: _Call) -> tuple[str, object, object]:
        """How a call ends: "ok" or the code, the output or the message, and what it cost but for the time."""
        from locara.tools.manifest import read_tool  # noqa: PLC0415 - as above

        tool = read_tool(call.made.manifest)
        try:
            if not host.is_loaded(tool):
                host.load(tool, call.made.wasm)
            answer = host.invoke(tool, call.value, rights=tool.needs)
        except ToolError as error:
            return error.code, error.message, None
        return "ok", answer.output, (answer.usage.fuel, answer.usage.memory_bytes)

    def alone(self, call: _Call) -> tuple[str, object, object]:
        """The same at a host of its own. These share what their tools are compiled to, which no call can change."""
        host = self.host(compiled=self._compiled)
        try:
            return self.call(host, call)
        finally:
            host.close()

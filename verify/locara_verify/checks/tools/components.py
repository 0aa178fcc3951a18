"""The attacks of LC603 to LC606 by components, which carry interpreters such as Python: the steps of `attacks.run`."""

from __future__ import annotations

from typing import Final

from locara_verify.checks.tools.modules import Made, component, echo, make
from locara_verify.checks.tools.stage import Answer, Stage
from locara_verify.finding import JSON

ISOLATION: Final = "LC603"
LIMITS: Final = "LC604"
NOTHING: Final = "LC605"
SCHEMA: Final = "LC606"
TOOLING: Final = "code-exec.python"
_NEEDS: Final = {"tooling": [TOOLING]}
_LONG: Final = {"fuel": 20_000_000_000, "timeout_ms": 60_000}
_SHORT: Final = {"fuel": 20_000_000}
_EMPTY: Final = "(core module $e (memory {pages}))" + "(core instance (instantiate $e))"


def cast() -> list[Made]:
    """Components that want too much, keep something, lie, or ask for an import."""
    spin = "(loop $on (br $on))"
    grow = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))"
    bodies: dict[str, tuple[str, str]] = {
        "c-echo": ("", ""),
        "c-counter": (_COUNT, '(global $calls (mut i32) (i32.const 0))'),
        "c-grow": (grow + _PAGES, ""),
        "c-deep": ("(call $deep)", "(func $deep (call $deep))"),
        "c-trap": ("unreachable", ""),
        "c-far": ("(local.set $at (i32.const 0x7fffffff))", ""),
        "c-bytes": ("(i32.store8 (local.get $at) (i32.const 255))", ""),
        "c-text": ("(i32.store8 (local.get $at) (i32.const 0x78)) (local.set $len (i32.const 1))", ""),
    }  # fmt: skip
    made = [
        make(name, component(body, parts=parts), needs=_NEEDS, abi="python")
        for name, (body, parts) in bodies.items()
    ]
    made.append(make("c-spin", component(spin), needs=_NEEDS, abi="python", limits=_LONG))
    start = f"(func $s {spin}) (start $s)"
    for name, wasm in (("c-loop", component(spin)), ("c-start", component("", parts=start))):
        made.append(make(name, wasm, needs=_NEEDS, abi="python", limits=_SHORT))
    for name, of in (
        ("c-large", _EMPTY.format(pages=300)),
        ("c-several", _EMPTY.format(pages=1) + "(core instance (instantiate $e))"),
        ("c-many", "(core module $e)" + "(core instance (instantiate $e))" * 200),
    ):
        made.append(make(name, component("", of=of), needs=_NEEDS, abi="python"))
    for name, text in IMPORTS.items():
        made.append(make(name, component("", imports=text), needs=_NEEDS, abi="python"))
    return [*made, make("c-module", echo(), needs=_NEEDS, abi="python")]


# Anything at all that a component could reach the world through.
IMPORTS: Final = {
    "c-files": '(import "wasi:filesystem/preopens@0.2.0" (instance))',
    "c-exit": '(import "wasi:cli/exit@0.2.0" (instance (export "exit" (func (param "status" (result))))))',
    "c-random": '(import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64)))))',
    "c-clock": '(import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64)))))',
    "c-host": '(import "host" (func (param "command" string)))',
}
# Counts its calls in memory and in a global, and answers both as one number: 11, unless something was kept.
_COUNT: Final = """
 (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))
 (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
 (i32.store8 (i32.const 600) (i32.add (i32.const 48) (i32.load (i32.const 512))))
 (i32.store8 (i32.const 601) (i32.add (i32.const 48) (global.get $calls)))
 (local.set $at (i32.const 600)) (local.set $len (i32.const 2))"""


# Memory in units of 16 pages, as two digits.
_UNITS: Final = "(i32.div_u (memory.size) (i32.const 16))"
_PAGES: Final = f"""
 (i32.store8 (i32.const 600) (i32.add (i32.const 48) (i32.div_u {_UNITS} (i32.const 10))))
 (i32.store8 (i32.const 601) (i32.add (i32.const 48) (i32.rem_u {_UNITS} (i32.const 10))))
 (local.set $at (i32.const 600)) (local.set $len (i32.const 2))"""


def in_time(on: Stage, answer: Answer, message: str) -> None:
    """A call was ended by its time: what spins would, much later, have used up its instructions as well."""
    ended = answer.code == "limit_exceeded" and "it took longer than it may" in answer.message
    on.tally.expect(LIMITS, ended, message, f"{answer.code}: {answer.message}")


def works(on: Stage, rule: str, after: str) -> None:
    """The allow twin: a component that does nothing wrong still answers."""
    value: JSON = {"still": ["\u00e9", 1]}
    answer = on.invoke("c-echo", value)
    on.tally.expect(
        rule, answer.code == "ok" and answer.output == value,
        f"after {after} an ordinary component does not work", f"{answer.code}: {answer.message}",
    )  # fmt: skip


def attack(on: Stage) -> None:
    """Each component ends as it should, and none of them leaves anything."""
    works(on, LIMITS, "the start")
    for turn in range(5):
        for name in ("c-counter", "c-trap", "c-counter"):
            answer = on.invoke(name, 1)
            if name == "c-counter":
                on.tally.expect(
                    ISOLATION, answer.output == 11, "something of an earlier call is left in a component",
                    f"turn {turn}: {answer.code} {answer.output}",
                )  # fmt: skip
    stopped = dict.fromkeys(("c-loop", "c-start", "c-large", "c-several", "c-many"), "limit_exceeded")
    failed = dict.fromkeys(("c-deep", "c-trap", "c-far", "c-bytes", "c-text"), "tool_error")
    for name, code in {**stopped, **failed, "c-grow": "ok"}.items():
        answer = on.invoke(name, "text")
        rule = SCHEMA if name == "c-text" else LIMITS
        on.tally.expect(
            rule, answer.code == code, f"the component {name} did not end as it should",
            f"{answer.code}: {answer.message}",
        )  # fmt: skip
        if name == "c-grow":
            # One page, and 16 more as long as 256 are not passed.
            got = answer.output == 15
            on.tally.expect(
                LIMITS, got, "a component got more memory than 16 MiB, or less", str(answer.output)
            )
    answer = on.invoke("c-spin", 1, timeoutMs=150)
    in_time(on, answer, "timeoutMs did not end a component")
    for name in (*IMPORTS, "c-module"):
        answer = on.invoke(name, 1)
        on.tally.expect(
            NOTHING, answer.code == "tool_unavailable", f"the component {name} was run",
            f"{answer.code}: {answer.message}",
        )  # fmt: skip
    works(on, NOTHING, "the attacks")

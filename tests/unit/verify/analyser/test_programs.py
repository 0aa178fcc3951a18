"""Programs whose use is known, because they were made from it: what is read in them is exactly that.

A program is a chain: the SDK comes in in one of several ways, goes through any number of steps that hand it on, and ends
in calls. A second law adds one place that cannot be followed: it is named, and nothing else of the program is lost.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locara_verify.checks.analyser.values import COMMANDS_OF
from tests.unit.verify.analyser.conftest import reading_of

METHODS = [
    (module, method) for module, methods in COMMANDS_OF.items() for method in methods if "." not in module
]
BEGIN = {
    "named": 'import {{ {module} as {out} }} from "@locara/sdk";',
    "namespace": 'import * as {n} from "@locara/sdk"; const {out} = {n}.{module};',
    "client": 'import {{ createLocara as {n} }} from "@locara/sdk"; const {out} = {n}(t).{module};',
    "awaited": 'const {{ {module}: {out} }} = await import("@locara/sdk");',
    "through a module": 'import {{ {n} }} from "./{n}"; const {out} = {n}.{module};',
}  # fmt: skip
STEPS = {
    "alias": "const {out} = {given};",
    "assigned": "let {out}; {out} = {given};",
    "optional": "const {out} = maybe ? {given} : {given} ?? other;",
    "object": "const {n} = {{ f_{n}: {given} }}; const {{ f_{n}: {out} }} = {n};",
    "shorthand": "const {n} = {{ {given} }}; const {out} = {n}.{given};",
    "text key": 'const {n} = {{ "f {n}": {given} }}; const {out} = {n}["f " + "{n}"];',
    "class": "class C{n} {{ #p{n}; constructor(p) {{ this.#p{n} = p; }} get{n}() {{ return this.#p{n}; }} }} const {out} = new C{n}({given}).get{n}();",
    "function": "function f{n}(p) {{ return p; }} const {out} = f{n}({given});",
    "async arrow": "const f{n} = async ({{ p{n} }}) => p{n}; const {out} = await f{n}({{ p{n}: {given} }});",
    "default": "const f{n} = (p = {given}) => p; const {out} = f{n}();",
    "shadow": "function f{n}({given}) {{ {given}.nothing.here(); }} const {out} = {given};",
    "cast": "const {out} = ({given} as any)!;",
}
CALLS = (
    "{given}.{method}({{}});",
    '{given}["{method}"]({{}});',
    "{given}?.{method}?.({{}});",
    "const {{ {method}: {n} }} = {given}; {n}();",
)
FAULTS = {
    "computed-member": "{given}[window.name]({{}});",
    "spread": "const {n} = {{ ...{given} }};",
    "stored": "const {n} = [{given}];",
    "passed-on": 'import {{ {n} }} from "somewhere"; {n}({given});',
}


@dataclass
class Program:
    files: dict[str, str]
    commands: set[str]
    last: str
    module: str


@st.composite
def programs(draw: st.DrawFn) -> Program:
    files, commands, lines = {}, set(), []
    given_name, module = "", ""
    for chain in range(draw(st.integers(1, 3))):
        module, _ = draw(st.sampled_from(METHODS))
        kind = draw(st.sampled_from(sorted(BEGIN)))
        given_name, start = f"s{chain}", f"b{chain}"
        lines.append(BEGIN[kind].format(module=module, out=given_name, n=start))
        if kind == "through a module":
            files[f"src/{start}.ts"] = f'export * as {start} from "@locara/sdk";'
        for at, step in enumerate(draw(st.lists(st.sampled_from(sorted(STEPS)), max_size=5))):
            out = f"v{chain}x{at}"
            lines.append(STEPS[step].format(given=given_name, out=out, n=f"n{chain}x{at}"))
            given_name = out
        for at, method in enumerate(draw(st.lists(st.sampled_from(sorted(COMMANDS_OF[module])), max_size=3))):
            call = draw(st.sampled_from(CALLS))
            lines.append(call.format(given=given_name, method=method, n=f"c{chain}x{at}"))
            commands |= set(COMMANDS_OF[module][method])
    return Program({"src/main.ts": "\n".join(lines), **files}, commands, given_name, module)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_a_program_uses_exactly_what_it_was_made_of(program: Program) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reading = reading_of(Path(folder), program.files)
    assert reading.commands == program.commands, program.files
    assert reading.doubts == (), program.files


@pytest.mark.parametrize("kind", FAULTS)
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_one_place_that_hides_is_named_and_loses_nothing_else(kind: str, program: Program) -> None:
    main = program.files["src/main.ts"] + "\n" + FAULTS[kind].format(given=program.last, n="hidden")
    with tempfile.TemporaryDirectory() as folder:
        reading = reading_of(Path(folder), {**program.files, "src/main.ts": main})
    # A name that is spread or stored stays what it was, too: the doubt is one more, at its own line.
    assert reading.commands == program.commands, main
    assert {(doubt.kind, doubt.line) for doubt in reading.doubts} == {(kind, main.count("\n") + 1)}, main
    every = {command for names in COMMANDS_OF[program.module].values() for command in names}
    assert all(every <= set(doubt.reach) for doubt in reading.doubts)

"""LC601 to LC606: hostile tools in the live runtime reach nothing, leave nothing and stop; the next call works."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, survives
from locara_verify.checks.models.undeclared import other_names
from locara_verify.checks.tools import components
from locara_verify.checks.tools.modules import (
    Made,
    assemble,
    counter,
    echo,
    make,
    numbers,
    prober,
    program,
    wasi,
)
from locara_verify.checks.tools.stage import Stage, stage
from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.oracle.canaries import Tree

UNDECLARED: Final = "LC601"
FILES: Final = "LC602"
ISOLATION: Final = "LC603"
LIMITS: Final = "LC604"
NOTHING: Final = "LC605"
SCHEMA: Final = "LC606"
NAME: Final = "tool-attacks"

OWN: Final = "own.txt"
PATHS: Final = (
    OWN, "../audit/log.jsonl", "../db/app.sqlite3", "..", "../", "../..", "/etc/passwd", "/proc/self/environ",
    "/proc/self/mem", "/dev/zero", "/app/locara.json", "/data/own.txt", "own.txt/../../audit/log.jsonl",
    "sub/../../audit/log.jsonl", "./../audit/log.jsonl", "sub/./../../db", "link-rel", "link-abs", "link-up/log.jsonl",
    "link-chain", "link-hang", "own.txt/", "..\\audit", "%2e%2e/audit", "CON", "COM1", "NUL.txt", "C:\\x",
    "new.txt", "sub/new.txt", "", ".\x00", "\u2025/audit", "sub//..//..//audit//log.jsonl", "../files-evil",
    "../files-evil/secret.txt", "sub/../../files-evil/secret.txt", "../files/../files-evil/secret.txt",
)  # fmt: skip
_OPEN_FILES: Final = 1_024
"""As many as a process may have open where nobody allowed it more."""
READABLE: Final = frozenset({0})
FORGIVEN: Final = frozenset({"", "own.txt/"})
TEXT: Final[Mapping[str, JSON]] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
}

Step = Callable[[Stage], None]


@check(NAME, rules=(UNDECLARED, FILES, ISOLATION, LIMITS, NOTHING, SCHEMA), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Two apps: one whose tools may read its data, one that grants no file at all."""
    tally = Tally()
    few_files()
    reader = [make("reader", prober(PATHS, range(3, 6)), needs={"fs.app-data": "read"}), flood_of_files()]
    cast = [*ordinary(), *reader, *greedy(), *broken(), *components.cast()]
    home = ctx.fresh_dir("home")
    with (
        stage(
            ctx, tally, cast, home=home, granted={"fs.app-data": "read-write"}, tooling=[components.TOOLING]
        ) as on,
        survives(tally, LIMITS, on.app.client),
    ):
        steps: list[Step] = [undeclared, isolation, limits, nothing, schemas, components.attack]
        steps.append(lambda on_stage: files(on_stage, tally))
        for number, step in enumerate(steps):
            ctx.progress(number, len(steps), step.__name__)
            step(on)
    none = [make("none", prober(PATHS, range(6))), make("echo", echo())]
    with stage(ctx, tally, none, granted={"fs.app-data": False}) as on, survives(tally, FILES, on.app.client):
        tree = watched(on)
        answer = on.invoke("none")
        opened = numbers(answer.output)
        tally.expect(
            FILES,
            answer.code == "ok" and not opened,
            "a tool that needs no file opened one",
            f"{answer.code} {answer.message} {[PATHS[i] for i in opened][:5]}",
        )
        tally.expect(FILES, not tree.changes(), "a tool changed the app's data", str(tree.changes())[:300])
        works(on, FILES)
    return tally.result()


def few_files() -> None:
    """Let this process, and so the app that it starts, open no more files than is usual: a flood gets to the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = _OPEN_FILES if soft == resource.RLIM_INFINITY else min(soft, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))


def works(on: Stage, rule: str, after: str = "the attack") -> None:
    """The allow twin: an ordinary tool still answers, with what it was given."""
    answer = on.invoke("echo", {"still": [1, "\u00e9"]})
    on.tally.expect(
        rule,
        answer.code == "ok" and answer.output == {"still": [1, "\u00e9"]},
        f"after {after} an ordinary tool does not work",
        f"{answer.code}: {answer.message}",
    )


def ordinary() -> list[Made]:
    """Tools that do nothing wrong."""
    return [
        make("echo", echo()),
        make("counter", counter()),
        make("twin", counter(), limits={"memory_mb": 17}),
        *namesakes(),
    ]


def namesakes() -> list[Made]:
    """Two tools that call themselves alike, pinned by two names."""
    return [
        replace(make("one-name", wasm), id=name)
        for name, wasm in (("first-of-two", echo("one")), ("second-of-two", counter()))
    ]


def greedy() -> list[Made]:
    """Tools that want more of everything."""
    flood = "(loop $on (call $say (i32.const 0) (i32.const 60000)) (br $on))"
    errors = (
        "(i32.store (i32.const 20) (i32.const 60000)) (loop $on"
        " (drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 8))) (br $on))"
    )
    grow = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))"
    deep = "(func $deep (call $deep))"
    table = "(loop $on (br_if $on (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))))"
    count = " (call $number (i32.div_u (memory.size) (i32.const 16))) (call $list)"
    long = {"fuel": 20_000_000_000, "timeout_ms": 60_000}
    spin = assemble(
        '(module (memory (export "memory") 1) (func $f (loop $on (br $on))) (start $f) (func (export "_start")))'
    )
    return [
        make("loop", program("(loop $on (br $on))"), limits={"fuel": 20_000_000}),
        make("spin", program("(loop $on (br $on))"), limits=long),
        make("start", spin, limits={"fuel": 20_000_000}),
        make("flood", program(flood), limits={"output_bytes": 1_000_000}),
        make("errors", program(errors)),
        make("grow", program(grow + count)),
        make("large", program("(nop)", pages=1_000)),
        make("table", program(table + "(call $list)", parts="(table $t 1 funcref)")),
        make("deep", program("(call $deep)", parts=deep)),
        make("sleep", sleeper()),
    ]


def sleeper() -> bytes:
    """Asks to be woken in ten seconds; tells the error it got instead."""
    return program(
        """(i32.store8 (i32.const 128) (i32.const 0)) (i32.store (i32.const 144) (i32.const 1))
        (i64.store (i32.const 152) (i64.const 10000000000))
        (call $number (call $poll_oneoff (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 96))) (call $list)""",
        imports=wasi("poll_oneoff", 4),
    )


def flood_of_files() -> Made:
    """Opens its one file until it no longer can, and closes none."""
    body = """(loop $on
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (br_if $on (i32.and (i32.lt_u (global.get $n) (i32.const 200000)) (i32.eqz (call $path_open
          (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 7) (i32.const 0) (i64.const 2) (i64.const 2)
          (i32.const 0) (i32.const 64))))))
        (call $list)"""
    wasm = program(
        body,
        imports=wasi("path_open", 9, sixty_four=(5, 6)),
        parts=f'(global $n (mut i32) (i32.const 0)) (data (i32.const 512) "{OWN}")',
    )
    return make("files", wasm, needs={"fs.app-data": "read"})


def broken() -> list[Made]:
    """Tools that fail, lie or ask for what no tool is given."""
    foreign = '(import "env" "host" (func $host)) '
    exits = f'(import "{"wasi_snapshot_preview1"}" "proc_exit" (func $proc_exit (param i32)))'
    say = '(data (i32.const 512) "{\\"a\\": \\"b\\"}") (data (i32.const 600) "{\\"a\\": NaN}")'
    return [
        make("trap", program("(unreachable)")),
        make("divide", program("(drop (i32.div_u (i32.const 1) (i32.const 0)))")),
        make("outside", program("(drop (i32.load (i32.const 0x7fffffff)))")),
        make("exit", program("(call $proc_exit (i32.const 7))", imports=exits)),
        make("bytes", b"\0asm\1\0\0\0garbage"),
        make("foreign", program("(call $host)", imports=foreign)),
        make("silent", program("(nop)")),
        make("liar", program("(call $say (i32.const 512) (i32.const 10))", parts=say), gives=TEXT),
        make("nan", program("(call $say (i32.const 600) (i32.const 10))", parts=say)),
        make("strict", echo(), takes=TEXT, gives=TEXT, limits={"input_bytes": 64}),
        make("world", world()),
    ]


def world() -> bytes:
    """Tells how many variables and arguments there are, and what the socket calls answer; last, if chance works."""
    return program(
        """(drop (call $environ_sizes_get (i32.const 64) (i32.const 68)))
        (call $number (i32.load (i32.const 64)))
        (drop (call $args_sizes_get (i32.const 64) (i32.const 68)))
        (call $number (i32.load (i32.const 64)))
        (call $number (call $sock_send (i32.const 3) (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 80)))
        (call $number (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 80)))
        (call $number (call $fd_prestat_get (i32.const 3) (i32.const 64)))
        (call $number (call $random_get (i32.const 64) (i32.const 16))) (call $list)""",
        imports=" ".join(
            [
                wasi("environ_sizes_get", 2), wasi("args_sizes_get", 2), wasi("sock_send", 5), wasi("sock_accept", 3),
                wasi("fd_prestat_get", 2), wasi("random_get", 2),
            ]
        ),
    )  # fmt: skip


def undeclared(on: Stage) -> None:
    """Names that the manifest does not pin, for a tool that is there and one that is not."""
    pins = on.app.bundle.grants.tools
    twin = on.invoke(f"echo@{pins['echo']}", 1)
    if twin.code != "ok":
        on.tally.undecided(UNDECLARED, f"the allow twin failed: the whole pin was refused ({twin.code})")
    for name in other_names("echo", str(pins["echo"]), str(pins["counter"])):
        answer = on.invoke(name, 1)
        fine = answer.code in {"capability_denied", "bad_request"}
        shown = ascii(name)[:100]
        on.tally.expect(UNDECLARED, fine, f"a tool was called by the name {shown}", answer.code, tool=shown)
    for name, own in (("first-of-two", [1]), ("second-of-two", [1_001, 1_001, 0]), ("first-of-two", [1])):
        answer = on.invoke(name, [1])
        fine = answer.code == "ok" and answer.output == own
        because = f"{name}: {answer.code} {answer.output}"
        on.tally.expect(
            UNDECLARED, fine, "of two tools that call themselves alike the other one answered", because
        )
    answer = on.invoke("absent", 1)
    told = answer.code == "capability_denied" and '"tools": [' in answer.fix
    on.tally.expect(
        UNDECLARED, told, "the refusal does not tell the line that would pin the tool", answer.fix
    )


def isolation(on: Stage) -> None:
    """Ten calls of tools that count their calls, mixed with failures: each is the first."""
    for turn in range(10):
        for name in ("counter", "twin", "trap", "counter"):
            answer = on.invoke(name)
            if name != "trap":
                on.tally.expect(
                    ISOLATION,
                    numbers(answer.output) == [1, 1],
                    "something of an earlier call is left in a tool",
                    f"{name}, turn {turn}: {answer.code} {answer.output}",
                )
    works(on, ISOLATION)


def limits(on: Stage) -> None:
    """Each greedy tool ends with the right reason, and the next call works."""
    stopped = {name: {"limit_exceeded"} for name in ("loop", "start", "flood", "errors", "large", "files")}
    failed = {
        name: {"tool_error"}
        for name in ("deep", "trap", "divide", "outside", "exit", "silent", "nan", "liar")
    }
    refused = {name: {"tool_unavailable"} for name in ("bytes", "foreign")}
    fine = {name: {"ok"} for name in ("grow", "table", "sleep")}
    expected = {**stopped, **failed, **refused, **fine, "files": {"ok", "limit_exceeded"}}
    own_file(on)
    for name, codes in expected.items():
        answer = on.invoke(name)
        on.tally.expect(
            LIMITS,
            answer.code in codes,
            f"the tool {name} did not end as it should",
            f"{answer.code}: {answer.message}",
        )
        if name == "grow":
            most = numbers(answer.output)
            # One page, and 16 more as long as 256 are not passed: 241, which is 15 times 16 and one.
            on.tally.expect(
                LIMITS, most == [15], "a tool got more memory than 16 MiB, or less", str(answer.output)
            )
        if name == "sleep":
            on.tally.expect(
                LIMITS, numbers(answer.output) == [52], "a tool can wait in the host", str(answer.output)
            )
        works(on, LIMITS, name)
    answer = on.invoke("spin", timeoutMs=150)
    components.in_time(on, answer, "timeoutMs did not end a call")
    works(on, LIMITS, "spin")
    cancelled(on)


def cancelled(on: Stage) -> None:
    """A call that was cancelled stops, before it began and in its midst: the next one need not wait for it."""
    for seconds in (0.0, 0.1, 0.4):
        if not _cancelled_after(on, seconds):
            break
    works(on, LIMITS, "a cancelled call")


def _cancelled_after(on: Stage, seconds: float) -> bool:
    from locara.errors import CallError  # noqa: PLC0415 - loads the framework

    call = on.app.client.send("tools.invoke", {"tool": "spin", "input": None})
    code = "ok"
    try:
        on.app.client.call("app.info", timeout=20.0)
        time.sleep(seconds)
        on.app.client.cancel(call)
        on.app.client.wait(call, timeout=20.0)
    except CallError as error:
        code = error.code
    on.tally.expect(LIMITS, code == "cancelled", "a cancelled call went on", code)
    return code == "cancelled"


def nothing(on: Stage) -> None:
    """No variable, one argument (the name), no folder, no socket; random bytes work."""
    answer = on.invoke("world")
    found = numbers(answer.output)
    on.tally.expect(
        NOTHING,
        found == [0, 1, 52, 52, 8, 0],
        "a tool finds something in its world that it was not given",
        f"variables, arguments, send, accept, folder, random: {answer.code} {found}",
    )
    foreign = on.invoke("foreign")
    on.tally.expect(
        NOTHING,
        foreign.code == "tool_unavailable",
        "a function that no tool is given was linked",
        foreign.code,
    )
    works(on, NOTHING)


def schemas(on: Stage) -> None:
    """Input and output are judged by the tool's own schemas, before and after the call."""
    twin = on.invoke("strict", {"a": 1})
    on.tally.expect(
        SCHEMA, twin.code == "ok" and twin.output == {"a": 1}, "a right input was refused", twin.code
    )
    wrong: tuple[JSON, ...] = (None, 1, [], {}, {"a": "1"}, {"a": 1.5}, {"a": None}, "x" * 40, {"b": 1})
    for value in wrong:
        answer = on.invoke("strict", value)
        on.tally.expect(
            SCHEMA, answer.code == "bad_request", "an input that breaks the schema was taken", answer.code
        )
    answer = on.invoke("strict", {"a": 1, "pad": "x" * 100})
    on.tally.expect(
        SCHEMA, answer.code == "limit_exceeded", "an input over the tool's limit was taken", answer.code
    )
    for name in ("liar", "nan", "silent"):
        answer = on.invoke(name)
        on.tally.expect(
            SCHEMA, answer.code == "tool_error", f"the output of {name} was passed on", answer.code
        )


def own_file(on: Stage) -> None:
    """The one file that a tool may read."""
    args = {"root": "$APP_DATA", "path": OWN, "data": "own", "encoding": "utf8", "mode": "replace"}
    on.app.client.call("fs.write", args, timeout=20.0)


def files(on: Stage, tally: Tally) -> None:
    """A tool that may read the app's data opens that and nothing else, and changes nothing at all."""
    own_file(on)
    plant(on.app.home.files)
    tree = watched(on)
    answer = on.invoke("reader")
    opened = set(numbers(answer.output))
    if not opened >= READABLE:
        tally.undecided(FILES, f"the allow twin failed: the tool could not open its own file ({answer.code})")
    outside = [PATHS[i] for i in sorted(opened - READABLE) if PATHS[i] not in FORGIVEN]
    tally.expect(FILES, not outside, "a tool opened something outside its folder", ascii(outside)[:300])
    changes = tree.changes()
    tally.expect(FILES, not changes, "a tool that may only read changed the app's data", str(changes)[:300])
    works(on, FILES)


def watched(on: Stage) -> Tree:
    """The app's data as a canary that was shown to sing."""
    tree = Tree(on.app.home.files)
    tree.prove()
    tree.mark()
    return tree


def plant(folder: Path) -> None:
    """Links that lead out of the app's data and a folder beside it of almost its name, as another program may leave."""
    (folder / "sub").mkdir(exist_ok=True)
    sibling = folder.with_name(f"{folder.name}-evil")
    sibling.mkdir(exist_ok=True)
    (sibling / "secret.txt").write_text("beside the folder, and named like it", encoding="utf-8")
    for name, target in (
        ("link-rel", "../audit/log.jsonl"),
        ("link-abs", "/proc/self/environ"),
        ("link-up", "../audit"),
        ("link-chain", "link-rel"),
        ("link-hang", "../audit/made"),
    ):
        (folder / name).symlink_to(target)

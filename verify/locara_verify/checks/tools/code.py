"""LC609: code given to the app's own interpreters reaches nothing, keeps nothing and stops.

An interpreter is a tool that runs whatever a model writes. The app's pinned ones are asked for files, processes, the
network, foreign functions and other ways out of a language; a canary beside the app's data tells whether any worked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally, survives
from locara_verify.checks.tools.stage import Answer, Stage
from locara_verify.context import Context
from locara_verify.oracle.canaries import Tree
from locara_verify.target import Target

if TYPE_CHECKING:
    from locara.tools.manifest import Tool

RULE: Final = "LC609"
NAME: Final = "code-exec"
LANGUAGES: Final = {"python": "code-exec.python", "quickjs": "code-exec.javascript"}
SECRET: Final = "canary-5f1d"  # noqa: S105 - what must not come back
OWN: Final = "canary.txt"
# Compiling an interpreter is the slow part, and happens once.
FIRST_SECONDS: Final = 300.0

_PY_FILES: Final = (
    "/data/canary.txt",
    "canary.txt",
    "/etc/passwd",
    "/proc/self/environ",
    "../db/app.sqlite3",
)
_PYTHON: Final = (
    *(f"open({path!r}).read()" for path in _PY_FILES),
    *(f"import _io; _io.FileIO({path!r}).read()" for path in _PY_FILES),
    *(f"import posix; posix.open({path!r}, 0)" for path in _PY_FILES),
    "import os; os.system('id')",
    "import posix; posix.system('id')",
    "import os; os.listdir('/')",
    "import posix; posix.listdir('/')",
    "import posix; dict(posix.environ)['HOME']",
    "import subprocess; subprocess.run(['id'])",
    "import _posixsubprocess",
    "import ctypes; ctypes.CDLL(None)",
    "import _ctypes",
    "import socket; socket.create_connection(('127.0.0.1', 80))",
    "import _socket; _socket.socket().connect(('127.0.0.1', 80))",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1/')",
    "import mmap; mmap.mmap(-1, 4096)",
    "import sys; sys.path.append('/'); import importlib; importlib.import_module('socket')",
    "import importlib.machinery as m; m.SourceFileLoader('x', '/etc/passwd').get_data('/etc/passwd')",
    "import importlib.machinery as m; m.ExtensionFileLoader('x', '/lib/libc.so.6').create_module(None)",
    "import sys; sys.meta_path.clear(); import socket",
    "import builtins; builtins.__import__('socket')",
    "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen'][0](['id'])",
    "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'FileIO'][0]('/etc/passwd').read()",
    "import zipimport; zipimport.zipimporter('/etc/passwd')",
    "import _testcapi",
    "import time; time.sleep(1)",
    "import datetime; datetime.datetime.now()",
    "import os; os.urandom(4)",
    "import os; os._exit(0)",
    "import os; os.abort()",
    "import os; os.kill(1, 9)",
    "import os; os.fork()",
    "import threading; threading.Thread(target=print).start()",
    "import _thread; _thread.start_new_thread(print, ())",
    "import locara",
    "import faulthandler; faulthandler.enable()",
)
_JAVASCRIPT: Final = (
    "require('fs')", "process.exit()", "fetch('http://127.0.0.1/')", "new XMLHttpRequest()", "import('fs')",
    "std.open('/etc/passwd', 'r')", "os.exec(['id'])", "globalThis.constructor.constructor('return process')().pid",
    "new Function('return this')().process.env.HOME", "new WebSocket('ws://127.0.0.1')", "Deno.readTextFileSync('/')",
    "bjs.open()", "scriptArgs[0]", "new Worker('x')", "importScripts('x')", "loadScript('/etc/passwd')",
)  # fmt: skip
ESCAPES: Final[Mapping[str, tuple[str, ...]]] = {"python": _PYTHON, "quickjs": _JAVASCRIPT}
ENDLESS: Final[Mapping[str, tuple[str, ...]]] = {
    "python": (
        "while True: pass",
        "while True:\n try:\n  while True: pass\n except BaseException: pass",
        "10 ** 10 ** 8",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
        "def f():\n try: f()\n finally: f()\nf()",
    ),
    "quickjs": (
        "while (1) {}",
        "for (;;) try { for (;;); } catch {}",
        "const f = () => Promise.resolve().then(f); f()",
    ),
}
GREEDY: Final[Mapping[str, tuple[str, ...]]] = {
    "python": ("[0] * 10 ** 9", "x = 'a'\nwhile True: x += x", "[bytearray(1 << 20) for _ in range(4096)]"),
    "quickjs": ("let all = []; for (;;) all.push(new Uint8Array(1 << 20))", "'a'.repeat(2 ** 29).repeat(8)"),
}
KEEPS: Final[Mapping[str, tuple[str, str, object]]] = {
    "python": (
        "import builtins, json, sys; builtins.kept = json.kept = 1; sys.modules['kept'] = 1; sys.setrecursionlimit(50)",
        "import builtins, json, sys; [hasattr(builtins, 'kept'), hasattr(json, 'kept'), 'kept' in sys.modules]",
        [False, False, False],
    ),
    "quickjs": (
        "globalThis.kept = 1; Object.prototype.kept = 1",
        "[typeof kept, ({}).kept === undefined]",
        ["undefined", True],
    ),
}  # fmt: skip


def runs_code(target: Target) -> str | None:
    """Applies to apps that declare a language for code."""
    declared = target.grants.tooling & set(LANGUAGES.values())
    return None if declared and target.grants.tools else "the app declares no code-exec tooling"


@check(NAME, rules=(RULE,), needs=frozenset({"live"}), applies=runs_code)
def run(ctx: Context) -> CheckResult:
    """Every interpreter that the app pins, in the app as it is."""
    tally = Tally()
    home = ctx.fresh_dir("home")
    with ctx.open_app(ctx.target.path, home=home) as app, survives(tally, RULE, app.client):
        on = Stage(app, tally, ctx.fresh_dir("unused"))
        app.home.files.mkdir(parents=True, exist_ok=True)
        (app.home.files / OWN).write_text(SECRET)
        tree = Tree(app.home.files)
        tree.prove()
        tree.mark()
        found = interpreters(ctx)
        for name, tool in found.items():
            language(on, name, tool, ctx)
        tally.expect(RULE, not tree.changes(), "code changed the app's data", str(tree.changes())[:300])
        if not found:
            tally.undecided(RULE, "the app pins no interpreter that is in the tool cache")
    return tally.result()


def interpreters(ctx: Context) -> dict[str, Tool]:
    """The pinned tools that run code, by their id in the manifest."""
    from locara.tools.cache import ToolCache, default_root  # noqa: PLC0415 - loads the framework

    cache = ToolCache(default_root())
    tools = {name: cache.verify(digest) for name, digest in ctx.grants.tools.items()}
    return {name: tool for name, tool in tools.items() if tool.abi in LANGUAGES}


def language(on: Stage, name: str, tool: Tool, ctx: Context) -> None:
    """All attacks of one language, each followed by the question whether plain code still works."""

    def code(text: str, **more: int) -> Answer:
        return on.invoke(name, {"code": text, "input": [20, 2]}, **more)

    twin = "input[0] + input[1]"
    # The first call compiles; it may take longer than any later one.
    args = {"tool": name, "input": {"code": twin, "input": [20, 2]}}
    first = on.app.client.call("tools.invoke", args, timeout=FIRST_SECONDS)
    if first["output"]["value"] != 22:
        on.tally.undecided(RULE, f"the allow twin failed: {name} cannot add two numbers")
        return
    for number, text in enumerate(ESCAPES[tool.abi]):
        ctx.progress(number, len(ESCAPES[tool.abi]), name)
        answer = code(text)
        told = json.dumps(answer.output, default=str)
        on.tally.expect(
            RULE, answer.code != "ok" and SECRET not in told and "root:" not in told,
            f"code in {name} reached something", f"{text!r}: {answer.code} {told[:200]}",
        )  # fmt: skip
        on.tally.expect(
            RULE, answer.code in {"ok", "tool_error", "limit_exceeded"}, f"{name} did not say how code ended",
            f"{text!r}: {answer.code} {answer.message}",
        )  # fmt: skip
    for text in ENDLESS[tool.abi]:
        answer = code(text, timeoutMs=500)
        fine = answer.code == "limit_exceeded" or (answer.code == "tool_error" and "f()" in text)
        on.tally.expect(RULE, fine, f"code without end in {name} went on", f"{text!r}: {answer.code}")
    for text in GREEDY[tool.abi]:
        answer = code(text)
        on.tally.expect(
            RULE, answer.code in {"tool_error", "limit_exceeded"}, f"code in {name} got all the memory it wanted",
            f"{text!r}: {answer.code}",
        )  # fmt: skip
    leave, look, clean = KEEPS[tool.abi]
    code(leave)
    answer = code(look)
    on.tally.expect(
        RULE, isinstance(answer.output, dict) and answer.output.get("value") == clean,
        f"something of an earlier call is left in {name}", f"{answer.code} {answer.output}",
    )  # fmt: skip
    answer = code(twin)
    works = isinstance(answer.output, dict) and answer.output.get("value") == 22
    on.tally.expect(RULE, works, f"{name} does not work any more", f"{answer.code}: {answer.message}")

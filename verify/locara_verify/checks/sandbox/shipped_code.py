"""LC110: the code that is shipped runs no data, unpickles nothing, starts no shell and looks no program up by PATH, and
what stands beside an app reads no file to its end without a bound.

The eyes are shown samples first: one that is not noticed, or an honest one that is, makes the rule inconclusive.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import locara
from locara_verify.check import CheckResult, check
from locara_verify.checks.sandbox.surroundings import STRANGE, USUAL, strange
from locara_verify.context import Context
from locara_verify.finding import Finding

RULE: Final = "LC110"
_RUNS: Final = frozenset({"eval", "exec", "compile", "__import__", "execfile"})
_MODULES: Final = frozenset(
    {
        "pickle",
        "_pickle",
        "cPickle",
        "marshal",
        "shelve",
        "dill",
        "cloudpickle",
        "joblib",
        "jsonpickle",
        "code",
        "codeop",
    }
)
_SHELLS: Final = frozenset({"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"})
_STARTS: Final = frozenset(
    {
        "run",
        "Popen",
        "call",
        "check_call",
        "check_output",
        "create_subprocess_exec",
        "execv",
        "execve",
        "spawn",
    }
)
_BY_PATH: Final = frozenset(
    {"execvp", "execvpe", "execlp", "execlpe", "spawnvp", "spawnvpe", "spawnlp", "spawnlpe", "posix_spawnp"}
)
_OWNERS: Final = frozenset({"os", "subprocess", "asyncio", "pty", "posix", "commands"})

FAULTY: Final = (
    "eval(data)",
    "exec(data)",
    "exec(compile(data, 'x', 'exec'))",
    "import builtins\nbuiltins.eval(data)",
    "import pickle\npickle.loads(data)",
    "from marshal import loads",
    "import shelve as s",
    "import numpy\nnumpy.load(f, allow_pickle=True)",
    "import torch\ntorch.load(f)",
    "import yaml\nyaml.load(f)",
    "import os\nos.system(data)",
    "from os import popen",
    "import subprocess\nsubprocess.run(data, shell=True)",
    "import subprocess\nsubprocess.run(data, **{'shell': True})",
    "import subprocess as p\np.Popen(['git', 'log'])",
    "from subprocess import check_output\ncheck_output('ls')",
    "import subprocess\nsubprocess.run(['sh', '-c', data])",
    "import subprocess\nsubprocess.run(['/bin/sh', '-c', data])",
    "import subprocess\nsubprocess.run([program])",
    "import subprocess\nsubprocess.Popen([program], env=None)",
    "import subprocess\nsubprocess.run([program], env=dict(os.environ))",
    "import subprocess\nsubprocess.run([program], env={**os.environ, 'LANG': 'C'})",
    "import os\nos.execvp(name, words)",
    "import asyncio\nasyncio.create_subprocess_shell(data)",
    "import shutil\nshutil.which('bwrap')",
    "from shutil import which\nwhich('bwrap')",
)  # fmt: skip
HONEST: Final = (
    "import re\nre.compile(data)",
    "store.exec(sql, params)",
    "mx.eval(weights)",
    "import subprocess\nsubprocess.run([program, '--version'], shell=False, env={})",
    "import subprocess\nsubprocess.run(['/usr/bin/true'], env={'LANG': 'C'})",
    "import shutil\nshutil.which('bwrap', path='/usr/bin:/bin')",
    "import yaml\nyaml.safe_load(f)",
    "import numpy\nnumpy.load(f, allow_pickle=False)",
)

Nodes = tuple[ast.AST, ...]

# The rooms that meet what apps, pages, tools and their files hold.
ROOMS: Final = ("runtime", "sandbox", "ui", "programs", "tools", "storage")
_WHOLE: Final = frozenset({"read", "readline", "readlines"})
ENDLESS: Final = (
    "with open(place) as file:\n    file.read()",
    "with place.open('rb') as file, other as more:\n    more.readlines()",
    "import os\nwith os.fdopen(fd) as file:\n    [file.readline() for _ in found]",
    "file = open_plain(place)\nwith file:\n    file.read()",
    "place.read_bytes()",
    "(folder / name).read_text('utf-8')",
    "place.read_text(encoding='utf-8')",
    "import sys\nsys.stdin.read()",
    "import sys\nsys.stdin.buffer.read()",
    "import json\njson.load(file)",
    "from json import load\nload(file)",
)  # fmt: skip
BOUNDED: Final = (
    "with open(place) as file:\n    file.read(most + 1)",
    "with place.open('rb') as file:\n    file.readline(4096)",
    "state.read_bytes(name, code=code)",
    "pages.read_text(outcome)",
    "clipboard.read()",
    "import json\njson.loads(text)",
)


def read(source: str | bytes) -> Nodes:
    """Every node of a module, walked once."""
    return tuple(ast.walk(ast.parse(source)))


def endless(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) for every place that reads a file for as long as it goes on."""
    calls, files = [], set()
    for node in nodes:
        if isinstance(node, ast.Call):
            calls.append(node)
        elif isinstance(node, ast.With):
            names = (item.optional_vars or item.context_expr for item in node.items)
            files |= {name.id for name in names if isinstance(name, ast.Name)}
    owners: dict[str, str] | None = None
    for node in calls:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [*node.args, *(word.value for word in node.keywords)]
        if name in _WHOLE and not given and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            if owner in files or owner.startswith("sys.stdin"):
                yield node.lineno, f"{owner}.{name} reads as long as there is something"
        elif name in {"read_bytes", "read_text"} and all(isinstance(one, ast.Constant) for one in given):
            yield node.lineno, f"{name} reads a file of any size"
        elif name == "load":
            owners = _owners(nodes) if owners is None else owners
            whole = ast.unparse(node.func)
            if owners.get(whole, whole) in {"json.load", "tomllib.load"}:
                yield node.lineno, "load reads a file of any size"


def faults(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) for every place that runs data or lets somebody else choose a program."""
    owners = _owners(nodes)
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, what) for what in _imported(node))
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in _called(node, owners))


def _owners(nodes: Nodes) -> dict[str, str]:
    """Local names of modules and of what was taken out of them, by what they stand for (`subprocess.run`)."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {one.asname or one.name: one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        modules, names = [node.module or ""], [one.name for one in node.names]
    else:
        modules, names = [one.name for one in node.names], []
    for module in modules:
        if module.partition(".")[0] in _MODULES and not getattr(node, "level", 0):
            yield f"imports {module}, which turns data into code"
        if module in _OWNERS:
            yield from (f"takes {name} from {module}" for name in names if name in _SHELLS | _BY_PATH)


def _called(node: ast.Call, owners: dict[str, str]) -> Iterator[str]:
    words = {one.arg: one.value for one in node.keywords}
    if isinstance(node.func, ast.Name):
        whole = owners.get(node.func.id, node.func.id)
    elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        whole = f"{owners.get(node.func.value.id, '?' + node.func.value.id)}.{node.func.attr}"
    else:
        return
    owner, _, name = whole.rpartition(".")
    if owner in ("", "builtins") and name in _RUNS:
        yield f"{name} runs data"
    if owner in _OWNERS and name in _SHELLS:
        yield f"{whole} starts a shell"
    if owner in _OWNERS and name in _BY_PATH:
        yield f"{whole} looks the program up by PATH"
    if owner in _OWNERS and name in _STARTS:
        yield from _started(node, words, whole)
    if whole == "shutil.which" and "path" not in words and len(node.args) < 3:
        yield "shutil.which without a path of its own looks along PATH"
    if name in ("load", "full_load", "unsafe_load") and owner in ("yaml", "torch"):
        yield f"{whole} makes objects of data"
    if "allow_pickle" in words and not _is(words["allow_pickle"], False):
        yield "allow_pickle makes objects of data"


def _names_environment(node: ast.expr) -> bool:
    return any(isinstance(one, ast.Attribute) and one.attr == "environ" for one in ast.walk(node))


def _started(node: ast.Call, words: dict[str | None, ast.expr], whole: str) -> Iterator[str]:
    spread = words.get(None)
    keys = [] if not isinstance(spread, ast.Dict) else [key for key in spread.keys if key is not None]
    if ("shell" in words and not _is(words["shell"], False)) or any(_is(key, "shell") for key in keys):
        yield "shell=True gives a text to a shell"
    given = words.get("env")
    if "subprocess" in whole and (given is None or _is(given, None) or _names_environment(given)):
        yield "the program is given every variable of whoever started this one"
    first = node.args[0] if node.args else words.get("args")
    if isinstance(first, ast.List | ast.Tuple) and first.elts:
        first = first.elts[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        if not first.value.startswith("/"):
            yield f"{first.value!r} is looked up by PATH or in the folder one stands in"
        elif first.value.rpartition("/")[2] in {"sh", "bash", "dash", "zsh"}:
            yield f"{first.value} is a shell"


def _is(node: ast.expr, value: object) -> bool:
    return (isinstance(node, ast.Constant) and node.value is value) or (
        isinstance(node, ast.Constant) and isinstance(value, str) and node.value == value
    )


@check("sandbox.shipped-code", rules=(RULE,))
def run(_ctx: Context) -> CheckResult:
    """Every module of the package that is on the import path now."""
    blind = [sample for sample in FAULTY if not list(faults(read(sample)))]
    loud = [sample for sample in HONEST if list(faults(read(sample)))]
    blind += [sample for sample in ENDLESS if not list(endless(read(sample)))]
    loud += [sample for sample in BOUNDED if list(endless(read(sample)))]
    blind += [sample for sample in STRANGE if not list(strange(read(sample)))]
    loud += [sample for sample in USUAL if list(strange(read(sample)))]
    root = Path(next(iter(locara.__path__)))
    findings, files = [], sorted(root.rglob("*.py"))
    for place in files:
        name = place.relative_to(root.parent).as_posix()
        nodes = read(place.read_bytes())
        inner = place.relative_to(root)
        found = [*faults(nodes), *strange(nodes, inner.as_posix())]
        found += endless(nodes) if inner.parts[0] in ROOMS else ()
        findings += [
            Finding(RULE, f"{name}:{line}: {what}", because="read from the module's syntax tree")
            for line, what in found
        ]
    wrong = [*(f"{sample!r} was not noticed" for sample in blind), *(f"{sample!r} was" for sample in loud)]
    broken = {} if findings or not wrong else {RULE: f"the samples failed: {'; '.join(wrong)}"}
    attempts = len(files) + sum(map(len, (FAULTY, HONEST, ENDLESS, BOUNDED, STRANGE, USUAL)))
    return CheckResult(tuple(findings), {RULE: attempts}, probes=attempts, inconclusive=broken)

"""LC110: what the code that is shipped asks of its surroundings: which variables, which import path, which shell.

A variable belongs to whoever starts the program. Each that is read is named here with the one module that reads it, so
that none can choose a program, a layer or a place besides.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from locara.records import dataclass

_NAME: Final = re.compile(
    r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|HOME|PATH|TERM|DISPLAY|BROWSER|EDITOR|SHELL|PWD|TMPDIR|USER"
)
_READS: Final = frozenset({"get", "pop", "getenv", "setdefault"})
_SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "ksh", "fish", "cmd", "cmd.exe", "powershell"})

READ: Final[dict[str, frozenset[str]]] = {
    "cli/terminal.py": frozenset({"NO_COLOR", "TERM"}),
    "cli/test.py": frozenset({"PATH"}),
    "models/cache.py": frozenset({"XDG_CACHE_HOME"}),
    "programs/inside.py": frozenset({"LOCARA_BROKER_FD", "*"}),
    "runtime/app_home.py": frozenset({"XDG_DATA_HOME"}),
    "runtime/fetch.py": frozenset({"LOCARA_PROXY", "LOCARA_CA_FILE"}),
    "runtime/main.py": frozenset({"PYDANTIC_DISABLE_PLUGINS"}),
    "runtime/payload.py": frozenset({"LOCARA_BROKER_FD"}),
    "runtime/state.py": frozenset({"XDG_STATE_HOME"}),
    "runtime/user_folders.py": frozenset({"XDG_CONFIG_HOME"}),
    "sandbox/broker_client.py": frozenset({"*"}),
    "sandbox/desktop/programs.py": frozenset({"PATH"}),
    "sandbox/linux/identity.py": frozenset({"SUDO_UID", "SUDO_GID"}),
    "sandbox/linux/readback.py": frozenset({"PWD"}),
    "sandbox/plan.py": frozenset({"LOCARA_PROXY", "LOCARA_CA_FILE"}),
    "tools/cache.py": frozenset({"XDG_CACHE_HOME"}),
    "ui/display.py": frozenset({"DISPLAY", "HOME", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"}),
    "ui/pywebview/host.py": frozenset({"LOCARA_BROKER_FD"}),
    "ui/theme.py": frozenset({"DBUS_SESSION_BUS_ADDRESS", "GTK_THEME"}),
    "ui/webkit/host.py": frozenset({"GDK_BACKEND", "LOCARA_BROKER_FD"}),
}
"""The variables that each module reads or sets; `*`: one whose name stands in a constant of its own."""
PATHS: Final = {
    "cli/verbs.py": "sys.path.append(str(place))",
    "sandbox/linux/stage2.py": "sys.path[:0] = config['import_path']",
}
"""The one line of a module that changes where code is imported from: never the folder one stands in."""

HERE: Final = frozenset({"__main__.py", "sandbox/plan.py", "ui/plan.py"})
"""The modules that ask which folder one stands in: to leave it out of the import path, and to make a path whole."""

STRANGE: Final = (
    "import os\nos.environ.get('LOCARA_BWRAP')",
    "import os\nos.environ['BROWSER']",
    "(given or os.environ).get('LOCARA_INSECURE')",
    "from os import getenv\ngetenv('LOCARA_STATE')",
    "import os\nos.environ.get(f'LOCARA_{name}')",
    "import os\nname in os.environ",
    "'HF_TOKEN' in environ",
    "import sys\nsys.path.insert(0, '.')",
    "import sys\nsys.path = [place]",
    "import sys\nsys.path[:0] = [place]",
    "run(['/bin/sh', '-c', text])",
    "start(('bash', '-c', text))",
    "import netrc",
    "Path('policy.txt').read_bytes()",
    "open('policy.txt')",
    "Path.cwd() / 'policy.txt'",
    "import os\nos.getcwd()",
)  # fmt: skip
USUAL: Final = (
    "found.get('name')",
    "ROUTES['DOCUMENTS']",
    "import sys\nsys.path[0]",
    "run(['/usr/bin/true', '-c', text])",
    "session_environment(os.environ)",
    "Path('/etc/locara/policy.json')",
    "Path()",
    "PurePosixPath('a/b')",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A place where the surroundings are asked; `variable` is empty where it is no variable."""

    line: int
    what: str
    variable: str = ""


def strange(nodes: tuple[ast.AST, ...], module: str = "") -> Iterator[tuple[int, str]]:
    """(line, what is wrong) for every place of a module that asks what it has no reason to ask."""
    known = READ.get(module, frozenset())
    for node in nodes:
        if type(node) not in _LOOKED_AT:
            continue
        for one in _asked(node):
            if one.what == _STANDS and module in HERE:
                continue
            if one.variable not in known and not (module in PATHS and ast.unparse(node) == PATHS[module]):
                yield one.line, one.what


_STANDS: Final = "asks for the folder one stands in"
_LOOKED_AT: Final = frozenset(
    {
        *(ast.Call, ast.Subscript, ast.Compare, ast.List, ast.Tuple),
        *(ast.Import, ast.ImportFrom, ast.Assign, ast.AugAssign),
    }
)


def _asked(node: ast.AST) -> Iterator[Asked]:
    if isinstance(node, ast.Call):
        yield from _called(node)
    elif isinstance(node, ast.Subscript):
        yield from _variable(node.slice, node.value, node.lineno)
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        yield from _variable(node.left, node.comparators[0], node.lineno)
    elif isinstance(node, ast.List | ast.Tuple) and node.elts and isinstance(node.ctx, ast.Load):
        first, *rest = map(_word, node.elts[:2])
        started = "/" in first or "".join(rest).startswith("-")
        if started and first.rpartition("/")[2] in _SHELLS:
            yield Asked(node.lineno, f"{first} is a shell")
    elif isinstance(node, ast.Import | ast.ImportFrom):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        if "netrc" in names:
            yield Asked(node.lineno, "reads the person's passwords")
    elif isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(_is_path(one.value if isinstance(one, ast.Subscript) else one) for one in targets):
            yield Asked(node.lineno, "changes where code is imported from")


def _called(node: ast.Call) -> Iterator[Asked]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _READS and node.args:
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        yield from _variable(node.args[0], owner, node.lineno, surely=name == "getenv")
    elif name in {"cwd", "getcwd"}:
        yield Asked(node.lineno, _STANDS)
    elif name in {"Path", "open"} and isinstance(node.func, ast.Name) and node.args:
        first = node.args[0]
        if (
            isinstance(first, ast.Constant)
            and isinstance(first.value, str)
            and not first.value.startswith("/")
        ):
            yield Asked(node.lineno, f"{first.value} is looked for in the folder one stands in")
    elif (
        name in {"insert", "append", "extend"}
        and isinstance(node.func, ast.Attribute)
        and _is_path(node.func.value)
    ):
        yield Asked(node.lineno, "changes where code is imported from")


def _variable(name: ast.expr, owner: ast.expr | None, line: int, *, surely: bool = False) -> Iterator[Asked]:
    """The variable that is named, when it is one: by its owner, or by how it is written."""
    surely = surely or _is_environment(owner)
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        if surely or _NAME.fullmatch(name.value):
            yield Asked(line, f"the variable {name.value} is read", name.value)
    elif surely and not isinstance(name, ast.Slice):
        yield Asked(line, "a variable is read that is named elsewhere", "*")


def _word(node: ast.expr) -> str:
    """The text of a constant; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_environment(owner: ast.expr | None) -> bool:
    if isinstance(owner, ast.BoolOp):
        return any(map(_is_environment, owner.values))
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return "environ" in name


def _is_path(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "path" and getattr(node.value, "id", "") == "sys"

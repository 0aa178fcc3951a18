"""locara.core computes: it opens, reads, asks and waits for nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import locara.core

CORE = Path(locara.core.__file__).parent
MODULES = sorted(CORE.glob("**/*.py"))
BANNED_MODULES = {
    "os", "io", "pathlib", "socket", "ssl", "select", "selectors", "time", "datetime", "random", "secrets",
    "uuid",
    "subprocess", "multiprocessing", "threading", "asyncio", "concurrent", "shutil", "tempfile", "glob",
    "signal",
    "ctypes", "mmap", "fcntl", "resource", "platform", "getpass", "urllib", "http", "logging", "sys",
    "importlib",
    "pickle", "marshal", "shelve", "sqlite3", "apsw", "rich", "numpy",
}  # fmt: skip
BANNED_NAMES = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint", "globals"}
OUTSIDE = (
    "locara.runtime",
    "locara.cli",
    "locara.sandbox",
    "locara.models",
    "locara.storage",
    "locara.inference",
)


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            assert node.level == 0, "imports are absolute"
    return found


def _faults(source: str) -> list[str]:
    tree = ast.parse(source)
    imported = _imports(tree)
    faults = [name for name in sorted(imported) if name.partition(".")[0] in BANNED_MODULES]
    faults += [name for name in sorted(imported) if name.startswith(OUTSIDE)]
    faults += [
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_NAMES
    ]
    return faults


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_core_module_has_no_way_out(module: Path) -> None:
    assert _faults(module.read_text()) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import os", "os"),
        ("from os import path", "os"),
        ("def f():\n    import socket", "socket"),
        ("open('x')", "open"),
        ("import urllib.request", "urllib.request"),
        ("from locara.runtime import gate", "locara.runtime"),
    ],
)
def test_the_check_sees_a_way_out(source: str, fault: str) -> None:
    assert _faults(source) == [fault]


def test_core_has_modules_at_all() -> None:
    assert {"decision", "grant", "manifest", "scope", "strict_json"} <= {path.stem for path in MODULES}


def test_importing_core_imports_nothing_of_locara_but_core_errors_and_records() -> None:
    names = ", ".join(f"locara.core.{path.stem}" for path in MODULES if path.stem != "__init__")
    code = (
        f"import sys, {names}\n"
        "print(sorted(n for n in sys.modules if n.startswith('locara') and not n.startswith('locara.core')))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['locara', 'locara.errors', 'locara.records']"

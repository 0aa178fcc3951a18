"""`locara test`: an app's own tests, its capability tests in Python and what its package.json calls test."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from locara.cli.exits import Exit
from locara.cli.terminal import bold, printable
from locara.records import dataclass

if TYPE_CHECKING:
    from types import FrameType

summary = "run an app's own tests against its real runtime"

_EPILOG = """examples:
  locara test my-app
  locara test my-app --only python -k network            the tests in tests/ whose names hold the word
  locara test my-app --json                             the outcome as one JSON object

tests/ is run by pytest, in this Python and with LOCARA_APP set to the folder of the app; then `npm test`, when
package.json has a script of that name, with LOCARA_COMMAND set to this Locara for `@locara/test`. These are
programs of the app's developer: they run as you, outside the sandbox. What they start with
locara.runtime.launch or startApp runs inside it.

Exit code: 0 all passed, 1 a test failed, 3 something could not be run (pytest or npm is missing, no tests).
"""
TESTS: Final = "tests"
"""The folder of an app in which its tests for pytest lie."""
_NO_TESTS: Final = 5  # pytest: nothing was collected
Outcome = Literal["passed", "failed", "missing", "none"]


@dataclass(frozen=True, slots=True)
class Suite:
    """One program of tests that was run: its name, how it ended, why, and its seconds."""

    name: str
    outcome: Outcome
    note: str
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """APP, --only, -k, --json."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "app",
        metavar="APP",
        type=Path,
        nargs="?",
        default=Path(),
        help="folder of the app (it holds locara.json; default: here)",
    )
    parser.add_argument("--only", choices=("python", "npm"), help="only one of the two")
    parser.add_argument("--json", action="store_true", help="one JSON object; the tests speak on stderr")
    parser.add_argument(
        "-k", metavar="EXPR", dest="names", help="only tests in tests/ that fit, as in pytest"
    )


def run(args: argparse.Namespace) -> int:
    """Run them all, also after a failure. Raises BundleError and ManifestError before any runs."""
    from locara.runtime.app import AppBundle

    bundle = AppBundle.open(args.app)
    folder = bundle.path.resolve()
    suites = []
    if args.only != "npm" and (folder / TESTS).is_dir():
        suites.append(_python(folder, args.names, quiet=args.json))
    if args.only != "python" and _has_script(folder):
        suites.append(_npm(folder, quiet=args.json))
    code = _code(suites)
    if args.json:
        rows = [asdict(one) for one in suites]
        print(json.dumps({"app": bundle.grants.app_id, "passed": code == Exit.PASSED, "suites": rows}))
        return code
    print()
    for one in suites:
        print(
            printable(
                f"{one.name:<8}  {one.outcome}{f' ({one.note})' if one.note else ''}  {one.seconds:.1f} s"
            )
        )
    if not suites:
        print("there are no tests: neither tests/ nor a script `test` in package.json")
    verdict = {Exit.PASSED: "PASSED", Exit.FINDINGS: "FAILED"}.get(code, "INCONCLUSIVE")
    print(bold(printable(f"{verdict}  {bundle.grants.app_id} {bundle.manifest.digest}")))
    return code


def _code(suites: list[Suite]) -> Exit:
    if any(one.outcome == "failed" for one in suites):
        return Exit.FINDINGS
    whole = suites and all(one.outcome == "passed" for one in suites)
    return Exit.PASSED if whole else Exit.INCONCLUSIVE


def _python(folder: Path, names: str | None, *, quiet: bool) -> Suite:
    from importlib.util import find_spec

    if find_spec("pytest") is None:
        return Suite("pytest", "missing", "install pytest into this Python", 0.0)
    command = [sys.executable, "-m", "pytest", *pytest_options(folder)]
    code, seconds = _run([*command, *(["-k", names] if names else []), TESTS], folder, quiet=quiet)
    if code == _NO_TESTS:
        return Suite("pytest", "none", "no test was found in tests/", seconds)
    return Suite(
        "pytest", "passed" if code == 0 else "failed", "" if code == 0 else f"exit code {code}", seconds
    )


def pytest_options(folder: Path) -> list[str]:
    """How pytest is told that the folder of an app is a project of its own: a configuration around it has no say, and
    nothing is written into it."""
    own = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
    config = [] if any((folder / name).is_file() for name in own) else ["-c", os.devnull]
    return [*config, f"--rootdir={folder}", "-p", "no:cacheprovider"]


def _has_script(folder: Path) -> bool:
    try:
        value = json.loads((folder / "package.json").read_bytes())
    except (OSError, ValueError):
        return False
    scripts = value.get("scripts") if isinstance(value, dict) else None
    return isinstance(scripts, dict) and isinstance(scripts.get("test"), str)


def _npm(folder: Path, *, quiet: bool) -> Suite:
    import shutil

    path = _node_path()
    npm = shutil.which("npm", path=path)
    if npm is None:
        return Suite("npm test", "missing", "install Node.js 22.18 or newer", 0.0)
    code, seconds = _run([npm, "test", "--silent"], folder, quiet=quiet, path=path)
    note = "" if code == 0 else f"exit code {code}"
    return Suite("npm test", "passed" if code == 0 else "failed", note, seconds)


def _node_path() -> str:
    """PATH, with the Node.js that was installed beside this Python first when there is one."""
    beside, path = Path(sys.executable).parent, os.environ.get("PATH", os.defpath)
    return f"{beside}{os.pathsep}{path}" if (beside / "node").exists() else path


def _run(command: list[str], folder: Path, *, quiet: bool, path: str | None = None) -> tuple[int, float]:
    """Run a program to its end in a process group of its own; a signal to this process ends the whole group."""
    environment = {
        **os.environ,
        "LOCARA_APP": str(folder),
        "LOCARA_COMMAND": json.dumps([sys.executable, "-m", "locara"]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if path is not None:
        environment["PATH"] = path
    begin = time.monotonic()
    sys.stdout.flush()
    # The tests' own output belongs to the person; stdout is ours alone when it is to be one JSON object.
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if quiet else None,
        start_new_session=True,
    ) as process:

        def stop(_number: int, _frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, stop)
        try:
            code = process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
            _end(process)
    return code, time.monotonic() - begin


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of the group stays: an orderly end first, so that the tests stop the apps they started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue

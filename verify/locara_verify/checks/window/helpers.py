"""LC111, beside the window: dialogs and the desktop's setting start nothing that a folder or a variable offers.

A folder at the head of PATH and of every variable that Python looks for modules by holds a program and modules that
leave a mark. No dialog is shown: whether one could be is not the question.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.target import Target

RULE: Final = "LC111"
PROGRAMS: Final = ("gsettings", "python3", "sh", "env")
MODULES: Final = ("gi", "json", "sys_", "usercustomize", "sitecustomize", "typing")


def no_python(_target: Target) -> str | None:
    """Where dialogs are drawn by the system's own Python."""
    return (
        None
        if sys.platform.startswith("linux") and Path("/usr/bin/python3").exists()
        else "no dialog is drawn here"
    )


@check("window-helpers", rules=(RULE,), applies=no_python)
def run(ctx: Context) -> CheckResult:
    """Each helper once, in a folder and an environment that are full of marks."""
    from locara.sandbox.picker import Ask  # noqa: PLC0415 - loads the framework
    from locara.ui.picker import DialogPicker  # noqa: PLC0415
    from locara.ui.theme import following, prefers_dark  # noqa: PLC0415

    folder = ctx.fresh_dir("helpers")
    mark = _planted(folder)
    environ = {
        "PATH": f"{folder}:/usr/bin:/bin", "PYTHONPATH": str(folder), "HOME": str(folder),
        "PYTHONSTARTUP": str(folder / "gi.py"), "PYTHONUSERBASE": str(folder), "BASH_ENV": str(folder / "sh"),
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "GI_TYPELIB_PATH": str(folder),
    }  # fmt: skip

    def dropped() -> object:
        picker = DialogPicker("an app", environ)
        picker.dropped.put(["file:///a"])
        return picker.pick(Ask("dropped", "read"))

    def followed() -> object:
        with following(environ, lambda *, dark: None):
            return None

    ways: dict[str, Callable[[], object]] = {
        "the file dialog": lambda: DialogPicker("an app", environ).pick(Ask("file", "read")),
        "the dialog of a drop": dropped,
        "whether the desktop is dark": lambda: prefers_dark(environ),
        "whether the desktop turns dark": followed,
    }
    findings = []
    with _inside(folder, environ["PATH"]):
        for what, ask in ways.items():
            mark.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                ask()
            if mark.exists():
                told = f"{what} ran what a folder offered it"
                findings.append(Finding(RULE, told, because=mark.read_text("utf-8", errors="replace")[:300]))
        mark.unlink(missing_ok=True)
        subprocess.run(["gsettings"], env=environ, check=False, stdout=subprocess.DEVNULL)
        control = mark.exists()
    inconclusive = (
        {} if control or findings else {RULE: "the control failed: a planted program leaves no mark"}
    )
    return CheckResult(tuple(findings), {RULE: len(ways)}, attacks=len(ways), inconclusive=inconclusive)


def _planted(folder: Path) -> Path:
    mark = folder / "mark"
    for name in PROGRAMS:
        place = folder / name
        place.write_text(f'#!/bin/sh\necho "{name} $0" >> "{mark}"\n', "utf-8")
        place.chmod(0o755)
    for name in MODULES:
        text = f"open({str(mark)!r}, 'a').write({f'the module {name}'!r})\nraise SystemExit(9)\n"
        (folder / f"{name}.py").write_text(text, "utf-8")
    return mark


@contextlib.contextmanager
def _inside(folder: Path, path: str) -> Iterator[None]:
    """This process works in the folder and finds its programs there. A check runs in a process of its own."""
    before, place = os.environ.get("PATH", ""), Path.cwd()
    os.environ["PATH"] = path
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(place)
        os.environ["PATH"] = before

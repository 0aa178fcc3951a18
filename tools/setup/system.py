"""System packages: what a clone needs besides Python and git, by the system's own package manager."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from say import SetupError, detail, run, step


@dataclass(frozen=True)
class Need:
    """A tool that must be there, what it is for, and the packages with it (none: nothing to install)."""

    command: str
    why: str
    apt: tuple[str, ...]
    brew: tuple[str, ...]


LINUX = (
    Need("bwrap", "the sandbox every app runs in", ("bubblewrap",), ()),
    Need("c++", "builds llama.cpp", ("g++",), ()),
    Need("make", "builds llama.cpp", ("make",), ()),
    Need("git", "names the commit in reports", ("git",), ()),
    Need("tesseract", "reads the text in pictures", ("tesseract-ocr", "tesseract-ocr-eng"), ()),
    Need("espeak-ng", "speaks text", ("espeak-ng", "espeak-ng-data"), ()),
)
MACOS = (
    Need("c++", "builds llama.cpp (Xcode command line tools: xcode-select --install)", (), ()),
    Need("git", "names the commit in reports", (), ("git",)),
)


GI = "/usr/lib/python3/dist-packages/gi"
WINDOW = (
    Need(GI, "lets the system's Python draw windows", ("python3-gi", "gir1.2-gtk-3.0"), ()),
    Need("WebKit2-4.1.typelib", "shows the page of an app", ("gir1.2-webkit2-4.1",), ()),
)
"""What `locara run` needs beside the rest, on Linux. A name with a slash is a path, a typelib is looked for."""

SCREEN = (
    *WINDOW,
    Need("Xvfb", "a screen without a monitor", ("xvfb",), ()),
    Need("openbox", "gives dialogs the keyboard", ("openbox",), ()),
    Need("xdotool", "presses keys and buttons", ("xdotool",), ()),
    Need("import", "takes pictures of the screen", ("imagemagick",), ()),
    Need("tesseract", "reads what a picture shows", ("tesseract-ocr",), ()),
)
"""What the tests of real windows need."""


BROWSER = (Need("chromium", "shows components and the pages of apps", ("chromium",), ("chromium",)),)
"""What the tests of components, and of pages in an ordinary browser, need."""

TOKEN = (Need("softhsm2-util", "plays a hardware token", ("softhsm2",), ("softhsm",)),)
"""What the tests of keys in hardware tokens need."""


def install_missing(extra: tuple[Need, ...] = ()) -> None:
    """Install what is missing, or stop and say exactly which command would."""
    linux = sys.platform.startswith("linux")
    needs = (*LINUX, *extra) if linux else MACOS
    missing = [need for need in needs if not _found(need.command)]
    packages = sorted({name for need in missing for name in (need.apt if linux else need.brew)})
    if linux and not _can_make_venv():
        packages.append(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    if not missing and not packages:
        return
    for need in missing:
        detail(f"missing: {need.command} ({need.why})")
    if not packages:
        raise SetupError("install what is missing above and run ./dev again")
    command = _installer(linux)
    if command is None:
        manager = "sudo apt-get install -y" if linux else "brew install"
        raise SetupError(
            "some system packages are missing, and this user may not install them. Run:\n\n"
            f"    {manager} {' '.join(packages)}\n"
        )
    with step(f"system packages: {' '.join(packages)}"):
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        if linux:
            run([*command, "apt-get", "update", "-qq"], env=env)
            run([*command, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=env)
        else:
            run(["brew", "install", *packages], env=env)


def bring(extra: tuple[Need, ...]) -> int:
    """What a set-up of one part ends with: 0 when all is there, 2 when a person must do something first."""
    try:
        install_missing(extra)
    except SetupError as problem:
        print(f"dev: {problem}", file=sys.stderr)
        return 2
    return 0


def _found(command: str) -> bool:
    if command.endswith(".typelib"):
        return any(Path("/usr/lib").glob(f"**/girepository-1.0/{command}"))
    return Path(command).exists() if "/" in command else shutil.which(command) is not None


def _can_make_venv() -> bool:
    return importlib.util.find_spec("ensurepip") is not None and importlib.util.find_spec("venv") is not None


def _installer(linux: bool) -> list[str] | None:
    """The words in front of the package manager: none for root, sudo where it asks no password."""
    if not linux:
        return [] if shutil.which("brew") else None
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asked = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True)
        if asked.returncode == 0:
            return ["sudo", "-n"]
    return None

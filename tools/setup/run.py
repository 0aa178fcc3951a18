"""Set a clone up: packages, environment, llama.cpp, models, Node. Idempotent; says what it does."""

from __future__ import annotations

import hashlib
import os
import sys
import time
import venv
from pathlib import Path

import llama
import system
from say import LOG, SetupError, detail, run, step

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main() -> int:
    """Exit code 0 when the clone is ready, 2 when a person must do something first, 130 on Ctrl-C."""
    os.chdir(ROOT)
    start = time.monotonic()
    try:
        system.install_missing()
        packages()
        llama.install(PYTHON)
        first_party()
        models()
        node()
        app_tools()
    except SetupError as problem:
        print(f"dev: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ndev: interrupted; run ./dev again to go on from here", file=sys.stderr)
        return 130
    detail(f"ready after {time.monotonic() - start:.0f} s (log: {LOG})")
    return 0


def packages() -> None:
    """The pinned, hash-checked packages of requirements/dev.txt, in .venv."""
    lock = ROOT / "requirements" / "dev.txt"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    mark = VENV / ".locara-packages"
    if PYTHON.exists() and mark.exists() and mark.read_text() == wanted:
        return
    with step(f"Python {sys.version_info[0]}.{sys.version_info[1]} environment in .venv"):
        venv.create(VENV, with_pip=True, clear=VENV.exists(), symlinks=True)
        pip = [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
        ]
        only_uv = VENV / "uv.txt"
        only_uv.write_text(_pinned("uv", lock.read_text()))
        run([*pip, only_uv])
        try:
            uv = [VENV / "bin" / "uv", "pip", "sync", "--quiet", "--compile-bytecode"]
            run([*uv, "--require-hashes", "--python", PYTHON, lock])
        except SetupError:
            detail("uv could not get these packages (it does not read pip's settings); trying pip")
            run([*pip, lock])
        mark.write_text(wanted)


def _pinned(name: str, lock: str) -> str:
    """The lines of one package in a lock file, hashes included."""
    lines = lock.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next(
        (number for number in range(start + 1, len(lines)) if not lines[number].startswith(" ")), len(lines)
    )
    return "\n".join(line for line in lines[start:end] if "#" not in line) + "\n"


def first_party() -> None:
    """Locara's own packages, editable, so that entry points and the pytest plugin are registered."""
    projects = ("pyproject.toml", "verify/pyproject.toml", "registry/pyproject.toml")
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in projects)).hexdigest()
    mark = VENV / ".locara-first-party"
    if mark.exists() and mark.read_text() == wanted:
        return
    with step("Locara's own packages"):
        uv = [VENV / "bin" / "uv", "pip", "install", "--quiet", "--python", PYTHON]
        editable = [part for folder in (".", "verify", "registry") for part in ("-e", folder)]
        run([*uv, "--no-deps", "--no-build-isolation", "--no-index", *editable])
        mark.write_text(wanted)


def models() -> None:
    """The fixture models, in the model cache that apps share."""
    with step("models"):
        run([PYTHON, "fixtures/models/prepare.py"], watch=str.rstrip)


def app_tools() -> None:
    """The tools of this repository, in the tool cache that apps share."""
    with step("tools"):
        run([PYTHON, "fixtures/tools/prepare.py"], watch=str.rstrip)


def node() -> None:
    """The SDK and the reference apps: packages by their lock files, then a build."""
    with step("SDK and apps"):
        run([VENV / "bin" / "node", "locara/js/setup.mjs"], watch=str.rstrip)


if __name__ == "__main__":
    sys.exit(main())

"""llama-cpp-python: built once per machine into a wheel cache, because the index has its source only.

The key of the cache is everything that changes the wheel: version, flags, processor, C library. Two helper
libraries of llama.cpp that the Python package never loads make up more than half of a default build;
`trim.cmake` empties them.

Run as a script it installs the wheel into the interpreter that runs it (tox environments do this).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path

from say import run, step

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENT = ROOT / "requirements" / "llama.txt"
BUILDER = (
    ROOT / ".venv" / "bin" / "python"
)  # has pip, which a system's or a tox environment's own Python may lack
TRIM = Path(__file__).resolve().parent / "trim.cmake"
X86_FLAGS = ("-DGGML_AVX2=ON", "-DGGML_FMA=ON", "-DGGML_F16C=ON", "-DGGML_BMI2=ON")


def flags() -> tuple[str, ...]:
    """CMake flags: a stated processor baseline, so that a cached wheel may be shared."""
    common = ("-DLLAVA_BUILD=OFF", "-DGGML_NATIVE=OFF")
    return common + (X86_FLAGS if platform.machine() in {"x86_64", "AMD64"} and _has_avx2() else ())


def wheel() -> Path:
    """The built wheel, from the cache or built now; two builds at once do the work once."""
    folder = _cache() / _key()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = sorted(folder.glob("*.whl"))
        if found:
            return found[0]
        with step("llama.cpp: building once for this machine (about 4 minutes on two cores)"):
            return _build(folder)


def installed(python: Path) -> bool:
    """Does this environment already hold the wheel of the present key?"""
    return _mark(python).exists()


def install(python: Path) -> None:
    """Put the wheel into the environment of `python`."""
    built = wheel()
    if installed(python):
        return
    uv = python.parent / "uv"
    if uv.exists():
        run([uv, "pip", "install", "--quiet", "--no-deps", "--reinstall", "--python", python, built])
    else:
        run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", built])
    _mark(python).touch()


def _mark(python: Path) -> Path:
    return python.parent.parent / f".locara-llama-{_key()}"


def _build(folder: Path) -> Path:
    env = dict(os.environ, CMAKE_ARGS=" ".join((*flags(), f"-DCMAKE_PROJECT_INCLUDE={TRIM}")))
    env.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 2))
    with tempfile.TemporaryDirectory(dir=folder, prefix="building-") as work:
        run(
            [
                BUILDER,
                "-m",
                "pip",
                "wheel",
                "-v",
                "--no-deps",
                "--require-hashes",
                "-r",
                REQUIREMENT,
                "-w",
                work,
            ],
            env=env,
            watch=_Ninja(),
        )
        built = next(Path(work).glob("llama_cpp_python-*.whl"))
        target = folder / built.name
        shutil.move(built, target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)
    return target


class _Ninja:
    """Shows every tenth part of the build from ninja's own counter."""

    def __init__(self) -> None:
        self.shown = -1

    def __call__(self, line: str) -> str | None:
        match = re.match(r"\s*\[(\d+)/(\d+)\]", line)
        if not match:
            return None
        done, total = int(match[1]), int(match[2])
        tenth = 10 * done // max(total, 1)
        if total < 20 or tenth == self.shown:
            return None
        self.shown = tenth
        return f"{done} of {total} files compiled"


def _cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "Locara" / "wheels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "Locara" / "wheels"


def _key() -> str:
    parts = (
        REQUIREMENT.read_text(),
        " ".join(flags()),
        TRIM.read_text(),
        platform.machine(),
        sys.platform,
        *platform.libc_ver(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _has_avx2() -> bool:
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


if __name__ == "__main__":
    # no resolve(): an environment's interpreter is a link, and its folder is what matters
    install(Path(sys.executable))

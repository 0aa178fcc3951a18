"""LC111 at the programs beside an app: which file is started is the system's word, and not that of a variable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from locara.sandbox.desktop import programs
from locara.sandbox.host import SEARCH, find_bwrap
from locara_verify.check import CheckResult, check
from locara_verify.checks.programs.confined import launches
from locara_verify.checks.programs.stage import has_programs
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC111"
NAMES: Final = ("tesseract", "espeak-ng", "bwrap")


@check("programs.lookup", rules=(RULE,), needs=frozenset({"kernel"}), applies=has_programs, quick=True)
def run(ctx: Context) -> CheckResult:
    """Real programs of the same names, at the head of PATH and in the folder one stands in."""
    tally, folder = Tally(), ctx.fresh_dir("head")
    for name in NAMES:
        shutil.copyfile("/usr/bin/true", folder / name)
        (folder / name).chmod(0o755)
    for path in (f"{folder}:/usr/bin:/bin", ".:/usr/bin:/bin", f":{folder}", str(folder)):
        with _standing(folder, path), _searching() as searched:
            control = [name for name in NAMES if shutil.which(name) is None]
            searched.clear()
            tally.twin(RULE, not control, f"a search by PATH={path} finds {control}")
            found = {"bubblewrap": Path(find_bwrap())}
            for name, launch in launches():
                found |= {f"{name}, {source.dest}": source.path for source in launch.sources}
            for what, place in found.items():
                real = Path(os.path.realpath(place))
                held = place.is_absolute() and folder not in real.parents
                tally.judge(
                    RULE, held, "a variable says which program is started", f"{what}: PATH={path}: {place}"
                )
        for places in searched:
            relative = [place for place in places.split(":") if not place.startswith("/")]
            tally.judge(
                RULE,
                not relative,
                "a program is looked for in a folder that is not named whole",
                f"{relative}",
            )
        tally.twin(RULE, bool(searched), "programs are looked for in folders")
        for name in NAMES if not path.startswith("/") else ():
            with _standing(folder, path):
                told = programs.find(name, {"PATH": path})
            held = told is None or (told.startswith("/") and folder != Path(os.path.realpath(told)).parent)
            tally.judge(
                RULE, held, "a program of the session lies in the folder one stands in", f"{name}: {told}"
            )
    for place in map(Path, SEARCH.split(":")):
        # One that is not there is judged by the folder that it would be made in.
        seen = next(one for one in (place, *place.parents) if one.exists()).stat()
        held = place.is_absolute() and seen.st_uid == 0 and not seen.st_mode & 0o002
        tally.judge(
            RULE, held, "programs are looked for where others can put them", f"{place}: {seen.st_mode:o}"
        )
    return tally.result()


@contextmanager
def _searching() -> Iterator[list[str]]:
    """Every list of folders in which the product looks a program up during the block, the one in PATH where it names
    none."""
    searched: list[str] = []
    real = shutil.which

    def which(name: str, mode: int = os.F_OK | os.X_OK, path: str | None = None) -> str | None:
        searched.append(os.environ["PATH"] if path is None else path)
        return real(name, mode, path)

    shutil.which = which  # type: ignore[assignment]
    try:
        yield searched
    finally:
        shutil.which = real


@contextmanager
def _standing(folder: Path, path: str) -> Iterator[None]:
    before, here = os.environ.get("PATH"), Path.cwd()
    os.environ["PATH"] = path
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before

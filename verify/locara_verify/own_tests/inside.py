"""The first program of that sandbox after its layers were read back: it becomes pytest.

    python -m locara_verify.own_tests.inside PYTHON ARGUMENT...

What pytest and the tests print goes to stderr; stdout belongs to what `told` writes, under another number.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Final

TOLD_FD: Final = "LOCARA_TOLD_FD"
_FILE_BYTES: Final = 1 << 30
_PROCESSES: Final = 1024


def main() -> None:
    """Never returns."""
    python, *arguments = sys.argv[1:]
    os.close(int(os.environ.pop("LOCARA_BROKER_FD")))
    told = os.dup(1)
    os.set_inheritable(told, True)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NPROC, (_PROCESSES, _PROCESSES))
    Path(os.environ["HOME"]).mkdir()
    os.chdir(os.environ["LOCARA_APP"])
    os.execve(python, [python, "-m", "pytest", *arguments], {**os.environ, TOLD_FD: str(told)})  # noqa: S606


if __name__ == "__main__":
    main()

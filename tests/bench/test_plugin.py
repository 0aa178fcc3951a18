"""What the pytest plugin costs every pytest run that does not use it (the aim: under 50 ms)."""

from __future__ import annotations

import subprocess
import sys
from typing import Any


def test_import(benchmark: Any) -> None:
    program = (
        "import pytest, time; begin = time.perf_counter(); import locara_verify.pytest_plugin; "
        "print(time.perf_counter() - begin)"
    )

    def once() -> float:
        return float(
            subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        )

    seconds = benchmark.pedantic(once, rounds=5)
    benchmark.extra_info["import_ms"] = round(seconds * 1000, 2)
    assert seconds > 0

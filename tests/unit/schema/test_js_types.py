"""What the TypeScript packages take from the framework is what the framework says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

TOOL = Path(__file__).resolve().parents[3] / "tools/js_types.py"


def test_the_written_files_are_up_to_date(capsys) -> None:
    spec = importlib.util.spec_from_file_location("js_types", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.main(["--check"]) == 0, capsys.readouterr().err
    assert len(list(tool.files())) == 3

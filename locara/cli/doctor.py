"""`locara doctor`: which layers this machine can enforce, and what to do about the missing ones."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import platform
import sys
from typing import Any

from locara import __version__
from locara.cli.exits import Exit
from locara.cli.terminal import bold

summary = "say what this machine can enforce, and why not"

_EPILOG = """examples:
  locara doctor
  locara doctor --format json

Exit code: 0 every layer works, 3 one does not (an app will not start here).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--format."""
    parser.epilog = _EPILOG
    parser.add_argument("--format", choices=("human", "json"), default="human")


def run(args: argparse.Namespace) -> int:
    """0 when an app can be started here with every layer, else 3."""
    rows = [*_layers(), *_parts()]
    if args.format == "json":
        facts = {
            "locara": __version__,
            "platform": sys.platform,
            "machine": platform.machine(),
            "layers": rows,
        }
        print(json.dumps(facts))
    else:
        _print(rows)
    return Exit.INCONCLUSIVE if any(row["required"] and row["missing"] for row in rows) else Exit.PASSED


def _layers() -> list[dict[str, Any]]:
    if sys.platform != "linux":
        return [
            _row(
                "kernel sandbox",
                sys.platform,
                "apps run on Linux in this version",
                "use Linux, or a Linux VM",
            )
        ]
    from locara.sandbox.host import layers

    return [_row(layer.name, layer.found, layer.missing, layer.fix) for layer in layers()]


def _parts() -> list[dict[str, Any]]:
    """What is not a layer: the cache of models and the inference engine. Their absence stops some apps
    only."""
    from importlib.util import find_spec

    from locara.models.cache import ModelCache, default_root

    engine = find_spec("llama_cpp") is not None
    count = len(ModelCache(default_root()).list())
    return [
        _row(
            "inference",
            "llama.cpp" if engine else "none",
            None if engine else "llama-cpp-python is not installed: apps with models cannot run them",
            "in a clone: ./dev setup",
            required=False,
        ),
        _row(
            "models",
            f"{count} in {default_root()}",
            None if count else "the model cache is empty",
            "in a clone: ./dev setup; else `locara models import FILE --id NAME`",
            required=False,
        ),
        *_programs(),
    ]


def _programs() -> list[dict[str, Any]]:
    """The programs beside an app. Without one of them only its commands answer that it is missing."""
    from locara.errors import LocaraError
    from locara.programs.starter import FACTS

    rows = []
    for label, name in (("pictures", "ocr"), ("PDF files", "pdf"), ("speaking", "speech")):
        try:
            known = FACTS[name]().get("languages")
        except LocaraError as error:
            rows.append(_row(label, "none", error.message, error.fix, required=False))
        else:
            found = {"ocr": f"tesseract, languages: {', '.join(known or ())}", "pdf": "PDFium"}
            rows.append(_row(label, found.get(name, "espeak-ng"), None, None, required=False))
    return rows


def _row(
    name: str, found: str, missing: str | None, fix: str | None, *, required: bool = True
) -> dict[str, Any]:
    return {
        "name": name,
        "found": found,
        "missing": missing,
        "fix": fix if missing else None,
        "required": required,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        mark = "ok     " if row["missing"] is None else "MISSING" if row["required"] else "absent "
        print(f"{mark}  {row['name']:<{width}}  {row['found']}")
        if row["missing"] is not None:
            print(f"{'':9}{'':<{width}}  {row['missing']}")
            print(f"{'':9}{'':<{width}}  help: {row['fix']}")
    whole = not any(row["required"] and row["missing"] for row in rows)
    print(
        bold(
            "every layer works here"
            if whole
            else "this machine cannot enforce every layer: apps do not start"
        )
    )

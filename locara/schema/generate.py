"""Write ``locara.schema.json`` from the manifest models, or check that it is up to date.

    python -m locara.schema.generate [--check]

The schema is JSON Schema 2020-12 and tells the whole structure: keys, types, closed lists, patterns and
limits. What a schema cannot say, only the parser refuses; the schema's ``$comment`` lists these rules, from
`PARSER_ONLY`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from locara.core.manifest import Manifest
from locara.core.strict_json import JSON

SCHEMA_PATH: Final = Path(__file__).with_name("locara.schema.json")

PARSER_ONLY: Final = (
    "bytes: UTF-8 without byte order mark or NUL, at most 262,144 bytes, 32 levels deep, no key twice, "
    "no lone surrogates, no NaN, Infinity or -0",
    "whole numbers are written without fraction and exponent (2048, not 2048.0)",
    "shown text: no white space at an end, no unassigned, private-use or further format characters, "
    "at most four combining marks in a row",
    "hosts: 253 characters, after a wildcard 189",
    "paths: 255 bytes of UTF-8 (the schema counts characters)",
    "modalities and tooling without a backend in this version are refused as unsupported",
    "text-to-text, text-to-text-thinking, text-to-embedding and speech-to-text need at least one entry in "
    "capabilities.models; image-to-text (without a model it reads text) and text-to-speech need none",
    "code-exec.javascript and code-exec.python need at least one entry in capabilities.tools",
    "ids of models, tools and shared folders are unique; an app does not share a folder with itself",
    "the models of a profile are among capabilities.models",
    "the entry page lies below build.out",
)


def schema() -> dict[str, JSON]:
    """The JSON Schema as a value; the same for every run."""
    generated = Manifest.model_json_schema(by_alias=True, mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:locara:manifest:v1",
        "$comment": "Only the parser refuses: " + "; ".join(PARSER_ONLY) + ".",
        **{key: _tidy(value) for key, value in generated.items()},
    }


def render() -> str:
    """The text of the schema file."""
    return json.dumps(schema(), indent=2, ensure_ascii=True, sort_keys=False) + "\n"


def _tidy(node: JSON) -> JSON:
    """The node without null defaults (an optional key may be left out, it may not be null)."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(value) for key, value in node.items() if (key, value) != ("default", None)}
    default = tidy.get("default")
    if isinstance(default, dict):
        tidy["default"] = {key: value for key, value in default.items() if value is not None}
    return tidy


def main(arguments: list[str] | None = None) -> int:
    """Write the file and return 0; with ``--check`` return 1 when the file differs from the models."""
    parser = argparse.ArgumentParser(prog="python -m locara.schema.generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail when the file is out of date"
    )
    options = parser.parse_args(arguments)
    text = render()
    if not options.check:
        SCHEMA_PATH.write_text(text, encoding="utf-8")
        return 0
    if SCHEMA_PATH.is_file() and SCHEMA_PATH.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{SCHEMA_PATH.name} is out of date; run: python -m locara.schema.generate\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

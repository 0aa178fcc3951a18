"""Write what the TypeScript packages take from the framework: commands, codes, the manifest's types and schema.

    ./dev python tools/js_types.py [--check]

With --check nothing is written and the exit code is 1 when a file is not what it must be; a test runs that.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from locara.core.capability import Kind
from locara.core.surface import COMMANDS
from locara.errors import IPC_CODES
from locara.schema.generate import schema

JS: Final = Path(__file__).resolve().parents[1] / "locara/js"
HEADER: Final = "// Written by tools/js_types.py from the framework; a test compares. Do not edit.\n\n"


def surface() -> str:
    """`sdk/src/surface.ts`: commands, capabilities, error codes."""
    rows = "".join(
        f"  {json.dumps(name)}: {{ capability: {json.dumps(spec.capability)}, stream: {json.dumps(spec.stream)} }},\n"
        for name, spec in COMMANDS.items()
    )
    return (
        f"{HEADER}/** Every command of the runtime; `capability` is the manifest's key behind it, empty for none. */\n"
        f"export const COMMANDS = {{\n{rows}}} as const;\n"
        "/** The name of a command. */\nexport type Command = keyof typeof COMMANDS;\n\n"
        f"/** A key of `capabilities` in locara.json. */\nexport type Capability = {_union(k.value for k in Kind)};\n\n"
        "/** The closed list of codes that a runtime answers with. */\n"
        f"export const RUNTIME_CODES = {json.dumps(sorted(IPC_CODES))} as const;\n"
    )


def manifest_types() -> str:
    """`manifest/src/types.ts`: one interface for each object of the schema."""
    document: Any = schema()
    parts = [_interface("Manifest", document)]
    parts += [_interface(name, one) for name, one in sorted(document["$defs"].items())]
    return HEADER + "\n".join(parts)


def manifest_schema() -> str:
    """`manifest/src/schema.ts`: the JSON Schema as a value."""
    text = json.dumps(schema(), indent=1, ensure_ascii=True)
    return f"{HEADER}/** The JSON Schema of locara.json. */\nexport const schema = {text} as const;\n"


def _interface(name: str, node: Mapping[str, Any]) -> str:
    required = set(node.get("required", ()))
    about = node.get("description")
    lines = [f"/** {about} */"] if about else []
    lines.append(f"export interface {name} {{")
    for key, value in node["properties"].items():
        shown = key if re.fullmatch(r"[A-Za-z_]\w*", key) else json.dumps(key)
        lines += [f"  /** {value['description']} */"] if "description" in value else []
        lines.append(f"  readonly {shown}{'' if key in required else '?'}: {_type(value)};")
    return "\n".join([*lines, "}", ""])


def _type(node: Mapping[str, Any]) -> str:
    if "$ref" in node:
        return str(node["$ref"]).rpartition("/")[2]
    for key in ("oneOf", "anyOf"):
        if key in node:
            return " | ".join(_type(one) for one in node[key])
    if "const" in node:
        return json.dumps(node["const"])
    if "enum" in node:
        return _union(node["enum"])
    if node.get("type") == "array":
        inner = _type(node.get("items", {}))
        return f"readonly ({inner})[]" if "|" in inner else f"readonly {inner}[]"
    simple = {"string": "string", "boolean": "boolean", "integer": "number", "number": "number"}
    return simple.get(str(node.get("type")), "unknown")


def _union(values: Any) -> str:  # noqa: ANN401 - whatever a list of the schema holds
    return " | ".join(json.dumps(getattr(value, "value", value)) for value in values)


def files() -> Iterator[tuple[Path, str]]:
    """Every file with the text it must have."""
    yield JS / "sdk/src/surface.ts", surface()
    yield JS / "manifest/src/types.ts", manifest_types()
    yield JS / "manifest/src/schema.ts", manifest_schema()


def main(arguments: list[str]) -> int:
    """Write the files, or with --check compare them: 0 as they must be, 1 not."""
    stale = []
    for path, text in files():
        if "--check" in arguments:
            stale += [path] if not path.is_file() or path.read_text("utf-8") != text else []
        else:
            path.write_text(text, encoding="utf-8")
    for path in stale:
        sys.stderr.write(f"{path.relative_to(JS)} is out of date; run: ./dev python tools/js_types.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

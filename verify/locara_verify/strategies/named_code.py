"""Descriptions of a network that name code, as some formats allow: a module, a class, a function to be called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

MODULE: Final = "locara_canary_network"
"""A module that must never be looked for."""

RIGHT: Final[dict[str, Any]] = {
    "architecture": "llama", "layers": 1, "width": 8, "heads": 2, "kv_heads": 1, "forward": 16, "context": 32,
    "epsilon": 1e-5, "rope_base": 10_000.0, "tokens": [f"t{number}" for number in range(256)], "merges": [],
    "special": {}, "end": [0], "begin": None, "template": "{{ messages[0].content }}",
}  # fmt: skip
"""A network that is right, with the smallest vocabulary there may be."""

_NAMES: Final = (
    f"{MODULE}.Evil",
    f"{MODULE}:Evil",
    f"{MODULE}--Evil",
    MODULE,
    "builtins.exec",
    "os.system",
    "__main__",
)
_FIELDS: Final = (
    *(
        "auto_map",
        "architectures",
        "model_type",
        "module",
        "class_name",
        "custom_objects",
        "custom_code",
        "code",
    ),
    *(
        "trust_remote_code",
        "registered_name",
        "build_config",
        "py/object",
        "py/reduce",
        "__class__",
        "__reduce__",
    ),
    *(
        "_target_",
        "_partial_",
        "$ref",
        "$import",
        "!!python/object",
        "tokenizer_class",
        "import",
        "lambda",
        "loader",
    ),
)
_IN_PLACE: Final = ("architecture", "template", "tokens", "merges", "special", "end", "layers")


def descriptions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each as a field of its own, inside another, and in the place of a value."""
    for field in _FIELDS:
        for name in _NAMES[:3]:
            for value in (
                name,
                {"AutoModel": name},
                [name],
                {"module": MODULE, "class_name": "Evil", "config": {}},
            ):
                yield f"{field} = {value!r}"[:80], {**RIGHT, field: value}
    for name in _NAMES:
        yield f"architecture {name}", {**RIGHT, "architecture": name}
        for odd in ({"py/object": name}, {"__class__": name}, [name, {}], {"_target_": name}):
            for place in _IN_PLACE:
                yield f"{place} = {odd!r}"[:80], {**RIGHT, place: odd}
    for near in ("LLAMA", "llama ", "llama\n", "llama\0", "llama.Evil", f"llama:{MODULE}", "", "l\u0142ama"):
        yield f"architecture {near!a}", {**RIGHT, "architecture": near}

"""The published schema: up to date, and of one mind with the parser."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.manifest import parse_manifest
from locara.core.vocabulary import (
    CATEGORIES,
    LICENSES,
    MODALITIES,
    MODALITIES_WITH_BACKEND,
    TOOLING,
    TOOLING_WITH_BACKEND,
    VECTOR_ENGINES,
)
from locara.errors import ManifestError
from locara.schema import generate

SCHEMA = json.loads(generate.SCHEMA_PATH.read_text())
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
PIN, OTHER = f"chat@sha256:{'a' * 64}", f"embed@sha256:{'b' * 64}"


def test_the_checked_in_schema_is_the_one_the_models_make() -> None:
    assert generate.SCHEMA_PATH.read_text() == generate.render()
    assert generate.main(["--check"]) == 0


def test_an_old_schema_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "SCHEMA_PATH", tmp_path / "locara.schema.json")
    assert generate.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "locara.schema.json").write_text("{}\n")
    assert generate.main(["--check"]) == 1


def test_the_schema_is_a_schema() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


def test_no_object_takes_unknown_keys() -> None:
    objects = list(_objects(SCHEMA))
    assert len(objects) >= 14
    assert all(node["additionalProperties"] is False for node in objects)


def test_the_closed_lists_are_those_of_the_vocabulary() -> None:
    properties = SCHEMA["properties"]
    assert tuple(properties["modalities"]["items"]["enum"]) == MODALITIES
    assert tuple(properties["category"]["enum"]) == CATEGORIES
    assert tuple(properties["license"]["enum"]) == LICENSES
    assert tuple(properties["tooling"]["items"]["enum"]) == TOOLING
    assert tuple(SCHEMA["$defs"]["VectorStorage"]["properties"]["engine"]["enum"]) == VECTOR_ENGINES


# -- differential: the parser against an independent validator of the schema

FULL: dict[str, Any] = {
    "schema": "locara/v1",
    "name": "notes",
    "publisher": "acme",
    "version": "1.2.3",
    "displayName": "Notes",
    "description": "Keeps notes.",
    "longDescription": "# Notes\n\n\tAll of it.",
    "license": "MIT",
    "homepage": "https://acme.example/notes?a=1",
    "repository": "https://git.acme.example:8443/notes",
    "author": {"name": "Acme", "email": "a.b@acme.example", "url": "https://acme.example"},
    "icon": "public/icon.png",
    "screenshots": ["s/1.png", "s/2.png"],
    "category": "productivity",
    "tags": ["a", "b-1"],
    "modalities": ["text-to-text", "text-to-embedding"],
    "tooling": ["vector.search"],
    "capabilities": {
        "net": {"allowed_hosts": ["api.acme.example", "*.cdn.acme.example"], "allowed_ports": [443, 65535]},
        "fs.user-selected": "read-write",
        "fs.app-data": False,
        "fs.user-paths": {"documents": "read", "movies": "read-write"},
        "device.microphone": True,
        "device.camera": False,
        "device.system-audio": True,
        "models": [PIN, OTHER],
        "tools": [f"python@sha256:{'c' * 64}"],
        "shared-folders": [{"id": "inbox", "with": ["acme/mail"], "access": "read-write"}],
        "clipboard": {"read": True, "write": False},
        "notifications": {"modes": ["alert", "sound"]},
        "background": {"mode": "active", "reasons": ["It indexes new files"]},
        "open-external": {"hosts": ["acme.example"]},
    },
    "profiles": {"low": {"min_ram_gb": 1, "models": [PIN]}, "high": {"min_ram_gb": 64, "models": [OTHER]}},
    "storage": {"vector": {"engine": "sqlite-vec"}, "quota_mb": 100},
    "entry": "dist/index.html",
    "build": {"tool": "vite", "out": "dist"},
}


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, value in steps:
        yield from _places(value, (*path, step))


PLACES = list(_places(FULL))[1:]
KEYS = sorted({step for path in PLACES for step in path if isinstance(step, str)})
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 443, 65_535, 65_536, 1.5, 2**53, "", "a", "A", " a", "a b", "read",
    "read-write", "write",
    "../a", "a/b", "/a", "a//b", "dist", "dist/a.html", "con", "a\\b", "a:b", "x" * 41, "x" * 141,
    "x" * 256, "a\u202eb",
    "a\u200bb", "a\nb", "a.b", "*.a.b", "*.b", "localhost", "a.local", "127.0.0.1", "a.b.", "A.b",
    "https://a.b", "http://a.b",
    "https://u@a.b", "1.2.3", "01.2.3", "1.2", PIN, PIN + "0", "acme/mail", "acme", "zvec",
    "voice-to-voice", "ocr", "a@b.cd",
    [], {}, [1], ["a"], ["a", "a"], [PIN], [None], {"a": 1}, {"allowed_hosts": ["a.b"]}, {"modes": []},
    {"hosts": ["a.b"]},
]  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A valid manifest with up to three wounds: a value replaced, removed, added, repeated or moved."""
    value = copy.deepcopy(FULL)
    for _ in range(draw(st.integers(0, 3))):
        *parents, last = draw(st.sampled_from(PLACES))
        node: Any = value
        try:
            for step in parents:
                node = node[step]
            match draw(st.sampled_from(["replace", "remove", "add", "repeat"])):
                case "replace":
                    node[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))
                case "remove":
                    del node[last]
                case "add" if isinstance(node, dict):
                    node[draw(st.sampled_from([*KEYS, "extra", ""]))] = copy.deepcopy(
                        draw(st.sampled_from(VALUES))
                    )
                case _:
                    if isinstance(node, list):
                        node.append(copy.deepcopy(node[last]))
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier wound took the place away
    return value


def _said_by_parser_alone(error: ManifestError, value: dict[str, Any]) -> bool:
    """Whether every problem is of a rule that `generate.PARSER_ONLY` tells of."""
    alone = ("is pinned twice", "is declared twice", "with itself", "of this profile",
    "not below the build output",
             "needs at least one model", "needs at least one tool", "cannot be shown")  # fmt: skip
    return all(
        problem.code == "unsupported"
        or any(words in problem.message for words in alone)
        or (
            problem.code == "wrong_type" and "a whole number" in problem.message and ".0" in json.dumps(value)
        )
        for problem in error.problems
    )


@settings(deadline=None, max_examples=600)
@given(documents())
def test_parser_and_schema_agree(value: dict[str, Any]) -> None:
    valid = VALIDATOR.is_valid(value)
    try:
        parse_manifest(json.dumps(value).encode())
    except ManifestError as error:
        assert not valid or _said_by_parser_alone(error, value), error.diagnostics()
    else:
        assert valid, [problem.message for problem in VALIDATOR.iter_errors(value)]


def test_the_whole_example_is_valid_for_both() -> None:
    assert VALIDATOR.is_valid(FULL)
    assert parse_manifest(json.dumps(FULL).encode()).app_id == "acme/notes"


@pytest.mark.parametrize("place", PLACES, ids=lambda path: "/".join(map(str, path)))
def test_each_value_is_judged_alike(place: tuple[Any, ...]) -> None:
    """Every listed value at every place, one at a time."""
    for replacement in VALUES:
        value = copy.deepcopy(FULL)
        node: Any = value
        for step in place[:-1]:
            node = node[step]
        node[place[-1]] = replacement
        valid = VALIDATOR.is_valid(value)
        try:
            parse_manifest(json.dumps(value).encode())
        except ManifestError as error:
            assert not valid or _said_by_parser_alone(error, value), (replacement, error.diagnostics())
        else:
            assert valid, replacement


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("displayName", "a "),
        ("displayName", "\ue000"),
        ("displayName", "a" + "\u0301" * 5),
        ("modalities", ["voice-to-voice"]),
        ("tooling", ["vision.classify"]),
        ("storage", {"quota_mb": 5.0}),
        ("icon", "é" * 200),
        ("entry", "web/index.html"),
        ("capabilities", {"models": []}),
        ("capabilities", {"models": [PIN, f"chat@sha256:{'b' * 64}"]}),
        ("capabilities", {"net": {"allowed_hosts": ["*." + "a." * 100 + "bc"]}, "models": [PIN, OTHER]}),
        ("profiles", {"low": {"min_ram_gb": 1, "models": [f"new@sha256:{'d' * 64}"]}}),
    ],
)
def test_a_rule_of_the_parser_alone(key: str, value: Any) -> None:
    """The schema lets these pass, the parser does not; `PARSER_ONLY` says so."""
    document = copy.deepcopy(FULL) | {key: value}
    assert VALIDATOR.is_valid(document)
    with pytest.raises(ManifestError):
        parse_manifest(json.dumps(document).encode())


@pytest.mark.parametrize("language", ["javascript", "python"])
def test_code_needs_a_tool_that_runs_it(language: str) -> None:
    document = copy.deepcopy(FULL) | {"tooling": [f"code-exec.{language}"]}
    parse_manifest(json.dumps(document).encode())
    document["capabilities"]["tools"] = []
    assert VALIDATOR.is_valid(document)
    with pytest.raises(ManifestError, match="needs at least one tool"):
        parse_manifest(json.dumps(document).encode())


def test_the_rules_of_the_parser_alone_are_published() -> None:
    for rule in generate.PARSER_ONLY:
        assert rule in SCHEMA["$comment"]
    assert set(MODALITIES) - MODALITIES_WITH_BACKEND
    assert set(TOOLING) - TOOLING_WITH_BACKEND

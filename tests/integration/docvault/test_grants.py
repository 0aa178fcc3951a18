"""Take away any one grant that DocVault uses, and its own flow fails with the line that is missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import APP, DOCUMENTS, Drive

Manifest = dict[str, Any]
STEPS: list[list[Any]] = [
    ["import"],
    ["search", "budget"],
    ["ask", "What is the budget of project Orion?"],
    ["remove", "project-notes.md"],
]
CHAT, EMBEDDING = json.loads((APP / "locara.json").read_text(encoding="utf-8"))["capabilities"]["models"]


def copy_of_app(folder: Path, change: Callable[[Manifest], None]) -> Path:
    """The app as it is, except for what `change` does to its manifest."""
    app = folder / "app"
    app.mkdir()
    for part in ("db", "dist", "public", "screenshots"):
        shutil.copytree(APP / part, app / part)
    manifest = json.loads((APP / "locara.json").read_text(encoding="utf-8"))
    change(manifest)
    (app / "locara.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    return app


def without(key: str) -> Callable[[Manifest], None]:
    return lambda manifest: manifest["capabilities"].pop(key)


def with_value(key: str, value: Any) -> Callable[[Manifest], None]:
    return lambda manifest: manifest["capabilities"].__setitem__(key, value)


def without_item(path: tuple[str, ...], item: str) -> Callable[[Manifest], None]:
    def change(manifest: Manifest) -> None:
        holder: Any = manifest
        for key in path:
            holder = holder[key]
        holder.remove(item)

    return change


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    papers = tmp_path / "papers"
    papers.mkdir()
    shutil.copy(DOCUMENTS / "project-notes.md", papers)
    return papers


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    place = tmp_path / "saved"
    place.mkdir()
    return place


def test_the_control_an_unchanged_copy_goes_through(drive: Drive, tmp_path: Path, folder: Path) -> None:
    app = copy_of_app(tmp_path, lambda _manifest: None)
    lines = drive(tmp_path / "data", *STEPS, app=app, pick=folder)
    assert [line.error for line in lines] == [None] * (len(STEPS) + 1)


def test_what_is_only_read_is_never_saved_beside(
    drive: Drive, tmp_path: Path, folder: Path, saved: Path
) -> None:
    app = copy_of_app(tmp_path, with_value("fs.user-selected", "read"))
    steps = [["import"], ["save", "md", str(saved)]]
    lines = drive(tmp_path / "data", *steps, app=app, pick=folder)
    assert [line.step for line in lines] == ["open", "import", "save"]
    error = lines[-1].error
    assert error is not None and (error["code"], error["capability"]) == (
        "capability_denied",
        "fs.user-selected",
    )
    assert '"fs.user-selected": "read-write"' in error["fix"]
    assert list(saved.iterdir()) == []
    twin = tmp_path / "twin"
    twin.mkdir()
    lines = drive(tmp_path / "data-2", *steps, app=copy_of_app(twin, lambda _manifest: None), pick=folder)
    assert [line.error for line in lines] == [None, None, None]
    assert [file.name for file in saved.iterdir()] == ["My documents.md"]


@dataclass(frozen=True, slots=True)
class Missing:
    """A change to the manifest, the step it stops, and what the denial says."""

    change: Callable[[Manifest], None]
    step: str
    code: str
    capability: str
    fix: str


MODELS = ("capabilities", "models")
CASES = {
    "fs.user-selected": Missing(
        without("fs.user-selected"),
        "import",
        "unknown_command",
        "fs.user-selected",
        '"fs.user-selected": "read"',
    ),
    "fs.app-data is false": Missing(
        with_value("fs.app-data", False),
        "open",
        "capability_denied",
        "fs.app-data",
        '"fs.app-data": "read-write"',
    ),
    "fs.app-data is read": Missing(
        with_value("fs.app-data", "read"),
        "open",
        "capability_denied",
        "fs.app-data",
        '"fs.app-data": "read-write"',
    ),
    "chat model": Missing(
        without_item(MODELS, CHAT), "ask", "capability_denied", "models", "locara-tiny-chat@sha256:"
    ),
    "embedding model": Missing(
        without_item(MODELS, EMBEDDING), "import", "capability_denied", "models", "all-minilm-l6-v2@sha256:"
    ),
    "text-to-text": Missing(
        without_item(("modalities",), "text-to-text"), "ask", "unknown_command", "models", '"text-to-text"'
    ),
    "text-to-embedding": Missing(
        without_item(("modalities",), "text-to-embedding"),
        "import",
        "unknown_command",
        "models",
        '"text-to-embedding"',
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_without_one_grant_the_flow_stops_at_the_denial(
    drive: Drive, tmp_path: Path, folder: Path, case: Missing
) -> None:
    app = copy_of_app(tmp_path, case.change)
    lines = drive(tmp_path / "data", *STEPS, app=app, pick=folder)
    error = lines[-1].error
    assert error is not None, "the flow went through without the grant"
    assert lines[-1].step == case.step, error
    assert (error["name"], error["code"]) == ("CapabilityDenied", case.code), error
    assert error["capability"] == case.capability, error
    assert case.fix in error["fix"], error

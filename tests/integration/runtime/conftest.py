"""Small apps, written on the spot, and the real runtime in its real sandbox."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from locara.models.cache import ModelCache
from locara.runtime.app import AppBundle
from locara.runtime.consent import StatedConsent
from locara.runtime.launch import RunningApp, start
from locara.sandbox.picker import ScriptedPicker


def png(side: int = 512) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x30\x60\x90" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def manifest(capabilities: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "schema": "locara/v1",
        "name": "probe",
        "publisher": "acme",
        "version": "1.2.3",
        "displayName": "Probe",
        "description": "A small app for a test.",
        "license": "Apache-2.0",
        "author": {"name": "Acme", "email": "acme@example.com"},
        "icon": "public/icon.png",
        "screenshots": ["screenshots/one.png"],
        "category": "utilities",
        "capabilities": dict(capabilities),
        "build": {"tool": "none", "out": "dist"},
        **fields,
    }


class WriteApp(Protocol):
    def __call__(
        self, capabilities: Mapping[str, Any], *, schema: str | None = None, **fields: Any
    ) -> Path: ...


class StartApp(Protocol):
    def __call__(self, app: Path, **choices: Any) -> RunningApp: ...


def write_folder(folder: Path, capabilities: Mapping[str, Any], schema: str | None, **fields: Any) -> Path:
    for part, content in (("public/icon.png", png()), ("screenshots/one.png", png(64))):
        (folder / part).parent.mkdir(parents=True)
        (folder / part).write_bytes(content)
    (folder / "dist").mkdir()
    (folder / "dist/index.html").write_text("<!doctype html><title>Probe</title>")
    if schema is not None:
        (folder / "db").mkdir()
        (folder / "db/schema.sql").write_text(schema)
    (folder / "locara.json").write_text(json.dumps(manifest(capabilities, **fields), indent=2))
    return folder


@pytest.fixture
def write_app(tmp_path: Path) -> WriteApp:
    count = iter(range(1000))

    def write(capabilities: Mapping[str, Any], *, schema: str | None = None, **fields: Any) -> Path:
        return write_folder(tmp_path / f"app-{next(count)}", capabilities, schema, **fields)

    return write


def shared(folder: Path, capabilities: Mapping[str, Any]) -> RunningApp:
    app = write_folder(folder / "app", capabilities, None)
    return start(
        AppBundle.open(app),
        home=folder / "home",
        cache=ModelCache(folder / "no-models"),
        picker=ScriptedPicker(),
        user_roots={},
        state=folder / "state",
        consent=StatedConsent(),
    )


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One app for many tests that change nothing: it may read its own folder."""
    with shared(tmp_path_factory.mktemp("reader"), {"fs.app-data": "read"}) as app:
        yield app


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One app for many tests whose calls must all be refused: it may write to its own folder."""
    granted = {"fs.app-data": "read-write", "fs.user-selected": "read"}
    with shared(tmp_path_factory.mktemp("writer"), granted) as app:
        yield app


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def start_app(tmp_path: Path, home: Path) -> Iterator[StartApp]:
    with ExitStack() as stack:

        def begin(app: Path, **choices: Any) -> RunningApp:
            settings: dict[str, Any] = {
                "home": home,
                "cache": ModelCache(tmp_path / "no-models"),
                "picker": ScriptedPicker(),
                "user_roots": {},
                "state": tmp_path / "state",
                "consent": StatedConsent(),
                **choices,
            }
            return stack.enter_context(start(AppBundle.open(app), **settings))

        yield begin

import json
import os
from pathlib import Path

import pytest

from locara.errors import ManifestError
from locara.models.cache import ModelCache
from locara.models.users import USERS, remember, user_in, users

PIN = f"a@sha256:{'1' * 64}"


def app(folder: Path, *pins: str) -> Path:
    folder.mkdir(exist_ok=True)
    document = {
        "schema": "locara/v1",
        "name": folder.name,
        "publisher": "acme",
        "version": "1.0.0",
        "displayName": "Probe",
        "description": "A probe.",
        "license": "Apache-2.0",
        "author": {"name": "Acme", "email": "a@example.com"},
        "icon": "icon.png",
        "screenshots": ["one.png"],
        "category": "utilities",
        "capabilities": {"models": list(pins)},
    }
    (folder / "locara.json").write_text(json.dumps(document))
    return folder


def test_an_app_is_remembered_as_long_as_it_is_there(tmp_path: Path) -> None:
    cache, folder = ModelCache(tmp_path / "cache"), app(tmp_path / "probe", PIN)
    assert users(cache) == ()
    assert not cache.root.exists()
    remember(cache, folder)
    remember(cache, folder / ".")
    (one,) = users(cache, [folder])
    assert (one.app_id, [str(pin) for pin in one.pins]) == ("acme/probe", [PIN])
    app(folder)
    assert users(cache)[0].pins == ()
    (folder / "locara.json").unlink()
    assert users(cache) == ()


def test_a_manifest_that_cannot_be_read_is_an_error_but_for_lists(tmp_path: Path) -> None:
    cache, folder = ModelCache(tmp_path / "cache"), app(tmp_path / "probe", PIN)
    remember(cache, folder)
    (folder / "locara.json").write_text("{")
    with pytest.raises(ManifestError):
        users(cache)
    assert users(cache, lenient=True) == ()


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
def test_a_manifest_that_is_no_file_is_an_error_but_for_lists(tmp_path: Path, kind: str) -> None:
    cache, folder = ModelCache(tmp_path / "cache"), app(tmp_path / "probe", PIN)
    remember(cache, folder)
    place = folder / "locara.json"
    place.unlink()
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(place.name)
    with pytest.raises(ManifestError, match="cannot be read"):
        users(cache)
    assert users(cache, lenient=True) == ()


@pytest.mark.parametrize(
    "record", [b"", b"[]", b"{}", b'{"folder": 1}', b'{"folder": "rel"}', b'{"folder": "/a\\u0000"}']
)
def test_a_broken_record_is_no_record(tmp_path: Path, record: bytes) -> None:
    cache = ModelCache(tmp_path / "cache")
    (cache.root / USERS).mkdir(parents=True)
    (cache.root / USERS / "x.json").write_bytes(record)
    assert users(cache) == ()


def test_a_cache_that_cannot_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    remember(ModelCache(tmp_path / "cache"), app(tmp_path / "probe"))
    assert (tmp_path / "cache").read_text() == "a file"


def test_a_folder_without_an_app_is_none(tmp_path: Path) -> None:
    assert user_in(tmp_path) is None
    assert user_in(tmp_path / "absent") is None

"""`locara diff`: exact, with witnesses, in words and as JSON; and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locara.cli.dispatch import run

MANIFEST: dict[str, Any] = {
    "schema": "locara/v1",
    "name": "probe",
    "publisher": "acme",
    "version": "1.0.0",
    "displayName": "Probe",
    "description": "A small app for a test.",
    "license": "Apache-2.0",
    "author": {"name": "Acme", "email": "acme@example.com"},
    "icon": "public/icon.png",
    "screenshots": ["screenshots/one.png"],
    "category": "utilities",
}
Version = Callable[..., Path]


@pytest.fixture
def version(tmp_path: Path) -> Version:
    def write(folder_name: str, capabilities: dict[str, Any], **fields: Any) -> Path:
        folder = tmp_path / folder_name
        folder.mkdir()
        (folder / "locara.json").write_text(json.dumps({**MANIFEST, "capabilities": capabilities, **fields}))
        return folder

    return write


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_same_powers_in_other_words(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    old = version("old", {"net": {"allowed_hosts": ["a.test", "b.test"]}})
    new = version(
        "new", {"net": {"allowed_hosts": ["b.test", "a.test"]}}, version="1.1.0", displayName="Other"
    )
    assert run(["diff", str(old), str(new)]) == 0
    out = capsys.readouterr().out
    assert "acme/probe 1.0.0 → acme/probe 1.1.0" in out
    assert "both may do exactly the same" in out


def test_more_and_less_with_witnesses(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    pin = "chat@sha256:" + "a" * 64
    old = version("old", {"fs.user-selected": "read-write", "device.camera": True})
    new = version(
        "new", {"fs.user-selected": "read", "net": {"allowed_hosts": ["*.a.test"]}, "models": [pin]}
    )
    assert run(["diff", str(old), str(new)]) == 1
    out = capsys.readouterr().out
    for line in (
        "  + connect to *.a.test, for example a.a.test:443",
        "      for example: net a.a.test:443",
        "  + run the AI model chat, fingerprint aaaaaaaaaaaa…",
        "  - change the files and folders that you pick",
        "  - use the camera",
        "risk    medium → high",
        "      + it can connect to many hosts",
        "model   chat: added, aaaaaaaaaaaa… (not in the cache)",
    ):
        assert line in out.splitlines()
    assert "\x1b" not in out


def test_less_alone_is_no_widening(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    old = version("old", {"net": {"allowed_hosts": ["*.a.test"]}})
    new = version("new", {"net": {"allowed_hosts": ["b.a.test"]}})
    assert run(["diff", "--json", str(old), str(new / "locara.json")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["schema"] == "locara-diff/1"
    assert (facts["widened"], facts["added"]) == (False, [])
    assert facts["removed"] == [
        {
            "capability": "net",
            "sentence": "connect to *.a.test, for example a.a.test:443",
            "witnesses": ["net a.a.test:443"],
        }
    ]
    assert run(["diff", "--json", str(new), str(old)]) == 1


def test_a_model_of_another_digest_is_another_model(
    version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    old = version("old", {"models": ["chat@sha256:" + "a" * 64]})
    new = version("new", {"models": ["chat@sha256:" + "b" * 64]})
    assert run(["diff", "--json", str(old), str(new)]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["added"][0]["witnesses"] == ["models chat@sha256:" + "b" * 64 + " (use)"]
    assert facts["models"][0]["state"] == "changed"


def test_what_cannot_be_read_is_4_and_wrong_usage_2(
    version: Version, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = version("old", {})
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    (tmp_path / "link.json").symlink_to(old / "locara.json")
    for other in (tmp_path / "nothing", tmp_path, broken, tmp_path / "link.json"):
        assert run(["diff", str(old), str(other)]) == 4
    assert run(["diff", str(old)]) == 2
    assert run(["diff", str(old), str(old), "--colour"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_two_apps_are_said_to_be_two(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", str(version("old", {})), str(version("new", {}, name="other"))]) == 0
    assert "these are two different apps" in capsys.readouterr().out

"""`locara-registry tuf` and `locara trust` as people start them, from the first key to a refused app."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .tuf_world import Server

Run = Callable[..., subprocess.CompletedProcess[str]]
APP = Path(__file__).resolve().parents[4] / "apps/docvault"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "LANG", "PYTHONPATH"}}
    (tmp_path / "person").mkdir()
    return {**kept, "HOME": str(tmp_path / "person"), "NO_COLOR": "1"}


@pytest.fixture
def program(environment: dict[str, str]) -> Run:
    def run(module: str, *args: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *map(str, args)]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=120, env=environment, **options
        )  # type: ignore[call-overload, no-any-return]

    return run


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_the_first_key_to_a_refused_app(program: Run, tuf_server: Server, tmp_path: Path) -> None:
    home, offline, root = tmp_path / "instance", tmp_path / "medium", tmp_path / "root.json"
    at = ("--home", home)
    keys = (*at, "--offline", offline)

    def registry(*args: object) -> subprocess.CompletedProcess[str]:
        return program("locara_registry", "tuf", *args)

    def locara(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
        return program("locara", *args, **options)

    assert registry("status", *at).returncode == 5
    assert registry("init", *at).returncode == 2  # the offline keys need a place
    assert (
        registry("init", *keys, "--renew-hours", 48).returncode == 2
    )  # a timestamp that one missed renewal kills
    ok(registry("init", *keys, "--bits", 2, "--output", root))
    assert registry("init", *keys, "--bits", 2).returncode == 2
    assert [path.stat().st_mode & 0o77 for path in offline.iterdir()] == [0] * 9

    tuf_server.folder, tuf_server.instead = home / "repository/public", {}
    assert locara("trust", "update").returncode == 5
    assert locara("trust", "status").returncode == 5
    ok(locara("trust", "follow", tuf_server.url, "--root", root))
    assert locara("trust", "status").returncode == 5  # nothing was fetched yet
    assert "something new" in ok(locara("trust", "update"))
    assert "nothing new" in ok(locara("trust", "update"))
    assert json.loads(ok(locara("trust", "status", "--json")))["root"] == 1

    pin = "sha256:" + "7" * 64
    model = {
        "id": "tiny",
        "version": "1",
        "displayName": "Tiny",
        "license": "MIT",
        "modality": "text-to-text",
        "size": 10,
        "sha256": "7" * 64,
        "urls": ["tiny.gguf"],
    }
    index = tmp_path / "index.json"
    index.write_text('{"schema":"locara-models/1","models":[{}]}')
    assert registry("publish", "models", index, *at).returncode == 2  # read as its readers read it
    index.write_text(json.dumps({"schema": "locara-models/1", "models": [model]}))
    ok(registry("publish", "models", index, *at))
    ok(locara("trust", "update"))
    assert ok(locara("trust", "export", "models/index.json")) == index.read_text()
    found = locara("models", "pull", f"tiny@{pin}", "--dry-run")
    assert "licence MIT, from 127.0.0.1" in ok(found)

    entry = tmp_path / "entry.json"
    told = {"id": "LR-1", "severity": "block", "kind": "malware", "reason": "It sends files away.", "time": 1}
    entry.write_text(json.dumps(told | {"app": "locara/docvault"}))
    assert "docvault" in json.loads((APP / "locara.json").read_text())["name"]
    name = json.loads((APP / "locara.json").read_text())
    entry.write_text(json.dumps(told | {"app": f"{name['publisher']}/{name['name']}", "fixedIn": "9.9.9"}))
    assert registry("revoke", entry, *at).returncode == 5  # two of three keys are elsewhere
    ok(locara("revocations", "check", APP))
    ok(registry("revoke", entry, "--urgent", *at))
    ok(locara("trust", "update"))
    blocked = locara("revocations", "check", APP)
    assert (blocked.returncode, "9.9.9" in blocked.stdout) == (1, True)
    refused = locara("run", "--headless", APP, "--accept-consent", stdin=subprocess.DEVNULL)
    assert (refused.returncode, "LR-1" in refused.stderr, "9.9.9" in refused.stderr) == (1, True, True)

    ok(registry("popular", f"{name['publisher']}/{name['name']}", *keys))
    ok(locara("trust", "update"))
    assert "with a warning" in ok(locara("revocations", "check", APP))
    ok(registry("revoke", entry, *keys))
    ok(locara("trust", "update"))
    assert locara("revocations", "check", APP).returncode == 1
    assert registry("lift", "LR-9", *keys).returncode == 1
    ok(registry("lift", "LR-1", *keys))
    ok(locara("trust", "update"))
    ok(locara("revocations", "check", APP))

    for role in ("timestamp", "revocations"):
        ok(registry("rotate", role, *keys))
    ok(registry("sign", *at))
    ok(locara("trust", "update"))
    rows = {row["role"]: row for row in json.loads(ok(registry("status", "--json", *at)))["roles"]}
    assert (rows["root"]["version"], rows["root"]["here"], rows["timestamp"]["here"]) == (2, 0, 1)
    digest = hashlib.sha256(root.read_bytes()).hexdigest()
    assert digest in (Path(tmp_path) / "person/.local/state/Locara/registry/registry.json").read_text()

    (home / "repository/public/timestamp.json").write_bytes(b"{}")
    assert locara("trust", "update").returncode == 1
    ok(locara("trust", "status"))
    ok(locara("revocations", "check", APP))

"""`locara revocations`, and what other verbs do with what is revoked, as a person starts them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

FIXTURE = Path(__file__).resolve().parents[3] / "fixtures/models"
DAY = 86_400.0


@pytest.fixture
def place(environment: dict[str, str]) -> Path:
    folder = Path(environment["HOME"], ".local/state/Locara")
    folder.mkdir(parents=True, mode=0o700)
    return folder


def write(
    place: Path, *entries: dict[str, Any], updated: float | None = None, since: float | None = None
) -> None:
    common = {"severity": "block", "kind": "defect", "reason": "Broken.", "time": 1.0}
    made = [{"id": f"LR-{number}", **common, **entry} for number, entry in enumerate(entries)]
    now = time.time()
    form = {"format": "locara-revocations/2", "seq": 4, "updated": now if updated is None else updated}
    (place / "revocations.json").write_text(json.dumps({**form, "entries": made}))
    memory = {"format": "locara-revocations-seen/1", "seq": 4, "urgent": 0, "clock": 0.0, "since": since}
    (place / "revocations-seen.json").write_text(json.dumps(memory))


def test_status_says_how_fresh_the_lists_are(locara, place) -> None:
    write(place)
    assert "no registry is followed" in locara("revocations", "status").stdout
    write(place, since=1.0)
    assert json.loads(locara("revocations", "status", "--json").stdout)["effects"] == []
    write(place, updated=time.time() - 20 * DAY, since=1.0)
    done = locara("revocations", "status")
    assert (done.returncode, "nothing is installed or updated" in done.stdout) == (5, True)
    (place / "revocations.json").unlink()
    assert locara("revocations", "status").returncode == 5


def test_show_and_check(locara, place, app) -> None:
    write(
        place, {"app": "acme/other", "fixedIn": "2.0.0"}, {"model": "sha256:" + "a" * 64, "severity": "warn"}
    )
    shown = locara("revocations", "show").stdout
    assert "put right in 2.0.0" in shown
    assert locara("revocations", "show", "LR-1").returncode == 0
    assert locara("revocations", "show", "LR-9").returncode == 1
    assert locara("revocations", "check", app).stdout.startswith("not revoked")
    warned = locara("revocations", "check", "--model", "sha256:" + "a" * 64)
    assert (warned.returncode, "with a warning" in warned.stdout) == (0, True)
    write(place, {"app": "acme/probe"})
    blocked = locara("revocations", "check", app, "--json")
    assert (blocked.returncode, json.loads(blocked.stdout)["entry"]) == (1, "LR-0")
    assert locara("revocations", "check").returncode == 2
    assert locara("revocations", "check", "--model", "a").returncode == 2
    assert locara("revocations", "status", "--model", "sha256:" + "a" * 64).returncode == 2


def test_data_of_a_revoked_app_is_given_out(locara, place, app, tmp_path) -> None:
    options = ("--headless", app, "--data", tmp_path / "data", "--accept-consent")
    assert locara("run", *options, stdin=subprocess.DEVNULL).returncode == 0
    write(place, {"app": "acme/probe", "kind": "malware"})
    refused = locara("run", *options, stdin=subprocess.DEVNULL)
    assert (refused.returncode, "LR-0" in refused.stderr, "db export" in refused.stderr) == (1, True, True)
    out = tmp_path / "mine.locara-db"
    done = locara("db", "export", app, out, "--data", tmp_path / "data")
    assert (done.returncode, out.is_file()) == (0, True), done.stderr


def test_a_revoked_model_is_not_added(locara, place, tmp_path) -> None:
    model = FIXTURE / "locara-tiny-whisper.bin.xz"
    blob = tmp_path / "model.bin"
    blob.write_bytes(__import__("lzma").decompress(model.read_bytes()))
    digest = "sha256:" + hashlib.sha256(blob.read_bytes()).hexdigest()
    write(place, {"model": digest})
    cache = tmp_path / "cache"
    done = locara("models", "import", blob, "--id", "tiny-whisper", "--cache", cache)
    assert (done.returncode, "LR-0" in done.stderr) == (1, True), done.stderr
    assert json.loads(locara("models", "list", "--json", "--cache", cache).stdout) == []
    write(place, {"model": "sha256:" + "0" * 64})
    assert locara("models", "import", blob, "--id", "tiny-whisper", "--cache", cache).returncode == 0
    pin = f"tiny-whisper@{'sha256:' + '0' * 64}"
    pulled = locara("models", "pull", pin, "--cache", tmp_path / "cache")
    assert (pulled.returncode, "LR-0" in pulled.stderr) == (1, True)


def test_a_revoked_tool_is_not_added(locara, place, tmp_path) -> None:
    tool = next(Path(__file__).resolve().parents[3].glob("fixtures/tools/digest/tool.json"), None)
    if tool is None:
        pytest.skip("no tool fixture in this clone")
    digest = "sha256:" + hashlib.sha256(tool.read_bytes()).hexdigest()
    write(place, {"tool": digest})
    done = locara("tools", "import", tool.parent, "--cache", tmp_path / "cache")
    assert (done.returncode, "LR-0" in done.stderr) == (1, True), done.stderr
    write(place)
    assert locara("tools", "import", tool.parent, "--cache", tmp_path / "cache").returncode == 0

"""A folder of two apps: open when both declare it, closed with its reason when one does not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from locara.core.digest import Digest
from locara.errors import CapabilityDenied
from locara.runtime.app import AppBundle
from locara.runtime.app_home import shared_root
from locara.runtime.lifecycle import withdraw
from locara.runtime.revocation import LIST_NAME
from locara.runtime.shared_folders import folder_name, open_folders
from locara.runtime.state import StateFolder

ROOT = "$SHARED/notes"
CIRCLE = ("acme/editor", "acme/probe")
NOW = 1_800_000_000.0
DAY = 24 * 3_600.0


def declared(other: str = "acme/editor", access: str = "read-write", folder: str = "notes") -> dict[str, Any]:
    return {"shared-folders": [{"id": folder, "with": [other], "access": access}]}


def read(app, path: str = "a.txt") -> str:
    return app.client.call("fs.read", {"root": ROOT, "path": path, "encoding": "utf8"})["data"]


def write(app, text: str, path: str = "a.txt") -> None:
    args = {"root": ROOT, "path": path, "data": text, "encoding": "utf8", "mode": "replace"}
    app.client.call("fs.write", args)


@pytest.fixture
def probe(write_app) -> Path:
    return write_app(declared())


@pytest.fixture
def editor(write_app) -> Path:
    return write_app(declared("acme/probe"), name="editor")


@pytest.fixture
def introduced(probe, editor, start_app) -> None:
    """Both were started once, so both declarations are on record."""
    for app in (probe, editor):
        start_app(app).close()


def test_one_side_alone_is_denied_with_the_other_sides_line(probe, start_app, home) -> None:
    app = start_app(probe)
    with pytest.raises(CapabilityDenied) as caught:
        write(app, "mine")
    assert caught.value.capability == "shared-folders"
    assert "acme/editor did not" in caught.value.because
    line = json.dumps([{"id": "notes", "with": ["acme/probe"], "access": "read-write"}])
    assert caught.value.fix.startswith(f'in the manifest of acme/editor: "shared-folders": {line}')
    entry = app.client.call("audit.capabilityLog", {"limit": 1})["entries"][0]
    assert (entry["capability"], entry["allowed"]) == ("shared-folders", False)
    assert not shared_root(home).exists(), "nothing is made for one side"


@pytest.mark.usefixtures("introduced")
def test_both_sides_see_one_folder_at_the_same_time(probe, editor, start_app, home) -> None:
    one, two = start_app(probe), start_app(editor)
    write(one, "from the probe")
    assert read(two) == "from the probe"
    write(two, "from the editor")
    assert read(one) == "from the editor"
    (made,) = shared_root(home).iterdir()
    assert made.name == folder_name(CIRCLE, "notes")
    assert made.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in made.iterdir()] == ["a.txt"]


@pytest.mark.usefixtures("introduced")
def test_an_app_has_its_own_declared_access_and_no_more(write_app, start_app, probe, home) -> None:
    reader = write_app(declared("acme/probe", "read"), name="editor")
    writer, reading = start_app(probe), start_app(reader)
    write(writer, "mine")
    assert read(reading) == "mine"
    with pytest.raises(CapabilityDenied) as caught:
        write(reading, "theirs")
    assert '"access": "read-write"' in caught.value.fix
    (made,) = shared_root(home).iterdir()
    assert (made / "a.txt").read_text() == "mine"


@pytest.mark.usefixtures("introduced")
@pytest.mark.parametrize("path", ["../apps", "..", "/etc/passwd", "a/../../b"])
def test_no_path_leads_out(probe, start_app, path) -> None:
    app = start_app(probe)
    with pytest.raises(CapabilityDenied):
        read(app, path)


@pytest.mark.usefixtures("introduced")
def test_a_link_that_the_other_side_made_is_not_followed(probe, start_app, home, tmp_path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary")
    app = start_app(probe)
    (made,) = shared_root(home).iterdir()
    (made / "a.txt").symlink_to(secret)
    with pytest.raises(CapabilityDenied, match="link"):
        read(app)
    os.link(secret, made / "hard.txt")
    with pytest.raises(CapabilityDenied, match="second name"):
        write(app, "x", "hard.txt")
    assert secret.read_text() == "canary"


@pytest.mark.usefixtures("introduced")
def test_what_one_side_takes_back_is_closed_at_the_next_start(
    write_app, start_app, probe, editor, tmp_path
) -> None:
    app = start_app(probe)
    write(app, "mine")
    start_app(write_app({}, name="editor")).close()  # a version that no longer shares
    assert read(app) == "mine", "what runs goes on as it was started"
    app.close()
    again = start_app(probe)
    with pytest.raises(CapabilityDenied, match="every side"):
        read(again)
    again.close()


@pytest.mark.usefixtures("introduced")
def test_a_withdrawn_consent_is_no_declaration(start_app, probe, tmp_path) -> None:
    assert withdraw(StateFolder(tmp_path / "state"), "acme/editor")
    with pytest.raises(CapabilityDenied, match="every side"):
        read(start_app(probe))


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param(declared("acme/probe", folder="note"), id="another id"),
        pytest.param(declared("acme/third"), id="another partner"),
        pytest.param(
            {"shared-folders": [{"id": "notes", "with": ["acme/probe", "acme/x"], "access": "read"}]},
            id="a wider circle",
        ),
        pytest.param({}, id="nothing"),
    ],
)
def test_only_the_same_folder_with_the_same_apps_is_mutual(write_app, start_app, probe, theirs, home) -> None:
    start_app(write_app(theirs, name="editor")).close()
    with pytest.raises(CapabilityDenied, match="every side"):
        read(start_app(probe))
    assert not shared_root(home).exists()


def register(state: Path, app: Path, start_app, now: float) -> None:
    start_app(app, state=state, clock=now).close()


def test_a_declaration_that_is_new_with_an_update_sleeps_for_both(
    write_app, start_app, probe, tmp_path
) -> None:
    state, grants = tmp_path / "state", AppBundle.open(probe).grants
    register(state, write_app({}, name="editor"), start_app, NOW)
    register(state, write_app(declared("acme/probe"), name="editor"), start_app, NOW + DAY)
    found = [
        open_folders(grants, StateFolder(state), root=tmp_path, now=NOW + days * DAY) for days in (1, 7.9, 8)
    ]
    assert found == [{}, {}, {"notes": tmp_path / folder_name(CIRCLE, "notes")}]


@pytest.mark.parametrize("damage", ["torn", "link", "writable by others", "revoked"])
def test_a_record_that_cannot_be_relied_on_keeps_the_folder_closed(
    start_app, probe, editor, tmp_path, damage
) -> None:
    state, grants = StateFolder(tmp_path / "state"), AppBundle.open(probe).grants
    register(state.path, editor, start_app, NOW)
    assert open_folders(grants, state, root=tmp_path, now=NOW)
    record = state.path / "consent/acme.editor.json"
    if damage == "torn":
        record.write_bytes(record.read_bytes()[:-20])
    elif damage == "link":
        record.rename(tmp_path / "moved")
        record.symlink_to(tmp_path / "moved")
    elif damage == "revoked":
        entry = {"id": "R-1", "severity": "block", "kind": "defect", "reason": "a test", "time": NOW}
        listed = [entry | {"app": "acme/editor"}]
        state.write(
            LIST_NAME, {"format": "locara-revocations/2", "seq": 1, "updated": NOW, "entries": listed}
        )
    else:
        record.chmod(0o666)
    assert open_folders(grants, state, root=tmp_path, now=NOW) == {}


def test_every_circle_has_a_folder_of_its_own() -> None:
    names = {
        folder_name(CIRCLE, "notes"),
        folder_name(CIRCLE, "note"),
        folder_name((*CIRCLE, "acme/third"), "notes"),
        folder_name(("acme/editor,acme/probe",), "notes"),
        folder_name(("acme/editor",), "notes"),
    }
    assert len(names) == 5
    assert folder_name(reversed(CIRCLE), "notes") == folder_name(CIRCLE, "notes")
    assert (
        folder_name(CIRCLE, "notes")
        == f"notes-{Digest.of(json.dumps(['notes', *CIRCLE], separators=(',', ':')).encode()).hex}"
    )


def test_the_folders_lie_beside_the_persons_apps(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert shared_root() == tmp_path / "Locara/shared"
    assert shared_root(tmp_path / "Locara/apps") == tmp_path / "Locara/shared"
    assert shared_root(tmp_path / "chosen") == tmp_path / "chosen/shared"


@pytest.mark.usefixtures("introduced")
def test_what_an_app_puts_there_counts_against_its_quota(write_app, start_app, editor) -> None:
    app = start_app(write_app(declared(), storage={"vector": {"engine": "sqlite-vec"}, "quota_mb": 1}))
    other = start_app(editor)
    write(other, "x" * 900_000, "big")
    with pytest.raises(Exception, match="may hold") as caught:
        write(app, "x" * 200_000, "more")
    assert caught.value.code == "quota_exceeded"
    other.client.call("fs.remove", {"root": ROOT, "path": "big"})
    write(app, "x" * 200_000, "more")

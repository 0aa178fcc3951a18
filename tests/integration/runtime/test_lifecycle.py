"""From the person's answer to what the running app can do: order of the start, sleeping powers, races."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locara.core.consent import ConsentText
from locara.errors import CallError, CapabilityDenied, LocaraError
from locara.models.cache import ModelCache
from locara.runtime.app import AppBundle
from locara.runtime.app_home import AppHome
from locara.runtime.audit import read_entries
from locara.runtime.consent import NoConsent, ScriptedConsent
from locara.runtime.launch import launch_plan, start
from locara.runtime.state import StartError, StateFolder
from locara.sandbox.picker import ScriptedPicker

from .conftest import StartApp, WriteApp, manifest

START = 1_800_000_000.0
DAY = 86_400.0
NARROW = {"fs.app-data": "read"}
WIDE = {"fs.app-data": "read-write", "fs.user-selected": "read", "fs.user-paths": {"music": "read"}}


class Asker:
    """A person who looks around, or does something, while they are being asked."""

    def __init__(self, meanwhile: Callable[[], object], answer: bool = True) -> None:
        self._meanwhile = meanwhile
        self._answer = answer
        self.seen: list[object] = []

    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> bool:
        self.seen.append(self._meanwhile())
        return self._answer


def rewrite(app: Path, capabilities: dict[str, Any], **fields: Any) -> None:
    (app / "locara.json").write_text(json.dumps(manifest(capabilities, **fields), indent=2))


def test_the_person_is_asked_before_anything_is_made(
    write_app: WriteApp, start_app: StartApp, home: Path
) -> None:
    asker = Asker(home.exists)
    with start_app(write_app(WIDE), consent=asker) as app:
        assert asker.seen == [False]
        assert app.home.path.is_dir()


@pytest.mark.parametrize(
    ("consent", "code"), [(ScriptedConsent([False]), "consent_refused"), (NoConsent(), "consent_needed")]
)
def test_without_a_yes_nothing_of_the_app_exists(
    write_app: WriteApp, start_app: StartApp, home: Path, consent: Any, code: str
) -> None:
    app = write_app(WIDE)
    with pytest.raises(StartError) as caught:
        start_app(app, consent=consent)
    assert caught.value.code == code
    assert not home.exists()
    with start_app(app) as running:  # the twin: with a yes it starts
        assert running.client.call("app.info")["id"] == "acme/probe"


def test_new_powers_sleep_and_say_until_when(
    write_app: WriteApp, start_app: StartApp, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "song.txt").write_text("la")
    music.chmod(0o755)
    app = write_app(NARROW)
    choices: dict[str, Any] = {"user_roots": {"music": music}}
    start_app(app, clock=START, **choices).close()
    rewrite(app, WIDE, version="1.3.0")
    asked = ScriptedConsent([True])
    with start_app(app, clock=START + DAY, consent=asked, **choices) as running:
        assert asked.asked[0][1] == (
            "read the files and folders that you pick, and find them again later only if you say so",
            "change files in its own private folder",
            "at any time read everything in your Music folder",
        )
        client = running.client
        assert client.call("fs.list", {"root": "$APP_DATA", "path": ""})["entries"] == []
        for call, args in (
            (
                "fs.write",
                {"root": "$APP_DATA", "path": "a", "data": "x", "encoding": "utf8", "mode": "create"},
            ),
            ("fs.pick", {"kind": "file", "access": "read"}),
        ):
            with pytest.raises(CallError) as absent:
                client.call(call, args)
            assert absent.value.code == "unknown_command"
            assert "sleeps until 2027-01-23 08:00 UTC" in str(absent.value.because)
            assert "start the app again after 2027-01-23 08:00 UTC" in str(absent.value.fix)
        with pytest.raises(CapabilityDenied) as denied:
            client.call("fs.read", {"root": "$MUSIC", "path": "song.txt", "encoding": "utf8"})
        assert "locara.json:" in denied.value.because
        assert "sleeps until 2027-01-23 08:00 UTC" in denied.value.because
        with pytest.raises(CapabilityDenied) as never:
            client.call("fs.read", {"root": "$PICTURES", "path": "a", "encoding": "utf8"})
        assert "sleeps" not in never.value.because
        assert list(running.home.files.iterdir()) == []
    entries = [entry for entry in read_entries(running.home.audit_log) if not entry["allowed"]]
    assert any("sleeps until" in entry["because"] for entry in entries)
    with start_app(app, clock=START + 7.9 * DAY, consent=NoConsent(), **choices) as running:
        assert "fs.pick" not in running.client.call("app.commands")["commands"]
    with start_app(app, clock=START + 8 * DAY, consent=NoConsent(), **choices) as running:
        read = running.client.call("fs.read", {"root": "$MUSIC", "path": "song.txt", "encoding": "utf8"})
        assert read["data"] == "la"
        assert "fs.pick" in running.client.call("app.commands")["commands"]


def test_the_kernel_does_not_give_what_sleeps_either(
    write_app: WriteApp, start_app: StartApp, tmp_path: Path
) -> None:
    app = write_app(NARROW)
    start_app(app, clock=START).close()
    rewrite(app, WIDE, version="1.3.0")
    bundle = AppBundle.open(app)
    home = AppHome.of(bundle.grants, root=tmp_path / "home")
    roots = {"music": tmp_path}
    whole = launch_plan(bundle, home=home, cache=ModelCache(tmp_path), user_roots=roots, clock=START)
    assert any(source.dest == "/roots/music" for source in whole.sources)
    with pytest.raises(StartError) as caught:
        start_app(app, clock=START + DAY, plan=whole)
    assert caught.value.code == "state_exposed"


def test_reinstalling_wakes_nothing(write_app: WriteApp, start_app: StartApp, home: Path) -> None:
    app = write_app(NARROW)
    start_app(app, clock=START).close()
    rewrite(app, WIDE)
    start_app(app, clock=START + DAY).close()
    home.rename(home.with_name("removed"))  # the app and its data are gone; the answer is not the app's
    with start_app(app, clock=START + 2 * DAY, consent=NoConsent()) as running:
        assert "fs.pick" not in running.client.call("app.commands")["commands"]


@pytest.mark.parametrize("moment", ["asking", "starting"])
def test_a_manifest_that_changes_on_the_way_does_not_run(
    write_app: WriteApp, start_app: StartApp, home: Path, moment: str
) -> None:
    app = write_app(NARROW)

    def swap() -> None:
        rewrite(app, WIDE)

    if moment == "asking":
        with pytest.raises(StartError) as caught:
            start_app(app, consent=Asker(swap))
    else:
        start_app(app).close()
        bundle = AppBundle.open(app)
        swap()
        with pytest.raises(StartError) as caught:
            start(
                bundle,
                home=home,
                cache=ModelCache(home / "none"),
                picker=ScriptedPicker(),
                user_roots={},
                state=home.with_name("state"),
                consent=NoConsent(),
            )
    assert caught.value.code == "manifest_changed"
    log = home / "acme.probe/audit/log.jsonl"
    entries = read_entries(log) if log.exists() else []
    told = {entry["request"].get("manifest") for entry in entries if entry["cmd"] == "runtime.start"}
    assert str(AppBundle.open(app).manifest.digest) not in told


def test_a_manifest_behind_a_link_is_refused(write_app: WriteApp, start_app: StartApp) -> None:
    app = write_app(NARROW)
    start_app(app).close()
    (app / "locara.json").rename(app / "real.json")
    (app / "locara.json").symlink_to("real.json")
    with pytest.raises(LocaraError) as caught:
        start_app(app)
    assert caught.value.code == "unreadable"


def test_a_link_put_there_while_asking_is_refused(write_app: WriteApp, start_app: StartApp) -> None:
    app = write_app(NARROW)

    def swap() -> None:
        (app / "locara.json").rename(app / "real.json")
        (app / "locara.json").symlink_to("real.json")

    with pytest.raises(LocaraError) as caught:
        start_app(app, consent=Asker(swap))
    assert caught.value.code == "launch_failed"
    assert "symbolic link" in caught.value.message


def test_a_missing_manifest_is_refused(write_app: WriteApp, start_app: StartApp) -> None:
    app = write_app(NARROW)
    with pytest.raises(LocaraError) as caught:
        start_app(app, consent=Asker((app / "locara.json").unlink))
    assert caught.value.code == "launch_failed"


def test_a_revoked_version_starts_nothing_and_keeps_its_data(
    write_app: WriteApp, start_app: StartApp, home: Path, tmp_path: Path
) -> None:
    app = write_app(WIDE)
    with start_app(app) as running:
        running.client.call("settings.set", {"key": "a", "value": 1})
        data = running.home.path
    before = (data / "audit/log.jsonl").read_bytes()
    listed = {
        "format": "locara-revocations/2",
        "seq": 1,
        "updated": 0,
        "entries": [
            {
                "id": "LR-7",
                "severity": "block",
                "kind": "malware",
                "reason": "Malware.",
                "time": 0,
                "app": "acme/probe",
            }
        ],
    }
    (tmp_path / "state/revocations.json").write_text(json.dumps(listed))
    with pytest.raises(StartError) as caught:
        start_app(app)
    assert caught.value.code == "revoked"
    assert (data / "audit/log.jsonl").read_bytes() == before
    (tmp_path / "state/revocations.json").unlink()
    with start_app(app) as running:
        assert running.client.call("settings.get", {"key": "a"})["value"] == 1


@pytest.mark.parametrize(("kind", "ends"), [("malware", True), ("vulnerability", False)])
def test_a_running_app_hears_of_a_block_and_malware_ends(
    write_app: WriteApp,
    start_app: StartApp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    ends: bool,
) -> None:
    monkeypatch.setattr("locara.runtime.recall.EVERY", 0.05)
    heard = threading.Event()
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        heard.set()

    running = start_app(write_app(WIDE), tell=tell)
    running.client.call("app.info")
    entry = {
        "id": "LR-8",
        "severity": "block",
        "kind": kind,
        "reason": "Bad.",
        "time": 0,
        "app": "acme/probe",
    }
    known = {"format": "locara-revocations/2", "seq": 1, "updated": 0, "entries": [entry]}
    StateFolder(tmp_path / "state").write("revocations.json", known)
    assert heard.wait(60)
    assert "LR-8" in told[0]
    if ends:
        running.process.wait()
        assert running.client.drain(60)  # the outer process is gone before the inner ones
        with pytest.raises(LocaraError):
            running.client.call("app.info")
    else:
        running.client.call("app.info")  # it goes on, and says that it will not start again
        assert "will not start again" in told[0]


def test_an_app_cannot_write_its_own_answer(write_app: WriteApp, start_app: StartApp, tmp_path: Path) -> None:
    """By every name it could have, and through a folder that holds it when the person picks that one."""
    picker = ScriptedPicker([[tmp_path], [tmp_path / "letters"]])
    (tmp_path / "letters").mkdir()
    with start_app(write_app({**WIDE, "fs.user-selected": "read-write"}), picker=picker) as running:
        record = tmp_path / "state/consent/acme.probe.json"
        before = {path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()}
        assert record in before
        pick = {"kind": "directory", "access": "read-write"}
        with pytest.raises(CapabilityDenied) as denied:
            running.client.call("fs.pick", pick)
        assert "your decisions about apps" in denied.value.because
        assert len(running.client.call("fs.pick", pick)["handles"]) == 1  # another folder is fine
        for path in (str(record), "../../state/consent/acme.probe.json", "../state/revocations.json"):
            for call in ("fs.write", "fs.remove"):
                args: dict[str, Any] = {"root": "$APP_DATA", "path": path}
                if call == "fs.write":
                    args |= {"data": "{}", "encoding": "utf8", "mode": "replace"}
                with pytest.raises(LocaraError):
                    running.client.call(call, args)
        after = {path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()}
        assert after == before


def test_decisions_inside_a_granted_folder_stop_the_start(
    write_app: WriteApp, start_app: StartApp, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    app = write_app(WIDE)
    with pytest.raises(StartError) as caught:
        start_app(app, user_roots={"music": music}, state=music / "state")
    assert caught.value.code == "state_exposed"
    start_app(app, user_roots={"music": music}).close()


def test_two_starts_ask_one_after_the_other(write_app: WriteApp, start_app: StartApp, tmp_path: Path) -> None:
    """A second start cannot answer, or be answered by, the question of the first."""
    app = write_app(NARROW)
    locked: list[bool] = []

    def try_lock() -> None:
        import fcntl  # noqa: PLC0415 - one test only

        fd = os.open(tmp_path / "state/consent/acme.probe.json.lock", os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked.append(False)
        except BlockingIOError:
            locked.append(True)
        finally:
            os.close(fd)

    start_app(app, consent=Asker(try_lock)).close()
    assert locked == [True]


def test_nothing_is_left_of_the_file_that_says_what_is_awake(
    write_app: WriteApp, start_app: StartApp, tmp_path: Path
) -> None:
    app = write_app(NARROW)
    start_app(app, clock=START).close()
    rewrite(app, WIDE)
    with start_app(app, clock=START + DAY):
        names = sorted(path.name for path in (tmp_path / "state/consent").iterdir())
    assert names == ["acme.probe.json", "acme.probe.json.lock"]

"""Installing real bundles: what is refused changes nothing, and what is installed starts in its sandbox."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.trust.world import (
    BUILD,
    BUILDER,
    COMMIT,
    SIGNED,
    SOURCE,
    Signing,
    World,
    new_world,
    provenance_of,
    summary_of,
)
from locara.cli.__main__ import main
from locara.core.digest import Digest
from locara.runtime import install as installing
from locara.runtime.state import StateFolder
from locara.trust import locapp
from locara.trust.locapp import list_files
from locara.trust.statement import summary

EXPECTED = ["--expect-source", SOURCE, "--expect-builder", BUILDER, "--expect-identity", BUILDER]
OTHER = "https://git.locara.example/evil/notes"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with new_world("install") as made:
        yield made


@dataclass
class Machine:
    """A person's machine, and whoever makes bundles for it."""

    folder: Path
    world: World
    app: Path

    def bundle(self, version: str, *, page: str = "", **how: Any) -> Path:
        """A bundle of a version. `source`, `builder`, `verdict`, `levels`, `listed`, `later`, `without` change it."""
        app = self.folder / f"app-{len(list(self.folder.iterdir()))}"
        shutil.copytree(self.app, app)
        manifest = json.loads((app / "locara.json").read_text())
        (app / "locara.json").write_text(json.dumps({**manifest, "version": version}))
        if page:
            (app / "more.txt").write_text(page)
        source, builder = how.get("source", SOURCE), how.get("builder", BUILDER)
        listed = list_files(
            app, app_id="acme/notes", version=how.get("listed", version), source=source, commit=COMMIT
        )
        about = Digest.of(listed.text())
        build = BUILD.model_copy(update={"builder": builder, "source": source})
        built = self.world.sign(
            Signing(payload=provenance_of(about, source=source, builder=builder), build=build)
        )
        later = how.get("later", timedelta())

        def stamps(world: World, signature: bytes) -> list[bytes]:
            with world.at(SIGNED + later):
                return [world.stamp(signature)]

        verdict, levels = how.get("verdict", "PASSED"), how.get("levels", [summary.LOCAL_ONLY])
        said = summary_of(about, built, verdict=verdict, levels=levels)
        judged = self.world.sign(Signing(payload=said, build=build, leaf_at=later, stamps=stamps))
        kept = {"provenance.json": built, "verified.json": judged, **how.get("more", {})}
        for name in how.get("without", ()):
            del kept[name]
        place = app.with_suffix(".locapp")
        locapp.write(place, app, listed, kept)
        return place

    def install(self, bundle: Path, *more: str, told: list[str] | None = None) -> int:
        line = ["install", str(bundle), "--trust-root", str(self.folder / "trust.json")]
        return main([*line, *(EXPECTED if told is None else told), *more])

    @property
    def state(self) -> StateFolder:
        return StateFolder(self.folder / "state/Locara")

    def everything(self) -> dict[str, bytes]:
        """All that installing may change."""
        roots = (self.folder / "state", self.folder / "data")
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for root in roots
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.name.endswith(".lock")
        }

    def start(self) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "locara", "run", "--headless", "--accept-consent", "acme/notes"]
        return subprocess.run(
            line, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )


@pytest.fixture
def machine(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert main(["init", "blank", "notes", "--dir", str(tmp_path), "--publisher", "acme"]) == 0
    for extra in ("tests", "test", "src", "vendor", "node_modules"):
        shutil.rmtree(tmp_path / "notes" / extra, ignore_errors=True)
    (tmp_path / "trust.json").write_bytes(world.trust())
    return Machine(tmp_path, world, tmp_path / "notes")


def test_an_installed_app_starts_and_one_whose_signer_is_revoked_does_not(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.install(machine.bundle("1.0.0")) == 0
    assert "locara run acme/notes" in capsys.readouterr().out
    assert main(["install", "--list", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["app"], told["version"], told["identity"]) == ("acme/notes", "1.0.0", BUILDER)
    started = machine.start()
    assert started.returncode == 0, started.stderr
    for signer, code in ((f"{BUILDER}2", 0), (BUILDER, 1)):
        entry = {"id": "R1", "severity": "block", "kind": "compromise", "reason": "stolen key", "time": 0.0}
        listed = {"format": "locara-revocations/2", "seq": 1, "updated": 0.0, "entries": [entry]}
        machine.state.write("revocations.json", {**listed, "entries": [{**entry, "signer": signer}]})
        started = machine.start()
        assert started.returncode == code, started.stderr
    assert "stolen key" in started.stderr


def test_a_verification_signed_after_the_key_was_stolen_stops_what_was_built_before(machine: Machine) -> None:
    """Whoever has the key can verify, in its name, what was honestly built; a list that comes later finds it."""
    hour = timedelta(hours=1)
    assert machine.install(machine.bundle("1.0.0", later=hour)) == 0
    for stolen, code in ((hour + timedelta(seconds=1), 0), (hour, 1), (hour / 2, 1)):
        about = {"id": "R1", "severity": "block", "kind": "compromise", "reason": "stolen key", "time": 0.0}
        entry = {**about, "signer": BUILDER, "signedAfter": (SIGNED + stolen).timestamp()}
        listed = {"format": "locara-revocations/2", "seq": 1, "updated": 0.0, "entries": [entry]}
        machine.state.write("revocations.json", listed)
        started = machine.start()
        assert started.returncode == code, started.stderr


def test_an_update_of_the_same_publisher_needs_no_expectations_again(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.install(machine.bundle("1.0.0"), told=[]) == 1
    assert "[expectation_missing]" in capsys.readouterr().err
    assert machine.install(machine.bundle("1.0.0")) == 0
    assert machine.install(machine.bundle("1.1.0"), told=[]) == 0
    assert "installed acme/notes 1.1.0" in capsys.readouterr().out
    assert machine.start().returncode == 0


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "of another builder": ("identity_mismatch", {"builder": f"{BUILDER}2"}),
    "from another source": ("source_mismatch", {"source": OTHER}),
    "that nobody verified": ("statement_missing", {"without": ["verified.json"]}),
    "that nobody says was built": ("statement_missing", {"without": ["provenance.json"]}),
    "that did not pass": ("verdict_failed", {"verdict": "FAILED"}),
    "that passed something else": ("verdict_failed", {"levels": ["SLSA_BUILD_LEVEL_2"]}),
    "whose list names another version": ("package_mismatch", {"listed": "1.2.0"}),
    "with something that is no attestation": ("bundle_malformed", {"more": {"notes.json": b"{}"}}),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("update", [False, True])
def test_a_bundle_that_is_refused_changes_nothing(
    what: str, update: bool, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    if update:
        assert machine.install(machine.bundle("1.0.0")) == 0
    reason, how = REFUSED[what]
    before = machine.everything()
    assert machine.install(machine.bundle("1.1.0", **how)) == 1
    assert f"[{reason}]" in capsys.readouterr().err
    assert machine.everything() == before
    assert machine.install(machine.bundle("1.1.0")) == 0


def test_a_file_that_was_changed_after_signing_is_refused(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = machine.bundle("1.0.0", page="a page\n")
    raw = bundle.read_bytes()
    altered = machine.folder / "altered"
    shutil.unpack_archive(bundle, altered, "zip")
    (altered / "app/more.txt").write_text("a pagE\n")
    assert machine.install(altered) == 1
    assert "[package_mismatch]" in capsys.readouterr().err and machine.everything() == {}
    bundle.write_bytes(raw)
    assert machine.install(bundle) == 0


def test_an_older_version_needs_the_persons_word_and_never_lowers_the_floor(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    old, middle, new = (machine.bundle(version) for version in ("1.9.0", "1.9.1", "1.10.0"))
    assert machine.install(new) == 0
    for bundle in (old, middle):
        assert machine.install(bundle) == 1
        assert "[version_older]" in capsys.readouterr().err
    assert machine.install(old, "--allow-older") == 0
    assert machine.install(middle) == 1, "1.10.0 was here, whatever is here now"
    assert machine.install(new) == 0 and machine.install(new) == 0
    assert machine.install(machine.bundle("1.10.0", page="other")) == 1
    assert "with other files" in capsys.readouterr().err


def test_what_breaks_off_half_way_does_not_start_and_is_mended_by_installing_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = machine.bundle("1.0.0"), machine.bundle("1.1.0")
    assert machine.install(first) == 0

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("record_origin", "_durable"):
        with monkeypatch.context() as broken:
            broken.setattr(installing, step, killed)
            assert machine.install(second) == 130
        assert not list((machine.folder / "data/Locara/bundles").glob(".coming-*"))
        assert machine.start().returncode == 0, "the version before is as it was"
    with monkeypatch.context() as broken:
        broken.setattr(StateFolder, "write", _last_write_fails(StateFolder.write))
        assert machine.install(second) == 130
    started = machine.start()
    assert (started.returncode, "install it again" in started.stderr) == (1, True), started.stderr
    assert machine.install(second) == 0
    assert machine.start().returncode == 0


def test_what_a_killed_install_left_goes_with_the_next_and_nothing_that_is_in_use(machine: Machine) -> None:
    shelf, person = machine.folder / "data/Locara/bundles", machine.folder / "person"
    for folder in (shelf / ".coming-killed/app", shelf / ".coming-running/app", person):
        folder.mkdir(parents=True)
        (folder / "file").write_text("whole")
    (shelf / ".coming-link").symlink_to(person)
    running = os.open(shelf / ".coming-running", os.O_RDONLY)
    fcntl.flock(running, fcntl.LOCK_EX)
    assert machine.install(machine.bundle("1.0.0")) == 0
    assert sorted(path.name for path in shelf.glob(".coming-*")) == [".coming-link", ".coming-running"]
    assert (shelf / ".coming-running/app/file").read_text() == (person / "file").read_text() == "whole"
    os.close(running)
    assert machine.install(machine.bundle("1.1.0")) == 0
    assert [path.name for path in shelf.glob(".coming-*")] == [".coming-link"]


def _last_write_fails(write: Any) -> Any:
    def failing(self: StateFolder, name: str, value: Any, **more: Any) -> Any:
        if name.startswith("installed/"):
            raise KeyboardInterrupt
        return write(self, name, value, **more)

    return failing


def test_nobody_else_may_write_what_is_installed_whatever_the_umask(machine: Machine) -> None:
    before = os.umask(0)
    try:
        assert machine.install(machine.bundle("1.0.0")) == 0
    finally:
        os.umask(before)
    shelf = machine.folder / "data/Locara/bundles"
    assert shelf.stat().st_mode & 0o077 == (shelf / "acme.notes").stat().st_mode & 0o077 == 0
    for path in shelf.rglob("*"):
        assert path.stat().st_mode & 0o022 == 0, path


def test_a_folder_is_never_taken_for_the_name_of_an_installed_app(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine.install(machine.bundle("1.0.0")) == 0
    (machine.folder / "here/acme/notes").mkdir(parents=True)
    monkeypatch.chdir(machine.folder / "here")
    assert machine.start().returncode == 4
    (machine.folder / "here/acme/notes").rmdir()
    assert machine.start().returncode == 0


def test_one_bundle_or_the_list(machine: Machine) -> None:
    assert main(["install"]) == 2
    assert main(["install", "x", "--list"]) == 2
    assert main(["install", str(machine.folder / "absent"), *EXPECTED]) == 5
    assert machine.install(machine.folder / "absent") == 1

"""What the runtime inside is told is what was admitted: no more, to the line, and from this file alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from locara.core.capability import Kind
from locara.core.digest import Digest
from locara.core.grant import intersect
from locara.models.profiles import choose, ram_bytes
from locara.runtime.app import AppBundle
from locara.runtime.awake import AWAKE_NAME, Admission, Admitted, awake_file, confirm
from locara.runtime.manifest_file import MANIFEST_NAME, BundleError
from locara.runtime.standing import Asleep, Layer
from locara.runtime.state import StartError, StateFolder
from tests.unit.core.conftest import MINIMAL

ONE, TWO, TOOL = (f"sha256:{digit * 64}" for digit in "123")
WAKES = 1_800_000_000.0
Change = Callable[[dict[str, Any]], object]


def app(folder: Path, capabilities: dict[str, Any], **more: Any) -> AppBundle:
    document = {**MINIMAL, "capabilities": capabilities, **more}
    folder.mkdir()
    (folder / MANIFEST_NAME).write_text(json.dumps(document, indent=2))
    return AppBundle.open(folder)


@pytest.fixture
def bundle(tmp_path: Path) -> AppBundle:
    models = [f"zeta@{ONE}", f"alpha@{TWO}"]
    return app(
        tmp_path / "app",
        {
            "net": {"allowed_hosts": ["*.example.com", "example.org"], "allowed_ports": [443, 8443]},
            "fs.user-selected": "read",
            "fs.user-paths": {"music": "read-write"},
            "models": models,
            "tools": [f"calc@{TOOL}"],
            "shared-folders": [{"id": "notes", "with": ["acme/other"], "access": "read"}],
            "background": {"mode": "passive", "reasons": ["finishes a long note"]},
        },
        modalities=["text-to-text"],
        profiles={
            "low": {"min_ram_gb": 1, "models": models[:1]},
            "high": {"min_ram_gb": 900, "models": models[1:]},
        },
    )


@pytest.fixture
def inside(tmp_path: Path) -> Callable[[Admission], Path]:
    """What the sandbox shows of an admission, and nothing else of the app."""

    def show(admission: Admission) -> Path:
        folder = tmp_path / "inside"
        folder.mkdir(exist_ok=True)
        with awake_file(StateFolder(tmp_path / "state"), admission) as (path, digest):
            assert Digest.of(path.read_bytes()) == digest
            assert path.stat().st_mode & 0o777 == 0o444
            (folder / AWAKE_NAME).write_bytes(path.read_bytes())
        assert not path.exists()
        (folder / MANIFEST_NAME).write_bytes((admission.bundle.path / MANIFEST_NAME).read_bytes())
        return folder

    return show


def read(folder: Path) -> Admitted:
    return confirm(
        folder,
        manifest=Digest.of((folder / MANIFEST_NAME).read_bytes()),
        awake=Digest.of((folder / AWAKE_NAME).read_bytes()),
    )


def test_all_of_it_comes_back(bundle: AppBundle, inside: Callable[[Admission], Path]) -> None:
    found = read(inside(Admission(bundle, Asleep())))
    own = bundle.grants
    assert found.asleep == Asleep()
    assert found.grants == replace(own, grants=tuple(sorted(own.grants, key=lambda one: one.kind.value)))
    assert list(found.grants.models) == ["zeta", "alpha"], "in the order of the manifest"
    assert {kind: str(found.grants.origin(kind)) for kind in Kind} == {
        kind: str(own.origin(kind)) for kind in Kind
    }
    for kind, grant in found.grants.by_kind.items():
        origin = own.origin(kind)
        assert origin is not None
        assert (grant.origin.declared, grant.origin.column) == (origin.declared, origin.column)
    choice = choose(bundle.manifest, ram_bytes())
    assert found.profile == {"name": "low", "fits": choice.fits, "models": ["zeta"]}


def test_an_app_without_profiles_has_none(tmp_path: Path, inside: Callable[[Admission], Path]) -> None:
    assert read(inside(Admission(app(tmp_path / "plain", {}), Asleep()))).profile is None


def test_what_sleeps_is_told_apart(
    bundle: AppBundle, tmp_path: Path, inside: Callable[[Admission], Path]
) -> None:
    narrow = app(tmp_path / "narrow", {"fs.user-selected": "read"}).grants
    awake = intersect(bundle.grants, narrow)
    layers = (Layer(bundle.grants, WAKES),)
    found = read(inside(Admission(replace(bundle, grants=awake), Asleep(layers))))
    assert set(found.grants.by_kind) == {Kind.FS_USER_SELECTED, Kind.FS_APP_DATA}
    assert not found.grants.models
    assert [layer.wakes for layer in found.asleep.layers] == [WAKES]
    assert found.asleep.layers[0].grants.by_kind.keys() == bundle.grants.by_kind.keys()


def test_nothing_is_written_that_the_manifest_does_not_ask_for(
    bundle: AppBundle, tmp_path: Path, inside: Callable[[Admission], Path]
) -> None:
    wide = app(
        tmp_path / "wide", {"net": True, "fs.user-selected": "read-write", "device.camera": True}
    ).grants
    found = read(inside(Admission(replace(bundle, grants=wide), Asleep((Layer(wide, WAKES),)))))
    for grants in (found.grants, found.asleep.layers[0].grants):
        assert intersect(grants, bundle.grants).by_kind.keys() == grants.by_kind.keys()
        assert Kind.CAMERA not in grants.by_kind
        assert grants.scope(Kind.NET) == bundle.grants.scope(Kind.NET)
        assert grants.scope(Kind.FS_USER_SELECTED) == bundle.grants.scope(Kind.FS_USER_SELECTED)


def _camera(told: dict[str, Any]) -> None:
    told["awake"]["powers"]["device.camera"] = [["camera", "use"]]
    told["declared"]["device.camera"] = ["/capabilities/device.camera", '"device.camera": true', 1, 1]


def _camera_later(told: dict[str, Any]) -> None:
    _camera(told)
    told["asleep"] = [{"wakes": WAKES, "grants": told["awake"]}]
    told["awake"] = {**told["awake"], "powers": {}}


CHANGES: dict[str, Change] = {
    "a power the manifest does not name": _camera,
    "one that sleeps": _camera_later,
    "another manifest": lambda told: told["awake"].update(manifest=ONE),
    "no origin": lambda told: told["declared"].pop("net"),
    "half an origin": lambda told: told["declared"].update(net=["/capabilities/net"]),
    "no order": lambda told: told.pop("order"),
    "a model out of order": lambda told: told["order"].remove("alpha"),
    "no list of what sleeps": lambda told: told.pop("asleep"),
    "no profile": lambda told: told.pop("profile"),
    "no powers": lambda told: told.pop("awake"),
    "an unknown power": lambda told: told["awake"]["powers"].update({"root": []}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_says_something_else_is_refused(
    change: Change, bundle: AppBundle, inside: Callable[[Admission], Path]
) -> None:
    folder = inside(Admission(bundle, Asleep()))
    told = json.loads((folder / AWAKE_NAME).read_bytes())
    change(told)
    (folder / AWAKE_NAME).write_text(json.dumps(told))
    with pytest.raises(StartError) as caught:
        read(folder)
    assert caught.value.code == "manifest_changed"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"1", b"\xff", b'{"awake": {}}'])
def test_what_is_no_such_file_is_refused(
    data: bytes, bundle: AppBundle, inside: Callable[[Admission], Path]
) -> None:
    folder = inside(Admission(bundle, Asleep()))
    (folder / AWAKE_NAME).write_bytes(data)
    with pytest.raises(StartError) as caught:
        read(folder)
    assert caught.value.code == "manifest_changed"


def test_another_file_or_manifest_than_was_handed_in_is_refused(
    bundle: AppBundle, inside: Callable[[Admission], Path]
) -> None:
    folder = inside(Admission(bundle, Asleep()))
    manifest, awake = (Digest.of((folder / name).read_bytes()) for name in (MANIFEST_NAME, AWAKE_NAME))
    assert confirm(folder, manifest=manifest, awake=awake).grants.app_id == "acme/notes"
    for wrong in ({"manifest": awake, "awake": awake}, {"manifest": manifest, "awake": manifest}):
        with pytest.raises(StartError) as caught:
            confirm(folder, **wrong)
        assert caught.value.code == "manifest_changed"
    (folder / AWAKE_NAME).unlink()
    with pytest.raises(StartError):
        confirm(folder, manifest=manifest, awake=awake)
    (folder / MANIFEST_NAME).unlink()
    with pytest.raises(BundleError):
        confirm(folder, manifest=manifest, awake=awake)


def test_what_a_killed_launcher_left_is_taken_away_after_an_hour(
    bundle: AppBundle, tmp_path: Path, inside: Callable[[Admission], Path]
) -> None:
    consent = tmp_path / "state/consent"
    consent.mkdir(parents=True)
    old, new, other, record = (
        consent / name
        for name in (
            "acme.notes.00.awake.json",
            "acme.notes.11.awake.json",
            "acme.notes2.00.awake.json",
            "acme.notes.json",
        )
    )
    for path in (old, new, other, record):
        path.write_text("{}")
    for path in (old, other, record):
        os.utime(path, (1, 1))
    inside(Admission(bundle, Asleep()))
    assert sorted(consent.iterdir()) == sorted([new, other, record])

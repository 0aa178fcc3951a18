"""What attestations are checked against on a machine that follows a registry, without a network."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.trust.generate import HERE
from fixtures.trust.world import ARTIFACT
from locara.cli.__main__ import main
from locara.core.digest import Digest
from locara.runtime.followed import followed_instance, recalled_here
from locara.runtime.state import StateFolder
from locara.trust.attestation import Expectation
from locara.trust.bundle.instance import TrustInstance
from locara.trust.published import verify_file
from locara.trust.refusal import Reason, TrustError
from locara_registry.trust.repository.contents import checked
from locara_verify.strategies.bundles import vectors

from .tuf_world import World

GOOD = vectors(HERE.parent)[0].twin
NOW = GOOD.now.timestamp()
WANT = Expectation(
    Digest(GOOD.want["artifact"] or ""), GOOD.want["source"], GOOD.want["builder"], GOOD.want["identity"]
)


@pytest.fixture
def state(tmp_path: Path, tuf: World, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    """A machine that follows the registry, which carries the trust instance of the vectors."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    tuf.repository.publish({"trust_instance.json": checked("trust-instance", GOOD.trust)})
    tuf.update()
    folder = StateFolder(tmp_path / "state/Locara")
    folder.path.mkdir(parents=True, mode=0o700)
    (folder.path / "registry").symlink_to(tuf.home.path)
    (tmp_path / "good").write_bytes(GOOD.bundle)
    (tmp_path / "app").write_bytes(ARTIFACT)
    return folder


def verify(tmp_path: Path) -> int:
    return main(["attest", "verify", str(tmp_path / "good"), "--artifact", str(tmp_path / "app")])


def refused(state: StateFolder, reason: Reason, *, now: float = NOW) -> None:
    with pytest.raises(TrustError) as caught:
        followed_instance(state, now=now)
    assert caught.value.reason is reason, caught.value


def test_it_comes_out_of_the_verified_copy_without_a_connection(
    state: StateFolder, tmp_path: Path, tuf: World, capsys: pytest.CaptureFixture[str]
) -> None:
    tuf.server.asked.clear()
    assert followed_instance(state, now=NOW).name == "trust.locara.example"
    assert verify(tmp_path) == 0
    assert capsys.readouterr().out.startswith("BELIEVED")
    assert tuf.server.asked == []


def test_an_edited_copy_is_no_material(state: StateFolder, tmp_path: Path, tuf: World) -> None:
    place = tuf.home.good / "targets/trust_instance.json"
    value = json.loads(place.read_bytes())
    value["issuers"].append("https://issuer.example")
    place.write_text(json.dumps(value))
    refused(state, Reason.MATERIAL_UNTRUSTED)
    assert verify(tmp_path) == 5
    place.write_bytes(GOOD.trust)
    assert verify(tmp_path) == 0


def test_it_is_good_as_long_as_those_who_signed_it_vouch_for_it(state: StateFolder, tuf: World) -> None:
    stamp, targets = tuf.offline().metadata.timestamp, tuf.offline().metadata.roles["targets"]
    assert stamp.expires < targets.expires
    followed_instance(state, now=stamp.expires.timestamp() + 1)  # a copy too old to update from will do
    followed_instance(state, now=targets.expires.timestamp() - 1)
    refused(state, Reason.MATERIAL_STALE, now=targets.expires.timestamp() + 1)


def test_a_clock_set_back_makes_old_material_no_younger(state: StateFolder, tuf: World) -> None:
    ended = tuf.offline().metadata.roles["targets"].expires.timestamp()
    memory = {"format": "locara-revocations-seen/1", "seq": 0, "urgent": 0, "since": None}
    state.write("revocations-seen.json", {**memory, "clock": ended - 60})
    followed_instance(state, now=NOW)
    state.write("revocations-seen.json", {**memory, "clock": ended + 60})
    refused(state, Reason.MATERIAL_STALE)


def test_a_clock_set_back_makes_neither_the_instance_nor_the_lists_younger(
    state: StateFolder, tuf: World
) -> None:
    day = 86_400.0
    value = json.loads(GOOD.trust) | {
        "expires": f"{datetime.fromtimestamp(NOW + day, UTC):%Y-%m-%dT%H:%M:%SZ}"
    }
    tuf.repository.publish({"trust_instance.json": checked("trust-instance", json.dumps(value).encode())})
    tuf.update()
    believed = verify_file(
        GOOD.bundle, TrustInstance.read(GOOD.trust), WANT, now=GOOD.now, recalled=lambda _: None
    )
    memory = {"format": "locara-revocations-seen/1", "seq": 1, "urgent": 0, "since": NOW}
    listed = {"format": "locara-revocations/2", "seq": 1, "updated": NOW, "entries": []}
    state.write("revocations.json", listed)
    for clock, stale in ((NOW, False), (NOW + day, False), (NOW + day + 1, True), (NOW + 15 * day, True)):
        state.write("revocations-seen.json", {**memory, "clock": clock})
        if stale:
            refused(state, Reason.MATERIAL_STALE)
        else:
            followed_instance(state, now=NOW)
        recalled = recalled_here(state, now=NOW)
        if clock > NOW + 14 * day:
            with pytest.raises(TrustError) as caught:
                recalled(believed[0].attestation)
            assert caught.value.reason is Reason.MATERIAL_STALE
        else:
            recalled(believed[0].attestation)


def test_without_a_registry_a_copy_or_an_instance_in_it_there_is_no_material(
    state: StateFolder, tmp_path: Path, tuf: World, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tuf.home.good)
    refused(state, Reason.MATERIAL_UNTRUSTED)  # a copy that is named and gone was taken away
    (tuf.home.path / "good").unlink()
    refused(state, Reason.MATERIAL_MISSING)
    (tuf.home.path / "registry.json").unlink()
    refused(state, Reason.MATERIAL_MISSING)
    assert verify(tmp_path) == 5
    assert "locara trust follow" in capsys.readouterr().err


def test_a_registry_that_carries_none_names_none(tmp_path: Path, tuf: World) -> None:
    tuf.update()
    (tmp_path / "machine").mkdir()
    (tmp_path / "machine/registry").symlink_to(tuf.home.path)
    refused(StateFolder(tmp_path / "machine"), Reason.MATERIAL_MISSING)

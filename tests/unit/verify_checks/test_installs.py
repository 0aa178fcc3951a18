"""The signed bundles that an installer is tried with, and the kill before each of its steps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from locara.trust.locapp import unpack
from locara.trust.refusal import TrustError
from locara_verify.checks.updates.installs import _KILLED, _until
from locara_verify.strategies.installs import BROKEN, NOTHING, Machine, Releases, archive, honest

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


@pytest.fixture(scope="module")
def offer() -> Releases:
    return Releases.read(FIXTURES)


def test_releases_are_bundles_as_the_product_reads_them(offer: Releases, tmp_path: Path) -> None:
    for version, bundle in offer.releases.items():
        (tmp_path / version).mkdir()
        found = unpack(honest(tmp_path / f"{version}.locapp", bundle), tmp_path / version)
        assert found.problems == () and found.listed.version == version
        assert len(found.attestations) == 2


def test_versions_that_read_in_two_ways_are_no_bundles_to_the_product(
    offer: Releases, tmp_path: Path
) -> None:
    odd = {what: bundle for what, bundle in offer.never.items() if what.startswith("version ")}
    assert len(odd) > 20
    for number, (what, bundle) in enumerate(odd.items()):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(TrustError):
            unpack(honest(tmp_path / f"{number}.locapp", bundle), tmp_path / str(number))
        assert bundle["version"] not in offer.releases, what


def test_files_are_named_by_the_release_they_are_all_of(offer: Releases) -> None:
    files = dict(offer.releases["1.9.0"]["files"])
    assert offer.named(files) == "1.9.0"
    assert offer.named(offer.otherwise["1.10.0"]["files"]) == "1.10.0 otherwise"
    for other in (
        {**files, "more": "x"},
        {name: text for name, text in files.items() if name != "locara.json"},
        {**files, "db/schema.sql": ""},
        {**files, "locara.json": offer.releases["1.9.1"]["files"]["locara.json"]},
    ):
        assert offer.named(other) == BROKEN


def test_parts_of_two_releases_are_written_as_they_are_asked_for(offer: Releases, tmp_path: Path) -> None:
    old, new = offer.releases["1.9.0"], offer.releases["2.0.0"]
    place = archive(tmp_path / "mixed.locapp", new, files=old, attested=old)
    (tmp_path / "into").mkdir()
    found = unpack(place, tmp_path / "into")
    assert found.listed.version == "2.0.0" and {path for path, _ in found.problems} >= {"app/locara.json"}


def test_a_machine_on_which_nothing_was_installed_starts_nothing(offer: Releases, tmp_path: Path) -> None:
    machine = Machine(tmp_path, offer)
    assert machine.starts() == NOTHING and machine.everything() == {}


def test_a_child_is_gone_before_the_step_that_was_named_and_the_parent_is_as_it_was(tmp_path: Path) -> None:
    real = os.rename

    def work() -> int:
        for number in range(3):
            (tmp_path / f"{number}").touch()
            os.rename(tmp_path / f"{number}", tmp_path / f"{number}-moved")  # noqa: PTH104 - it is counted
        return 0

    for step in (1, 2, 3):
        assert _until(step, work) == _KILLED
        assert sum(path.name.endswith("-moved") for path in tmp_path.iterdir()) == step - 1
        for path in tmp_path.iterdir():
            path.unlink()
    assert _until(4, work) == 0
    assert os.rename is real

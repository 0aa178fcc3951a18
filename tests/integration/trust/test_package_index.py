"""Objects of a Python package index through `locara attest`; real ones where they lie beside the checkout."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import warnings
from pathlib import Path

import pytest

from fixtures.trust.generate import HERE
from fixtures.trust.index import WHEEL
from fixtures.trust.world import ARTIFACT, BUILDER, SOURCE
from locara.cli.__main__ import main
from locara.trust.bundle.instance import PUBLIC_ISSUERS, public_good
from locara.trust.bundle.pep740 import indexed_in
from locara.trust.bundle.unchecked import claim_of
from locara_verify.strategies.bundles import Side, vectors

BY_NAME = {one.name: one for one in vectors(HERE.parent)}
REAL = Path(os.environ.get("LOCARA_PEP740", HERE.parents[2] / "shared/vectors/pep740"))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    vector = BY_NAME["publisher-another-repository"]
    for name, side in (("good", vector.twin), ("bad", vector.bad)):
        (tmp_path / name).write_bytes(side.bundle)
    (tmp_path / "both").write_bytes(BY_NAME["provenance-second-is-forged"].twin.bundle)
    (tmp_path / "one").write_bytes(BY_NAME["index-signature-flipped"].twin.bundle)
    (tmp_path / "trust").write_bytes(vector.twin.trust)
    (tmp_path / WHEEL).write_bytes(ARTIFACT)
    return tmp_path


def verify(files: Path, name: str, *more: str, artifact: str = WHEEL) -> int:
    line = ["attest", "verify", files / name, "--trust-root", files / "trust", *more]
    return main([str(part) for part in [*line, "--artifact", files / artifact]])


def test_who_published_a_wheel_is_told_and_a_publisher_that_the_certificate_does_not_name_is_refused(
    files: Path, capsys: pytest.CaptureFixture[str], no_socket: list[str]
) -> None:
    assert verify(files, "good") == 0
    said = capsys.readouterr().out
    assert said.startswith("BELIEVED") and WHEEL in said
    assert "publisher   GitHub: repository acme/notes, workflow release.yml" in said
    assert verify(files, "bad") == 1
    caught = capsys.readouterr()
    assert "[source_mismatch]" in caught.err and "BELIEVED" not in caught.out


def test_each_attestation_of_an_object_is_told_and_one_alone_needs_no_list(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(files, "both") == 0
    assert capsys.readouterr().out.count("BELIEVED") == 2
    assert verify(files, "both", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in told] == ["believed", "believed"]
    assert told[0]["log"]["index"] != told[1]["log"]["index"]
    strict = [
        "--strict",
        "--expect-source",
        SOURCE,
        "--expect-builder",
        BUILDER,
        "--expect-identity",
        BUILDER,
    ]
    assert verify(files, "one", *strict, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "publication on a package index"


def test_the_same_bytes_under_another_name_are_another_distribution(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "notes-2.0.0-py3-none-any.whl"
    (files / other).write_bytes(ARTIFACT)
    assert verify(files, "one", artifact=other) == 1
    assert "[subject_mismatch]" in capsys.readouterr().err
    assert verify(files, "one") == 0
    (files / WHEEL).write_bytes(ARTIFACT + b" ")
    assert verify(files, "one") == 1
    assert "[subject_mismatch]" in capsys.readouterr().err


def test_showing_an_object_believes_nothing_of_it(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", "show", str(files / "bad")]) == 0
    said = capsys.readouterr().out
    assert "acme/note," in said and "Nothing of it was checked" in said and "BELIEVED" not in said
    assert main(["attest", "show", str(files / "both"), "--format", "json"]) == 0
    assert [one["verdict"] for one in json.loads(capsys.readouterr().out)] == ["not checked"] * 2


def test_a_bundle_is_no_object_of_an_index(files: Path) -> None:
    bundle: Side = BY_NAME["index-differs"].twin
    assert indexed_in(bundle.bundle) == ()
    assert len(indexed_in((files / "both").read_bytes())) == 2


# Attestations of the public instance, as an index gave them out: `NAME.attestation`, `NAME.KIND.attestation` or
# `NAME.provenance` beside the distribution NAME. They are third-party data and not part of the checkout.
if not REAL.is_dir():
    warnings.warn(f"REAL OBJECTS OF A PACKAGE INDEX ABSENT: nothing at {REAL}", stacklevel=1)


def real() -> list[tuple[str, str]]:
    """Each object with the name of its distribution."""
    found = []
    for path in sorted(REAL.glob("*")):
        if path.suffix in {".attestation", ".provenance"}:
            name = next((one.name for one in REAL.glob("*") if path.name.startswith(f"{one.name}.")), "")
            found.append((path.name, name))
    return found


@pytest.mark.parametrize(("name", "distribution"), real())
def test_a_real_object_is_believed_and_no_other_file_is(
    name: str, distribution: str, no_socket: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    line = ["attest", "verify", str(REAL / name), "--public-good", "--format", "json"]
    if not distribution:
        assert main([*line, "--digest", f"sha256:{'0' * 64}"]) == 1
        return
    (one,) = indexed_in((REAL / name).read_bytes())
    (entry,) = json.loads(one.bundle)["verificationMaterial"]["tlogEntries"]
    if public_good().log(base64.b64decode(entry["logId"]["keyId"])) is None:
        pytest.skip("it is of another instance")
    if claim_of(one.bundle).signer.issuer not in PUBLIC_ISSUERS:
        pytest.skip("it is signed by a person")
    assert main([*line, "--artifact", str(REAL / distribution)]) == 0
    told = json.loads(capsys.readouterr().out)
    digest = hashlib.sha256((REAL / distribution).read_bytes()).hexdigest()
    assert told["subjects"] == [{"name": distribution, "sha256": digest}]
    changed = tmp_path / distribution
    changed.write_bytes((REAL / distribution).read_bytes() + b" ")
    assert main([*line, "--artifact", str(changed)]) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "subject_mismatch"

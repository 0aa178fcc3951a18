"""`locara attest`: what a person reads, and what a script gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.trust.generate import HERE
from fixtures.trust.world import ARTIFACT, BUILDER, COMMIT, DIGEST, SOURCE
from locara.cli.__main__ import main
from locara_verify.strategies.bundles import Vector, vectors

BY_NAME = {one.name: one for one in vectors(HERE.parent)}
EXPECTED = ["--expect-source", SOURCE, "--expect-builder", BUILDER, "--expect-identity", BUILDER]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write(tmp_path, BY_NAME["index-differs"])
    (tmp_path / "app").write_bytes(ARTIFACT)
    return tmp_path


def write(folder: Path, vector: Vector) -> None:
    (folder / "good").write_bytes(vector.twin.bundle)
    (folder / "bad").write_bytes(vector.bad.bundle)
    (folder / "trust").write_bytes(vector.bad.trust)


def verify(files: Path, name: str, *more: str) -> int:
    line = [
        "attest",
        "verify",
        files / name,
        "--trust-root",
        files / "trust",
        "--artifact",
        files / "app",
        *more,
    ]
    return main([str(part) for part in line])


def test_a_good_one_is_explained_and_a_bad_one_refused_with_its_reason(
    files: Path, capsys: pytest.CaptureFixture[str], no_socket: list[str]
) -> None:
    assert verify(files, "good", "--strict", *EXPECTED) == 0
    said = capsys.readouterr().out
    assert said.startswith("BELIEVED") and SOURCE in said and COMMIT in said
    assert "Not compared" in said and "commit" in said.rpartition("Not compared")[2]
    assert verify(files, "bad", "--strict", *EXPECTED) == 1
    caught = capsys.readouterr()
    assert caught.out.startswith("REFUSED: the entry names another place")
    assert "[log_index]" in caught.err and "Traceback" not in caught.err


def test_a_script_gets_the_same_as_json(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(files, "good", "--format", "json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["signer"]["commit"], said["log"]["index"]) == ("believed", COMMIT, 6)
    assert said["notCompared"] == ["source", "builder", "identity", "commit"]
    assert verify(files, "bad", "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "log_index"


def test_showing_believes_nothing_and_says_so(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", "show", str(files / "bad")]) == 0
    said = capsys.readouterr().out
    assert "build provenance" in said and "Nothing of it was checked" in said and "BELIEVED" not in said
    assert main(["attest", "show", str(files / "bad"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "not checked"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["--artifact", "app"], 5, "material_missing"),
        (["--artifact", "app", "--trust-root", "absent"], 5, "material_missing"),
        (["--artifact", "app", "--trust-root", "app"], 5, "material_untrusted"),
        (["--artifact", "app", "--public-good"], 1, "log_unknown"),
        (["--artifact", "app", "--trust-root", "trust", "--strict"], 1, "expectation_missing"),
        (["--trust-root", "trust"], 2, "--artifact PATH"),
        (["--trust-root", "trust", "--artifact", "absent"], 2, "cannot be read"),
        (["--trust-root", "trust", "--digest", "md5:00"], 2, "not a digest"),
        (["--trust-root", "trust", "--public-good", "--artifact", "app"], 2, "two instances"),
        (["--trust-root", "trust", "--digest", f"sha256:{'0' * 64}"], 1, "subject_mismatch"),
        (["--trust-root", "trust", "--digest", str(DIGEST)], 0, ""),
    ],
)
def test_every_way_to_ask_wrongly_has_its_exit_code(
    files: Path, line: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(files)
    assert main(["attest", "verify", "good", *line]) == code
    caught = capsys.readouterr()
    assert said in caught.err and "Traceback" not in caught.err


def test_what_was_recalled_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"id": "R1", "severity": "block", "kind": "compromise", "reason": "stolen key", "time": 0}
    for signer, code in ((f"{BUILDER}2", 0), (BUILDER, 1)):
        listed = {
            "format": "locara-revocations/2",
            "seq": 1,
            "updated": 0,
            "entries": [{**entry, "signer": signer}],
        }
        (files / "list").write_text(json.dumps(listed))
        assert verify(files, "good", "--revocations", str(files / "list")) == code
    assert "[signer_revoked]" in capsys.readouterr().err
    (files / "list").write_text("{}")
    assert verify(files, "good", "--revocations", str(files / "list")) == 5
    assert verify(files, "good", "--revocations", str(files / "absent")) == 5


def test_material_that_has_ended_is_five_and_not_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, BY_NAME["material-stale"])
    (tmp_path / "app").write_bytes(ARTIFACT)
    assert verify(tmp_path, "good") == 5
    assert "[material_stale]" in capsys.readouterr().err


def test_it_opens_no_socket_in_a_process_of_its_own(files: Path) -> None:
    """The whole command under a kernel that refuses it a network: an empty network namespace."""
    line = [
        sys.executable,
        "-m",
        "locara",
        "attest",
        "verify",
        "good",
        "--trust-root",
        "trust",
        "--artifact",
        "app",
    ]
    alone = ["unshare", "--map-root-user", "--net", *line]
    probe = subprocess.run(["unshare", "--map-root-user", "--net", "true"], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("this host gives no network namespace")
    environment = {
        **os.environ,
        "HOME": str(files),
        "XDG_CACHE_HOME": str(files / "cache"),
        "XDG_DATA_HOME": str(files / "data"),
    }
    done = subprocess.run(alone, check=False, cwd=files, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout[:8]) == (0, "BELIEVED"), done.stderr
    assert not (files / "cache").exists() and not (files / "data").exists(), "no cache is read or written"


def test_a_trust_root_changed_on_the_disk_is_another_instance(files: Path) -> None:
    """No copy of a root is kept anywhere that an edit could reach unseen: the file that is named is what counts."""
    assert verify(files, "good") == 0
    value = json.loads((files / "trust").read_text())
    value["trustedRoot"]["ctlogs"][0]["publicKey"]["rawBytes"] = value["trustedRoot"]["tlogs"][0][
        "publicKey"
    ]["rawBytes"]
    (files / "trust").write_text(json.dumps(value))
    assert verify(files, "good") in (1, 5)

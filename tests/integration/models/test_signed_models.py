"""Signed models: real OpenSSF model signatures of our own instance, at every door of the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.trust.models import DIGEST, MODEL, ONE, OTHER, STATEMENTS, statement
from fixtures.trust.world import BUILD, BUILDER
from locara.cli.__main__ import main
from locara.models.cache import ModelCache
from locara.runtime import followed
from locara.trust.recall import recalled_by
from locara.trust.revocation.document import Entry, Known, Listed
from locara_registry.home import Home
from locara_registry.trust.beginning import begin
from locara_registry.trust.instance import Instance
from locara_registry.trust.key_files import FileKeys
from locara_registry.trust.record import Record
from locara_registry.trust.signing import sign_statement
from locara_registry.trust.trusted_root import trust_instance


def instance_at(folder: Path, name: str) -> Instance:
    record = Record(name=name, url=f"https://{name}", issuer=f"https://{name}/ci", origin=f"{name}/log")
    begin(Home(folder / "home"), FileKeys(folder / "roots"), record)
    return Instance.open(Home(folder / "home"))


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    made = instance_at(tmp_path_factory.mktemp("ours"), "trust.example")
    yield made
    made.log.close()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    made = instance_at(tmp_path_factory.mktemp("theirs"), "other.example")
    yield made
    made.log.close()


@dataclass
class Person:
    """One person's folder: a model file, what lies beside it, a cache, and the command."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def cache(self) -> ModelCache:
        return ModelCache(self.folder / "cache")

    @property
    def model(self) -> Path:
        return self.folder / "model.gguf"

    @property
    def named(self) -> list[str]:
        return ["--trust-root", str(self.folder / "trust"), "--expect-identity", BUILDER]

    def run(self, *args: object) -> tuple[int, str]:
        code = main(["models", *map(str, args), "--cache", str(self.cache.root)])
        caught = self.capsys.readouterr()
        assert "Traceback" not in caught.err
        return code, caught.out + caught.err

    def take(self, *args: object) -> tuple[int, str]:
        return self.run("import", self.model, "--id", "tiny", *args)

    def nothing_entered(self) -> bool:
        """No byte of a model is left anywhere below the cache."""
        return not any(one.is_file() and one.stat().st_size > 0 for one in self.cache.root.rglob("*"))

    def row(self, *args: object) -> dict[str, Any]:
        rows: list[dict[str, Any]] = json.loads(self.run("list", "--json", *args)[1])
        return dict(rows[0]["signature"])


@pytest.fixture
def person(
    tmp_path: Path, instance: Instance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Person:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "person"))
    (tmp_path / "trust").write_bytes(trust_instance(instance.record))
    (tmp_path / "model.gguf").write_bytes(MODEL)
    return Person(tmp_path, capsys)


def sign(instance: Instance, payload: bytes) -> bytes:
    return sign_statement(instance, BUILD, payload)


def good(instance: Instance) -> bytes:
    return sign(instance, statement(ONE))


def refused_and_twin(person: Person, instance: Instance, bundle: bytes, reason: str, said: str) -> None:
    """The bundle keeps the model out; with an honest one in its place the same command lets it in."""
    place = person.folder / "model.sig"
    place.write_bytes(bundle)
    code, text = person.take(*person.named)
    assert (code, f"[{reason}]" in text, said in text) == (1, True, True), text
    assert person.nothing_entered(), list(person.cache.root.rglob("*"))
    place.write_bytes(good(instance))
    code, text = person.take(*person.named)
    assert (code, f"signed by {BUILDER}" in text) == (0, True), text
    assert person.cache.is_intact(DIGEST)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_signature_that_says_something_else_keeps_the_model_out(
    name: str, person: Person, instance: Instance
) -> None:
    make, reason, said = STATEMENTS[name]
    refused_and_twin(person, instance, sign(instance, make()), reason, said)


def test_a_file_that_was_signed_without_a_folder_is_taken(person: Person, instance: Instance) -> None:
    """Its name is a dot then; alone, that can stand for nothing else."""
    (person.folder / "model.sig").write_bytes(sign(instance, statement([(".", DIGEST.hex)])))
    assert person.take(*person.named)[0] == 0
    assert person.row(*person.named)["state"] == "signed"


def _signature_changed(raw: bytes) -> bytes:
    value = json.loads(raw)
    one = value["dsseEnvelope"]["signatures"][0]
    one["sig"] = one["sig"][:20] + ("A" if one["sig"][20] != "A" else "B") + one["sig"][21:]
    return json.dumps(value).encode()


def _payload_of(raw: bytes, other: bytes) -> bytes:
    value, donor = json.loads(raw), json.loads(other)
    value["dsseEnvelope"]["payload"] = donor["dsseEnvelope"]["payload"]
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (lambda raw, _: _signature_changed(raw), {"signature_invalid", "time_invalid", "entry_mismatch"}),
        (_payload_of, {"signature_invalid", "entry_mismatch"}),
        (lambda raw, _: raw[:-40], {"bundle_malformed"}),
        (lambda _raw, _: b"", {"bundle_malformed"}),
        (lambda raw, _: raw + b" " * (8 << 20), {"bad_format"}),
    ],
    ids=["signature", "payload", "cut", "empty", "endless"],
)
def test_a_changed_bundle_keeps_the_model_out(
    change: Callable[[bytes, bytes], bytes], reasons: set[str], person: Person, instance: Instance
) -> None:
    honest = good(instance)
    other = sign(instance, statement(ONE, ignore_paths=[]).replace(b'"tiny"', b'"tony"'))
    (person.folder / "model.sig").write_bytes(change(honest, other))
    code, text = person.take(*person.named)
    told = "larger than any honest" if "bad_format" in reasons else ""
    assert code == 1 and (any(f"[{one}]" in text for one in reasons) or (told and told in text)), text
    assert person.nothing_entered()
    (person.folder / "model.sig").write_bytes(honest)
    assert person.take(*person.named)[0] == 0


def test_another_signer_or_another_instance_keeps_the_model_out(
    person: Person, instance: Instance, stranger: Instance
) -> None:
    (person.folder / "model.sig").write_bytes(good(instance))
    trust = ["--trust-root", str(person.folder / "trust")]
    code, text = person.take(*trust, "--expect-identity", f"{BUILDER}2")
    assert (code, "[identity_mismatch]" in text, person.nothing_entered()) == (1, True, True), text
    (person.folder / "other").write_bytes(trust_instance(stranger.record))
    code, text = person.take("--trust-root", person.folder / "other", "--expect-identity", BUILDER)
    assert (code, "[log_unknown]" in text, person.nothing_entered()) == (1, True, True), text
    assert person.take(*trust, "--expect-identity", BUILDER)[0] == 0


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--trust-root", "trust"], 1, "[expectation_missing]"),
        (["--expect-identity", BUILDER], 5, "[material_missing]"),
        (["--require-signature", "--expect-identity", BUILDER], 5, "[material_missing]"),
        (["--trust-root", "absent", "--expect-identity", BUILDER], 5, "[material_missing]"),
        (["--trust-root", "model.gguf", "--expect-identity", BUILDER], 5, "[material_untrusted]"),
        (["--trust-root", "stale", "--expect-identity", BUILDER], 5, "[material_stale]"),
        (["--trust-root", "trust", "--public-good", "--expect-identity", BUILDER], 2, "two instances"),
        (["--public-good", "--expect-identity", BUILDER], 1, "[log_unknown]"),
    ],
)
def test_half_of_what_a_check_takes_is_no_check(
    options: list[str], code: int, said: str, person: Person, instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(person.folder)
    old = json.loads(trust_instance(instance.record))
    (person.folder / "stale").write_text(
        json.dumps({**old, "expires": (datetime.now(UTC) - timedelta(days=1)).isoformat()})
    )
    (person.folder / "model.sig").write_bytes(good(instance))
    found, text = person.take(*options)
    assert (found, said in text, person.nothing_entered()) == (code, True, True), text
    assert person.take(*person.named)[0] == 0


def test_a_missing_signature_is_refused_only_where_one_is_required(
    person: Person, instance: Instance
) -> None:
    code, text = person.take(*person.named, "--require-signature")
    assert (code, "[statement_missing]" in text, person.nothing_entered()) == (1, True, True), text
    assert person.take(*person.named)[0] == 0
    assert person.row() == {"state": "unsigned", "signer": None, "why": None}
    code, text = person.run("verify", *person.named, "--require-signature")
    assert (code, "[statement_missing]" in text) == (1, True), text
    assert person.run("verify", *person.named)[0] == 0
    (person.folder / "model.sig").write_bytes(good(instance))
    assert person.take(*person.named, "--require-signature")[0] == 0
    assert person.run("verify", *person.named, "--require-signature")[0] == 0


def test_a_signature_nobody_checked_is_kept_and_said_to_be_unchecked(
    person: Person, instance: Instance
) -> None:
    (person.folder / "model.gguf.sigstore.json").write_bytes(good(instance))
    code, text = person.take()
    assert (code, "signature not checked: no trust instance was named" in text) == (0, True), text
    assert person.row()["state"] == "not checked"
    assert person.run("verify")[0] == 0 and person.row()["state"] == "not checked"
    code, text = person.run("verify", *person.named)
    assert (code, f"signed by {BUILDER}" in text) == (0, True), text
    assert (person.row()["state"], person.row()["signer"]) == ("signed", BUILDER)


def test_what_is_kept_is_checked_again_and_a_note_counts_for_its_own_bundle_only(
    person: Person, instance: Instance
) -> None:
    (person.folder / "model.sig").write_bytes(good(instance))
    assert person.take(*person.named)[0] == 0
    kept = person.cache.root / DIGEST.hex / "model.sig"
    kept.unlink()
    kept.write_bytes(sign(instance, statement([("model.gguf", OTHER.hex)])))
    assert person.row()["state"] == "not checked", "the note is about another bundle"
    assert person.row(*person.named)["state"] == "refused"
    code, text = person.run("verify", *person.named)
    assert (code, "[subject_mismatch]" in text) == (1, True), text
    kept.write_bytes(good(instance))
    assert person.run("verify", *person.named)[0] == 0


def test_a_file_that_nobody_signed_in_the_entry_is_a_finding(person: Person, instance: Instance) -> None:
    (person.folder / "model.sig").write_bytes(good(instance))
    assert person.take(*person.named)[0] == 0
    more = person.cache.root / DIGEST.hex / "adapter.gguf"
    more.write_bytes(b"more")
    code, text = person.run("verify", *person.named)
    assert (code, "adapter.gguf [subject_mismatch]" in text) == (1, True), text
    more.unlink()
    assert person.run("verify", *person.named)[0] == 0


def test_a_bad_signature_does_not_displace_a_model_and_signature_that_are_here(
    person: Person, instance: Instance
) -> None:
    place = person.folder / "model.sig"
    place.write_bytes(good(instance))
    assert person.take(*person.named)[0] == 0
    place.write_bytes(sign(instance, statement([("model.gguf", OTHER.hex)])))
    for more in ((), ("--expect", DIGEST)):
        code, text = person.take(*person.named, *more)
        assert (code, "[subject_mismatch]" in text) == (1, True), text
    assert person.take()[0] == 0, "nobody asked"
    assert person.row(*person.named)["state"] == "signed"


def test_a_recalled_signer_keeps_the_model_out(
    person: Person, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lists(signer: str) -> Callable[..., object]:
        entry = {"id": "R1", "severity": "block", "kind": "compromise", "reason": "stolen", "time": 0.0}
        listed = Listed(
            format="locara-revocations/2",
            seq=1,
            updated=0.0,
            entries=[Entry.model_validate({**entry, "signer": signer})],
        )
        return lambda _state, now: recalled_by(Known(listed), now=now)

    (person.folder / "model.sig").write_bytes(good(instance))
    monkeypatch.setattr(followed, "recalled_here", lists(BUILDER))
    code, text = person.take(*person.named)
    assert (code, "[signer_revoked]" in text, person.nothing_entered()) == (1, True, True), text
    monkeypatch.setattr(followed, "recalled_here", lists(f"{BUILDER}2"))
    assert person.take(*person.named)[0] == 0


def _index(person: Person, **more: object) -> Path:
    entry = {
        "id": "tiny",
        "version": "1.0.0",
        "displayName": "Tiny",
        "license": "Apache-2.0",
        "modality": "text-to-text",
        "size": len(MODEL),
        "sha256": DIGEST.hex,
        "urls": ["model.gguf"],
        **more,
    }
    place = person.folder / "index.json"
    place.write_text(json.dumps({"schema": "locara-models/1", "models": [entry]}))
    return place


def test_pull_checks_the_signature_that_the_index_names(person: Person, instance: Instance) -> None:
    pin, index = f"tiny@{DIGEST}", _index(person, signature="tiny.sigstore.json")
    signature = person.folder / "tiny.sigstore.json"
    pull = ("pull", pin, "--index", index, *person.named)
    code, text = person.run(*pull)
    assert (code, person.nothing_entered()) == (1, True), "named and not there"
    signature.write_bytes(sign(instance, statement([("model.gguf", OTHER.hex)])))
    code, text = person.run(*pull)
    assert (code, "[subject_mismatch]" in text, person.nothing_entered()) == (1, True, True), text
    signature.write_bytes(good(instance))
    code, text = person.run(*pull)
    assert (code, f"signed by {BUILDER}" in text) == (0, True), text
    assert person.row(*person.named)["state"] == "signed"


def test_pull_takes_an_unsigned_model_unless_a_signature_is_required(
    person: Person, instance: Instance
) -> None:
    pull = ("pull", f"tiny@{DIGEST}", "--index", _index(person))
    code, text = person.run(*pull, *person.named, "--require-signature")
    assert (code, "[statement_missing]" in text, person.nothing_entered()) == (1, True, True), text
    assert person.run(*pull, *person.named)[0] == 0
    assert person.row()["state"] == "unsigned"
    _index(person, signature="tiny.sig")
    (person.folder / "tiny.sig").write_bytes(good(instance))
    code, text = person.run(*pull, *person.named, "--require-signature")
    assert (code, "in the cache, signed by" in text) == (0, True), text

"""Many builds that sign at once share the log's waits for the disk; each gets a bundle of its own that verifies."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sigstore.dsse import DigestSet, StatementBuilder, Subject
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

from fixtures.trust.world import BUILD, BUILDER, COMMIT, DIGEST, SOURCE, provenance_of
from locara.trust.attestation import Expectation, verify_strict
from locara.trust.bundle.instance import TrustInstance
from locara.trust.log_refusal import LogRefused
from locara_registry.home import Home
from locara_registry.trust.beginning import begin
from locara_registry.trust.instance import Instance, batched
from locara_registry.trust.key_files import FileKeys
from locara_registry.trust.record import Record
from locara_registry.trust.service import Service, serving
from locara_registry.trust.signing import sign_statement
from locara_registry.trust.trusted_root import client_config, trust_instance

WANT = Expectation(DIGEST, SOURCE, BUILDER, BUILDER, COMMIT)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    home = Home(tmp_path / "home")
    record = Record(
        name="trust.example",
        url="https://trust.example",
        issuer="https://ci.example",
        origin="trust.example/log",
    )
    begin(home, FileKeys(tmp_path / "roots"), record)
    made = Instance.open(home)
    yield made
    made.log.close()


def checkpoints(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the checkpoints that are published from now on."""
    sizes: list[int] = []
    log = type(instance.log)
    publish = log.publish

    def counted(self: object, *args: object) -> object:
        opened = publish(self, *args)  # type: ignore[arg-type]
        sizes.append(opened.size)
        return opened

    monkeypatch.setattr(log, "publish", counted)
    return sizes


def test_askers_share_checkpoints_and_each_bundle_holds(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = checkpoints(instance, monkeypatch)
    client = TrustInstance.read(trust_instance(instance.record))
    ready = threading.Barrier(12)

    def build(_: int) -> bytes:
        ready.wait()
        return sign_statement(shared, BUILD, provenance_of())

    with batched(instance, wait=0.3) as shared, ThreadPoolExecutor(12) as pool:
        bundles = list(pool.map(build, range(12)))
    places = set()
    for raw in bundles:
        found = verify_strict(raw, client, WANT, now=datetime.now(UTC), recalled=lambda _: None)
        places.add(found.signature.place.index)
    assert len(places) == 12
    assert 1 <= len(sizes) <= 6, "twelve entries were not twelve waits for the disk"


def test_alone_an_entry_is_public_at_once_and_after_the_end_nobody_is_served(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = checkpoints(instance, monkeypatch)
    sign_statement(instance, BUILD, provenance_of())
    assert sizes == [instance.log.size]
    with batched(instance, wait=0.01) as shared:
        sign_statement(shared, BUILD, provenance_of())
    with pytest.raises(LogRefused) as caught:
        sign_statement(shared, BUILD, provenance_of())
    assert caught.value.code == "closed"
    sign_statement(instance, BUILD, provenance_of())


def test_sigstores_own_client_signs_against_a_service_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Service()) as running:
        home = Home(tmp_path / "home")
        record = Record(
            name="trust.example", url=running.url, issuer=f"{running.url}/ci", origin="trust.example/log"
        )
        begin(home, FileKeys(tmp_path / "roots"), record)
        opened = Instance.open(home)
        sizes = checkpoints(opened, monkeypatch)
        with batched(opened, wait=0.3) as shared, ThreadPoolExecutor(6) as pool:
            running.instance = shared
            made = list(pool.map(lambda number: _signed(shared, number), range(6)))
        assert len(set(made)) == 6 and len(sizes) < 6
        opened.log.close()


def _signed(instance: Instance, number: int) -> int:
    """The place in the log of a signature that sigstore's client made."""
    config = ClientTrustConfig.from_json(json.dumps(client_config(instance.record)))
    token = IdentityToken(instance.identity.mint(BUILD))
    subject = Subject(name=f"file-{number}", digest=DigestSet(root={"sha256": DIGEST.hex}))
    statement = (
        StatementBuilder()
        .subjects([subject])
        .predicate_type("https://slsa.dev/provenance/v1")
        .predicate({"number": number})
        .build()
    )
    with SigningContext.from_trust_config(config).signer(token) as signer:
        return int(signer.sign_dsse(statement).log_entry._inner.log_index)

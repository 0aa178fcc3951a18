"""Sigstore's own signer against our instance, over real HTTP; and what the instance refuses to sign."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sigstore.dsse import Statement
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

from fixtures.trust.world import ARTIFACT, BUILD, BUILDER, COMMIT, DIGEST, SOURCE, provenance_of
from locara.trust.attestation import Attestation, Expectation, verify_strict
from locara.trust.bundle.instance import TrustInstance
from locara.trust.bundle.verify import verify_artifact
from locara.trust.refusal import Reason, TrustError
from locara_registry.home import Home
from locara_registry.trust.beginning import begin
from locara_registry.trust.identity import IdentityService, said
from locara_registry.trust.instance import Instance
from locara_registry.trust.key_files import FileKeys
from locara_registry.trust.moments import SYSTEM
from locara_registry.trust.record import Record, Role
from locara_registry.trust.service import Service, serving
from locara_registry.trust.setup import Setup
from locara_registry.trust.signing import log_request, sign_statement
from locara_registry.trust.trusted_root import client_config, trust_instance

WANT = Expectation(DIGEST, SOURCE, BUILDER, BUILDER, COMMIT)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("instance")
    with serving(Service()) as running:
        record = Record(
            name="trust.example", url=running.url, issuer=f"{running.url}/ci", origin="trust.example/log"
        )
        home = Home(folder / "home")
        begin(home, FileKeys(folder / "roots"), record)
        running.instance = Instance.open(home)
        yield running
        running.instance.log.close()


@pytest.fixture
def instance(service: Service) -> Instance:
    assert service.instance is not None
    return service.instance


def verify(raw: bytes, instance: Instance) -> Attestation:
    client = TrustInstance.read(trust_instance(instance.record))
    return verify_strict(raw, client, WANT, now=now(), recalled=lambda _: None)


def config(instance: Instance) -> ClientTrustConfig:
    return ClientTrustConfig.from_json(json.dumps(client_config(instance.record)))


def test_sigstores_own_signer_signs_a_statement_that_we_believe(instance: Instance) -> None:
    token = IdentityToken(instance.identity.mint(BUILD))
    with SigningContext.from_trust_config(config(instance)).signer(token) as signer:
        raw = signer.sign_dsse(Statement(provenance_of())).to_json().encode()
    believed = verify(raw, instance)
    assert believed.signer.invocation == BUILD.invocation
    assert believed.signature.place.origin == "trust.example/log"
    entry = instance.log.entry(believed.signature.place.index)
    assert json.loads(entry)["kind"] == "hashedrekord"
    logged = json.loads(instance.log.entry(believed.signature.place.index - 1))
    assert logged["kind"] == "precertificate"  # what the certificate's timestamp promises


def test_a_file_signed_directly_is_believed_too(instance: Instance) -> None:
    token = IdentityToken(instance.identity.mint(BUILD))
    with SigningContext.from_trust_config(config(instance)).signer(token) as signer:
        raw = signer.sign_artifact(ARTIFACT).to_json().encode()
    client = TrustInstance.read(trust_instance(instance.record))
    assert verify_artifact(raw, DIGEST, client, now=now()).signer.identity == BUILDER
    with pytest.raises(TrustError) as caught:
        verify_artifact(raw, replace(DIGEST, hex="0" * 64), client, now=now())
    assert caught.value.reason is Reason.SUBJECT_MISMATCH


def test_signing_in_the_process_gives_the_same(instance: Instance) -> None:
    assert verify(sign_statement(instance, BUILD, provenance_of()), instance).signer.commit == COMMIT


def request(key: ec.EllipticCurvePrivateKey | None = None) -> x509.CertificateSigningRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


FORGED = {
    "expired": lambda one: replace(one, moments=replace(SYSTEM, now=lambda: now() - timedelta(minutes=6))),
    "of-tomorrow": lambda one: replace(
        one, moments=replace(SYSTEM, now=lambda: now() + timedelta(minutes=6))
    ),
    "another-issuer": lambda one: replace(one, url=f"{one.url}2"),
    "another-key": lambda one: replace(one, key=ec.generate_private_key(ec.SECP256R1())),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_token_that_is_not_good_gets_no_certificate(name: str, instance: Instance) -> None:
    forger: IdentityService = FORGED[name](instance.identity)
    size = instance.log.size
    with pytest.raises(TrustError) as caught:
        instance.certify(request(), forger.mint(BUILD))
    assert caught.value.reason is Reason.IDENTITY_MISMATCH
    assert instance.log.size == size, "nothing was promised"
    assert instance.certify(request(), instance.identity.mint(BUILD)).first.serial_number


def claims(instance: Instance) -> dict[str, object]:
    return jwt.decode(instance.identity.mint(BUILD), options={"verify_signature": False})


CLAIMS = {
    "no-audience": {"aud": None},
    "another-audience": {"aud": "other"},
    "no-end": {"exp": None},
    "no-start": {"nbf": None},
    "too-long": {"exp": 4102444800},
    "no-build": {"locara_build": None},
    "another-subject": {"sub": "https://git.locara.example/evil/notes@refs/heads/main"},
    "build-with-more": {"locara_build": {**BUILD.model_dump(exclude_none=True), "admin": "yes"}},
    "build-without-commit": {
        "locara_build": {k: v for k, v in BUILD.model_dump(exclude_none=True).items() if k != "commit"}
    },
    "commit-not-one": {"locara_build": {**BUILD.model_dump(exclude_none=True), "commit": "main"}},
    "builder-in-two-lines": {
        "locara_build": {**BUILD.model_dump(exclude_none=True), "builder": "https://a\nb"}
    },
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_that_say_too_much_or_too_little_are_refused(name: str, instance: Instance) -> None:
    said = {key: value for key, value in {**claims(instance), **CLAIMS[name]}.items() if value is not None}
    token = jwt.encode(said, instance.identity.key, algorithm="ES256")
    with pytest.raises(TrustError) as caught:
        instance.certify(request(), token)
    assert caught.value.reason is Reason.IDENTITY_MISMATCH
    assert (
        instance.identity.check(jwt.encode(claims(instance), instance.identity.key, algorithm="ES256"))
        == BUILD
    )


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_of_another_algorithm_is_refused(algorithm: str, instance: Instance) -> None:
    secret = "x" * 32 if algorithm == "HS256" else None
    token = jwt.encode(claims(instance), secret, algorithm=algorithm)
    with pytest.raises(TrustError) as caught:
        instance.identity.check(token)
    assert caught.value.reason is Reason.IDENTITY_MISMATCH


def test_only_keys_that_the_asker_holds_and_of_one_kind_are_certified(instance: Instance) -> None:
    token = instance.identity.mint(BUILD)
    with pytest.raises(TrustError) as caught:
        instance.certify(request(ec.generate_private_key(ec.SECP384R1())), token)
    assert caught.value.reason is Reason.SIGNATURE_INVALID
    good = request()
    der = bytearray(good.public_bytes(Encoding.DER))
    der[-1] ^= 1
    with pytest.raises(TrustError) as caught:
        instance.certify(x509.load_der_x509_csr(bytes(der)), token)
    assert caught.value.reason is Reason.SIGNATURE_INVALID
    instance.certify(good, token)


def test_the_log_takes_only_signatures_of_our_certificates(instance: Instance, tmp_path: Path) -> None:
    stranger = Home(tmp_path / "other")
    record = instance.record.model_copy(update={"parts": ()})
    begin(stranger, FileKeys(tmp_path / "roots"), record)
    key = ec.generate_private_key(ec.SECP256R1())
    digest = hashes.Hash(hashes.SHA256()).finalize()
    signature = key.sign(b"", ec.ECDSA(hashes.SHA256()))
    facts = said(BUILD, instance.identity.url)
    size = instance.log.size
    other = Instance.open(stranger)
    try:
        foreign = other.authority.issue(key.public_key(), BUILDER, facts, None)
    finally:
        other.log.close()
    with pytest.raises(TrustError) as caught:
        instance.enter(log_request(foreign, digest, signature))
    assert caught.value.reason is Reason.CERTIFICATE_CHAIN
    ours = instance.authority.issue(key.public_key(), BUILDER, facts, None)
    with pytest.raises(TrustError) as caught:
        instance.enter(log_request(ours, bytes(32), signature))
    assert caught.value.reason is Reason.SIGNATURE_INVALID
    with pytest.raises(TrustError) as caught:
        instance.enter({"hashedRekordRequestV002": {"digest": "AA=="}})
    assert caught.value.reason is Reason.STATEMENT_MALFORMED
    assert instance.log.size == size
    instance.enter(log_request(ours, digest, signature))
    assert instance.log.size == size + 1


def post(service: Service, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    asked = urllib.request.Request(f"{service.url}{path}", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/nowhere", b"{}", 404),
        ("/api/v2/signingCert", b"{}", 400),
        ("/api/v2/signingCert", b"not json", 400),
        ("/api/v2/log/entries", b"[]", 400),
        ("/api/v2/log/entries", b'{"a":1,"a":2}', 400),
        ("/timestamp", b"", 400),
        ("/timestamp", b"\x30\x03\x02\x01\x01", 400),
        ("/timestamp", bytes(5000), 400),
        ("/api/v2/log/entries", bytes(70_000), 413),
    ],
)
def test_the_service_answers_nonsense_with_an_error_and_goes_on(
    service: Service, path: str, body: bytes, status: int
) -> None:
    got, text = post(service, path, body)
    assert got == status
    assert "Traceback" not in text.decode() and json.loads(text)["message"]
    with urllib.request.urlopen(f"{service.url}/keys", timeout=10) as answer:
        assert json.loads(answer.read())["keys"][0]["alg"] == "ES256"


def test_what_a_retired_authority_signed_goes_on_verifying_and_new_things_come_from_the_new(
    tmp_path: Path,
) -> None:
    home, roots = Home(tmp_path / "home"), FileKeys(tmp_path / "roots", passphrase=b"offline")
    empty = Record(
        name="r.example", url="https://r.example", issuer="https://r.example/ci", origin="r.example/log"
    )
    record = begin(home, roots, empty)
    before = Instance.open(home)
    old = sign_statement(before, BUILD, provenance_of())
    before.log.close()
    for role in (Role.AUTHORITY, Role.CERTIFICATE_LOG, Role.TIMESTAMPS, Role.IDENTITY):
        record = Setup(home.keys, roots, SYSTEM).rotate(record, role)
    record.write(home.instance)
    after = Instance.open(home)
    try:
        new = sign_statement(after, BUILD, provenance_of())
        assert verify(old, after).signature.keys != verify(new, after).signature.keys
        dropped = record.model_copy(update={"parts": tuple(one for one in record.parts if one.until is None)})
        client = TrustInstance.read(trust_instance(dropped))
        with pytest.raises(TrustError):
            verify_strict(old, client, WANT, now=now(), recalled=lambda _: None)
        verify_strict(new, client, WANT, now=now(), recalled=lambda _: None)
    finally:
        after.log.close()
    with pytest.raises(TrustError) as caught:
        Setup(home.keys, roots, SYSTEM).rotate(record, Role.LOG)
    assert caught.value.reason is Reason.LOG_FORK

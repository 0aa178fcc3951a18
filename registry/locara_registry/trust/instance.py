"""An instance at work: it gives out certificates, logs signatures and stamps times, in this process.

The service (`service.py`) speaks for it over HTTP; the embedded pipeline calls it. Who may ask for what is decided
here and not in the service.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from locara.records import dataclass
from locara.trust.note_keys import ED25519, HeldKey
from locara.trust.refusal import Reason, TrustError
from locara_registry.home import Home
from locara_registry.trust import entries
from locara_registry.trust.authority import Authority, Chain
from locara_registry.trust.certificate_log import CertificateLog
from locara_registry.trust.identity import IdentityService, said
from locara_registry.trust.keys import Keys, PrivateKey, public_pem
from locara_registry.trust.log.batch import Batcher
from locara_registry.trust.log.log import Log, Receipt
from locara_registry.trust.moments import SYSTEM, Moments
from locara_registry.trust.record import Part, Record, Role
from locara_registry.trust.timestamps import TimestampService

PATIENCE: Final = 30.0
"""Seconds that an asker waits for the batch with its entry."""


@dataclass(frozen=True, slots=True)
class Instance:
    """All parts, with their keys open. Closed by closing its log.

    With ``batches`` the entries of many askers share one wait for the disk and one checkpoint (`batched`).
    """

    record: Record
    authority: Authority
    certificates: CertificateLog
    timestamps: TimestampService
    identity: IdentityService
    log: Log
    batches: Batcher | None = None

    @classmethod
    def open(cls, home: Home, *, moments: Moments = SYSTEM) -> Instance:
        """The instance that lives in a folder. Raises TrustError, and LogRefused for its log."""
        home.exists()
        record = Record.read(home.instance)
        key = log_key(record, home.keys)
        return cls.of(record, home.keys, Log.open(home.log, home.public_log, key), moments)

    @classmethod
    def of(cls, record: Record, keys: Keys, log: Log, moments: Moments) -> Instance:
        """An instance from its record, the keys that the record names, and its open log."""
        issuing, stamping = record.at_work(Role.AUTHORITY), record.at_work(Role.TIMESTAMPS)
        return cls(
            record,
            Authority(_curve(keys, issuing), _chain(issuing), moments),
            CertificateLog(
                _curve(keys, record.at_work(Role.CERTIFICATE_LOG)),
                lambda entry: log.append([entry])[0],
                moments,
            ),
            TimestampService(_curve(keys, stamping), _chain(stamping), moments),
            IdentityService(record.issuer, _curve(keys, record.at_work(Role.IDENTITY)), moments),
            log,
        )

    def certify(self, request: x509.CertificateSigningRequest, token: str) -> Chain:
        """A leaf for the key of a request, about the build that the token names, with those above it.

        Raises TrustError: `IDENTITY_MISMATCH` for a token that is not good, `SIGNATURE_INVALID` when the asker
        does not show that the key is theirs.
        """
        build = self.identity.check(token)
        public = request.public_key()
        if not request.is_signature_valid:
            raise TrustError(Reason.SIGNATURE_INVALID, "the request is not signed by the key it is for")
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise TrustError(Reason.SIGNATURE_INVALID, "certificates are for P-256 keys only")
        facts = said(build, self.identity.url)
        leaf = self.authority.issue(public, build.builder, facts, self.certificates.promise)
        return Chain((leaf, *self.authority.chain.certificates))

    def enter(self, request: dict[str, Any]) -> dict[str, Any]:
        """Log a signature, and answer as Rekor v2 does: the entry with its proof.

        Raises TrustError, and LogRefused for the log. Who waits longer than `PATIENCE` gets TimeoutError; the entry
        may be logged all the same, and asking again gives its place.
        """
        body = entries.body(request, self._issued)
        return self.answer(body, self.log.receipt(self._placed(body)))

    def _placed(self, body: bytes) -> int:
        """The index of an entry that is public now."""
        if self.batches is not None:
            return self.batches.submit(body).result(PATIENCE)
        index = self.log.append([body])[0]
        self.log.publish()
        return index

    def answer(self, body: bytes, receipt: Receipt) -> dict[str, Any]:
        """An entry and its proof, as bundles hold them."""
        return {
            "logIndex": str(receipt.index),
            "logId": {"keyId": _text(self.log.key.digest)},
            "kindVersion": dict(entries.KIND),
            "inclusionProof": {
                "logIndex": str(receipt.index),
                "rootHash": _text(receipt.root),
                "treeSize": str(receipt.size),
                "hashes": [_text(one) for one in receipt.hashes],
                "checkpoint": {"envelope": receipt.checkpoint.raw.decode()},
            },
            "canonicalizedBody": _text(body),
        }

    def _issued(self, certificate: x509.Certificate) -> bool:
        for part in self.record.of(Role.AUTHORITY):
            try:
                certificate.verify_directly_issued_by(_chain(part).first)
            except Exception:  # noqa: S112 - whatever is wrong, it is not of this authority
                continue
            return True
        return False


@contextmanager
def batched(instance: Instance, *, wait: float = 0.05) -> Iterator[Instance]:
    """The same instance for many askers at once: the first entry of a batch waits this many seconds for others.

    What was asked for is finished before the block is left.
    """
    batcher = Batcher(instance.log, wait=wait)
    try:
        yield replace(instance, batches=batcher)
    finally:
        batcher.close()


def log_key(record: Record, keys: Keys) -> HeldKey:
    """The key that signs checkpoints, wherever it is kept. Raises TrustError."""
    key = _opened(keys, record.at_work(Role.LOG))
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise TrustError(Reason.MATERIAL_UNTRUSTED, "the key of the log is of another kind")
    return HeldKey(record.origin, ED25519, key)


def _opened(keys: Keys, part: Part) -> PrivateKey:
    """The key of a part, which is the one that was published for it."""
    key = keys.open(part.key)
    if public_pem(key) != part.public:
        raise TrustError(
            Reason.MATERIAL_UNTRUSTED, f"the private key {part.key} is not the one that is published"
        )
    return key


def _curve(keys: Keys, part: Part) -> ec.EllipticCurvePrivateKey:
    key = _opened(keys, part)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TrustError(Reason.MATERIAL_UNTRUSTED, f"the key {part.key} is of another kind")
    return key


def _chain(part: Part) -> Chain:
    return Chain(tuple(x509.load_pem_x509_certificate(one.encode()) for one in part.chain))


def pem(chain: Chain) -> list[str]:
    """The certificates of a chain as PEM."""
    return [one.public_bytes(Encoding.PEM).decode() for one in chain.certificates]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

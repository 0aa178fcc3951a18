"""From the bytes of a bundle to who signed what and when; or a refusal with its reason.

The verifier of sigstore-python does the cryptography, unmodified and offline. Around it stand the checks that it
leaves to its caller: see docs/trust.md for the list, and what an attacker could do without each.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from locara.core.digest import Digest
from locara.records import dataclass
from locara.trust.bundle import clock, library
from locara.trust.bundle.certificate import Signer, spki_of
from locara.trust.bundle.entry import LogPlace, SeenEntry, check_place, log_of
from locara.trust.bundle.instance import TrustInstance
from locara.trust.bundle.unchecked import parse_bundle
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import read_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography.x509 import Certificate
    from cryptography.x509.certificate_transparency import SignedCertificateTimestamp
    from sigstore.models import Bundle
    from sigstore.verify.verifier import Verifier

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that holds: by whom, at which trusted times, logged where, by which instance.

    ``keys`` are all that vouch for it, as SHA-256 of their DER: of the authority and those above it, of the log, of the
    logs that promised to show the certificate, and of whoever said when it was.
    """

    instance: str
    signer: Signer
    times: tuple[datetime, ...]
    place: LogPlace
    keys: frozenset[str]

    @property
    def time(self) -> datetime:
        """The earliest trusted time of the signature."""
        return min(self.times)


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """The signed bytes of a statement, not yet read, with their signature."""

    signature: Signature
    payload_type: str
    payload: bytes


def verify_payload(
    raw: bytes,
    instance: TrustInstance,
    *,
    now: datetime,
    judge: Callable[[Signer], None] | None = None,
) -> SignedPayload:
    """The payload of a bundle that holds a signed statement.

    ``judge`` may refuse the signer. No network is touched. Raises TrustError, and nothing else.
    """
    run = _Run(instance, now, judge)
    (kind, payload), signature = run.through(raw, library.statement)
    return SignedPayload(signature, kind, payload)


def verify_artifact(
    raw: bytes,
    digest: Digest,
    instance: TrustInstance,
    *,
    now: datetime,
    judge: Callable[[Signer], None] | None = None,
) -> Signature:
    """The signature of a bundle that signs a file directly, without a statement. Raises TrustError."""

    def sign(verifier: Verifier, bundle: Bundle, signers: library.Signers) -> None:
        library.artifact(verifier, bundle, signers, bytes.fromhex(digest.hex))

    _, signature = _Run(instance, now, judge).through(raw, sign)
    return signature


@dataclass(frozen=True, slots=True)
class _Run:
    """One verification against one instance."""

    instance: TrustInstance
    now: datetime
    judge: Callable[[Signer], None] | None

    def through(
        self, raw: bytes, content: Callable[[Verifier, Bundle, library.Signers], _Result]
    ) -> tuple[_Result, Signature]:
        """All checks in order. Whatever goes wrong is a TrustError."""
        try:
            return self._through(raw, content)
        except TrustError:
            raise
        except Exception as error:
            raise library.refused(error) from error

    def _through(
        self, raw: bytes, content: Callable[[Verifier, Bundle, library.Signers], _Result]
    ) -> tuple[_Result, Signature]:
        self.instance.fresh(self.now)
        bundle = load_bundle(raw)
        entry = _entry(bundle)
        log = log_of(entry, self.instance)
        signer = Signer.of(bundle.signing_certificate)
        stamps = self._stamps(bundle)
        times = self._times(stamps, entry)
        result = self._accept(bundle, times, content)
        place = check_place(entry, log, self.instance, self.now)
        if not all(log.window.holds(time) for time in times):
            raise TrustError(Reason.LOG_RETIRED, f"the log {place.origin} was not in use at that time")
        above = self.instance.vouching(bundle.signing_certificate)
        _in_force(above.values(), times)
        for stamp in stamps:
            _in_force(stamp.chain, (stamp.time,))
        keys = {log.spki, *above}
        keys |= {spki_of(one) for stamp in stamps for one in stamp.chain}
        keys |= {one.log_id.hex() for one in _promises(bundle.signing_certificate)}
        return result, Signature(self.instance.name, signer, times, place, frozenset(keys))

    def _stamps(self, bundle: Bundle) -> tuple[clock.Stamp, ...]:
        data = bundle.verification_material.timestamp_verification_data
        tokens = () if data is None else data.rfc3161_timestamps
        _, root = self.instance.whole()
        return clock.stamped(tokens, bundle.signature, root)

    def _times(self, stamps: tuple[clock.Stamp, ...], entry: SeenEntry) -> tuple[datetime, ...]:
        times = tuple(one.time for one in stamps)
        if entry.promised and entry.integrated_time is not None:
            times = (*times, clock.integrated(entry.integrated_time))
        return clock.settle(times, self.now)

    def _accept(
        self,
        bundle: Bundle,
        times: tuple[datetime, ...],
        content: Callable[[Verifier, Bundle, library.Signers], _Result],
    ) -> _Result:
        """Ask the library with what was in use then; if it refuses, say whether that was only retired."""
        signers = library.Signers(self._judge)
        issued = _issued(bundle.signing_certificate) or times
        verifier, _ = self.instance.verifier_at(times, issued)
        try:
            return content(verifier, bundle, signers)
        except TrustError as error:
            retired = {
                Reason.CERTIFICATE_CHAIN: Reason.AUTHORITY_RETIRED,
                Reason.CERTIFICATE_SCT: Reason.LOG_RETIRED,
                Reason.CHECKPOINT_SIGNATURE: Reason.LOG_RETIRED,
            }.get(error.reason)
            whole, _ = self.instance.whole()
            if retired is None or whole is verifier or not _accepts(whole, bundle, signers, content):
                raise
            raise TrustError(retired, "it was signed after its authority or log had been retired") from error

    def _judge(self, certificate: Certificate) -> None:
        signer = Signer.of(certificate)
        if signer.issuer not in self.instance.issuers:
            raise TrustError(
                Reason.ISSUER_MISMATCH,
                f"{self.instance.name} may not vouch for signers of {signer.issuer or 'no service'}",
            )
        if self.judge is not None:
            self.judge(signer)


def load_bundle(raw: bytes) -> Bundle:
    """The bundle in these bytes, which have one meaning. Raises TrustError."""
    parse_bundle(raw)
    return library.load(raw)


def _entry(bundle: Bundle) -> SeenEntry:
    seen = json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"][0]
    return read_model(seen, SeenEntry, "log entry", Reason.BUNDLE_MALFORMED)


def _in_force(certificates: Iterable[Certificate], times: tuple[datetime, ...]) -> None:
    """Raise TrustError `CERTIFICATE_CHAIN` unless each was valid at each time: the library asks that of no root, and of
    nothing that it trusts as it is."""
    for one in certificates:
        if not all(one.not_valid_before_utc <= time <= one.not_valid_after_utc for time in times):
            raise TrustError(
                Reason.CERTIFICATE_CHAIN,
                f"a certificate that vouches for it ({one.subject.rfc4514_string()[:120]}) was not valid at that time",
            )


def _issued(certificate: Certificate) -> tuple[datetime, ...]:
    """When certificate logs were shown the certificate, by the timestamps in it."""
    try:
        return tuple(one.timestamp.replace(tzinfo=UTC) for one in _promises(certificate))
    except (ValueError, OverflowError) as error:
        raise TrustError(Reason.CERTIFICATE_FIELDS, f"the time of a certificate log: {error}") from error


def _promises(certificate: Certificate) -> tuple[SignedCertificateTimestamp, ...]:
    """What certificate logs promised. The id of such a log is the SHA-256 of its key (RFC 6962, 3.2)."""
    from cryptography import x509  # noqa: PLC0415 - loaded with the verifier

    try:
        found = certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value)


def _accepts(
    verifier: Verifier,
    bundle: Bundle,
    signers: library.Signers,
    content: Callable[[Verifier, Bundle, library.Signers], object],
) -> bool:
    try:
        content(verifier, bundle, signers)
    except TrustError:
        return False
    return True

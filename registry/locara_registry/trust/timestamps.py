"""The timestamp service (RFC 3161): a signed word on when these bytes were there."""

from __future__ import annotations

import hashlib
from typing import Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec

from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError
from locara_registry.trust.authority import Chain
from locara_registry.trust.moments import Moments

POLICY: Final = "1.3.6.1.4.1.57264.2"
MAX_REQUEST: Final = 4096
_LENGTHS: Final = {"sha256": 32, "sha384": 48, "sha512": 64}


@dataclass(frozen=True, slots=True)
class TimestampService:
    """Signs with the first key of its chain. It sees hashes only."""

    key: ec.EllipticCurvePrivateKey
    chain: Chain
    moments: Moments

    def answer(self, request: bytes) -> bytes:
        """The response to a DER request. Raises TrustError `TIME_INVALID` for what is no proper request."""
        if len(request) > MAX_REQUEST:
            raise TrustError(Reason.TIME_INVALID, "the request for a timestamp is too large")
        try:
            asked = tsp.TimeStampReq.load(request, strict=True)
            imprint = asked["message_imprint"]
            name = imprint["hash_algorithm"]["algorithm"].native
            hashed = imprint["hashed_message"].native
            nonce = asked["nonce"].native
        except (ValueError, TypeError, KeyError) as error:
            raise TrustError(Reason.TIME_INVALID, "this is no request for a timestamp") from error
        if _LENGTHS.get(name) != len(hashed):
            raise TrustError(Reason.TIME_INVALID, f"a timestamp is made over a SHA-2 hash, not {name!r}")
        return self._granted(imprint, nonce)

    def stamp(self, message: bytes) -> bytes:
        """The response over a message, without a request."""
        hashed = {
            "hash_algorithm": {"algorithm": "sha256"},
            "hashed_message": hashlib.sha256(message).digest(),
        }
        return self._granted(tsp.MessageImprint(hashed), None)

    def _granted(self, imprint: tsp.MessageImprint, nonce: int | None) -> bytes:
        now = self.moments.second()
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": POLICY,
                "message_imprint": imprint,
                "serial_number": self.moments.serial(),
                "gen_time": now,
                **({} if nonce is None else {"nonce": nonce}),
            }
        )
        certificate = asn1_x509.Certificate.load(self.chain.der[0])
        issued = tsp.SigningCertificateV2(
            {"certs": [tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(certificate.dump()).digest()})]}
        )
        attributes = cms.CMSAttributes(
            [
                _attribute("content_type", "tst_info"),
                _attribute("signing_time", cms.Time({"utc_time": now})),
                _attribute("message_digest", hashlib.sha256(info.dump()).digest()),
                _attribute("signing_certificate_v2", issued),
            ]
        )
        content = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": cms.EncapsulatedContentInfo(
                    {"content_type": "tst_info", "content": core.ParsableOctetString(info.dump())}
                ),
                "certificates": [cms.CertificateChoices("certificate", certificate)],
                "signer_infos": [self._signer(certificate, attributes)],
            }
        )
        token = cms.ContentInfo({"content_type": "signed_data", "content": content})
        status = tsp.PKIStatusInfo({"status": "granted"})
        response: bytes = tsp.TimeStampResp({"status": status, "time_stamp_token": token}).dump()
        return response

    def _signer(self, certificate: asn1_x509.Certificate, attributes: cms.CMSAttributes) -> cms.SignerInfo:
        place = cms.IssuerAndSerialNumber(
            {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        )
        return cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier("issuer_and_serial_number", place),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
                "signature": self.moments.sign(self.key, attributes.dump()),
            }
        )


def _attribute(kind: str, value: object) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": kind, "values": [value]})

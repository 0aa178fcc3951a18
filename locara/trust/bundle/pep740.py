"""Attestations as a Python package index gives them (PEP 740), read into the bundles that they were made from.

An attestation object holds what a Sigstore bundle holds, in other places, without timestamps of an authority: the
time is the log's own. A provenance object is a list of them by publisher. What the index says about a publisher is
signed by nobody, so it is compared with the certificate and believed only where both agree.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from locara.core.strict_json import JSON
from locara.records import dataclass
from locara.trust.bundle.certificate import Signer
from locara.trust.bundle.unchecked import parse_bundle
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import Text, read_model

MAX_ATTESTATIONS: Final = 32
_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_STATEMENT: Final = "application/vnd.in-toto+json"
_BAD: Final = Reason.BUNDLE_MALFORMED
_FORGES: Final = {
    # kind of publisher: its identity service, its host, where the file of a workflow lies, the field that names it
    "GitHub": (
        "https://token.actions.githubusercontent.com",
        "https://github.com/",
        "/.github/workflows/",
        "workflow",
    ),
    "GitLab": ("https://gitlab.com", "https://gitlab.com/", "//", "workflow_filepath"),
}


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who published it, by the index's own word: the kind of service, and its fields as they are written."""

    kind: str
    fields: dict[str, JSON]

    @property
    def compared(self) -> bool:
        """True when this version knows how a certificate must look for this kind."""
        return self.kind in _FORGES or self.kind == "Google"

    def check(self, signer: Signer) -> None:
        """Raise TrustError unless a certificate names this publisher. Other kinds are not compared.

        `ISSUER_MISMATCH`, `SOURCE_MISMATCH`, `BUILDER_MISMATCH`, `IDENTITY_MISMATCH`, `BUNDLE_MALFORMED`.
        """
        if self.kind == "Google":
            self._same("https://accounts.google.com", signer.issuer, Reason.ISSUER_MISMATCH)
            self._same(self._field("email"), signer.identity, Reason.IDENTITY_MISMATCH)
        elif self.kind in _FORGES:
            issuer, host, folder, field = _FORGES[self.kind]
            source = host + self._field("repository")
            file = f"{source}{folder}{self._field(field)}@"
            self._same(issuer, signer.issuer, Reason.ISSUER_MISMATCH)
            self._same(source, signer.source, Reason.SOURCE_MISMATCH)
            # The index knows the file of the workflow, and the certificate at which commit or ref it was run.
            if signer.config not in {file + at for at in (signer.commit, signer.ref) if at}:
                raise TrustError(
                    Reason.BUILDER_MISMATCH,
                    f"the index says it was published by {file}…, the certificate {signer.config or 'nothing'}",
                )

    def _field(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise TrustError(_BAD, f"the publisher of kind {self.kind} has no {name}")
        return value

    def _same(self, told: str, found: str | None, reason: Reason) -> None:
        if told != found:
            raise TrustError(reason, f"the index says it was published by {told}, the certificate {found}")


@dataclass(frozen=True, slots=True)
class Indexed:
    """One attestation of an index: the Sigstore bundle it is, and who published it where the object says so."""

    bundle: bytes
    publisher: Publisher | None


def indexed_in(raw: bytes) -> tuple[Indexed, ...]:
    """Every attestation in an attestation or provenance object; none when these bytes are neither.

    Raises TrustError `BUNDLE_MALFORMED`, `BUNDLE_TOO_LARGE`, `ENTRY_COUNT`.
    """
    value = parse_bundle(raw)
    if not isinstance(value, dict) or "mediaType" in value:
        return ()
    if "attestation_bundles" in value:
        return _of_provenance(value)
    if "verification_material" in value:
        return (Indexed(_bundle(read_model(value, _Attestation, "attestation", _BAD)), None),)
    return ()


def _of_provenance(value: JSON) -> tuple[Indexed, ...]:
    read = read_model(value, _Provenance, "provenance of the index", _BAD)
    found = tuple(
        Indexed(_bundle(one), Publisher(group.publisher.kind, dict(group.publisher.model_extra or {})))
        for group in read.attestation_bundles
        for one in group.attestations
    )
    if len(found) > MAX_ATTESTATIONS:
        raise TrustError(_BAD, f"there are more than {MAX_ATTESTATIONS} attestations")
    return found


def _bundle(one: _Attestation) -> bytes:
    """The bytes of the bundle that says the same."""
    entries = one.verification_material.transparency_entries
    if len(entries) != 1:
        raise TrustError(Reason.ENTRY_COUNT, f"the attestation names {len(entries)} log entries, not one")
    value = {
        "mediaType": _MEDIA_TYPE,
        "verificationMaterial": {
            "certificate": {"rawBytes": one.verification_material.certificate},
            "tlogEntries": entries,
        },
        "dsseEnvelope": {
            "payload": one.envelope.statement,
            "payloadType": _STATEMENT,
            "signatures": [{"sig": one.envelope.signature}],
        },
    }
    return json.dumps(value).encode()


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Material(_Part):
    certificate: str
    transparency_entries: list[dict[str, Any]]


class _Envelope(_Part):
    statement: str
    signature: str


class _Attestation(_Part):
    version: Literal[1]
    verification_material: _Material
    envelope: _Envelope


class _Publisher(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    kind: Text


class _Group(_Part):
    publisher: _Publisher
    attestations: Annotated[list[_Attestation], Field(min_length=1)]


class _Provenance(_Part):
    version: Literal[1]
    attestation_bundles: Annotated[list[_Group], Field(min_length=1)]

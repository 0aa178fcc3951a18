"""The in-toto statement itself: these files, this kind of predicate, this predicate."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from locara.core.digest import Digest
from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement import contents, model_signature, provenance, publication, summary, test_result
from locara.trust.statement.reading import Part, read_json, read_model

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"

Predicate: TypeAlias = (
    provenance.Provenance
    | summary.Summary
    | test_result.TestResult
    | contents.Contents
    | model_signature.ModelSignature
    | publication.Publication
)

KINDS: Final[dict[str, tuple[type[Predicate], str]]] = {
    provenance.TYPE: (provenance.Provenance, "build provenance"),
    summary.TYPE: (summary.Summary, "verification summary"),
    test_result.TYPE: (test_result.TestResult, "results of checks"),
    contents.TYPE: (contents.Contents, "bill of materials"),
    model_signature.TYPE: (model_signature.ModelSignature, "signature of a model"),
    publication.TYPE: (publication.Publication, "publication on a package index"),
}
"""The predicate types that are read: nothing else is accepted. With what each is called."""


class _Subject(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    name: str = ""
    digest: Annotated[dict[str, str], Field(min_length=1)]


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[list[_Subject], Field(min_length=1, max_length=100_000)]
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A file by name and SHA-256. The name is the signer's word; the digest is what binds."""

    name: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was read whole. ``digest`` is over the signed bytes."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Predicate
    digest: Digest

    @classmethod
    def parse(cls, payload_type: str, payload: bytes) -> Statement:
        """The statement in a signed payload.

        Raises TrustError: `PAYLOAD_TYPE`, `STATEMENT_MALFORMED`, `PREDICATE_TYPE`, `PREDICATE_MALFORMED`,
        `SUBJECT_MISMATCH` for a model whose files are not its subject.
        """
        if payload_type != PAYLOAD_TYPE:
            raise TrustError(Reason.PAYLOAD_TYPE, f"the signed bytes are of type {payload_type[:80]!r}")
        value = read_json(payload, "statement", Reason.STATEMENT_MALFORMED)
        envelope = read_model(value, _Envelope, "statement", Reason.STATEMENT_MALFORMED)
        kind = KINDS.get(envelope.predicate_type)
        if kind is None:
            raise TrustError(Reason.PREDICATE_TYPE, f"the statement is a {envelope.predicate_type[:80]!r}")
        predicate = read_model(
            envelope.predicate or {}, kind[0], f"predicate of the {kind[1]}", Reason.PREDICATE_MALFORMED
        )
        subjects = tuple(map(_subject, envelope.subject))
        if isinstance(predicate, model_signature.ModelSignature):
            predicate.check(one.digest.hex for one in subjects)
        return cls(subjects, envelope.predicate_type, predicate, Digest(hashlib.sha256(payload).hexdigest()))

    @property
    def kind(self) -> str:
        """What the statement is called."""
        return KINDS[self.predicate_type][1]

    def names(self, digest: Digest) -> bool:
        """True when a subject has this SHA-256."""
        return any(one.digest == digest for one in self.subjects)


def _subject(written: _Subject) -> Subject:
    try:
        return Subject(written.name, Digest(written.digest["sha256"]))
    except KeyError as error:
        raise TrustError(
            Reason.STATEMENT_MALFORMED, f"the subject {written.name[:80]!r} has no SHA-256"
        ) from error
    except ValueError as error:
        raise TrustError(
            Reason.STATEMENT_MALFORMED, f"the subject {written.name[:80]!r} has a SHA-256 that is none"
        ) from error


def write_statement(subjects: list[Subject], predicate: Predicate | dict[str, Any], kind: str) -> bytes:
    """The statement as bytes to sign: the same values give the same bytes."""
    body = predicate.as_json() if isinstance(predicate, Part) else predicate
    value = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": one.name, "digest": {"sha256": one.digest.hex}} for one in subjects],
        "predicateType": kind,
        "predicate": body,
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

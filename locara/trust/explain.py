"""An attestation in plain words: what it says, who signed it, when, and where that is on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from locara.core.strict_json import JSON
from locara.trust.attestation import Attestation, Expectation
from locara.trust.bundle.certificate import Signer
from locara.trust.bundle.pep740 import Publisher
from locara.trust.statement.contents import Contents
from locara.trust.statement.model_signature import ModelSignature
from locara.trust.statement.provenance import Provenance
from locara.trust.statement.publication import Publication
from locara.trust.statement.statement import Statement
from locara.trust.statement.summary import LOCAL_ONLY, Summary
from locara.trust.statement.test_result import TestResult

Lines = list[tuple[str, str]]
_FEW: Final = 5


def statement_lines(statement: Statement) -> Lines:
    """What a statement says, as (label, text)."""
    about = [f"{one.name or 'a file'} (sha256:{one.digest.hex})" for one in statement.subjects[:_FEW]]
    lines = [("about", text) for text in about]
    if len(statement.subjects) > _FEW:
        lines.append(("about", f"and {len(statement.subjects) - _FEW} more files"))
    say = cast("Callable[[Any], Lines]", _WORDS[type(statement.predicate)])
    return [("kind", statement.kind), *lines, *say(statement.predicate)]


def signer_lines(signer: Signer) -> Lines:
    """Who a certificate names, as (label, text)."""
    lines = [("signed by", signer.identity), ("vouched by", signer.issuer or "no service")]
    if signer.source:
        lines.append(
            ("source", f"{signer.source} at {signer.commit or 'no commit'} ({signer.ref or 'no ref'})")
        )
    if signer.builder and signer.builder != signer.identity:
        lines.append(("builder", signer.builder))
    if signer.invocation:
        lines.append(("build run", signer.invocation))
    return lines


def publisher_lines(publisher: Publisher | None) -> Lines:
    """Who an index says published it, as (label, text), and whether the certificate was compared with that."""
    if publisher is None:
        return []
    fields = ", ".join(f"{name} {value}" for name, value in publisher.fields.items() if value is not None)
    known = "" if publisher.compared else " (a kind that is not compared with the certificate)"
    return [("publisher", f"{publisher.kind}: {fields or 'nothing more'}{known}")]


def record_lines(attestation: Attestation) -> Lines:
    """When it was signed and where that is logged, as (label, text)."""
    signature = attestation.signature
    place = signature.place
    seen = ", ".join(one.witness for one in place.witnesses) or "none asked for"
    return [
        ("signed at", ", ".join(f"{time:%Y-%m-%d %H:%M:%S} UTC" for time in signature.times)),
        ("logged in", f"{place.origin}, entry {place.index} of {place.size}"),
        ("witnesses", seen),
        ("instance", signature.instance),
    ]


def not_compared(want: Expectation) -> tuple[str, ...]:
    """What the caller did not say they expect, so that nobody takes it for checked."""
    return tuple(
        name
        for name, value in (
            ("source", want.source),
            ("builder", want.builder),
            ("identity", want.identity),
            ("commit", want.commit),
        )
        if value is None
    )


def as_json(attestation: Attestation, want: Expectation) -> dict[str, JSON]:
    """The same for a program."""
    place = attestation.signature.place
    return {
        "verdict": "believed",
        "kind": attestation.statement.kind,
        "predicateType": attestation.statement.predicate_type,
        "subjects": [{"name": one.name, "sha256": one.digest.hex} for one in attestation.statement.subjects],
        "signer": dict(attestation.signer.facts()),
        "times": [time.isoformat() for time in attestation.signature.times],
        "log": {
            "origin": place.origin,
            "index": place.index,
            "size": place.size,
            "witnesses": [one.witness for one in place.witnesses],
        },
        "instance": attestation.signature.instance,
        "notCompared": list(not_compared(want)),
        "says": [[label, text] for label, text in statement_lines(attestation.statement)],
    }


def _provenance(said: Provenance) -> Lines:
    lines = [("built by", said.builder), ("build type", said.build_definition.build_type)]
    for one in (said.build_definition.resolved_dependencies or ())[:_FEW]:
        pin = one.git_commit or next(iter((one.digest or {}).values()), "not pinned")
        lines.append(("built from", f"{one.uri or one.name or 'something'} at {pin}"))
    return lines


def _summary(said: Summary) -> Lines:
    verdict = "it passed" if said.passed else "IT FAILED"
    lines = [
        ("verdict", f"{verdict} {said.policy.uri} on {said.time_verified:%Y-%m-%d %H:%M} UTC"),
        ("verified by", said.verifier.id),
    ]
    words = [
        "every rule of `locara verify --strict` held" if level == LOCAL_ONLY else level
        for level in said.verified_levels
    ]
    return [*lines, *(("means", text) for text in words)]


def _results(said: TestResult) -> Lines:
    failed = ", ".join(said.failed_tests[:_FEW]) or "none"
    count = len(said.passed_tests) + len(said.warned_tests) + len(said.failed_tests)
    return [
        ("result", f"{said.result.lower()}: {len(said.passed_tests)} of {count} checks passed"),
        ("failed", failed),
        *(("report", f"{one.name or one.uri}: {(one.digest or {}).get('sha256', 'no digest')}")
          for one in said.configuration[:_FEW]),
    ]  # fmt: skip


def _contents(said: Contents) -> Lines:
    lines = [("contains", f"{len(said.components)} components (CycloneDX {said.spec_version})")]
    return [
        *lines,
        *(("model", f"{one.name} sha256:{one.sha256 or 'unknown'}") for one in said.models[:_FEW]),
    ]


def _model(said: ModelSignature) -> Lines:
    return [("files", f"{len(said.resources)} files, together sha256:{said.root}")]


def _publication(_said: Publication) -> Lines:
    return [("means", "the signer published this distribution")]


_WORDS: Final[dict[type, object]] = {
    Provenance: _provenance,
    Summary: _summary,
    TestResult: _results,
    Contents: _contents,
    ModelSignature: _model,
    Publication: _publication,
}

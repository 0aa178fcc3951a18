"""The statements that a published app comes with: how it was built, what it holds, how its verification ended.

Equal inputs give equal bytes: no clock and no random number is read here, so a statement can be made again and
compared with the one that was signed.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6

from locara.core.digest import Digest
from locara.trust.statement import contents, model_signature, provenance, summary, test_result
from locara.trust.statement.descriptor import Resource, file
from locara.trust.statement.model_signature import ModelSignature
from locara.trust.statement.statement import Subject, write_statement
from locara_registry.trust.identity import Build

BUILD_TYPE: Final = "urn:locara:build:v1"
SARIF: Final = "application/sarif+json"
_NAMES: Final = uuid.UUID("6f0a3f5c-7c0b-5b0e-9a56-2d1f6b8c1e10")


def build_provenance(
    build: Build, subjects: Iterable[Subject], dependencies: Mapping[str, Digest], finished: datetime
) -> bytes:
    """SLSA provenance v1 of a build; ``dependencies`` are what it fetched beside its source, by address."""
    fetched = [{"uri": uri, "digest": {"sha256": digest.hex}} for uri, digest in sorted(dependencies.items())]
    value = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"source": build.source, "ref": build.ref, "config": build.config},
            "resolvedDependencies": [
                {"uri": f"git+{build.source}@{build.ref}", "digest": {"gitCommit": build.commit}},
                *fetched,
            ],
        },
        "runDetails": {
            "builder": {"id": build.builder},
            "metadata": {"invocationId": build.invocation, "finishedOn": finished.isoformat()},
        },
    }
    provenance.Provenance.model_validate(value)
    return write_statement(list(subjects), value, provenance.TYPE)


def results_of(report: Mapping[str, Any], sarif: Digest, subjects: Iterable[Subject]) -> bytes:
    """in-toto test-result v0.1 of a `locara-report/1`; the SARIF file is named by digest."""
    by_result: dict[str, list[str]] = {}
    for rule in report["rules"]:
        by_result.setdefault(rule["result"], []).append(rule["id"])
    passed, warned = by_result.pop("passed", []), by_result.pop("warned", [])
    failed = sorted(rule for rules in by_result.values() for rule in rules)  # what did not run is not passed
    result = test_result.TestResult(
        result="FAILED" if failed else "WARNED" if warned else "PASSED",
        configuration=(file("locara-verify.sarif", sarif.hex, SARIF),),
        passed_tests=tuple(sorted(passed)),
        warned_tests=tuple(sorted(warned)),
        failed_tests=tuple(failed),
    )
    return write_statement(list(subjects), result, test_result.TYPE)


def summary_of(
    report: Mapping[str, Any],
    subjects: Iterable[Subject],
    *,
    verifier: str,
    policy: Resource,
    inputs: Mapping[str, Digest],
    resource: str,
    verified: datetime,
) -> bytes:
    """VSA v1 of a `locara-report/1`: passed only for a strict run in which every rule held."""
    passed = report["verdict"] == "passed" and report["strict"] is True
    value = {
        "verifier": {"id": verifier},
        "timeVerified": verified.isoformat(),
        "resourceUri": resource,
        "policy": {"uri": policy.uri, "digest": policy.digest or {}},
        "inputAttestations": [
            {"uri": uri, "digest": {"sha256": one.hex}} for uri, one in sorted(inputs.items())
        ],
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_2", summary.LOCAL_ONLY] if passed else [],
        "slsaVersion": "1.0",
    }
    summary.Summary.model_validate(value)
    return write_statement(list(subjects), value, summary.TYPE)


def bill_of_materials(
    app: str,
    version: str,
    packages: Iterable[tuple[str, str, Digest | None]],
    models: Iterable[tuple[str, Digest]],
    *,
    made: datetime,
    subjects: Iterable[Subject],
) -> bytes:
    """CycloneDX 1.6 of an app: packages by name, version and digest, and every model it pins."""
    bom = Bom(serial_number=uuid.uuid5(_NAMES, f"{app}@{version}"))
    bom.metadata.timestamp = made
    bom.metadata.tools.components.clear()
    bom.metadata.component = Component(
        name=app, version=version, type=ComponentType.APPLICATION, bom_ref=f"{app}@{version}"
    )
    for name, release, digest in packages:
        bom.components.add(_component(name, release, digest, ComponentType.LIBRARY))
    for name, digest in models:
        bom.components.add(_component(name, digest.hex[:12], digest, ComponentType.MACHINE_LEARNING_MODEL))
    bom.register_dependency(bom.metadata.component, bom.components)
    value = json.loads(JsonV1Dot6(bom).output_as_string())
    contents.Contents.model_validate(value)
    return write_statement(list(subjects), value, contents.TYPE)


def model_statement(name: str, folder: Path) -> bytes:
    """The OpenSSF model signing statement over every file of a model's folder."""
    files = [
        (place.relative_to(folder).as_posix(), Digest.of(place.read_bytes()).hex)
        for place in sorted(folder.rglob("*"))
        if place.is_file()
    ]
    signature = ModelSignature.over(files)
    return write_statement([Subject(name, Digest(signature.root))], signature, model_signature.TYPE)


def _component(name: str, version: str, digest: Digest | None, kind: ComponentType) -> Component:
    hashes = [] if digest is None else [HashType(alg=HashAlgorithm.SHA_256, content=digest.hex)]
    return Component(
        name=name, version=version, type=kind, bom_ref=f"{kind.value}:{name}@{version}", hashes=hashes
    )

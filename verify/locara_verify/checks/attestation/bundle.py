"""LC704 to LC706: the files of a bundle, its build provenance, and everything else that comes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.supply import Supply

if TYPE_CHECKING:
    from locara.trust.attestation import Attestation, Expectation
    from locara.trust.bundle.instance import TrustInstance

FILES: Final = "LC704"
PROVENANCE: Final = "LC705"
OTHERS: Final = "LC706"
NAME: Final = "bundle-attestations"


@check(NAME, rules=(FILES, PROVENANCE, OTHERS), needs=frozenset({"bundle"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Compare the files with their list, then verify every attestation as a client with these expectations."""
    supply = ctx.supply
    if supply is None:
        return CheckResult(inconclusive=dict.fromkeys((FILES, PROVENANCE, OTHERS), "there is no bundle"))
    findings = [
        Finding(FILES, f"{path} {what}", "compared with locapp.json") for path, what in supply.problems
    ]
    believed, refused = _verify(supply)
    findings += [
        Finding(OTHERS, f"{name} is not believed: {why}", "verified offline") for name, why in refused
    ]
    findings += _provenance(supply, believed)
    findings += _verdicts(believed)
    attempts = {FILES: 1, PROVENANCE: 1, OTHERS: 1}
    notes = tuple(f"{name}: {one.statement.kind} by {one.signer.identity}" for name, one in believed)
    return CheckResult(tuple(findings), attempts, probes=len(supply.attestations), notes=notes)


def _verify(supply: Supply) -> tuple[list[tuple[str, Attestation]], list[tuple[str, str]]]:
    from locara.trust.attestation import verify  # noqa: PLC0415 - loads the library of attestations
    from locara.trust.recall import recalled_by  # noqa: PLC0415
    from locara.trust.refusal import TrustError  # noqa: PLC0415
    from locara.trust.revocation.baseline import baseline  # noqa: PLC0415
    from locara.trust.revocation.document import Known  # noqa: PLC0415

    instance, want = _client(supply)
    recalled = recalled_by(Known(baseline()), now=supply.now.timestamp())
    believed: list[tuple[str, Attestation]] = []
    refused: list[tuple[str, str]] = []
    for name, raw in supply.attestations:
        try:
            believed.append((name, verify(raw, instance, want, now=supply.now, recalled=recalled)))
        except TrustError as error:
            refused.append((name, error.message))
    return believed, refused


def _client(supply: Supply) -> tuple[TrustInstance, Expectation]:
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.trust.attestation import Expectation  # noqa: PLC0415
    from locara.trust.bundle.instance import TrustInstance, public_good  # noqa: PLC0415

    told = supply.expected
    instance = public_good() if told.trust is None else TrustInstance.read(told.trust)
    want = Expectation(
        artifact=Digest.parse(supply.digest),
        source=told.source,
        builder=told.builder,
        identity=told.identity,
        commit=supply.commit,
    )
    return instance, want


def _provenance(supply: Supply, believed: list[tuple[str, Attestation]]) -> list[Finding]:
    """The bundle has to say the same source and commit as its provenance, whose certificate says them too."""
    from locara.trust.statement import provenance  # noqa: PLC0415 - loads the framework
    from locara.trust.statement.provenance import repository_of  # noqa: PLC0415

    built = [one for _, one in believed if one.statement.predicate_type == provenance.TYPE]
    if not built:
        return [
            Finding(
                PROVENANCE, "no believed attestation says how this bundle was built", "looked at all of them"
            )
        ]
    return [
        Finding(
            PROVENANCE,
            f"the bundle says it was built from {supply.source}, its provenance says {one.signer.source}",
            "compared locapp.json with the certificate",
        )
        for one in built
        if repository_of(supply.source) != repository_of(one.signer.source or "")
    ]


def _verdicts(believed: list[tuple[str, Attestation]]) -> list[Finding]:
    """A verification that failed is never outweighed by an older one that passed."""
    from locara.trust.attestation import Required, verify_set  # noqa: PLC0415 - loads the framework
    from locara.trust.refusal import TrustError  # noqa: PLC0415
    from locara.trust.statement.summary import Summary  # noqa: PLC0415

    policies = {
        one.statement.predicate.policy.uri
        for _, one in believed
        if isinstance(one.statement.predicate, Summary)
    }
    findings = []
    for policy in sorted(policies):
        try:
            verify_set([one for _, one in believed], Required(policy))
        except TrustError as error:
            findings.append(
                Finding(OTHERS, f"the verification against {policy}: {error.message}", "newest first")
            )
    return findings

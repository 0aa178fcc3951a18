"""LC702, several attestations of one artifact: which verification counts, and whether it is enough, against an oracle.

Every statement here is believed already: it was signed by whom it must be. What is left is whether together they say
what is asked for, and each of these sets is one that a holder of good signatures could put beside an artifact.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from locara.records import dataclass
from locara_verify.check import CheckResult
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room

if TYPE_CHECKING:
    from locara.trust.attestation import Attestation

Asked: TypeAlias = tuple[str | None, str | None, str | None]

RULE: Final = "LC702"
SETS: Final = 600
POLICY: Final = "https://policy.example/strict"
TEXT: Final = "0" * 64
LEVEL: Final = "LOCAL_ONLY"
BUILD: Final = "https://slsa.dev/provenance/v1"
VERIFIED: Final = "https://slsa.dev/verification_summary/v1"
HERE: Final = "a" * 64
POLICIES: Final = (POLICY, POLICY, POLICY, f"{POLICY}/2", POLICY[:-1], POLICY.upper())
DIGESTS: Final = ({"sha256": TEXT}, {"sha256": TEXT}, None, {"sha512": TEXT}, {"sha256": "0" * 63 + "1"})
LEVELS: Final[tuple[list[str], ...]] = (
    [LEVEL], [LEVEL], ["SLSA_BUILD_LEVEL_2", LEVEL], [], [f"{LEVEL}_NOT"], [LEVEL[:-1]], [LEVEL.lower()], [f" {LEVEL}"],
)  # fmt: skip
INPUTS: Final[tuple[list[str] | None, ...]] = (
    [HERE],
    [HERE],
    ["b" * 64, HERE],
    ["b" * 64],
    [HERE[:-1] + "b"],
    [],
    None,
)


@dataclass(frozen=True, slots=True)
class Said:
    """One attestation: a build, or a verification (``verdict``) with all that counts of it. ``hour``: when signed."""

    hour: int
    verdict: str = ""
    policy: str = POLICY
    text: dict[str, str] | None = None
    levels: tuple[str, ...] = ()
    inputs: tuple[str, ...] | None = None


def run(ctx: Context) -> CheckResult:
    """Generated sets and demands; part of the check of forgeries, which has loaded what judges both."""
    from locara.trust.attestation import Required, verify_set  # noqa: PLC0415 - slow to load
    from locara.trust.refusal import TrustError  # noqa: PLC0415

    rng = ctx.rng("attestation-sets")
    findings: list[Finding] = []
    taken = 0
    cases = [*_one_part_apart(), *(_asked_at_random(rng, _drawn(rng)) for _ in range(SETS))]
    for said, asked in cases:
        wanted = enough(said, *asked)
        try:
            verify_set([_attestation(one) for one in said], Required(*asked))
            got = True
        except TrustError:
            got = False
        taken += wanted
        if got != wanted and has_room(findings, RULE):
            message = "several attestations together are believed to say what they do not, or are refused for no reason"
            because = f"{'believed' if got else 'refused'}: asked for {asked}, given {said}"
            findings.append(Finding(RULE, message, because=because[:900]))
    count = len(cases)
    fair = count / 20 < taken < count * 0.95
    thin = {} if findings or fair else {RULE: f"{taken} of {count} sets were enough"}
    return CheckResult(tuple(findings), {RULE: count}, attacks=count, inconclusive=thin)


def enough(said: Sequence[Said], policy: str | None, text: str | None, level: str | None) -> bool:
    """The words of docs/trust.md: a build is there; the newest verification by that policy passed, by that text of it,
    says that level, and looked at a build that is there."""
    verified = [one for one in said if one.verdict and policy in (None, one.policy)]
    if not verified or all(one.verdict for one in said):
        return False
    latest = max(one.hour for one in verified)
    newest = [one for one in verified if one.hour == latest]
    return all(
        one.verdict == "PASSED"
        and (text is None or (one.text or {}).get("sha256") == text)
        and (level is None or level in one.levels)
        and HERE in (one.inputs or ())
        for one in newest
    )


def _one_part_apart() -> Iterator[tuple[list[Said], Asked]]:
    """Sets that are fine in all but one part of the newest verification, alone and above one that is fine."""
    fine = _fine(2)
    parts: tuple[tuple[str, Sequence[Any]], ...] = (
        ("verdict", ("PASSED", "FAILED")),
        ("policy", POLICIES),
        ("text", DIGESTS),
        ("levels", tuple(tuple(levels) for levels in LEVELS)),
        ("inputs", tuple(None if seen is None else tuple(seen) for seen in INPUTS)),
    )
    for name, values in parts:
        for value, older in itertools.product(values, ([], [_fine(1)])):
            yield [Said(0), *older, replace(fine, **{name: value})], (POLICY, TEXT, LEVEL)


def _asked_at_random(rng: random.Random, said: list[Said]) -> tuple[list[Said], Asked]:
    return said, (
        rng.choice((POLICY, POLICY, None)),
        rng.choice((TEXT, None)),
        rng.choice((LEVEL, LEVEL, None)),
    )


def _drawn(rng: random.Random) -> list[Said]:
    """Mostly a build and one to three verifications at hours of their own; a failed one may share an hour."""
    said = [Said(0)] if rng.random() < 0.9 else []
    hours = rng.sample(range(1, 9), rng.choice((0, 1, 1, 2, 3)))
    for hour in hours:
        # Half of them say all that can be asked for: were each part drawn alone, hardly a set would be enough.
        some = _fine(hour) if rng.random() < 0.5 else _any(rng, hour)
        said.append(some)
        if rng.random() < 0.1:
            said.append(Said(hour, "FAILED", some.policy, some.text, some.levels, some.inputs))
    rng.shuffle(said)
    return said


def _fine(hour: int) -> Said:
    return Said(hour, "PASSED", POLICY, {"sha256": TEXT}, (LEVEL,), (HERE,))


def _any(rng: random.Random, hour: int) -> Said:
    seen = rng.choice(INPUTS)
    return Said(
        hour, rng.choice(("PASSED", "PASSED", "PASSED", "FAILED")), rng.choice(POLICIES), rng.choice(DIGESTS),
        tuple(rng.choice(LEVELS)), None if seen is None else tuple(seen),
    )  # fmt: skip


def _attestation(said: Said) -> Attestation:
    """It as the product has it once its signature was believed."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.trust.attestation import Attestation  # noqa: PLC0415 - slow to load
    from locara.trust.bundle.certificate import Signer  # noqa: PLC0415
    from locara.trust.bundle.entry import LogPlace  # noqa: PLC0415
    from locara.trust.bundle.verify import Signature  # noqa: PLC0415
    from locara.trust.statement.statement import PAYLOAD_TYPE, Statement  # noqa: PLC0415

    begun = datetime(2026, 7, 1, tzinfo=UTC)
    signer = Signer("https://builder.example", begun, begun, "1")
    moment = (begun + timedelta(hours=said.hour),)
    signature = Signature("test", signer, moment, LogPlace("log.example", 1, 2, ()), frozenset())
    payload = json.dumps(_verified(said) if said.verdict else _built()).encode()
    digest = Digest("f" * 64 if said.verdict else HERE)
    return Attestation(signature, Statement.parse(PAYLOAD_TYPE, payload), digest)


def _statement(kind: str, predicate: dict[str, Any]) -> dict[str, Any]:
    subject = [{"name": "app", "digest": {"sha256": "1" * 64}}]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": kind,
        "predicate": predicate,
    }


def _verified(said: Said) -> dict[str, Any]:
    policy: dict[str, Any] = {"uri": said.policy}
    if said.text is not None:
        policy["digest"] = said.text
    value: dict[str, Any] = {
        "verifier": {"id": "https://verifier.example"}, "timeVerified": "2026-07-01T00:00:00Z",
        "resourceUri": "pkg:generic/app@1.0.0", "policy": policy, "verificationResult": said.verdict,
        "verifiedLevels": list(said.levels),
    }  # fmt: skip
    if said.inputs is not None:
        value["inputAttestations"] = [{"uri": "p", "digest": {"sha256": one}} for one in said.inputs]
    return _statement(VERIFIED, value)


def _built() -> dict[str, Any]:
    return _statement(
        BUILD,
        {
            "buildDefinition": {"buildType": "https://build.example/1", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://builder.example"}},
        },
    )

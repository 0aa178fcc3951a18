"""LC702, publishers: what a package index says of them counts only where the certificate says exactly the same.

The index signs nothing. For each kind of service there is one certificate that fits; here are those that fit in all
parts but one, and indexes that name another in one part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara_verify.check import CheckResult
from locara_verify.finding import Finding, has_room

if TYPE_CHECKING:
    from locara.trust.bundle.certificate import Signer

RULE: Final = "LC702"
COMMIT: Final = "ab" * 20
REF: Final = "refs/tags/v1.0.0"
PATH: Final = "acme/notes"


@dataclass(frozen=True, slots=True)
class Kind:
    """A service: what the index says, the service that vouches, the repository, and the file of the workflow in it."""

    name: str
    fields: Mapping[str, str]
    issuer: str
    host: str = ""
    file: str = ""

    @property
    def source(self) -> str:
        """The address of the repository."""
        return f"{self.host}{PATH}"


KINDS: Final = (
    Kind(
        "GitHub", {"repository": PATH, "workflow": "release.yml"}, "https://token.actions.githubusercontent.com",
        "https://github.com/", "/.github/workflows/release.yml",
    ),
    Kind(
        "GitLab", {"repository": PATH, "workflow_filepath": "ci/release.yml"}, "https://gitlab.com",
        "https://gitlab.com/", "//ci/release.yml",
    ),
    Kind("Google", {"email": "ci@acme.example"}, "https://accounts.google.com"),
)  # fmt: skip


def run() -> CheckResult:
    """Each kind with its own certificate, and with every one beside it."""
    from locara.trust.bundle.pep740 import Publisher  # noqa: PLC0415 - slow to load
    from locara.trust.refusal import TrustError  # noqa: PLC0415

    findings: list[Finding] = []
    tried = 0
    for kind in KINDS:
        for what, fields, signer, wanted in cases(kind):
            tried += 1
            try:
                Publisher(kind.name, dict(fields)).check(signer)
                got = ""
            except TrustError as error:
                got = error.reason.value
            if got != wanted and has_room(findings, RULE):
                message = (
                    "a publisher that an index names is believed who did not sign, or one who did is refused"
                )
                because = f"{kind.name}, {what}: {got or 'believed'}, not {wanted or 'believed'}"
                findings.append(Finding(RULE, message, because=because))
    return CheckResult(tuple(findings), {RULE: tried}, attacks=tried)


def cases(kind: Kind) -> Iterator[tuple[str, Mapping[str, str], Signer, str]]:
    """What it is, what the index says, the certificate, and the reason that is due."""
    good = _signer(kind)
    yield "its own", kind.fields, good, ""
    if kind.host:
        by_commit = replace(good, config=f"{kind.source}{kind.file}@{COMMIT}")
        yield "its own, run at its commit", kind.fields, by_commit, ""
        for what, config in _configs(kind):
            yield f"a workflow {what}", kind.fields, replace(good, config=config), "builder_mismatch"
        for source in (f"{kind.source}2", kind.source[:-1], kind.source.upper(), f"{kind.source}.git", None):
            yield f"the source {source}", kind.fields, replace(good, source=source), "source_mismatch"
    else:
        for name in (f"x{good.identity}", good.identity.upper(), f"{good.identity}.evil.example", "", "*"):
            yield f"signed by {name!r}", kind.fields, replace(good, identity=name), "identity_mismatch"
    for issuer in (f"{kind.issuer}/", f"{kind.issuer}.evil.example", "https://evil.example", None):
        yield f"vouched for by {issuer}", kind.fields, replace(good, issuer=issuer), "issuer_mismatch"
    for name in kind.fields:
        rest = {key: value for key, value in kind.fields.items() if key != name}
        yield f"no {name}", rest, good, "bundle_malformed"
        yield f"an empty {name}", {**rest, name: ""}, good, "bundle_malformed"


def _configs(kind: Kind) -> Iterator[tuple[str, str | None]]:
    file = f"{kind.source}{kind.file}"
    yield "at another ref", f"{file}@refs/heads/{REF}"
    yield "at the beginning of its ref", f"{file}@{REF[:-1]}"
    yield "at a longer ref", f"{file}@{REF}0"
    yield "at another commit", f"{file}@{COMMIT[:-1]}c"
    yield "at no ref", f"{file}@"
    yield "without one", file
    yield "with words behind its ref", f"{file}@{REF}@{REF}"
    yield "of another name", f"{file.replace('release', 'pre-release')}@{REF}"
    yield "in another folder", f"{kind.source}/x{kind.file}@{REF}"
    yield "of another repository", f"{kind.source}2{kind.file}@{REF}"
    yield "of another host", f"{file.replace('https://', 'https://x.')}@{REF}"
    yield "in capitals", f"{file.upper()}@{REF}"
    yield "that is not named", None


def _signer(kind: Kind) -> Signer:
    from locara.trust.bundle.certificate import Signer  # noqa: PLC0415 - slow to load

    begun = datetime(2026, 7, 1, tzinfo=UTC)
    if not kind.host:
        return Signer(kind.fields["email"], begun, begun, "1", issuer=kind.issuer)
    config = f"{kind.source}{kind.file}@{REF}"
    return Signer(
        config,
        begun,
        begun,
        "1",
        issuer=kind.issuer,
        source=kind.source,
        commit=COMMIT,
        ref=REF,
        config=config,
    )

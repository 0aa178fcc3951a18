"""Every way in which a list names what an attestation says, and beside each a list that names something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from locara.trust.attestation import Attestation

RECALLED: Final = "signer_revoked"
STALE: Final = "material_stale"
_DAY: Final = 86_400.0


def wrong(believed: Attestation) -> tuple[int, list[tuple[str, str]]]:
    """How many lists were asked about a believed attestation, and (the list, what came of it) of each that counted
    for something else than it says."""
    findings = []
    tried = 0
    for attestation in (believed, _of_two(believed)):
        for what, entry, due in _entries(attestation):
            got = _asked(attestation, [entry])
            tried += 1
            if got != due:
                findings.append((what, f"{got or 'believed'}, not {due or 'believed'}"))
    for what, days, follows, due in (
        ("of this minute", 0.0, True, ""), ("of a year ago", 365.0, True, STALE),
        ("of a year ago, and no registry renews them", 365.0, False, ""),
    ):  # fmt: skip
        got = _asked(believed, [], days=days, follows=follows)
        tried += 1
        if got != due:
            findings.append((f"lists {what}", f"{got or 'believed'}, not {due or 'believed'}"))
    return tried, findings


def _of_two(one: Attestation) -> Attestation:
    """The same about a file more, named first, and signed at a time more, both by as good a word."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.trust.statement.statement import Subject  # noqa: PLC0415

    subjects = (Subject("another", Digest.of(b"another")), *one.statement.subjects)
    early = min(one.signature.times) - timedelta(minutes=1)
    return replace(
        one,
        statement=replace(one.statement, subjects=subjects),
        signature=replace(one.signature, times=(early, *one.signature.times)),
    )


def _entries(one: Attestation) -> Iterator[tuple[str, dict[str, Any], str]]:
    """What a list names, and what must follow."""
    signer, latest = one.signer.identity, max(one.signature.times).timestamp()
    commit = one.signer.commit or ""
    facts = [("artifact", str(subject.digest)) for subject in one.statement.subjects]
    facts += [
        ("commit", commit),
        ("signer", signer),
        *(("key", f"sha256:{key}") for key in sorted(one.signature.keys)),
    ]
    for name, value in facts:
        other = value[:-1] + ("0" if value[-1] != "0" else "1")
        yield f"its {name}", {name: value}, RECALLED
        yield f"another {name}", {name: other}, ""
        yield f"its {name}, with a warning", {name: value, "severity": "warn"}, ""
    yield "its signer by the beginning", {"signer": signer[:-1]}, ""
    yield "its signer until before", {"signer": signer, "signedAfter": latest + 1}, ""
    yield "its signer from that second on", {"signer": signer, "signedAfter": latest}, RECALLED
    yield "its signer from the second before", {"signer": signer, "signedAfter": latest - 1}, RECALLED


def _asked(
    one: Attestation, entries: list[dict[str, Any]], *, days: float = 0.0, follows: bool = False
) -> str:
    """What the product's own judge says of it; empty when nothing."""
    from locara.trust.recall import recalled_by  # noqa: PLC0415 - loads the framework
    from locara.trust.refusal import TrustError  # noqa: PLC0415
    from locara.trust.revocation.document import Known, parse_listed  # noqa: PLC0415

    now = max(one.signature.times).timestamp() + _DAY
    about = {"severity": "block", "kind": "compromise", "reason": "stolen", "time": 1.0}
    written = [{**about, "id": f"R{number}", **entry} for number, entry in enumerate(entries)]
    value = {"format": "locara-revocations/2", "seq": 1, "updated": now - days * _DAY, "entries": written}
    try:
        recalled_by(Known(parse_listed(json.dumps(value).encode())), now=now, follows=follows)(one)
    except TrustError as error:
        return error.reason.value
    return ""

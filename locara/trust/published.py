"""Every attestation in a file: a Sigstore bundle holds one, an object of a package index (PEP 740) one or more.

A file is believed when each attestation in it is. One that is not would otherwise ride along with one that is.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from locara.records import dataclass
from locara.trust.attestation import Attestation, Expectation, Recalled, verify, verify_strict
from locara.trust.bundle.instance import TrustInstance
from locara.trust.bundle.pep740 import Publisher, indexed_in
from locara.trust.bundle.unchecked import Claim, claim_of
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.statement import Statement

_DISTRIBUTION: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*-[A-Za-z0-9][A-Za-z0-9.+!_-]*(?:\.tar\.gz|\.zip|-[^-]+-[^-]+-[^-]+\.whl)"
)


@dataclass(frozen=True, slots=True)
class Published:
    """An attestation that is believed, with the publisher that the index names, if it came from one."""

    attestation: Attestation
    publisher: Publisher | None = None


def verify_file(
    raw: bytes,
    instance: TrustInstance,
    want: Expectation,
    *,
    now: datetime,
    recalled: Recalled,
    strict: bool = True,
    name: str | None = None,
) -> tuple[Published, ...]:
    """All attestations in these bytes, when each holds and is as expected.

    ``name`` is what the file is called: an index attests a distribution under its name. Raises TrustError, and
    nothing else; opens no socket and no file.
    """
    check = verify_strict if strict else verify
    try:
        found = indexed_in(raw)
        if not found:
            return (Published(check(raw, instance, want, now=now, recalled=recalled)),)
        believed = []
        for one in found:
            attestation = check(one.bundle, instance, want, now=now, recalled=recalled)
            check_distribution(attestation.statement, name)
            if one.publisher is not None:
                one.publisher.check(attestation.signer)
            believed.append(Published(attestation, one.publisher))
    except TrustError:
        raise
    except Exception as error:
        raise TrustError(Reason.UNEXPECTED, f"{type(error).__name__}: {str(error)[:300]}") from error
    return tuple(believed)


def claims_in(raw: bytes) -> tuple[tuple[Claim, Publisher | None], ...]:
    """What each attestation in these bytes claims; nothing is checked. Raises TrustError."""
    found = indexed_in(raw)
    return tuple((claim_of(one.bundle), one.publisher) for one in found) or ((claim_of(raw), None),)


def check_distribution(statement: Statement, name: str | None) -> None:
    """Raise TrustError unless a statement is about exactly one distribution, of that name when it is known.

    PEP 740 asks for both: the same bytes under another name would install as another version or for another system.
    """
    if len(statement.subjects) != 1:
        raise TrustError(
            Reason.STATEMENT_MALFORMED,
            f"an index attests one file at a time, and this is about {len(statement.subjects)}",
        )
    told = statement.subjects[0].name
    if not _DISTRIBUTION.fullmatch(told):
        raise TrustError(
            Reason.STATEMENT_MALFORMED, f"{told[:120]!r} is not the name of a Python distribution"
        )
    if name is not None and told != name:
        raise TrustError(
            Reason.SUBJECT_MISMATCH,
            f"the attestation is about {told[:120]}, and the file is called {name[:120]}",
            fix="compare it under the name that it was published with",
        )

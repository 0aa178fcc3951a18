"""Exit codes of every verb. They are frozen: scripts and CI depend on them."""

from __future__ import annotations

from enum import IntEnum

from locara.errors import LocaraError, ManifestError, SandboxError, UsageError
from locara.trust.log_refusal import MATERIAL_CODES
from locara.trust.refusal import TrustError


class Exit(IntEnum):
    """What the number a process ends with means."""

    PASSED = 0
    FINDINGS = 1  # what was asked about is at fault
    USAGE = 2
    INCONCLUSIVE = 3  # this host cannot do it, or it could not be finished
    UNREADABLE = 4  # the target cannot be read or is not an app
    TRUST = 5  # trust material is missing or stale
    INTERNAL = 70
    INTERRUPTED = 130


_TRUST_CODES = (
    frozenset(
        {
            # of a start
            "revocation_unreadable",
            "revocation_stale",
            # of an update: what this machine has to check with
            "expired",
            "copy_changed",
            "no_copy",
            "not_followed",
        }
    )
    | MATERIAL_CODES
)
_UNREADABLE_CODES = frozenset({"not_an_app", "unreadable", "source_unreadable"})


def exit_of(error: LocaraError) -> Exit:
    """The exit code an error ends the process with."""
    if isinstance(error, UsageError):
        return Exit.USAGE
    if isinstance(error, SandboxError):
        return Exit.INCONCLUSIVE
    if isinstance(error, TrustError):
        return Exit.TRUST if error.of_material else Exit.FINDINGS
    if error.code in _TRUST_CODES:
        return Exit.TRUST
    if isinstance(error, ManifestError) or error.code in _UNREADABLE_CODES:
        return Exit.UNREADABLE
    return Exit.FINDINGS

"""Why something about a transparency log is not believed: one error with a closed list of reasons."""

from __future__ import annotations

from typing import Final

from locara.errors import LocaraError

LOG_CODES: Final = frozenset(
    {
        # the bytes are not what the format says
        "note_malformed",
        "note_too_large",
        "key_malformed",
        "checkpoint_malformed",
        "policy_malformed",
        "proof_malformed",
        "tile_malformed",
        "request_malformed",
        # the bytes are well formed and not to be believed
        "unsigned",
        "bad_signature",
        "wrong_origin",
        "witnesses_missing",
        "cosignature_time",
        "not_included",
        "inconsistent",
        "rollback",
        "fork",
        "tile_mismatch",
        "wrong_entry",
        # the writer, the witness and the monitor
        "entry_too_large",
        "key_exposed",
        "key_unreadable",
        "state_unreadable",
        "state_unwritable",
        "source_unreadable",
        "in_use",
        "not_a_log",
        "anchor_missing",
        "closed",
        "busy",
        "disk_full",
        "damaged",
    }
)

MATERIAL_CODES: Final = frozenset(
    {
        "key_malformed",
        "policy_malformed",
        "key_exposed",
        "key_unreadable",
        "state_unreadable",
        "anchor_missing",
    }
)
"""What this machine checks or signs with is missing or not to be believed: exit code 5."""


class LogRefused(LocaraError):
    """Something of a log, or said about one, was refused. ``code`` is one of `LOG_CODES`."""

    code = "note_malformed"

    def __init__(self, message: str, *, code: str, fix: str | None = None) -> None:
        if code not in LOG_CODES:
            raise ValueError("not a code of the closed list LOG_CODES")
        super().__init__(message, code=code, fix=fix)

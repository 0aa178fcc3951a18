"""Why an update, or the copy of one, is not believed: one error with a closed list of codes."""

from __future__ import annotations

from typing import Final

from securesystemslib.exceptions import StorageError
from tuf.api import exceptions as tuf
from tuf.api.serialization import DeserializationError

from locara.errors import LocaraError

UPDATE_CODES: Final = frozenset(
    {
        "unreachable",  # nobody answers, or with an error
        "too_slow",  # the answer drips
        "too_long",  # more bytes than any honest answer has, or than were announced
        "malformed",  # not metadata, or of another role
        "unsigned",  # not signed by enough of the keys that its delegator names
        "rollback",  # older than what was seen, or a version that does not follow
        "expired",  # nobody has vouched for it lately
        "mixed",  # parts of different states
        "mismatch",  # bytes of another length or digest
        "unknown_target",  # the repository does not carry it
        "bad_address",  # not an address that updates may come from
        "copy_changed",  # the copy on this machine is not the one that was verified
        "no_copy",  # nothing was ever fetched
        "not_followed",  # no registry is followed
        "unwritable",  # the copy cannot be kept
    }
)


class UpdateRefused(LocaraError):
    """An update was refused, and what was there before stays. ``code`` is one of `UPDATE_CODES`."""

    code = "malformed"

    def __init__(self, message: str, *, code: str, fix: str | None = None) -> None:
        if code not in UPDATE_CODES:
            raise ValueError("not a code of the closed list UPDATE_CODES")
        super().__init__(message, code=code, fix=fix)


def refusal_of(error: Exception, what: str) -> UpdateRefused:
    """The refusal for whatever the TUF library raised. What is not foreseen is refused, too."""
    if isinstance(error, UpdateRefused):
        return error
    code, told = _sorted(error)
    return UpdateRefused(f"{what}: {told}", code=code, fix=_FIXES.get(code))


_KINDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    # The first that fits: some of these are kinds of later ones.
    (tuf.DownloadLengthMismatchError, "too_long"),
    (tuf.SlowRetrievalError, "too_slow"),
    (tuf.DownloadError, "unreachable"),
    (tuf.UnsignedMetadataError, "unsigned"),
    (tuf.ExpiredMetadataError, "expired"),
    (tuf.BadVersionNumberError, "rollback"),
    (tuf.LengthOrHashMismatchError, "mismatch"),
    (DeserializationError, "malformed"),
    (tuf.RepositoryError, "mixed"),
    (StorageError, "unwritable"),
    (OSError, "unwritable"),
)


def _sorted(error: Exception) -> tuple[str, str]:
    text = str(error) or type(error).__name__
    for kind, code in _KINDS:
        if isinstance(error, kind):
            return code, text
    return "malformed", f"{type(error).__name__}: {text}"


_FIXES: Final = {
    "unreachable": "try again later; what was fetched before still counts",
    "expired": "the registry has not signed lately, or this machine's clock is wrong; what was fetched before still "
    "counts (`locara trust update --clock-is-right` where the clock was ahead before)",
    "unwritable": "make room or correct the rights, then run `locara trust update`",
}

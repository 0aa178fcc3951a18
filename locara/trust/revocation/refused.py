"""Why a list of revocations is not taken: one error with a closed list of codes."""

from __future__ import annotations

from typing import Final

from locara.errors import LocaraError

LIST_CODES: Final = frozenset(
    {
        "list_malformed",  # the bytes are not a list of this format
        "list_future",  # it says it was issued later than now
        "list_rollback",  # an older list, or another one under a number that was seen
        "list_vanished",  # an entry is gone and nobody signed that it was lifted
        "list_missing",  # the second list was there before and is not any more
        "list_mixed",  # the two lists do not belong together
        "entry_not_single",  # a list that one key may sign says what needs more keys
    }
)


class ListRefused(LocaraError):
    """A list of revocations is not taken; what was known before stays. ``code`` is one of `LIST_CODES`."""

    code = "list_malformed"

    def __init__(self, message: str, *, code: str, fix: str | None = None) -> None:
        if code not in LIST_CODES:
            raise ValueError("not a code of the closed list LIST_CODES")
        super().__init__(message, code=code, fix=fix)

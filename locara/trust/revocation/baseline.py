"""The list that a version of Locara is shipped with: what was known to be bad when it was made."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from locara.trust.revocation.document import Listed, parse_listed


@cache
def baseline() -> Listed:
    """The shipped list."""
    return parse_listed((files(__package__) / "baseline.json").read_bytes())

"""Both lists of revocations as a client has them, made of entries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from locara.trust.revocation.document import Known, parse_listed, parse_urgent

Entry = Mapping[str, Any]


def both_lists(
    number: int,
    entries: Sequence[Entry] = (),
    beside: Sequence[Entry] = (),
    *,
    updated: float,
    urgent: int | None = None,
) -> Known:
    """The list of this number and the urgent one ``beside`` it, which has the same number unless it is said."""
    listed = {"format": "locara-revocations/2", "seq": number, "updated": updated, "entries": entries}
    second = {
        "format": "locara-revocations-urgent/1",
        "seq": number if urgent is None else urgent,
        "updated": updated,
        "after": number,
        "entries": beside,
    }
    return Known(parse_listed(json.dumps(listed).encode()), parse_urgent(json.dumps(second).encode()))

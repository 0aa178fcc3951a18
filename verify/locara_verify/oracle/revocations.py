"""What follows from lists of revocations, by the words of docs/updates.md and in no other way.

Lists and subjects are plain JSON values here; nothing of the product is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

DAY: Final = 86_400.0
AHEAD: Final = 600.0
Value = Mapping[str, Any]


def names(entry: Value, subject: Value) -> bool:
    """Whether an entry is about that version, with its models and tools."""
    if "app" in entry:
        span = entry.get("versions", {})
        low, high, at = span.get("from"), span.get("before"), _numbers(subject["version"])
        inside = (low is None or _numbers(low) <= at) and (high is None or at < _numbers(high))
        return bool(entry["app"] == subject["app"] and inside)
    if "signer" in entry:
        if entry["signer"] != subject["signer"]:
            return False
        signed = subject["signed_at"]
        return signed is None or signed >= entry.get("signedAfter", 0.0)
    for key in ("model", "tool", "key"):
        if key in entry:
            return entry[key] in subject[f"{key}s"]
    (key,) = {"manifest", "artifact", "commit"} & set(entry)
    return bool(entry[key] == subject[key])


def action(listed: Value, urgent: Value | None, subject: Value, operation: str, *, latest: float) -> str:
    """``allow``, ``warn`` or ``block``. ``latest`` is the latest time ever seen."""
    warned = False
    done = {entry["id"] for entry in listed["entries"]} | set(listed.get("lifted", ()))
    for entry in listed["entries"]:
        if names(entry, subject):
            if entry["severity"] == "block":
                return "block"
            warned = True
    for entry in () if urgent is None else urgent["entries"]:
        if entry["id"] not in done and names(entry, subject):
            if entry["severity"] == "block" and subject["app"] not in listed.get("popular", ()):
                return "block"
            warned = True
    age = latest - max(listed["updated"], 0.0 if urgent is None else urgent["updated"])
    if operation != "run" and age > 14 * DAY:
        return "block"
    if operation == "run" and subject["networked"] and age > 30 * DAY:
        return "block"
    return "warn" if warned or age > 7 * DAY else "allow"


def taken(before: tuple[Value, Value | None], after: tuple[Value, Value | None], now: float) -> bool:
    """Whether a client that has the lists ``before`` takes the lists ``after``."""
    old, new = before[0], after[0]
    old_urgent, new_urgent = before[1], after[1]
    newest = max(new["updated"], 0.0 if new_urgent is None else new_urgent["updated"])
    lifted = set(new.get("lifted", ()))
    faults = [
        newest > now + AHEAD,
        _goes_back(old, new),
        bool(_ids(old) - _ids(new) - lifted),
        new_urgent is None and old_urgent is not None,
    ]
    if new_urgent is not None:
        faults.append(new_urgent["after"] > new["seq"])
        if old_urgent is not None:
            faults.append(_goes_back(old_urgent, new_urgent))
            faults.append(bool(_ids(old_urgent) - _ids(new_urgent) - _ids(new) - lifted))
    return not any(faults)


def _goes_back(old: Value, new: Value) -> bool:
    return bool(new["seq"] < old["seq"] or (new["seq"] == old["seq"] and new != old))


def _ids(listed: Value) -> set[str]:
    return {entry["id"] for entry in listed["entries"]}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))

"""When a list that was delivered takes the place of the known one.

Signatures are checked before. What is left are the rules of time: numbers only grow, entries only vanish when
somebody signed that they were lifted, and nothing comes from the future.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from locara.records import dataclass
from locara.trust.revocation.document import Known, Listed, Urgent, written
from locara.trust.revocation.refused import ListRefused

_Form = TypeVar("_Form", Listed, Urgent)
MAX_AHEAD: Final = 600.0
"""Seconds that an issuer's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What may not go back: the highest numbers seen, and the latest time seen, in seconds since 1970.

    ``since`` is when this machine began to follow a registry; None where it follows none.
    """

    seq: int = 0
    urgent_seq: int = 0
    clock: float = 0.0
    since: float | None = None

    def seen_at(self, now: float) -> Memory:
        """The same, at a later time."""
        return replace(self, clock=max(self.clock, now))


def accept(memory: Memory, before: Known | None, after: Known, *, now: float) -> Memory:
    """What is remembered once ``after`` is in place. Raises ListRefused, and then ``before`` stays.

    ``before`` is what was delivered last, None where nothing was.
    """
    _not_ahead(after, now)
    _grows(after.listed, memory.seq, None if before is None else before.listed, "the list of revocations")
    if before is not None:
        _lifted_only(before.listed, after.listed)
    _urgent(memory, None if before is None else before.urgent, after)
    urgent_seq = memory.urgent_seq if after.urgent is None else after.urgent.seq
    clock = max(memory.clock, now, after.updated)
    return replace(memory, seq=after.listed.seq, urgent_seq=urgent_seq, clock=clock)


def _not_ahead(after: Known, now: float) -> None:
    if after.updated > now + MAX_AHEAD:
        raise ListRefused(
            "the list of revocations was issued in the future",
            code="list_future",
            fix="set this machine's clock; if it is right, the registry's is wrong",
        )


def _grows(after: _Form, seen: int, before: _Form | None, what: str) -> None:
    if after.seq < seen:
        raise ListRefused(f"{what} is number {after.seq}, and {seen} was seen before", code="list_rollback")
    same = before is not None and before.seq == after.seq
    if same and before is not None and written(before) != written(after):
        raise ListRefused(f"{what} number {after.seq} is not the one that was seen", code="list_rollback")


def _lifted_only(before: Listed, after: Listed) -> None:
    kept = {entry.id for entry in after.entries} | set(after.lifted)
    gone = sorted({entry.id for entry in before.entries} - kept)
    if gone:
        raise ListRefused(
            f"{', '.join(gone[:5])} vanished from the list of revocations, and nobody lifted it",
            code="list_vanished",
        )


def _urgent(memory: Memory, before: Urgent | None, after: Known) -> None:
    if after.urgent is None:
        if memory.urgent_seq > 0:
            raise ListRefused("the urgent list of revocations is gone", code="list_missing")
        return
    _grows(after.urgent, memory.urgent_seq, before, "the urgent list of revocations")
    if after.urgent.after > after.listed.seq:
        raise ListRefused(
            f"the urgent list was written beside list {after.urgent.after}, and this is {after.listed.seq}",
            code="list_mixed",
        )
    settled = {entry.id for entry in (*after.urgent.entries, *after.listed.entries)} | set(
        after.listed.lifted
    )
    gone = sorted(set() if before is None else {entry.id for entry in before.entries} - settled)
    if gone:
        raise ListRefused(
            f"{', '.join(gone[:5])} vanished from the urgent list of revocations", code="list_vanished"
        )

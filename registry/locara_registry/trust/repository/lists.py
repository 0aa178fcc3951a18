"""Writing the two lists of revocations: what is added, lifted, and issued anew.

A list is only issued when every client that has the one before would take it: the rules are those of the client.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from locara.core.strict_json import JSON, parse
from locara.errors import ManifestError
from locara.trust.revocation.acceptance import Memory, accept
from locara.trust.revocation.document import FORMAT, URGENT_FORMAT, Entry, Known, Listed, Urgent
from locara.trust.revocation.refused import ListRefused


def first(now: float) -> Known:
    """The lists of a new registry: nothing is revoked."""
    listed = Listed(format=FORMAT, seq=1, updated=now, entries=[])
    return Known(listed, Urgent(format=URGENT_FORMAT, seq=1, updated=now, after=1, entries=[]))


def read_entry(data: bytes) -> Entry:
    """An entry as it is written in a file. ListRefused ``list_malformed``."""
    try:
        value: JSON = parse(data, source="the entry").value
        return Entry.model_validate(value)
    except ManifestError as error:
        raise ListRefused(f"this is no entry: {error.message}", code="list_malformed") from error
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in told["loc"]) or "the entry"
        raise ListRefused(f"this is no entry: {told['msg']} (at {place})", code="list_malformed") from error


def with_entries(known: Known, entries: Iterable[Entry], *, now: float) -> Known:
    """Both lists after entries were added, or replaced by one with the same id, in the list that several sign."""
    new = {entry.id: entry for entry in entries}
    kept = [entry for entry in known.listed.entries if entry.id not in new]
    lifted = [name for name in known.listed.lifted if name not in new]
    return _issued(known, now, entries=[*kept, *new.values()], lifted=lifted)


def without(known: Known, ids: Iterable[str], *, now: float) -> Known:
    """Both lists after entries were lifted. ListRefused when there is none of that id."""
    wanted = list(dict.fromkeys(ids))
    there = {entry.id for entry in known.listed.entries} | {entry.id for entry in known.urgent_entries}
    missing = [name for name in wanted if name not in there]
    if missing:
        raise ListRefused(f"there is no entry {missing[0]} to lift", code="list_malformed")
    kept = [entry for entry in known.listed.entries if entry.id not in wanted]
    return _issued(known, now, entries=kept, lifted=[*known.listed.lifted, *wanted])


def with_popular(known: Known, apps: Iterable[str], *, now: float) -> Known:
    """Both lists after the apps with very many users were named anew."""
    return _issued(known, now, popular=sorted(set(apps)))


def with_urgent(known: Known, entries: Iterable[Entry], *, now: float) -> Known:
    """The urgent list after entries were added. What it says already cannot be changed, only taken over."""
    said = {} if known.urgent is None else {entry.id: entry for entry in known.urgent.entries}
    for entry in entries:
        if said.get(entry.id, entry) != entry or entry.id in known.listed.lifted:
            raise ListRefused(
                f"{entry.id} was written before: the urgent list can only add", code="entry_not_single"
            )
        said[entry.id] = entry
    return renewed(Known(known.listed, _urgent(known, list(said.values()), known.listed)), now=now)


def renewed(known: Known, *, now: float) -> Known:
    """The urgent list issued again, without what the list took over or lifted."""
    urgent = _urgent(known, list(known.urgent_entries), known.listed)
    seq = 1 if known.urgent is None else known.urgent.seq + 1
    after = Known(known.listed, urgent.model_copy(update={"seq": seq, "updated": now}))
    return _taken(known, after, now)


def _issued(known: Known, now: float, **changes: object) -> Known:
    listed = known.listed.model_copy(update={**changes, "seq": known.listed.seq + 1, "updated": now})
    listed = Listed.model_validate(listed.model_dump(by_alias=True, exclude_none=True))
    return _taken(known, Known(listed, known.urgent), now)


def _urgent(known: Known, entries: list[Entry], listed: Listed) -> Urgent:
    seq, updated = (1, 0.0) if known.urgent is None else (known.urgent.seq, known.urgent.updated)
    form = {"format": URGENT_FORMAT, "seq": seq, "updated": updated, "after": listed.seq, "entries": entries}
    return Urgent.model_validate(form)


def _taken(before: Known, after: Known, now: float) -> Known:
    urgent_seq = 0 if before.urgent is None else before.urgent.seq
    accept(Memory(seq=before.listed.seq, urgent_seq=urgent_seq), before, after, now=now)
    return after

"""Versions, models and tools that must not start, from the lists on this machine.

The lists are read at every start and never fetched there: a start asks no network and waits for nothing. What
is on a list does not start however old the list is. A list that cannot be read stops the start; no list at all
leaves the one that this version was shipped with. `locara trust update` puts new lists in place.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locara.core.capability import Kind
from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.core.text import escape
from locara.plain_files import open_plain
from locara.records import dataclass
from locara.runtime.origin import Origin, origin_of
from locara.runtime.state import StartError, StateFolder
from locara.trust.revocation.acceptance import Memory, accept
from locara.trust.revocation.baseline import baseline
from locara.trust.revocation.document import Known, Listed, Urgent, written
from locara.trust.revocation.judgement import Limits, Operation, Subject, Verdict, judge
from locara.trust.revocation.policy import limits_of

LIST_NAME: Final = "revocations.json"
URGENT_NAME: Final = "revocations-urgent.json"
MEMORY_NAME: Final = "revocations-seen.json"
POLICY: Final = Path("/etc/locara/policy.json")
_CODE: Final = "revocation_unreadable"
_CLOCK_STEP: Final = 3_600.0  # the latest time seen is kept to the hour: a start writes seldom
_MAX_POLICY: Final = 262_144
_Listed = TypeVar("_Listed", Listed, Urgent)


class _MemoryForm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    format: Literal["locara-revocations-seen/1"]
    seq: Annotated[int, Field(ge=0)]
    urgent: Annotated[int, Field(ge=0)]
    clock: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    since: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


@dataclass(frozen=True, slots=True)
class Lists:
    """What this machine knows. ``delivered`` is what a registry delivered, None where none has yet.

    ``known`` is what counts: the newer of what was delivered and what this version was shipped with.
    """

    known: Known
    memory: Memory
    delivered: Known | None = None


def read_lists(state: StateFolder) -> Lists:
    """The lists and what is remembered of them. StartError ``revocation_unreadable`` for anything doubtful.

    A list older than one that was seen, and a list that was seen and is gone, are doubtful.
    """
    memory = _read_memory(state)
    listed = _read(state, LIST_NAME, Listed)
    urgent = _read(state, URGENT_NAME, Urgent)
    missing = (listed is None and memory.seq > 0) or (urgent is None and memory.urgent_seq > 0)
    behind = (listed is not None and listed.seq < memory.seq) or (
        urgent is not None and urgent.seq < memory.urgent_seq
    )
    if missing or behind:
        raise StartError(
            f"the list of revocations in {state.path} is {'gone' if missing else 'older than one seen before'}",
            code=_CODE,
            fix="run `locara trust update`; the app's data is untouched",
        )
    shipped = baseline()
    delivered = None if listed is None else Known(listed, urgent)
    newest = shipped if listed is None or listed.seq < shipped.seq else listed
    return Lists(Known(newest, urgent), memory, delivered)


def take_lists(state: StateFolder, after: Known, *, now: float) -> bool:
    """Put lists whose signatures were checked in place. False when they are the ones that are there.

    Raises ListRefused and StartError, and then nothing changed. A kill in between leaves lists that are newer
    than what is remembered of them, which is no fault.
    """
    with state.alone(MEMORY_NAME):
        before = read_lists(state) if _readable(state) else Lists(Known(baseline()), _read_memory(state))
        memory = accept(before.memory, before.delivered, after, now=now)
        fresh = before.delivered is None or _bytes(before.delivered) != _bytes(after)
        if fresh:
            if after.urgent is not None:
                state.write(URGENT_NAME, json.loads(written(after.urgent)))
            state.write(LIST_NAME, json.loads(written(after.listed)))
        _remember(state, memory)
    return fresh


def follow(state: StateFolder, *, now: float) -> None:
    """From now on the age of the lists counts on this machine, because a registry delivers them."""
    with state.alone(MEMORY_NAME):
        memory = _read_memory(state)
        if memory.since is None:
            _remember(state, Memory(memory.seq, memory.urgent_seq, max(memory.clock, now), now))


def forget_clock(state: StateFolder, *, now: float) -> None:
    """The person says that the clock is right now and was wrong before: the latest time seen is this one."""
    with state.alone(MEMORY_NAME):
        memory = _read_memory(state)
        _remember(state, Memory(memory.seq, memory.urgent_seq, now, memory.since))


def latest_time(state: StateFolder, now: float) -> float:
    """The latest time ever seen on this machine, ``now`` included, in seconds since 1970."""
    return max(now, _read_memory(state).clock)


def verdict_on(
    state: StateFolder,
    subject: Subject,
    operation: Operation,
    *,
    now: float,
    policy: Path = POLICY,
) -> Verdict:
    """What the lists say about that. Nothing is written. StartError when they cannot be relied on."""
    lists = read_lists(state)
    return _judged(lists, subject, operation, now=now, limits=read_limits(policy))


def refuse_revoked(
    state: StateFolder, grants: Grants, *, now: float, policy: Path = POLICY
) -> tuple[str, ...]:
    """Raise StartError ``revoked`` or ``revocation_stale`` when this version must not start.

    Otherwise what the person should be told, if anything. What the app stored stays as it is.
    """
    subject = subject_of(grants, origin_of(state, grants))
    lists = read_lists(state)
    found = _judged(lists, subject, "run", now=now, limits=read_limits(policy))
    if lists.memory.since is not None and now > lists.memory.clock + _CLOCK_STEP:
        with state.alone(MEMORY_NAME):
            _remember(state, _read_memory(state).seen_at(now))
    if found.action == "block":
        raise _refused(f"{escape(grants.app_id, 140)} {escape(grants.version, 40)}", found, subject)
    return found.notices


def refuse_part(
    state: StateFolder,
    *,
    now: float,
    model: Digest | None = None,
    tool: Digest | None = None,
    policy: Path = POLICY,
) -> tuple[str, ...]:
    """Raise StartError when this model or tool must not be put on this machine; else what should be told."""
    subject = Subject(
        models=frozenset(() if model is None else (str(model),)),
        tools=frozenset(() if tool is None else (str(tool),)),
    )
    found = verdict_on(state, subject, "install", now=now, policy=policy)
    if found.action == "block":
        raise _refused(str(model or tool), found, subject)
    return found.notices


def refuse_install(
    state: StateFolder,
    grants: Grants,
    origin: Origin,
    *,
    update: bool,
    now: float,
    policy: Path = POLICY,
) -> tuple[str, ...]:
    """Raise StartError when this version must not be put on this machine; else what should be told."""
    subject = subject_of(grants, origin)
    found = verdict_on(state, subject, "update" if update else "install", now=now, policy=policy)
    if found.action == "block":
        raise _refused(f"{escape(grants.app_id, 140)} {escape(grants.version, 40)}", found, subject)
    return found.notices


def subject_of(grants: Grants, origin: Origin | None = None) -> Subject:
    """What a version is, for the lists: its manifest, and how it was built where that is on record."""
    return Subject(
        app=grants.app_id,
        version=grants.version,
        manifest=str(grants.manifest_digest),
        artifact=None if origin is None else origin.artifact,
        commit=None if origin is None else origin.commit,
        signer=None if origin is None else origin.signer,
        signed_at=None if origin is None else origin.signed_at,
        keys=frozenset() if origin is None else origin.keys,
        models=frozenset(str(digest) for digest in grants.models.values()),
        tools=frozenset(str(digest) for digest in grants.tools.values()),
        networked=Kind.NET in grants.by_kind,
    )


def read_limits(policy: Path = POLICY) -> Limits:
    """How old lists may be on this machine. A policy that its administrator alone could not have written is an
    error: StartError ``revocation_unreadable``."""
    try:
        file = open_plain(policy)
    except (FileNotFoundError, NotADirectoryError):
        return Limits()
    except OSError as error:
        raise _bad_policy(policy, error.strerror or "it cannot be opened") from error
    with file:
        seen = os.fstat(file.fileno())
        if seen.st_uid != 0 or seen.st_mode & 0o022:
            raise _bad_policy(policy, "it is not a plain file that the administrator alone may write")
        data = file.read(_MAX_POLICY + 1)
    try:
        return limits_of(json.loads(data))
    except ValueError as error:
        raise _bad_policy(policy, str(error)) from error


def _judged(lists: Lists, subject: Subject, operation: Operation, *, now: float, limits: Limits) -> Verdict:
    memory = lists.memory
    follows = memory.since is not None
    return judge(lists.known, subject, operation, now=now, clock=memory.clock, follows=follows, limits=limits)


def _refused(what: str, found: Verdict, subject: Subject) -> StartError:
    if found.code == "revocation_stale":
        fix = "connect once and run `locara trust update`; the app's data is untouched"
        return StartError(
            f"{what} may not be started or installed now: {found.because}", code=found.code, fix=fix
        )
    entry = found.entry
    fixed = None if entry is None or entry.app is None else entry.fixed_in
    fix = f"install version {fixed}" if fixed else "use a version that is not revoked"
    if subject.app is not None:
        fix += "; its data is untouched, and `locara db export` still gives it out"
    return StartError(f"{what} was revoked: {found.because}", code="revoked", fix=fix)


def _bad_policy(policy: Path, reason: str) -> StartError:
    return StartError(
        f"the policy of this machine, {policy}, cannot be relied on ({reason})",
        code=_CODE,
        fix="ask whoever administers this machine; while it cannot be read, apps do not start",
    )


def _read(state: StateFolder, name: str, form: type[_Listed]) -> _Listed | None:
    """A list that was written here, quickly: its bytes were judged strictly before they were."""
    data = state.read_bytes(name, code=_CODE)
    if data is None:
        return None
    try:
        return form.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        reason = f"it is not a list of revocations: {first['msg']}"
        raise state.unreadable(name, reason, code=_CODE) from error


def _read_memory(state: StateFolder) -> Memory:
    value = state.read(MEMORY_NAME, code=_CODE)
    if value is None:
        return Memory()
    try:
        told = _MemoryForm.model_validate(value)
    except ValidationError as error:
        reason = "it does not say which lists were seen"
        raise state.unreadable(MEMORY_NAME, reason, code=_CODE) from error
    return Memory(told.seq, told.urgent, told.clock, told.since)


def _remember(state: StateFolder, memory: Memory) -> None:
    value: dict[str, str | float | None] = {
        "format": "locara-revocations-seen/1",
        "seq": memory.seq,
        "urgent": memory.urgent_seq,
        "clock": memory.clock,
        "since": memory.since,
    }
    state.write(MEMORY_NAME, value)


def _readable(state: StateFolder) -> bool:
    """Whether the lists here can be built upon. What cannot be read is replaced by what a registry signed."""
    try:
        read_lists(state)
    except StartError:
        return False
    return True


def _bytes(known: Known) -> tuple[bytes, bytes]:
    return written(known.listed), b"" if known.urgent is None else written(known.urgent)

"""What follows from the lists for one app, model or tool: go, warn, or stop.

A known block wins however old the lists are. Age alone first warns, then stops installs and updates, then stops
apps that may use the network; an app that is fully local goes on, because working without a network is what it
promises. The clock is the latest time ever seen: one that is set back makes nothing look fresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Final, Literal, TypeAlias

from locara.core.text import escape
from locara.records import dataclass
from locara.trust.revocation.document import Entry, Known

DAY: Final = 86_400.0
Operation: TypeAlias = Literal["run", "install", "update"]
Action: TypeAlias = Literal["allow", "warn", "block"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is about to happen to what. Facts that are not known are None or empty, and match no entry.

    ``signed_at`` is in seconds since 1970; digests are written ``sha256:<hex>``; ``keys`` are the trust-root keys
    that vouch for it. ``networked``: its manifest lets it reach the network.
    """

    app: str | None = None
    version: str | None = None
    manifest: str | None = None
    artifact: str | None = None
    commit: str | None = None
    signer: str | None = None
    signed_at: float | None = None
    models: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    networked: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How old the lists may be, in seconds, until something follows. None: never.

    ``lifted_here`` are ids of entries that this machine's administrator answers for.
    """

    warn: float = 7 * DAY
    install: float = 14 * DAY
    network: float = 30 * DAY
    local: float | None = None
    lifted_here: frozenset[str] = frozenset()

    def stricter(
        self,
        *,
        warn: float | None = None,
        install: float | None = None,
        network: float | None = None,
        local: float | None = None,
        lifted_here: frozenset[str] = frozenset(),
    ) -> Limits:
        """These limits, narrowed. A value above the one that holds already changes nothing."""
        return Limits(
            warn=_narrower(self.warn, warn),
            install=_narrower(self.install, install),
            network=_narrower(self.network, network),
            local=local if self.local is None else _narrower(self.local, local),
            lifted_here=self.lifted_here | lifted_here,
        )


DEFAULT_LIMITS: Final = Limits()


def _narrower(now: float, wanted: float | None) -> float:
    return now if wanted is None else min(now, wanted)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows. ``code``: ``revoked``, ``revocation_stale``, ``warned``, or empty when there is nothing to say.

    ``entry`` is the entry that decided, ``because`` a sentence for the person, ``age`` how old the lists are in
    seconds (None where no registry is followed). ``ends_now``: a running copy is stopped, not only the next start.
    """

    action: Action
    code: str = ""
    because: str = ""
    entry: Entry | None = None
    age: float | None = None
    ends_now: bool = False
    notices: tuple[str, ...] = field(default=())


def matches(entry: Entry, subject: Subject) -> bool:
    """Whether an entry is about that. A signature by a named signer whose time is unknown counts as made too late."""
    if entry.app is not None:
        return entry.app == subject.app and (
            entry.versions is None or subject.version is None or entry.versions.holds(subject.version)
        )
    if entry.signer is not None:
        late = entry.signed_after is None or subject.signed_at is None
        return entry.signer == subject.signer and (
            late or _at_or_after(subject.signed_at, entry.signed_after)
        )
    return (
        _same(entry.manifest, subject.manifest)
        or _same(entry.artifact, subject.artifact)
        or _same(entry.commit, subject.commit)
        or entry.model in subject.models
        or entry.tool in subject.tools
        or entry.key in subject.keys
    )


def _same(named: str | None, fact: str | None) -> bool:
    return named is not None and named == fact


def _at_or_after(when: float | None, bound: float | None) -> bool:
    return when is not None and bound is not None and when >= bound


def judge(
    known: Known,
    subject: Subject,
    operation: Operation,
    *,
    now: float,
    clock: float = 0.0,
    follows: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> Verdict:
    """What follows for this subject at ``now``. ``clock`` is the latest time seen before, in seconds since 1970.

    ``follows`` is false where no registry delivers lists: then their age says nothing.
    """
    age = max(0.0, max(now, clock) - known.updated) if follows else None
    notices: list[str] = []
    for entry, blocks in _about(known, subject):
        if blocks and entry.id not in limits.lifted_here:
            return Verdict("block", "revoked", told(entry), entry, age, ends_now=entry.kind == "malware")
        notices.append(told(entry))
    stale = _too_old(age, subject, operation, limits)
    if stale:
        return Verdict("block", "revocation_stale", stale, None, age, notices=tuple(notices))
    if age is not None and age > limits.warn:
        notices.append(f"the list of revocations is {_days(age)} old; `locara trust update` renews it")
    if notices:
        return Verdict("warn", "warned", notices[0], None, age, notices=tuple(notices))
    return Verdict("allow", age=age)


def _about(known: Known, subject: Subject) -> Iterator[tuple[Entry, bool]]:
    """The entries about a subject, each with whether it blocks: malware that blocks first, then all else that does."""
    found = [(entry, entry.severity == "block") for entry in known.listed.entries if matches(entry, subject)]
    needs_more = subject.app in known.listed.popular
    found += [
        (entry, entry.severity == "block" and not needs_more)
        for entry in known.urgent_entries
        if matches(entry, subject)
    ]
    return iter(sorted(found, key=lambda pair: (not pair[1], pair[0].kind != "malware")))


def _too_old(age: float | None, subject: Subject, operation: Operation, limits: Limits) -> str:
    """Why the age of the lists stops this, or an empty text."""
    if age is None:
        return ""
    if operation != "run" and age > limits.install:
        return f"the list of revocations is {_days(age)} old, too old to install or update anything"
    if operation == "run" and subject.networked and age > limits.network:
        return f"the list of revocations is {_days(age)} old, too old for an app that may use the network"
    if operation == "run" and limits.local is not None and age > limits.local:
        return f"the list of revocations is {_days(age)} old, older than this machine's administrator allows"
    return ""


def told(entry: Entry) -> str:
    """An entry for a person: what it is about, its id, its reason, and where it is put right."""
    name, what = next(
        (name, value)
        for name in ("model", "tool", "key", "signer", "commit", "artifact", "manifest", "app")
        if (value := getattr(entry, name)) is not None
    )
    thing = {"model": "the model ", "tool": "the tool ", "key": "the key ", "signer": "what was signed by "}
    fixed = f"; put right in {entry.fixed_in}" if entry.fixed_in else ""
    verb = "was revoked" if entry.severity == "block" else "has a warning"
    shown = f"{thing.get(name, 'the build ' if name != 'app' else '')}{escape(what, 140)}"
    return f"{shown} {verb} ({entry.id}): {escape(entry.reason, 400)}{fixed}"


def _days(age: float) -> str:
    return f"{int(age // DAY)} days"

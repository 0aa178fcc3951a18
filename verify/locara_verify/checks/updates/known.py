"""LC773, on the machine: lists that are gone or older than those seen, the administrator's policy, and running apps.

What a start, an installation and a running app are told is asked from a folder of decisions that is made for it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.errors import LocaraError
from locara.runtime.origin import Origin
from locara.runtime.revocation import (
    LIST_NAME,
    MEMORY_NAME,
    URGENT_NAME,
    follow,
    latest_time,
    read_limits,
    refuse_install,
    refuse_part,
    refuse_revoked,
    take_lists,
    verdict_on,
)
from locara.runtime.state import StateFolder
from locara.trust.revocation.document import Known
from locara.trust.revocation.judgement import Limits, Subject
from locara.trust.revocation.policy import limits_of
from locara_verify.check import CheckResult, check
from locara_verify.checks.updates import running
from locara_verify.checks.updates.both_lists import both_lists
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room

RULE: Final = "LC773"
NOW: Final = 1_800_000_000.0
DAY: Final = 86_400.0
_NOBODY: Final = 65_534
_ABOUT: Final[Mapping[str, Any]] = {"severity": "block", "kind": "defect", "reason": "a test", "time": 1.0}


@check("revocations-known", rules=(RULE,), waits=True)
def run(ctx: Context) -> CheckResult:
    """Files, policies, starts and running apps."""
    findings: list[Finding] = []
    tried = 0
    for said, wanted, what in (case for family in families() for case in family(ctx)):
        tried += 1
        if said != wanted and has_room(findings, RULE):
            message = "what is known of revocations on this machine has another effect than it must have"
            findings.append(Finding(RULE, message, because=f"{what}: {said}, not {wanted}"[:600]))
    return CheckResult(tuple(findings), {RULE: tried}, attacks=tried)


def families() -> tuple[Callable[[Context], Iterator[tuple[object, object, str]]], ...]:
    """What is asked, in its order: each gives what came, what was due, and of what."""
    return (_files, _shipped, _policies, _warnings, _starts, _clocks, _material, running.cases)


def _lists(seq: int, urgent: int, *entries: Mapping[str, Any], updated: float = NOW) -> Known:
    return both_lists(seq, entries, updated=updated, urgent=urgent)


def _asked(state: StateFolder, subject: Subject, **more: Any) -> str:  # noqa: ANN401 - as of the function
    try:
        return verdict_on(state, subject, "run", now=NOW, **more).action
    except LocaraError as error:
        return error.code


def _files(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """Each file of the known lists is gone, from before, of nothing, or a link: that is an error, never a pass."""
    subject = Subject(app="acme/notes", version="1.0.0")
    state = StateFolder(ctx.fresh_dir("known") / "state")
    follow(state, now=NOW)
    take_lists(state, _lists(4, 2), now=NOW)
    names = (LIST_NAME, URGENT_NAME, MEMORY_NAME)
    older = {name: (state.path / name).read_bytes() for name in names}
    take_lists(state, _lists(5, 3), now=NOW)
    good = {name: (state.path / name).read_bytes() for name in names}
    yield _asked(state, subject), "allow", "the lists as they were taken"
    for name in names:
        ways = {"empty": b"", "null": b"null", "an object": b"{}", "cut": good[name][:-9], "a list": b"[]"}
        if name != MEMORY_NAME:
            ways |= {"older": older[name], "gone": b"-"}
        for what, data in ways.items():
            (state.path / name).unlink()
            if what != "gone":
                (state.path / name).write_bytes(data)
                (state.path / name).chmod(0o600)
            yield _asked(state, subject), "revocation_unreadable", f"{name} is {what}"
        (state.path / name).unlink(missing_ok=True)
        (state.path / name).write_bytes(good[name])
        (state.path / name).chmod(0o600)
    yield _asked(state, subject), "allow", "the lists put back"


def _shipped(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """Of the list that this version was shipped with and the one that was delivered the newer one counts."""
    revocation: Any = import_module("locara.runtime.revocation")
    real, mine = revocation.baseline, {"app": "acme/mine"}
    theirs = {**_ABOUT, "id": "R-1", "app": "acme/theirs"}
    try:
        for own, delivered in ((5, None), (5, 4), (5, 5), (5, 6), (0, 1)):
            shipped = _lists(own, 1, {**_ABOUT, "id": "R-1", **mine}).listed
            revocation.baseline = lambda shipped=shipped: shipped
            state = StateFolder(ctx.fresh_dir("shipped") / "state")
            if delivered is not None:
                take_lists(state, _lists(delivered, 1, theirs), now=NOW)
            newer = delivered is None or own > delivered
            for app, wanted in (("acme/mine", newer), ("acme/theirs", not newer)):
                what = f"{app}, list {own} was shipped and {delivered} delivered"
                said = _asked(state, Subject(app=app, version="1.0.0"))
                yield said, "block" if wanted else "allow", what
    finally:
        revocation.baseline = real


def _policies(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """A policy of somebody else is an error; one of the administrator only ever shortens what holds without it."""
    plain = Limits()
    for name in ("warn", "install", "network", "local"):
        now = getattr(plain, name)
        for days in (0.5, 6.0, 13.0, 29.0, 31.0, 400.0):
            told = limits_of({"format": "locara-policy/1", "revocation": {f"{name}Days": days}})
            wanted = days * DAY if now is None else min(now, days * DAY)
            yield getattr(told, name), wanted, f"a policy with {name}Days {days}"
    for what, document in _no_policies():
        yield _taken(document), "refused", f"a policy that is none: {what}"
    place = ctx.fresh_dir("policy") / "policy.json"
    text = json.dumps({"format": "locara-policy/1", "revocation": {"allow": ["R-1"], "warnDays": 1}})
    is_root = os.geteuid() == 0
    forms: list[tuple[str, int, int, bool]] = [
        ("that its group may write", 0, 0o664, False), ("that all may write", 0, 0o646, False),
        ("of an ordinary person", _NOBODY if is_root else os.geteuid(), 0o644, False),
    ]  # fmt: skip
    forms += [("of the administrator", 0, 0o644, True)] if is_root else []
    for what, owner, mode, good in forms:
        place.unlink(missing_ok=True)
        place.write_text(text, "utf-8")
        place.chmod(mode)
        if is_root:
            os.chown(place, owner, owner)
        yield _policy(place), "R-1" if good else "revocation_unreadable", f"a policy {what}"
    yield from _everywhere(ctx, place) if is_root else ()
    link = place.with_name("link.json")
    link.symlink_to(place)
    yield _policy(link), "revocation_unreadable", "a policy that is a link"
    yield _policy(place.with_name("none.json")), "", "no policy"


def _no_policies() -> Iterator[tuple[str, dict[str, Any]]]:
    """A word that is misspelt must not be passed over: the administrator believes that it holds."""
    right: dict[str, Any] = {"format": "locara-policy/1", "revocation": {"warnDays": 1.0}}
    for name in ("warndays", "warn", "warnDays ", "days", "Allow", "liftedHere", ""):
        yield f"a field {name!r}", {**right, "revocation": {name: 1.0}}
    odd: tuple[object, ...] = ("1", True, 0, -1, 36_501, float("nan"), float("inf"), [], {})
    for value in odd:
        for name in ("warnDays", "installDays", "networkDays", "localDays"):
            yield f"{name} {value!r}", {**right, "revocation": {name: value}}
    lists: tuple[object, ...] = ("R-1", [1], [""], ["x" * 65], ["R"] * 1_001, {"R-1": True})
    for value in lists:
        yield f"allow {value!r:.40}", {**right, "revocation": {"allow": value}}
    yield "a further part", {**right, "network": {}}
    yield "another format", {**right, "format": "locara-policy/2"}
    yield "no format", {"revocation": right["revocation"]}
    yield "no revocation", {"format": right["format"]}


def _taken(document: dict[str, Any]) -> str:
    try:
        limits_of(document)
    except ValueError:
        return "refused"
    return "taken"


def _everywhere(ctx: Context, place: Path) -> Iterator[tuple[object, object, str]]:
    """The administrator's word counts wherever lists are asked: on how old they may be, and on one entry by its id."""
    digest = "sha256:" + "ab" * 32
    grants = _grants(ctx, models=[f"m@{digest}"], net={"allowed_hosts": ["api.example.org"]})
    subject = Subject(app=grants.app_id, models=frozenset({digest}), networked=True)
    origin, model = Origin(), Digest.parse(digest)
    ways: dict[str, Callable[..., object]] = {
        "a start": partial(refuse_revoked, grants=grants),
        "an installation": partial(refuse_install, grants=grants, origin=origin, update=False),
        "an update": partial(refuse_install, grants=grants, origin=origin, update=True),
        "a model": partial(refuse_part, model=model),
        "a question": partial(_refused, subject=subject),
    }
    days, allow = {"installDays": 1, "networkDays": 1}, {"allow": ["R-1"]}
    entry = {**_ABOUT, "id": "R-1", "model": digest}
    for entries, said, wanted in (
        ((), None, ""), ((), days, "revocation_stale"), ((), allow, ""), ((entry,), None, "revoked"),
        ((entry,), allow, ""), ((entry,), {"allow": ["R-2"]}, "revoked"), ((entry,), days | allow, "revocation_stale"),
    ):  # fmt: skip
        state = StateFolder(ctx.fresh_dir("everywhere") / "state")
        follow(state, now=NOW)
        take_lists(state, _lists(1, 1, *entries), now=NOW)
        place.write_text(json.dumps({"format": "locara-policy/1", "revocation": said or {}}), "utf-8")
        for what, way in ways.items():
            came = _code(partial(way, state=state, now=NOW + 2 * DAY, policy=place))
            yield came, wanted, f"{what} under {said}, the lists are two days old and name {len(entries)}"


def _warnings(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """A warning stops nothing, and whoever is let through is handed its words, with the age of lists beside it."""
    digest = "sha256:" + "ab" * 32
    grants, none = _grants(ctx, models=[f"m@{digest}"]), ctx.fresh_dir("policy") / "none.json"
    ways: dict[str, Callable[..., tuple[str, ...]]] = {
        "a start": partial(refuse_revoked, grants=grants),
        "an installation": partial(refuse_install, grants=grants, origin=Origin(), update=False),
        "an update": partial(refuse_install, grants=grants, origin=Origin(), update=True),
        "a model": partial(refuse_part, model=Digest.parse(digest)),
    }
    for what, entry in (("it", {"model": digest}), ("another", {"model": digest[:-1] + "c"})):
        for days in (0, 8):
            state = StateFolder(ctx.fresh_dir("warned") / "state")
            follow(state, now=NOW)
            warning = {**_ABOUT, "severity": "warn", "reason": "loses notes", "id": "R-7", **entry}
            take_lists(state, _lists(1, 1, warning), now=NOW)
            for way, act in ways.items():
                said = act(state=state, now=NOW + days * DAY, policy=none)
                found = (
                    ["loses notes" in line for line in said].count(True),
                    sum("old" in line for line in said),
                )
                due = int(what == "it"), int(days > 7)
                yield found, due, f"{way}, a warning of {what} in lists {days} days old"


def _refused(state: StateFolder, *, subject: Subject, now: float, policy: Path) -> None:
    """The verdict of a start as an error."""
    found = verdict_on(state, subject, "run", now=now, policy=policy)
    if found.action == "block":
        raise LocaraError(found.because, code=found.code)


def _code(act: Callable[[], object]) -> str:
    try:
        act()
    except LocaraError as error:
        return error.code
    return ""


def _policy(place: Path) -> str:
    try:
        return " ".join(read_limits(place).lifted_here)
    except LocaraError as error:
        return error.code


def _grants(ctx: Context, **capabilities: Any) -> Grants:  # noqa: ANN401 - values of a manifest
    told = json.loads(ctx.target.manifest_bytes)
    told |= {"capabilities": capabilities, "modalities": [], "tooling": [], "profiles": {}}
    return compile_grants(parse_manifest(json.dumps(told).encode()))


def _starts(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """What a version pins and may reach, as a start says it to the lists; and that a start remembers the time."""
    digest = "sha256:" + "ab" * 32
    apps = {
        "a model": (_grants(ctx, models=[f"m@{digest}"]), {"model": digest}),
        "a tool": (_grants(ctx, tools=[f"t@{digest}"]), {"tool": digest}),
    }
    for what, (grants, entry) in apps.items():
        for named, wanted in ((entry, "revoked"), (dict.fromkeys(entry, digest[:-1] + "c"), "")):
            state = StateFolder(ctx.fresh_dir("pins") / "state")
            take_lists(state, _lists(1, 1, {**_ABOUT, "id": "R-1", **named}), now=NOW)
            yield (
                _started(state, grants, NOW),
                wanted,
                f"an app pins {what}, the list names {json.dumps(named)}",
            )
    reaching, local = _grants(ctx, net={"allowed_hosts": ["api.example.org"]}), _grants(ctx)
    for what, grants, late in (
        ("with the network", reaching, "revocation_stale"),
        ("that is fully local", local, ""),
    ):
        state = StateFolder(ctx.fresh_dir("reach") / "state")
        take_lists(state, _lists(1, 1), now=NOW)
        follow(state, now=NOW)
        yield _started(state, grants, NOW + DAY), "", f"an app {what}, lists of yesterday"
        yield _started(state, grants, NOW + 31 * DAY), late, f"an app {what}, lists of a month ago"
        yield latest_time(state, NOW), NOW + 31 * DAY, "the clock is set back after a start"
        yield _started(state, grants, NOW), late, f"an app {what}, and the clock was set back"


def _clocks(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """The latest time seen is that of the clock or that of a list, whichever is later, and never goes back."""
    for ahead in (-DAY, 0.0, 599.0):
        state = StateFolder(ctx.fresh_dir("clocks") / "state")
        take_lists(state, _lists(1, 1, updated=NOW + ahead), now=NOW)
        latest = NOW + max(0.0, ahead)
        yield latest_time(state, NOW - DAY), latest, f"a list {ahead:.0f} s ahead was taken"
        take_lists(state, _lists(2, 2, updated=NOW - 2 * DAY), now=NOW - DAY)
        yield latest_time(state, NOW - DAY), latest, "the clock was set back, and an older list taken"


def _started(state: StateFolder, grants: Grants, now: float) -> str:
    try:
        refuse_revoked(state, grants, now=now)
    except LocaraError as error:
        return error.code
    return ""


def _material(ctx: Context) -> Iterator[tuple[object, object, str]]:
    """What signatures are checked against, out of a registry's copy: good until its end, by the latest time seen."""
    from locara.runtime.followed import followed_instance, recalled_here  # noqa: PLC0415 - slow to load
    from locara.trust.repository.client import update  # noqa: PLC0415
    from locara.trust.repository.home import Home  # noqa: PLC0415
    from locara.trust.repository.names import TRUST_INSTANCE  # noqa: PLC0415
    from locara_verify.checks.updates.forge import URL, Forge  # noqa: PLC0415

    def instance(state: StateFolder, at: float) -> str:
        try:
            followed_instance(state, now=at)
        except LocaraError as error:
            return error.code
        return ""

    def recall(state: StateFolder, at: float, thing: Any) -> str:  # noqa: ANN401 - what an attestation has
        try:
            recalled_here(state, now=at)(thing)
        except LocaraError as error:
            return error.code
        return ""

    now = float(int(time.time()))  # the library that fetches judges the machine's clock
    trust = json.loads((ctx.fixtures / "trust/trust.json").read_bytes())["plain"]
    for what, ends in (("the instance", DAY), ("those who signed it", 2 * DAY)):
        state = StateFolder(ctx.fresh_dir("material") / "state")
        state.path.mkdir(mode=0o700)
        forge, home = Forge(what.encode(), now=now), Home(state.path / "registry")
        home.follow(URL, forge.root)
        told = trust | (
            {"expires": datetime.fromtimestamp(now + DAY, UTC).isoformat()} if ends == DAY else {}
        )
        forge.put("targets", TRUST_INSTANCE, json.dumps(told).encode())
        forge.publish(("targets",))
        update(home, now=now, fetcher=forge)
        for late, wanted in (
            (0.0, ""),
            (ends - 2, ""),
            (ends + 2, "material_stale"),
            (400 * DAY, "material_stale"),
        ):
            _seen(state, now)
            yield (
                instance(state, now + late),
                wanted,
                f"{what} ends, {late - ends:.0f} s ago",
            )
            _seen(state, now + late)
            back = f"{what} ends, {late - ends:.0f} s ago, and the clock was set back"
            yield instance(state, now), wanted, back
    place = home.good / "targets" / TRUST_INSTANCE
    place.write_bytes(place.read_bytes().replace(b"accounts", b"anybody", 1) + b" ")
    _seen(state, now)
    yield instance(state, now), "material_untrusted", "an edited instance"
    signer = SimpleNamespace(identity="ci", commit=None)
    signature = SimpleNamespace(signer=signer, times=(datetime.fromtimestamp(now, UTC),), keys=frozenset())
    subject = SimpleNamespace(digest="sha256:" + "0" * 64)
    thing: Any = SimpleNamespace(signature=signature, statement=SimpleNamespace(subjects=(subject,)))
    take_lists(state, _lists(1, 1, updated=now), now=now)
    for late, wanted in ((DAY, ""), (15 * DAY, "material_stale")):
        _seen(state, now + late, since=now, seq=1)
        yield (
            recall(state, now, thing),
            wanted,
            f"lists {late:.0f} s old, a clock set back",
        )
        yield recall(state, now + late, thing), wanted, f"lists {late:.0f} s old"


def _seen(state: StateFolder, clock: float, *, since: float | None = None, seq: int = 0) -> None:
    """The latest time that this machine saw."""
    told = {"format": "locara-revocations-seen/1", "seq": seq, "urgent": seq, "clock": clock, "since": since}
    place = state.path / MEMORY_NAME
    place.write_text(json.dumps(told), "utf-8")
    place.chmod(0o600)

"""LC702, bundles in which two trusted times stand: everything that vouches must do so at each time it vouches for.

An authority and a log vouch for all of them, a log of certificates for the moment the certificate was issued, and an
authority for timestamps for its own. Which of two times is written first changes nothing.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from locara.records import dataclass
from locara_verify.check import CheckResult
from locara_verify.checks.attestation.judge import Client
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.strategies.bundles import FOLDER, Side, vouching

RULE: Final = "LC702"
_SECOND: Final = timedelta(seconds=1)
_REFUSALS: Final = frozenset(
    {"authority_retired", "log_retired", "time_invalid", "certificate_chain", "certificate_time"}
)


@dataclass(frozen=True, slots=True)
class Timed:
    """A bundle, and when it was signed by whose word: ``stamps`` by the authority's place, ``log`` by its own."""

    name: str
    bundle: bytes
    stamps: Mapping[int, datetime]
    log: datetime | None

    @property
    def times(self) -> list[datetime]:
        """All of them, the earliest first."""
        return sorted([*self.stamps.values(), *([] if self.log is None else [self.log])])


def run(ctx: Context, want: Mapping[str, str | None]) -> CheckResult:
    """Each bundle before clients to whom something was in use, or lived, at one of the times alone."""
    try:
        value = json.loads((ctx.fixtures / FOLDER / "times.json").read_bytes())
        bundles = _bundles(value)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return CheckResult(inconclusive={RULE: f"the bundles with two times cannot be read: {error}"})
    client = Client()
    findings: list[Finding] = []
    tried = 0
    now = datetime.fromisoformat(value["now"])
    for told, due, side in _sides(value, bundles, Side(b"", b"", dict(want), now)):
        tried += 1
        got, believed = client.ask(side)
        if (got == "") != due or got not in {"", *_REFUSALS}:
            wanted = "believed" if due else "refused"
            message = f"an attestation with two times is {got or 'believed'}, and must be {wanted}"
            findings.append(Finding(RULE, message, told))
        elif believed is not None and (wrong := _wrong(believed.signature, side.bundle, bundles)):
            findings.append(Finding(RULE, f"an attestation with two times is of {wrong}", told))
    for told, got in _recalled(value, bundles, Side(b"", b"", dict(want), now), client):
        tried += 1
        if got != "signer_revoked":
            message = (
                f"the key of one of two timestamps was revoked and the attestation is {got or 'believed'}"
            )
            findings.append(Finding(RULE, message, told))
    return CheckResult(tuple(findings), {RULE: tried}, attacks=tried, probes=tried)


def _bundles(value: dict[str, Any]) -> list[Timed]:
    """Those of the fixture. In each the first authority's timestamp is the earlier one, or the only one."""
    return [
        Timed(
            one["name"],
            json.dumps(one["bundle"]).encode(),
            dict(enumerate(map(datetime.fromisoformat, one["stamps"]))),
            None if one["log"] is None else datetime.fromisoformat(one["log"]),
        )
        for one in value["bundles"]
    ]


def _sides(value: dict[str, Any], bundles: list[Timed], ask: Side) -> Iterator[tuple[str, bool, Side]]:
    """(what the client has, whether it must believe, what it is asked)."""
    issued = datetime.fromisoformat(value["issued"])
    first = bundles[0]
    for name, lived in value["lived"].items():
        trust = copy.deepcopy(value["trust"])
        trust["trustedRoot"][lived["kind"]] = lived["all"]
        told = f"{first.name}; the certificate of the {name}"
        yield told, False, replace(ask, bundle=first.bundle, trust=json.dumps(trust).encode())
    for told, due, trust in _spans(value["trust"], first, issued):
        yield f"{first.name}; {told}", due, replace(ask, bundle=first.bundle, trust=trust)
    for one in bundles:
        ask = replace(ask, bundle=one.bundle)
        if one.log is not None:  # the first span alone: reading a client's material is what costs
            told, due, trust = next(_spans(value["trust"], one, issued))
            yield f"{one.name}; {told}", due, replace(ask, trust=trust)
        for ahead, due in ((timedelta(minutes=9), True), (timedelta(minutes=11), False)):
            if one.log is not None or (due and one is not first):
                continue
            side = replace(ask, trust=json.dumps(value["trust"]).encode(), now=one.times[-1] - ahead)
            yield f"{one.name}; the later one lies {ahead} ahead", due, side
    for name, bundle in zip(
        ("ended before the later", "began after the earlier"), value["outlived"], strict=True
    ):
        side = replace(ask, bundle=json.dumps(bundle).encode(), trust=json.dumps(value["trust"]).encode())
        yield f"the certificate {name} of two timestamps", False, side


def _spans(trust: dict[str, Any], one: Timed, issued: datetime) -> Iterator[tuple[str, bool, bytes]]:
    """The client's material with one part in use for a part of the time."""
    early, late = one.times
    for kind, place, needed in _parts(one, issued):
        then = (issued, issued + _SECOND) if needed == [issued] else (issued, late - _SECOND)
        for begins, ends in (then, (early + _SECOND, late + _SECOND)):
            due = all(begins <= when < ends for when in needed)
            changed = copy.deepcopy(trust)
            part = changed["trustedRoot"][kind][place]
            holder = part if "validFor" in part else part["publicKey"]
            holder["validFor"] = {"start": begins.isoformat(), "end": ends.isoformat()}
            told = f"{kind} {place} in use from {begins:%H:%M:%S} to {ends:%H:%M:%S}"
            yield told, due, json.dumps(changed).encode()


def _parts(one: Timed, issued: datetime) -> Iterator[tuple[str, int, list[datetime]]]:
    """Each part that vouches for the bundle, and the times at which it must have been in use."""
    yield "certificateAuthorities", 0, one.times
    yield "ctlogs", 0, [issued]
    for place, when in one.stamps.items():
        yield "timestampAuthorities", place, [when]


def _wrong(signature: Any, bundle: bytes, bundles: list[Timed]) -> str:  # noqa: ANN401 - loads the framework
    """What is wrong with when it was signed, as it is believed; nothing where it is right."""
    (one,) = (each for each in bundles if each.bundle == bundle)
    if sorted(signature.times) != one.times:
        return f"{len(signature.times)} times"
    return "" if signature.time == one.times[0] else "its later time"


def _recalled(
    value: dict[str, Any], bundles: list[Timed], ask: Side, client: Client
) -> Iterator[tuple[str, str]]:
    """What comes of each bundle where the key of one timestamp was revoked."""
    trust = json.dumps(value["trust"]).encode()
    keys = {where: key for key, where in vouching(trust).items()}
    for one in bundles[:1]:
        for place in one.stamps:
            side = replace(ask, bundle=one.bundle, trust=trust)
            key = keys[f"timestampAuthorities {place}, 0 from below"]
            yield f"{one.name}; the key of authority {place}", client.ask(side, revoked=key)[0]

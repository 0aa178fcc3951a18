"""Forged attestations: those of the vectors, made with the keys of a test instance, and seeded edits of a good one.

The vectors hold what only a holder of keys can do, and an honest twin of each. The edits are what anybody can do:
every value of a bundle changed, removed, repeated, replaced by one of another bundle or of another kind.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass

FOLDER: Final = "trust"


@dataclass(frozen=True, slots=True)
class Side:
    """A bundle, and what the client that looks at it has (a trust instance) and expects."""

    bundle: bytes
    trust: bytes
    want: dict[str, str | None]
    now: datetime


@dataclass(frozen=True, slots=True)
class Vector:
    """A forgery, the one reason for which it must be refused, and its twin that must be believed."""

    name: str
    reason: str
    bad: Side
    twin: Side


def vectors(fixtures: Path) -> list[Vector]:
    """Every vector below the folder of fixtures. Raises OSError, ValueError, KeyError when they are not whole."""
    whole = json.loads((fixtures / FOLDER / "vectors.json").read_bytes())
    written = json.loads((fixtures / FOLDER / "trust.json").read_bytes())
    trusts = {name: json.dumps(value).encode() for name, value in written.items()}
    return [_vector(one, whole["twins"], trusts) for one in whole["cases"]]


def vouching(trust: bytes) -> dict[str, str]:
    """Every key of a trust instance by the SHA-256 of its DER: where it stands. Read without the product."""
    from cryptography import x509  # noqa: PLC0415 - slow to load
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    root = json.loads(trust)["trustedRoot"]
    found = {}
    for kind in ("certificateAuthorities", "timestampAuthorities"):
        for number, authority in enumerate(root[kind]):
            for place, one in enumerate(authority["certChain"]["certificates"]):
                key = x509.load_der_x509_certificate(base64.b64decode(one["rawBytes"])).public_key()
                der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                found[hashlib.sha256(der).hexdigest()] = f"{kind} {number}, {place} from below"
    for kind in ("tlogs", "ctlogs"):
        for log in root[kind]:
            found[hashlib.sha256(base64.b64decode(log["publicKey"]["rawBytes"])).hexdigest()] = kind
    return found


def donor(fixtures: Path) -> bytes:
    """A good bundle of the same signer by another key, to take parts from."""
    whole = json.loads((fixtures / FOLDER / "vectors.json").read_bytes())
    return json.dumps(whole["donor"], indent=1).encode()


def edits(good: bytes, other: bytes, rng: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """``count`` edited copies of a good bundle, each with the place that was edited.

    ``other`` is what `donor` gives. Every value is reached before one is reached twice.
    """
    value = json.loads(good)
    donor = json.loads(other)
    paths = list(_paths(value, ()))
    order: list[tuple[str | int, ...]] = []
    while len(order) < count:
        round_ = paths[:]
        rng.shuffle(round_)
        order += round_
    for path in order[:count]:
        edited = copy.deepcopy(value)
        how = _edit(edited, donor, path, rng)
        yield f"{how} {'/'.join(map(str, path))}", json.dumps(edited, indent=1).encode()


def _paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401
    if path:
        yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from _paths(inner, (*path, step))


def _at(value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401
    for step in path:
        value = value[step]
    return value


def _edit(value: Any, donor: Any, path: tuple[str | int, ...], rng: random.Random) -> str:  # noqa: ANN401
    place, last = _at(value, path[:-1]), path[-1]
    now = place[last]
    how = rng.choice(("changed", "changed", "changed", "removed", "swapped", "emptied", "retyped", "doubled"))
    if how == "removed":
        del place[last]
    elif how == "swapped":
        try:
            place[last] = copy.deepcopy(_at(donor, path))
        except (KeyError, IndexError, TypeError):
            place[last] = None
    elif how == "emptied":
        place[last] = type(now)()
    elif how == "retyped":
        place[last] = rng.choice((None, True, 0, -1, [], {}, [now], {"x": now}, "0"))
    elif how == "doubled":
        place[last] = now * 2 if isinstance(now, list | str) else [now, now]
    else:
        place[last] = _changed(now, rng)
    return how


def _changed(now: Any, rng: random.Random) -> Any:  # noqa: ANN401
    """Another value of the same kind: a flipped bit, a number next to it, a line of text exchanged."""
    if not isinstance(now, str) or not now:
        return "x" if not now else None
    if now.isdecimal():
        return str(max(0, int(now) + rng.choice((-2, -1, 1, 2, 255, 1 << 40))))
    if "\n" in now:
        lines = now.split("\n")
        at = rng.randrange(len(lines))
        lines[at] = rng.choice(("", "0", "x" + lines[at], lines[at][::-1]))
        return "\n".join(lines)
    try:
        raw = bytearray(base64.b64decode(now, validate=True))
    except ValueError:
        return now[:-1] + chr(ord(now[-1]) ^ 1)
    at = rng.randrange(len(raw)) if raw else 0
    if not raw or rng.random() < 0.2:
        return base64.b64encode(raw[:at] + rng.randbytes(rng.randrange(4)) + raw[at + 1 :]).decode()
    raw[at] ^= 1 << rng.randrange(8)
    return base64.b64encode(raw).decode()


def _vector(one: dict[str, Any], twins: list[Any], trusts: dict[str, bytes]) -> Vector:
    twin = twins[one["twin"]["bundle"]]
    bad = _side(applied(twin, one["bundle"]), one, trusts)
    good = _side(json.dumps(twin, indent=1).encode(), one["twin"], trusts)
    return Vector(one["name"], one["reason"], bad, good)


def _side(bundle: bytes, one: dict[str, Any], trusts: dict[str, bytes]) -> Side:
    return Side(bundle, trusts[one["trust"]], one["want"], datetime.fromisoformat(one["now"]))


def applied(twin: Any, change: dict[str, Any]) -> bytes:  # noqa: ANN401
    """The forgery out of its twin: values set and removed by path, or bytes exchanged in the text."""
    if "edits" in change:
        value = copy.deepcopy(twin)
        for edit in change["edits"]:
            path = tuple(edit.get("remove") or edit["set"])
            place = _at(value, path[:-1])
            if "remove" in edit:
                del place[path[-1]]
            else:
                place[path[-1]] = edit["to"]
        return json.dumps(value, indent=1).encode()
    written = json.dumps(twin, indent=1).encode()
    if "hex" in change:
        middle = bytes.fromhex(change["hex"])
    else:
        middle = bytes.fromhex(change["repeat"][0]) * change["repeat"][1]
    return written[: change["start"]] + middle + written[len(written) - change["tail"] :]

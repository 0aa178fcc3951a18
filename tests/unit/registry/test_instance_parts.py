"""What an instance says of itself, signs and gives out: who, until when, and by which keys."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from fixtures.trust.world import (
    BUILD,
    DIGEST,
    NAME,
    SIGNED,
    START,
    DrawnKeys,
    Signing,
    World,
    key_of,
    new_world,
)
from locara.core.digest import Digest
from locara.trust.log_policy import LogPolicy
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.provenance import Provenance
from locara.trust.statement.statement import PAYLOAD_TYPE, Statement, Subject
from locara_registry.statements import build_provenance
from locara_registry.trust import entries
from locara_registry.trust.authority import LEAF_LIFE, make_below
from locara_registry.trust.instance import Instance
from locara_registry.trust.keys import Algorithm
from locara_registry.trust.moments import Moments
from locara_registry.trust.record import Role
from locara_registry.trust.setup import Setup
from locara_registry.trust.signing import log_request
from locara_registry.trust.trusted_root import log_policy, trust_instance, trusted_root


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with new_world("parts") as made:
        yield made


def test_an_instance_vouches_for_its_own_issuer_alone(world: World) -> None:
    from locara.trust.bundle.instance import TrustInstance  # noqa: PLC0415 - slow to load

    assert TrustInstance.read(trust_instance(world.record)).issuers == {f"https://{NAME}/ci"}


@pytest.mark.parametrize("quorum", [0, 1, 2, 3])
def test_as_many_witnesses_are_asked_for_as_the_record_says(world: World, quorum: int) -> None:
    keys = tuple(str(one.verifier) for one in world.witnesses)
    record = world.record.model_copy(update={"witnesses": keys if quorum else (), "quorum": quorum})
    policy = LogPolicy.parse(log_policy(record).encode())
    assert [policy.met_by(f"w{n}" for n in range(1, some + 1)) for some in range(4)] == [
        some >= quorum for some in range(4)
    ]


# An identity signs nothing that lasts, and a log keeps its key for life.
@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.IDENTITY, Role.LOG}])
def test_what_was_retired_is_trusted_until_then_and_no_longer(world: World, role: Role) -> None:
    until = SIGNED + timedelta(days=1)
    old = world.record.at_work(role)
    new = old.model_copy(update={"since": until})
    told = trusted_root(world.record.with_part(new, retire=until))
    kinds = {Role.AUTHORITY: "certificateAuthorities", Role.CERTIFICATE_LOG: "ctlogs"}
    kinds[Role.TIMESTAMPS] = "timestampAuthorities"
    spans = [
        one["validFor"] if "validFor" in one else one["publicKey"]["validFor"] for one in told[kinds[role]]
    ]
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    assert spans == [
        {"start": START.strftime(stamp), "end": until.strftime(stamp)},
        {"start": until.strftime(stamp)},
    ]


@pytest.mark.parametrize("role", list(Role))
def test_a_key_that_is_not_the_published_one_is_not_used(world: World, role: Role) -> None:
    part = world.record.at_work(role)

    class Exchanged(DrawnKeys):
        def open(self, name: str) -> Any:
            return (
                DrawnKeys("a stranger").create(name, role.algorithm)
                if name == part.key
                else super().open(name)
            )

    exchanged = Exchanged(world.seed)
    for name in (one.key for one in world.record.parts):
        exchanged.create(name, next(one.role for one in world.record.parts if one.key == name).algorithm)
    if role is Role.LOG:
        from locara_registry.trust.instance import log_key  # noqa: PLC0415

        act: Any = lambda: log_key(world.record, exchanged)  # noqa: E731
    else:
        act = lambda: Instance.of(world.record, exchanged, world.log, world.moments)  # noqa: E731
    with pytest.raises(TrustError, match="is not the one that is published") as refused:
        act()
    assert refused.value.reason is Reason.MATERIAL_UNTRUSTED


def test_a_leaf_lives_ten_minutes_and_its_number_cannot_be_guessed(world: World) -> None:
    key = key_of("parts/leaf of ten minutes")
    leaf = world.leaf(Signing(), key)  # type: ignore[arg-type]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(minutes=10) == LEAF_LIFE
    asked: list[int] = []
    Moments(random=lambda count: asked.append(count) or bytes(count)).serial()  # type: ignore[func-returns-value]
    assert asked == [16]


def test_nothing_below_a_root_outlives_it(world: World) -> None:
    root_key = world.roots.open("authority-root")
    root = world.instance.authority.chain.certificates[-1]
    below = make_below(
        root_key,  # type: ignore[arg-type]
        root,
        key_of("parts/below").public_key(),  # type: ignore[arg-type]
        title="below",
        life=timedelta(days=36_500),
        moments=world.moments,
    )
    assert below.first.not_valid_after_utc == root.not_valid_after_utc


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_digest_of_another_length_is_not_logged(world: World, size: int) -> None:
    leaf = world.leaf(Signing(), key_of("parts/entry"))  # type: ignore[arg-type]
    request = log_request(leaf, bytes(size), b"x" * 70)
    request["hashedRekordRequestV002"]["digest"] = base64.b64encode(bytes(size) or b"\0").decode()
    with pytest.raises(TrustError) as refused:
        entries.body(request, lambda _: True)
    assert refused.value.reason is Reason.SIGNATURE_INVALID


def test_what_a_build_fetched_is_in_its_provenance() -> None:
    fetched = {"pkg:pypi/a@1": Digest.of(b"a"), "pkg:npm/b@2": Digest.of(b"b")}
    raw = build_provenance(BUILD, [Subject("notes.locapp", DIGEST)], fetched, SIGNED)
    said = Statement.parse(PAYLOAD_TYPE, raw).predicate
    assert isinstance(said, Provenance)
    listed = said.build_definition.resolved_dependencies or ()
    told = {one.uri: (one.digest or {}).get("sha256") for one in listed[1:]}
    assert told == {name: digest.hex for name, digest in fetched.items()}
    assert said.commits_of(BUILD.source) == {BUILD.commit}


@pytest.mark.parametrize("role", [Role.AUTHORITY, Role.TIMESTAMPS])
def test_another_root_key_signs_nothing_below_the_root_of_before(world: World, role: Role) -> None:
    strangers = DrawnKeys("strangers")
    for name in ("authority-root", "timestamps-root"):
        strangers.create(name, Algorithm.P384)
    with pytest.raises(TrustError) as refused:
        Setup(DrawnKeys("new"), strangers, world.moments).rotate(world.record, role)
    assert refused.value.reason is Reason.MATERIAL_UNTRUSTED
    rotated = Setup(DrawnKeys("new"), world.roots, world.moments).rotate(world.record, role)
    assert len(rotated.of(role)) == 2

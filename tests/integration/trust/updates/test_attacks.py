"""Every attack that TUF is there for, on our client over a real connection: refused for its reason, the copy stays.

Each case starts from a client that has a whole copy. After the attack the client still believes that copy, byte
for byte; then the attack is taken away and an honest update must arrive.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, MetaFile, TargetFile

from locara.errors import LocaraError
from locara.trust.repository.client import WANTED
from locara.trust.repository.names import REVOCATIONS, URGENT
from locara.trust.revocation.document import written
from locara_registry.trust.repository import lists

from .tuf_world import World

AGO = timedelta(hours=1)
Attack = Callable[[World], None]
ATTACKS: dict[str, tuple[str, Attack]] = {}


def attack(code: str) -> Callable[[Attack], Attack]:
    """Register an attack and the code that it must be refused with."""

    def keep(function: Attack) -> Attack:
        ATTACKS[function.__name__] = (code, function)
        return function

    return keep


def entry(name: str = "LR-1", app: str = "acme/notes") -> Any:
    return lists.read_entry(
        json.dumps(
            {"id": name, "severity": "block", "kind": "defect", "reason": "x", "time": 1.0, "app": app}
        ).encode()
    )


def expired(signed: Any) -> None:
    signed.expires = datetime.now(UTC).replace(microsecond=0) - AGO


# --- rollback ------------------------------------------------------------------------------------


@attack("rollback")
def an_old_timestamp_is_replayed(world: World) -> None:
    old = world.current("timestamp").read_bytes()
    world.repository.renew()
    world.update()
    world.current("timestamp").write_bytes(old)


@attack("rollback")
def the_snapshot_goes_back_with_a_stolen_timestamp_key(world: World) -> None:
    world.repository.renew()
    world.update()
    world.forge("timestamp", lambda signed: setattr(signed, "snapshot_meta", MetaFile(1)))


@attack("rollback")
def a_role_goes_back_with_both_online_keys(world: World) -> None:
    world.repository.revise(lambda known, now: lists.with_entries(known, [entry()], now=now))
    world.update()
    world.forge("snapshot", lambda signed: signed.meta.update({"revocations.json": MetaFile(1)}))
    world.carry()


@attack("mixed")
def a_role_vanishes_with_both_online_keys(world: World) -> None:
    world.forge("snapshot", lambda signed: signed.meta.pop("tools.json"))
    world.carry()


@attack("rollback")
def a_root_is_left_out(world: World) -> None:
    world.forge("root", lambda signed: setattr(signed, "version", signed.version + 1))
    (world.public / "3.root.json").rename(world.public / "2.root.json")


# --- freeze --------------------------------------------------------------------------------------


@attack("expired")
def the_timestamp_ended(world: World) -> None:
    world.forge("timestamp", expired)


@attack("expired")
def the_snapshot_ended(world: World) -> None:
    world.forge("snapshot", expired)
    world.carry()


@attack("expired")
def the_root_ended(world: World) -> None:
    world.forge("root", expired)
    world.checkpoint()  # all its keys signed it: the registry itself forgot to renew it


@attack("expired")
def the_targets_ended(world: World) -> None:
    world.forge("targets", expired)
    world.carry("targets")


@attack("expired")
def the_revocations_ended(world: World) -> None:
    world.forge("revocations", expired)
    world.carry("revocations")


@attack("expired")
def the_urgent_list_ended(world: World) -> None:
    world.forge("urgent", expired)
    world.carry("urgent")


# --- mix and match -------------------------------------------------------------------------------


@attack("rollback")
def an_old_role_under_its_new_number(world: World) -> None:
    old = world.current("urgent").read_bytes()
    world.repository.renew()
    world.current("urgent").write_bytes(old)


@attack("rollback")
def an_old_snapshot_under_its_new_number(world: World) -> None:
    old = world.current("snapshot").read_bytes()
    world.repository.renew()
    world.current("snapshot").write_bytes(old)


@attack("unsigned")
def the_role_of_another(world: World) -> None:
    world.repository.renew()
    world.current("urgent").write_bytes(world.current("models").read_bytes())


@attack("mixed")
def the_snapshot_as_the_timestamp(world: World) -> None:
    world.current("timestamp").write_bytes(world.current("snapshot").read_bytes())


@attack("list_mixed")
def an_urgent_list_of_another_time(world: World) -> None:
    world.repository.revise(lambda known, now: lists.renewed(known, now=now))
    known = world.repository.lists()
    urgent = known.urgent
    assert urgent is not None
    ahead = written(urgent.model_copy(update={"after": 99, "seq": urgent.seq + 1}))
    plant(world, "urgent", URGENT, ahead, keys=["urgent-1"])


# --- edited bytes --------------------------------------------------------------------------------


def edit_json(world: World, role: str, change: Callable[[dict[str, Any]], object]) -> None:
    world.repository.renew(force=True)
    place = world.current(role)
    value = json.loads(place.read_bytes())
    change(value)
    place.write_text(json.dumps(value))


@attack("unsigned")
def an_edited_timestamp(world: World) -> None:
    edit_json(world, "timestamp", lambda value: value["signed"]["meta"]["snapshot.json"].update(version=9))


@attack("unsigned")
def an_edited_snapshot(world: World) -> None:
    edit_json(world, "snapshot", lambda value: value["signed"]["meta"].update({"x.json": {"version": 1}}))


@attack("unsigned")
def edited_targets(world: World) -> None:
    edit_json(world, "targets", lambda value: value["signed"]["targets"].clear())


@attack("unsigned")
def an_edited_role(world: World) -> None:
    edit_json(world, "revocations", lambda value: value["signed"]["targets"].clear())


@attack("unsigned")
def a_role_without_signatures(world: World) -> None:
    edit_json(world, "urgent", lambda value: value["signatures"].clear())


@attack("unsigned")
def one_signature_twice(world: World) -> None:
    def twice(value: dict[str, Any]) -> None:
        first, second, *_ = value["signatures"]
        second["sig"] = first["sig"]

    world.forge("revocations", keys=["revocations-1", "revocations-2"])
    world.carry("revocations")
    place = world.current("revocations")
    value = json.loads(place.read_bytes())
    twice(value)
    place.write_text(json.dumps(value))


@attack("mismatch")
def a_target_of_the_same_length(world: World) -> None:
    world.repository.revise(lambda known, now: lists.with_entries(known, [entry()], now=now))
    place = world.target_file(REVOCATIONS)
    place.write_bytes(place.read_bytes().replace(b"acme/notes", b"acme/other"))


@attack("list_malformed")
def a_list_that_is_no_list(world: World) -> None:
    plant(world, "urgent", URGENT, b'{"format":"something else"}', keys=["urgent-1"])


@attack("malformed")
def garbage(world: World) -> None:
    world.current("timestamp").write_bytes(b"\x00\xff" * 400)


@attack("malformed")
def nothing_at_all(world: World) -> None:
    world.current("timestamp").write_bytes(b"")


# --- endless data --------------------------------------------------------------------------------


def endless(world: World, name: str) -> None:
    sent = world.server

    def send(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        try:
            for _ in range(20_000):  # 1.3 GB: a client that reads it all is not the one we want
                handler.wfile.write(b" " * 65_536)
        except OSError:
            sent.asked.append("hung up")

    world.server.instead[name] = send


@attack("too_long")
def an_endless_timestamp(world: World) -> None:
    endless(world, "timestamp.json")


@attack("too_long")
def an_endless_root(world: World) -> None:
    endless(world, "2.root.json")


@attack("too_long")
def an_endless_snapshot(world: World) -> None:
    world.repository.renew()
    endless(world, world.current("snapshot").name)


@attack("too_long")
def an_endless_role(world: World) -> None:
    world.repository.renew()
    endless(world, world.current("urgent").name)


@attack("too_long")
def an_endless_target(world: World) -> None:
    world.repository.renew()
    endless(world, f"targets/revocations/{world.target_file(URGENT).name}")


@attack("too_long")
def a_target_that_is_too_large_by_its_own_word(world: World) -> None:
    plant(world, "models", "models/index.json", b"{}", length=1 << 40)


# --- stolen keys ---------------------------------------------------------------------------------


def plant(
    world: World, role: str, path: str, data: bytes, keys: list[str] | None = None, length: int | None = None
) -> None:
    """A target with these bytes, in a role signed by these keys, carried by both online keys."""
    target = TargetFile.from_data(path, data, ["sha256"])
    if length is not None:
        target.length = length
    folder, _, name = path.rpartition("/")
    (world.public / "targets" / folder).mkdir(exist_ok=True)
    (world.public / "targets" / folder / f"{target.hashes['sha256']}.{name}").write_bytes(data)
    world.forge(role, lambda signed: signed.targets.update({path: target}), keys=keys)
    world.carry(role)


def stolen_list(world: World) -> bytes:
    known = world.repository.lists()
    return written(known.listed.model_copy(update={"seq": known.listed.seq + 1}))


@attack("unsigned")
def one_key_of_the_revocations(world: World) -> None:
    plant(world, "revocations", REVOCATIONS, stolen_list(world), keys=["revocations-1"])


@attack("unsigned")
def the_urgent_key_signs_the_list(world: World) -> None:
    plant(world, "revocations", REVOCATIONS, stolen_list(world), keys=["urgent-1", "urgent-2"])


@attack("unsigned")
def one_key_of_the_targets(world: World) -> None:
    plant(world, "targets", "trusted_root.json", b"{}", keys=["targets-1"])


@attack("unsigned")
def the_models_key_signs_tools(world: World) -> None:
    plant(world, "tools", "tools/index.json", b"{}", keys=["models-1"])


@attack("unsigned")
def the_catalogue_key_signs_models(world: World) -> None:
    plant(world, "models", "models/index.json", b"{}", keys=["bins-1", "catalog-1"])


@attack("unsigned")
def one_key_of_the_root(world: World) -> None:
    world.forge("root", keys=["root-1"])


@attack("unsigned")
def online_keys_sign_a_root(world: World) -> None:
    world.forge("root", keys=["timestamp-1", "snapshot-1", "bins-1"])


@attack("unsigned")
def a_root_that_only_its_new_keys_signed(world: World) -> None:
    fresh = [CryptoSigner.generate_ed25519() for _ in range(3)]

    def replace_keys(signed: Any) -> None:
        for keyid in list(signed.roles["root"].keyids):
            signed.revoke_key(keyid, "root")
        for signer in fresh:
            signed.add_key(signer.public_key, "root")

    signed = world.forge("root", replace_keys)
    metadata: Metadata[Any] = Metadata(signed)
    for signer in fresh:
        metadata.sign(signer, append=True)
    metadata.to_file(str(world.public / f"{signed.version}.root.json"))


@attack("unsigned")
def the_timestamp_key_before_a_rotation(world: World) -> None:
    world.repository.rotate("timestamp")
    world.update()
    world.forge("timestamp", keys=["timestamp-1"])


@attack("unsigned")
def the_revocation_key_before_a_rotation(world: World) -> None:
    world.repository.rotate("revocations")
    world.update()
    plant(world, "revocations", REVOCATIONS, stolen_list(world), keys=["revocations-1", "revocations-2"])


@attack("list_vanished")
def the_urgent_key_takes_an_entry_back(world: World) -> None:
    world.repository.revise(lambda known, now: lists.with_urgent(known, [entry("U-1")], now=now))
    world.update()
    urgent = world.repository.lists().urgent
    assert urgent is not None
    without = urgent.model_copy(update={"entries": [], "seq": urgent.seq + 1})
    plant(world, "urgent", URGENT, written(without), keys=["urgent-1"])


@attack("list_rollback")
def the_urgent_key_replays_an_old_list(world: World) -> None:
    old = world.target_file(URGENT).read_bytes()
    world.repository.renew()
    world.update()
    plant(world, "urgent", URGENT, old, keys=["urgent-1"])


@attack("list_future")
def the_urgent_key_dates_its_list_ahead(world: World) -> None:
    urgent = world.repository.lists().urgent
    assert urgent is not None
    ahead = urgent.model_copy(update={"updated": time.time() + 9_000, "seq": urgent.seq + 1})
    plant(world, "urgent", URGENT, written(ahead), keys=["urgent-1"])


@attack("unsigned")
def a_delegation_to_a_role_that_another_knows(world: World) -> None:
    """The models key delegates to `urgent` with its own key, hoping that the name alone is looked at."""
    own = CryptoSigner.generate_ed25519()

    def delegate(signed: Any) -> None:
        signed.targets.clear()
        role = DelegatedRole("urgent", [own.public_key.keyid], 1, True, paths=["models/*"])
        signed.delegations = Delegations({own.public_key.keyid: own.public_key}, {"urgent": role})

    world.forge("models", delegate)
    world.carry("models")


# --- the server ----------------------------------------------------------------------------------


@attack("unreachable")
def a_server_with_an_error(world: World) -> None:
    world.server.instead["timestamp.json"] = lambda handler: handler.send_error(500)


@attack("unreachable")
def a_redirect(world: World) -> None:
    def send(handler: Any) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere.json")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    world.server.instead["timestamp.json"] = send


@attack("unreachable")
def an_answer_that_ends_early(world: World) -> None:
    data = world.current("timestamp").read_bytes()

    def send(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:-9])
        handler.close_connection = True

    world.server.instead["timestamp.json"] = send


@attack("unreachable")
def an_encoded_answer(world: World) -> None:
    def send(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"\x1f\x8b")

    world.server.instead["timestamp.json"] = send


@attack("unreachable")
def a_role_that_is_not_there(world: World) -> None:
    world.repository.renew()
    world.current("urgent").unlink()


@attack("unknown_target")
def no_list_of_revocations(world: World) -> None:
    world.forge("revocations", lambda signed: signed.targets.clear())
    world.carry("revocations")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_the_copy_stays(tuf: World, name: str) -> None:
    code, run = ATTACKS[name]
    assert tuf.update().changed
    run(tuf)
    before = tuf.kept()
    with pytest.raises(LocaraError) as caught:
        tuf.update()
    assert caught.value.code == code, caught.value.message
    assert tuf.kept() == before
    # The twin: the registry's own files in place of the attacker's, and a few hours later.
    tuf.recover()
    assert tuf.update().changed
    assert tuf.kept() != before


def test_there_are_enough_of_them() -> None:
    assert len(ATTACKS) >= 45
    assert {code for code, _ in ATTACKS.values()} >= {
        "rollback",
        "expired",
        "mixed",
        "mismatch",
        "too_long",
        "unsigned",
        "malformed",
        "unreachable",
    }
    assert set(WANTED) >= {REVOCATIONS, URGENT}

"""Monitors on real files: every change of what a log serves is an alarm, and nothing is lost by a kill."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from locara.errors import UsageError
from locara.trust.evidence import Evidence, check_evidence
from locara.trust.log_refusal import LogRefused
from locara.trust.log_source import FolderSource
from locara.trust.monitor import ALARMS, Alarm, Monitor, Pass
from locara.trust.tiles import entries_of, pack_entries
from locara.trust.watch import Rule, facts_of, matching

from .conftest import Refused, World


def look(world: World, folder: Path | None = None, *rules: str, state: str = "monitor") -> Pass:
    monitor = Monitor(world.root / state, world.policy, tuple(map(Rule.parse, rules)))
    return monitor.look(FolderSource(folder or world.public))


def kinds(seen: Pass) -> list[str]:
    return [alarm.kind for alarm in seen.alarms]


def test_a_sound_log_is_followed_from_its_first_entry(world: World) -> None:
    assert look(world) == Pass(0, 0, ())
    for count in (1, 255, 44, 0, 300):
        world.grow(count)
        assert look(world) == Pass(world.log.size, count, ())
    assert look(world, state="fresh") == Pass(600, 600, ())


def damage(place: Path) -> None:
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/001",
        "tile/entries/002.p/88",
    ],
)
def test_each_changed_file_is_found(world: World, path: str) -> None:
    world.grow(600)
    mirror = world.mirror("mirror")
    assert look(world, mirror, state="before").sound
    damage(mirror / path)
    seen = look(world, mirror)
    assert (seen.sound, kinds(seen)) == (False, ["tile_mismatch"])
    assert look(world).size == 600


def test_a_file_that_is_missing_is_no_statement_about_the_log(world: World, refused: Refused) -> None:
    world.grow(600)
    mirror = world.mirror("mirror")
    (mirror / "tile/0/001").unlink()
    refused("source_unreadable", lambda: look(world, mirror))
    assert look(world).size == 600


def test_an_entry_that_was_replaced_with_its_tile_is_found(world: World) -> None:
    """The bundle and the tile of level 0 agree, but the signed root is about another entry."""
    world.grow(40)
    assert look(world).size == 40
    world.grow(10)
    mirror = world.mirror("mirror")
    bundle = mirror / "tile/entries/000.p/50"
    entries = entries_of(bundle.read_bytes(), 50)
    entries[45] = b"another"
    bundle.write_bytes(pack_entries(entries))
    from locara.trust.merkle import leaf_hash  # noqa: PLC0415

    (mirror / "tile/0/000.p/50").write_bytes(b"".join(map(leaf_hash, entries)))
    seen = look(world, mirror)
    assert kinds(seen) == ["inconsistent"]  # no proof can be made from such tiles
    assert look(world) == Pass(50, 10, ())


def test_forks_and_rollbacks_are_alarms_with_evidence(world: World) -> None:
    world.grow(20)
    old = world.mirror("old")
    world.grow(10)
    assert look(world).size == 30
    for folder, kind, proven in (
        (world.fork("same", same=10, other=20), "fork", True),
        (world.fork("longer", same=10, other=90), "inconsistent", False),
        (old, "rollback", False),
    ):
        (alarm,) = look(world, folder).alarms
        assert alarm.kind == kind, alarm
        if alarm.evidence:
            evidence = Evidence.parse(Path(alarm.evidence).read_bytes())
            assert check_evidence(evidence, world.policy) is proven
    kept = [json.loads(line) for line in (world.root / "monitor" / ALARMS).read_text().splitlines()]
    assert [one["kind"] for one in kept] == ["fork", "inconsistent", "rollback"]
    world.grow(1)
    assert look(world) == Pass(31, 1, ())


def test_a_fork_at_the_end_of_a_tile_has_evidence(world: World) -> None:
    world.grow(256)
    assert look(world).size == 256
    fork = world.fork("fork", same=10, other=300)
    (alarm,) = look(world, fork).alarms
    assert alarm.kind == "inconsistent"
    assert alarm.evidence is not None


def test_a_checkpoint_that_is_not_the_logs_is_an_alarm(world: World) -> None:
    world.grow(3)
    mirror = world.mirror("mirror")
    raw = (mirror / "checkpoint").read_bytes()
    for changed, kind in (
        (raw.replace(b"\n3\n", b"\n4\n"), "bad_signature"),
        (raw.replace(b"log.example.org/locara\n3", b"log.example.org/other\n3"), "wrong_origin"),
        (raw[:-2], "note_malformed"),
        (world.sign(10**15, bytes(32)), "source"),
    ):
        (mirror / "checkpoint").write_bytes(changed)
        if kind == "source":
            with pytest.raises(LogRefused):
                look(world, mirror)
        else:
            assert kinds(look(world, mirror)) == [kind]
    (mirror / "checkpoint").write_bytes(raw)
    assert look(world, mirror).size == 3


def test_watched_entries_are_told_once_verified(world: World) -> None:
    world.log.append(
        [b"one", b'{"app": "acme/notes"}', b'{"x": [{"appId": "acme/mail"}]}', b'{"app": "other/x"}']
    )
    world.log.publish()
    seen = look(world, None, "app:acme/*", "text:one", "digest:sha256:" + "0" * 64)
    assert [(alarm.index, alarm.kind) for alarm in seen.alarms] == [(0, "watch"), (1, "watch"), (2, "watch")]
    assert seen.sound
    assert look(world, None, "app:acme/*") == Pass(4, 0, ())
    world.log.append([b'{"app": "acme/new"}'])
    world.log.publish()
    assert [alarm.index for alarm in look(world, None, "app:acme/*").alarms] == [4]


def test_a_state_that_was_changed_is_not_relied_on(world: World, refused: Refused) -> None:
    world.grow(20)
    look(world)
    place = world.root / "monitor/monitor.json"
    good = place.read_text()
    document = json.loads(good)
    for changed in (
        "",
        "[]",
        good.replace("\\n20\\n", "\\n19\\n"),
        json.dumps({**document, "edge": document["edge"][1:]}),
        json.dumps({**document, "edge": [document["edge"][0][:-1], *document["edge"][1:]]}),
        json.dumps(
            {**document, "edge": [[base64.b64encode(bytes(32)).decode()] * 20, *document["edge"][1:]]}
        ),
        json.dumps({**document, "schema": "x"}),
        json.dumps({**document, "edge": None}),
    ):
        place.write_text(changed)
        refused("state_unreadable", lambda: look(world))
    place.write_text(good)
    assert look(world).size == 20


def test_alarms_are_kept_before_the_state_moves_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.log.append([b"watched"])
    world.log.publish()
    import locara.trust.monitor as module  # noqa: PLC0415

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "replace_file", killed)
    with pytest.raises(KeyboardInterrupt):
        look(world, None, "text:watched")
    monkeypatch.undo()
    assert len((world.root / "monitor" / ALARMS).read_text().splitlines()) == 1
    assert [alarm.index for alarm in look(world, None, "text:watched").alarms] == [0]


def test_identities_are_read_out_of_certificates_however_they_are_wrapped() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    certificate = _certificate("ci@acme.example", "https://forge.example/acme/app")
    der, pem = certificate.public_bytes(Encoding.DER), certificate.public_bytes(Encoding.PEM)
    spellings = [
        der,
        pem,
        json.dumps({"a": [{"rawBytes": base64.b64encode(der).decode()}]}).encode(),
        json.dumps({"verifier": pem.decode()}).encode(),
        json.dumps({"content": base64.b64encode(pem).decode()}).encode(),
        json.dumps({"tbsCertificate": base64.b64encode(certificate.tbs_certificate_bytes).decode()}).encode(),
        json.dumps({"payload": base64.b64encode(json.dumps({"c": pem.decode()}).encode()).decode()}).encode(),
    ]
    for entry in spellings:
        assert facts_of(entry).identities == {"ci@acme.example", "https://forge.example/acme/app"}
        assert matching((Rule.parse("identity:https://forge.example/acme/*"),), entry)
        assert not matching((Rule.parse("identity:https://forge.example/other*"),), entry)


def _certificate(mail: str, uri: str):  # type: ignore[no-untyped-def]
    import datetime  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = x509.Name([])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    names = x509.SubjectAlternativeName([x509.RFC822Name(mail), x509.UniformResourceIdentifier(uri)])
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + datetime.timedelta(days=1))
        .add_extension(names, critical=True)
        .sign(key, None)
    )


@pytest.mark.parametrize(
    "entry",
    [b"", b"\xff" * 100, b"[" * 60_000, b'{"a":' * 500 + b"1" + b"}" * 500, b"0" * 65_000, b"\x30\x82\xff\xff",
     b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", b'{"rawBytes": "MIIB"}', b'"\\ud800"',
     b"1e999999"],
)  # fmt: skip
def test_no_entry_breaks_a_monitor(entry: bytes) -> None:
    rules = tuple(map(Rule.parse, ("identity:x", "app:*", "digest:*", "text:never")))
    assert matching(rules, entry) == ()


def test_digests_are_found_in_both_spellings() -> None:
    raw = bytes(range(32))
    for entry in (
        {"d": raw.hex()}, {"d": f"sha256:{raw.hex()}"}, {"digest": base64.b64encode(raw).decode()},
    ):  # fmt: skip
        assert facts_of(json.dumps(entry).encode()).digests == {f"sha256:{raw.hex()}"}


@pytest.mark.parametrize("text", ["", "identity", "identity:", "who:x", ":x"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Rule.parse(text)


def test_two_monitors_do_not_share_a_folder(world: World, refused: Refused) -> None:
    from locara.trust.kept_files import alone  # noqa: PLC0415

    look(world)
    with alone(world.root / "monitor", "monitoring"):
        refused("in_use", lambda: look(world))
    assert look(world) == Pass(0, 0, ())
    shutil.rmtree(world.root / "monitor")
    assert Alarm("watch", "x").against_the_log is False

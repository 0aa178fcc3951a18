"""LC757: those who read single entries of a served log, and what a monitor was told to look for in them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara.trust import reading
from locara.trust.checkpoint import OpenedCheckpoint, open_checkpoint
from locara.trust.log_policy import LogPolicy
from locara.trust.log_source import FolderSource, read_checkpoint
from locara.trust.merkle import leaf_hash
from locara.trust.monitor import ALARMS, Monitor
from locara.trust.proof_file import check_proof
from locara.trust.tiles import WIDTH, Tile
from locara.trust.watch import Rule
from locara_verify.checks.log.trial import Trial
from locara_verify.oracle import log as oracle

SERVED: Final = "LC757"
_NOT_THERE: Final = "not_included tile_malformed"


@dataclass(frozen=True, slots=True)
class Served:
    """A place for the files of a log, how they are written there, and the policy that believes their checkpoint."""

    at: Path
    write: Callable[[Path, list[bytes]], Path]
    policy: LogPolicy

    def of(self, entries: list[bytes]) -> FolderSource:
        """The honest log of these entries."""
        return FolderSource(self.write(self.at, entries))


def read_apart(trial: Trial, rng: random.Random, served: Served, entries: list[bytes]) -> None:
    """Every way to an entry, over honest files and over files that do not belong to the signed checkpoint."""
    source = served.of(entries)
    raw = read_checkpoint(source)
    opened = open_checkpoint(raw, served.policy, now=0)
    inner = range(1, len(entries) - 1)  # what holds at both ends need not hold between them
    low = rng.choice(inner) if inner else 0
    for index in {0, low, len(entries) - 1}:
        trial.believed(SERVED, f"entry {index}", lambda index=index: _whole(source, opened, entries, index))  # type: ignore[misc]
    for place in {0, low, len(entries) - 1}:
        other = [*entries[:place], b"another", *entries[place + 1 :]]
        (served.of(other).folder / "checkpoint").write_bytes(raw)
        what = f"entry {place} of {len(entries)} replaced with all its tiles"
        ways: dict[str, Callable[[], object]] = {
            "read": lambda place=place: list(reading.entries(source, opened, place, place + 1)),  # type: ignore[misc]
            "read beside others": lambda: list(reading.entries(source, opened, 0, len(entries))),
            "found": lambda: reading.find(source, opened, b"another"),
            "proven": lambda place=place: reading.prove(source, opened, place),  # type: ignore[misc]
        }
        for way, act in ways.items():
            trial.refused(SERVED, f"{what}, {way}", _NOT_THERE, act)
        bundle = Tile(None, place // WIDTH, min(WIDTH, len(entries) - place // WIDTH * WIDTH))
        (served.of(entries).folder / bundle.path).write_bytes(oracle.bundle(other, bundle.n))
        del ways["proven"]  # the tiles are the log's, and whoever has the proof compares the entry
        for way, act in ways.items():
            trial.refused(
                SERVED, f"entry {place} of {len(entries)} replaced in its bundle, {way}", _NOT_THERE, act
            )


def _whole(source: FolderSource, opened: OpenedCheckpoint, entries: list[bytes], index: int) -> None:
    """An entry of the log is read, found and proven."""
    read = list(reading.entries(source, opened, index, len(entries)))
    proof = reading.prove(source, opened, index)
    check_proof(proof, leaf_hash(entries[index]), LogPolicy((opened.log,)), now=0)
    if read != [*enumerate(entries)][index:] or reading.find(source, opened, entries[index]) != index:
        raise ValueError("it is read as another")


def watched(trial: Trial, served: Served, folder: Path, fixtures: Path) -> None:
    """A monitor with every kind of rule, over entries that hold what they look for in every place that it can stand."""
    try:
        certificate, identity = _certificate(fixtures)
    except (OSError, ValueError, LookupError) as error:
        trial.broken.setdefault(SERVED, f"the certificate to look for cannot be read: {error}")
        return
    digest = hashlib.sha256(b"watched").hexdigest()
    rules = {
        "app": "app:acme/notes",
        "publisher": "app:acme/*",
        "digest": f"digest:sha256:{digest}",
        "text": "text:needle",
        "who": f"identity:{identity}",
        "near": f"identity:{identity[:-1]}*",
    }
    app, nobody = {"app": "acme/notes"}, {"note": "acme/notes", "app": "another/notes"}
    inner = base64.b64encode(json.dumps(app).encode()).decode()
    raw = base64.b64encode(bytes.fromhex(digest)).decode()
    listed: list[tuple[Any, str]] = [
        (app, "app publisher"),
        ({"x": [{"y": {"appId": "acme/other"}}]}, "publisher"),
        ({"app_id": "acme/notes2"}, "publisher"),
        (nobody, ""),
        ({"payload": inner}, "app publisher"),
        ({"payload": base64.b64encode(json.dumps({"inner": inner}).encode()).decode()}, "app publisher"),
        ({"body": json.dumps({"spec": app})}, "app publisher"),
        ({"subject": [nobody, {"digest": {"sha256": digest}}]}, "digest"),
        ({"artifact": f"sha256:{digest}"}, "digest"),
        ({"messageDigest": raw}, "digest"),
        ({"message": raw}, ""),
        ({"chain": ["x", {"rawBytes": certificate}]}, "who near"),
        (base64.b64decode(certificate), "who near"),
        (b"\xff a needle in bytes", "text"),
        (b"[" * 50_000, ""),
        ({"app": "acme/notes", "cert": certificate, "digest": raw, "note": "needle"}, " ".join(rules)),
    ]
    signers = {"mail": "ci@acme.example", "address": "https://ci.acme.example/linux@v1"}
    rules |= {kind: f"identity:{name}" for kind, name in signers.items()}
    for kind, name in (*signers.items(), ("", "xci@acme.example"), ("", "https://ci.acme.example/linux@v2")):
        listed += [(entry, kind) for entry in _signed_by(name)]
    entries = [one if isinstance(one, bytes) else json.dumps(one).encode() for one, _ in listed]
    wanted = [{rules[name] for name in names.split()} for _, names in listed]
    half = len(entries) // 2
    monitor = Monitor(folder, served.policy, tuple(map(Rule.parse, rules.values())))
    for seen, size in ((0, half), (half, len(entries)), (len(entries), len(entries))):
        alarms = monitor.look(served.of(entries[:size])).alarms
        told = {(one.index, one.message) for one in alarms}
        due = {(index, rule) for index in range(seen, size) for rule in wanted[index]}
        missed = [pair for pair in due if not _says(told, pair)]
        trial.holds(
            SERVED, "a monitor passed over what it looks for", f"{sorted(missed)[:3]}", fault=bool(missed)
        )
        more = len(told) > len(due)
        trial.holds(SERVED, "a monitor gave an alarm for nothing", f"{len(told)} of {len(due)}", fault=more)


def told_first(trial: Trial, served: Served, folder: Path) -> None:
    """An alarm that cannot be kept is given when it can: what was seen of the log is kept after its alarms."""
    monitor = Monitor(folder, served.policy, (Rule.parse("text:needle"),))
    begun, kept = [b"begun"], folder / ALARMS
    trial.believed(SERVED, "a log of one entry", lambda: monitor.look(served.of(begun)))
    kept.mkdir()
    source = served.of([*begun, b"a needle", b"more"])
    trial.refused(SERVED, "an alarm that cannot be kept", "state_unwritable", lambda: monitor.look(source))
    kept.rmdir()
    told: list[int | None] = []
    what = "the log again, where an alarm can be kept"
    trial.believed(SERVED, what, lambda: told.extend(alarm.index for alarm in monitor.look(source).alarms))
    trial.holds(SERVED, "an alarm that could not be kept was lost", f"{told}", fault=told != [1])
    written = kept.read_text("utf-8") if kept.exists() else ""
    trial.holds(SERVED, "an alarm is not on the disk", written[:200], fault='"index": 1' not in written)


def _says(told: Iterable[tuple[int | None, str]], due: tuple[int, str]) -> bool:
    return any(index == due[0] and due[1] in message for index, message in told)


def _signed_by(name: str) -> list[Any]:
    """Entries with a certificate of that name alone: whole, as text, as bytes, as a log of certificates keeps it."""
    from cryptography import x509  # noqa: PLC0415 - only log checks need it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    key, begun = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 7, 1, tzinfo=UTC)
    own = x509.UniformResourceIdentifier(name) if "://" in name else x509.RFC822Name(name)
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
    builder = (
        builder.public_key(key.public_key()).serial_number(1).not_valid_before(begun).not_valid_after(begun)
    )
    made = builder.add_extension(x509.SubjectAlternativeName([own]), critical=True).sign(key, hashes.SHA256())
    whole, part = made.public_bytes(Encoding.DER), made.tbs_certificate_bytes
    return [
        {"rawBytes": base64.b64encode(whole).decode()},
        {"chain": [{"pem": made.public_bytes(Encoding.PEM).decode()}]},
        whole,
        {"kind": "precertificate", "spec": {"tbsCertificate": base64.b64encode(part).decode()}},
    ]


def _certificate(fixtures: Path) -> tuple[str, str]:
    """A certificate of the fixtures in base64, and whom it names."""
    whole = json.loads((fixtures / "trust/models.json").read_bytes())
    return whole["honest"]["verificationMaterial"]["certificate"]["rawBytes"], whole["identity"]

"""LC756, LC757: real witnesses and monitors are shown logs that the oracle wrote, honest and not."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from locara.trust.evidence import Evidence, check_evidence
from locara.trust.log_policy import LogPolicy
from locara.trust.log_refusal import LogRefused
from locara.trust.log_source import FolderSource
from locara.trust.monitor import Monitor
from locara.trust.note_keys import VerifierKey
from locara.trust.tiles import Edge, Tile, tiles_of
from locara.trust.witness import Witness
from locara_verify.check import CheckResult, check
from locara_verify.checks.log import asked, called, kept, readers, together, web
from locara_verify.checks.log.trial import Trial, installed
from locara_verify.context import Context
from locara_verify.oracle import log as oracle

MEMORY = "LC756"
SERVED = "LC757"
ORIGIN = "log.example.org/locara"
KEY = 7
CONTRADICTIONS = ("a fork", "a fork of one size", "a rollback")


def serve(folder: Path, entries: list[bytes], *, key: int = KEY) -> Path:
    """Write the static files of a log of these entries, by the formulas of the specification."""
    signer = oracle.Key.of(ORIGIN, 1, key)
    size = len(entries)
    shutil.rmtree(folder, ignore_errors=True)
    for level in range(8):
        for n in range((size // 256**level + 255) // 256):
            data = oracle.tile(entries, level, n)
            _put(folder, str(level), n, len(data) // 32, data)
    for n in range((size + 255) // 256):
        _put(folder, "entries", n, min(256, size - n * 256), oracle.bundle(entries, n))
    text = oracle.checkpoint_text(ORIGIN, entries)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint").write_bytes(oracle.note(text, signer.line(text)))
    return folder


def _put(folder: Path, level: str, n: int, width: int, data: bytes) -> None:
    # Logs of these checks are small: numbers of tiles have three digits.
    place = folder / "tile" / level / (f"{n:03d}" if width == 256 else f"{n:03d}.p/{width}")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def policy() -> LogPolicy:
    """The policy that believes the oracle's log."""
    return LogPolicy.of(VerifierKey.parse(oracle.Key.of(ORIGIN, 1, KEY).vkey))


@check("log-followers", rules=(MEMORY, SERVED, asked.FILE), waits=True, applies=installed)
def run(ctx: Context) -> CheckResult:
    """Witnesses first, then monitors."""
    trial, rng = Trial(), ctx.rng("log-followers")
    for turn in range(max(1, min(4, ctx.profile.fuzz_examples // 500))):
        folder = ctx.fresh_dir(f"log-{turn}")
        seen = rng.choice((1, 5, 255, 256, 257, 300))
        entries = [b"%d %d" % (turn, number) for number in range(seen + rng.randint(2, 300))]
        witnesses(trial, folder, entries, seen)
        monitors(trial, rng, folder, entries, seen)
    secret(trial, folder / "secret")
    asked.questions(trial, folder / "asked", serve, rng.randrange(2**32))
    kept.kept_files(trial, folder / "kept")
    web.over_the_web(trial, folder)
    called.over_http(trial, folder / "called", serve, policy())
    together.two_at_once(trial, folder / "together", serve, policy())
    served = readers.Served(folder / "read", serve, policy())
    readers.read_apart(trial, rng, served, entries)
    readers.watched(trial, served, folder / "watching", ctx.fixtures)
    readers.told_first(trial, served, folder / "telling")
    return trial.result()


def witnesses(trial: Trial, folder: Path, entries: list[bytes], seen: int) -> None:
    """One witness that has seen the beginning of the log."""
    Witness.create(folder / "witness", "w.example.org")
    logs = policy().logs

    def visit(place: Path) -> Callable[[], object]:
        return lambda: Witness.open(folder / "witness", logs).visit(FolderSource(place))

    at = folder / "served"
    trial.believed(MEMORY, "the first visit", visit(serve(at, entries[:seen])))
    forks = {
        "a fork of one size": ("fork", [b"x", *entries[1:seen]]),
        "a longer fork": ("inconsistent", [b"x", *entries[1:]]),
        "a fork in the last entry": ("fork", [*entries[: seen - 1], b"x"]),
        "a longer fork in the last entry": ("inconsistent", [*entries[: seen - 1], b"x", *entries[seen:]]),
        "a rollback": ("rollback", entries[: seen - 1]),
    }
    for what, (code, other) in forks.items():
        before = (folder / "witness/seen.json").read_bytes()
        trial.refused(MEMORY, what, code, visit(serve(at, other)))
        kept = _evidence(folder / "witness/evidence", (at / "checkpoint").read_bytes())
        trial.holds(
            MEMORY, f"there is no evidence of {what}", "no file holds both checkpoints", fault=kept is None
        )
        changed = (folder / "witness/seen.json").read_bytes() != before
        trial.holds(MEMORY, f"{what} changed the witness's memory", "seen.json is another one", fault=changed)
    forged_evidence(trial, folder / "witness/evidence")
    stranger = serve(folder / "stranger", entries, key=KEY + 1)
    trial.refused(MEMORY, "a log of another key", "unsigned", visit(stranger))
    forget(trial, folder / "witness", visit(serve(at, entries[:seen])))
    unkept(trial, folder, visit(serve(at, entries)))
    trial.believed(MEMORY, "the log that goes on", visit(serve(at, entries)))
    size = Witness.open(folder / "witness", logs).seen()[ORIGIN].size
    trial.holds(
        MEMORY, "the witness forgot", f"it remembers {size} of {len(entries)}", fault=size != len(entries)
    )


def _evidence(folder: Path, shown: bytes) -> bool | None:
    """Whether a file against the log proves, or only reports, what was shown; None when there is none."""
    for place in folder.glob("*.json") if folder.is_dir() else ():
        with suppress(LogRefused):
            evidence = Evidence.parse(place.read_bytes())
            if evidence.shown == shown and evidence.seen != shown:
                return check_evidence(evidence, policy())
    return None


def forged_evidence(trial: Trial, folder: Path) -> None:
    """Evidence that anybody can write: of what the log did not sign, of two logs, of nothing that is wrong."""
    found = [Evidence.parse(place.read_bytes()) for place in sorted(folder.glob("*.json"))]
    for one in found:
        trial.believed(MEMORY, "the evidence as it was kept", lambda one=one: check_evidence(one, policy()))  # type: ignore[misc]
        head, gap, own = one.shown.partition(b"\n\n")
        text = (head + b"\n").decode()
        stranger = oracle.Key.of(ORIGIN, 1, KEY + 1)
        elsewhere = text.replace(ORIGIN, "log.example.org/other")
        another = oracle.Key.of("log.example.org/other", 1, KEY)
        both = LogPolicy((*policy().logs, VerifierKey.parse(another.vkey)))
        size = text.split("\n")[1]
        cases = {
            "by a stranger": ("unsigned", oracle.note(text, stranger.line(text)), policy()),
            "by nobody of the log": ("unsigned", oracle.note(text, oracle.line("x", bytes(68))), policy()),
            "of another size": ("bad_signature", head.replace(size.encode(), b"9", 1) + gap + own, policy()),
            "of two logs": ("wrong_origin", oracle.note(elsewhere, another.line(elsewhere)), both),
            "of a log of nobody": ("wrong_origin", oracle.note(elsewhere, another.line(elsewhere)), policy()),
            "of nothing wrong": ("proof_malformed", one.seen, policy()),
        }
        for what, (code, shown, believed) in cases.items():
            for forged in (Evidence(one.kind, one.seen, shown, 1), Evidence(one.kind, shown, one.seen, 1)):
                trial.refused(
                    MEMORY, f"evidence {what}", code,
                    lambda forged=forged, believed=believed: check_evidence(forged, believed),  # type: ignore[misc]
                )  # fmt: skip


def _remembered(note: str) -> bytes:
    return json.dumps({"schema": "locara-witness/1", "logs": {ORIGIN: note}}).encode()


def _not_its_own(memory: bytes) -> dict[str, str]:
    """The remembered note as anybody who can write the file could have it: all but the witness's own word."""
    note: str = json.loads(memory)["logs"][ORIGIN]
    head, _, signed = note.partition("\n\n")
    text, lines = f"{head}\n", signed.splitlines(keepends=True)
    log = next(line for line in lines if f" {ORIGIN} " in line)
    own = next(line for line in lines if " w.example.org " in line)
    stranger, empty = oracle.Key.of("w.example.org", 4, KEY), oracle.checkpoint_text(ORIGIN, [])
    first = oracle.Key.of(ORIGIN, 1, KEY).line(empty)
    return {
        "without its signature": f"{text}\n{log}",
        "signed by another of its name": f"{text}\n{log}{stranger.line(text, 1)}",
        "of an empty log": f"{empty}\n{first}",
        "of an empty log under its own signature": f"{empty}\n{first}{own}",
    }


def forget(trial: Trial, folder: Path, visit: Callable[[], object]) -> None:
    """A memory that is gone or is not the witness's own."""
    place = folder / "seen.json"
    good = place.read_bytes()
    for what, changed in {
        "gone": None,
        "empty": b"",
        "without logs": b'{"schema": "locara-witness/1"}',
        "of another size": good.replace(b"\\n", b"\\n1", 1),
        "of another log": good.replace(ORIGIN.encode(), b"log.example.org/other", 1),
        "cut": good[: len(good) // 2],
        **{what: _remembered(note) for what, note in _not_its_own(good).items()},
    }.items():
        if changed is None:
            place.unlink()
        else:
            place.write_bytes(changed)
        trial.refused(MEMORY, f"a memory that is {what}", "state_unreadable", visit)
    place.write_bytes(good)
    trial.believed(MEMORY, "the memory put back", visit)


def secret(trial: Trial, folder: Path) -> None:
    """A key that somebody else can use by any one right, by a second name or through a link is not used."""
    Witness.create(folder, "secret.example.org")
    key, beside = folder / "witness.key", folder / "beside"

    def opened() -> object:
        return Witness.open(folder, policy().logs)

    for place, good in ((key, 0o600), (folder, 0o700)):
        for right in (1 << bit for bit in range(6)):
            place.chmod(good | right)
            what = f"{place.name} with the rights {good | right:04o}"
            trial.refused(MEMORY, what, "key_exposed", opened)
        place.chmod(good)
        trial.believed(MEMORY, f"{place.name} with the rights {good:04o}", opened)
    os.link(key, beside)
    trial.refused(MEMORY, "a key with a second name", "key_exposed", opened)
    key.unlink()
    key.symlink_to(beside)
    trial.refused(MEMORY, "a link to a key", "key_unreadable", opened)
    key.unlink()
    beside.rename(key)
    trial.believed(MEMORY, "the key put back", opened)


def unkept(trial: Trial, folder: Path, visit: Callable[[], object]) -> None:
    """A checkpoint that cannot be kept, because no file of this process may grow for a moment."""
    place = folder / "witness/seen.json"
    good = place.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        trial.refused(MEMORY, "a checkpoint that cannot be kept", "disk_full state_unwritable", visit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    trial.holds(MEMORY, "something was kept", "seen.json changed", fault=place.read_bytes() != good)


def monitors(trial: Trial, rng: random.Random, folder: Path, entries: list[bytes], seen: int) -> None:
    """One monitor that has verified the beginning of the log, and one that begins."""
    at = folder / "served"
    size = len(entries)
    edge = Edge()
    edge.append_entries(entries)
    trial.holds(
        SERVED, "the product has another root than the definition", f"{size} entries",
        fault=edge.root != oracle.tree_hash(entries),
    )  # fmt: skip
    serve(at, entries)
    listed = {tile.path for tile in tiles_of(size)}
    there = {str(path.relative_to(at)) for path in at.rglob("*") if path.is_file()} - {"checkpoint"}
    trial.holds(
        SERVED, "the product names other tiles", f"{sorted(listed ^ there)[:4]}", fault=listed != there
    )
    for name, begun in (("followed", True), ("new", False)):
        state = folder / f"monitor-{name}"
        monitor = Monitor(state, policy())
        if begun:
            sound(trial, monitor, serve(at, entries[:seen]), seen)
        known = seen if begun else 0
        for what, place in changes(rng, folder, entries, seen, followed=begun):
            kept = _bytes(state / "monitor.json")
            alarms(trial, monitor, place, what, known)
            now = _bytes(state / "monitor.json")
            trial.holds(SERVED, f"{what} moved the monitor on", "its state changed", fault=now != kept)
        sound(trial, monitor, serve(at, entries), size)


def _bytes(place: Path) -> bytes | None:
    return place.read_bytes() if place.exists() else None


def sound(trial: Trial, monitor: Monitor, place: Path, size: int) -> None:
    """The honest log must be found sound."""

    def act() -> None:
        look = monitor.look(FolderSource(place))
        if not look.sound or look.size != size:
            raise ValueError(f"{look}")

    trial.believed(SERVED, f"an honest log of {size}", act)


def alarms(trial: Trial, monitor: Monitor, place: Path, what: str, known: int) -> None:
    """A changed log must give an alarm, or be unreadable where the change made it so; a contradiction must
    leave evidence."""
    try:
        look = monitor.look(FolderSource(place))
    except LogRefused as error:
        fault = error.code != "source_unreadable" or what in CONTRADICTIONS
        trial.holds(SERVED, f"refused for another reason: {what}", str(error), fault=fault)
        return
    except Exception as error:
        trial.fail(SERVED, f"the monitor broke off: {what}", f"{type(error).__name__}: {error}")
        return
    nothing = f"a monitor that knew {known} entries found nothing wrong: {what}"
    trial.holds(SERVED, nothing, str(look), fault=look.sound)
    if what in CONTRADICTIONS:
        kept = _evidence(monitor.folder / "evidence", (place / "checkpoint").read_bytes())
        trial.holds(SERVED, f"there is no evidence of {what}", str(look), fault=kept is None)


def changes(
    rng: random.Random, folder: Path, entries: list[bytes], seen: int, *, followed: bool
) -> Iterator[tuple[str, Path]]:
    """Copies of the served files with one thing changed, in whatever the monitor still has to read."""
    at = folder / "changed"
    tiles = list(tiles_of(len(entries), seen if followed else 0))
    serve(at, entries)
    for tile in tiles:
        place = at / tile.path
        good = place.read_bytes()
        first = 32 * (seen % 256) if followed and tile.level == 0 and tile.n == seen // 256 else 0
        data = bytearray(good)
        data[rng.randrange(min(first, len(data) - 1), len(data))] ^= 1 << rng.randrange(8)
        place.write_bytes(bytes(data))
        yield f"one bit of {tile.path}", at
        place.write_bytes(good[:-1])
        yield f"{tile.path}, cut", at
        place.write_bytes(good)
    other = [*entries[:-1], b"another"]
    forged = (serve(folder / "honest", entries) / "checkpoint").read_bytes()
    (serve(at, other) / "checkpoint").write_bytes(forged)
    yield "the last entry replaced with all its tiles", at
    text = oracle.checkpoint_text(ORIGIN, other)
    (serve(at, entries) / "checkpoint").write_bytes(
        oracle.note(text, oracle.Key.of(ORIGIN, 1, KEY).line(text))
    )
    yield "a signed root of other entries", at
    yield "a checkpoint of another key", serve(at, entries, key=KEY + 1)
    if followed:
        yield "a fork", serve(at, [b"x", *entries[1:]])
        yield "a fork of one size", serve(at, [b"x", *entries[1:seen]])
        yield "a rollback", serve(at, entries[: seen - 1])
    last = Tile(None, (len(entries) - 1) // 256, (len(entries) - 1) % 256 + 1)
    bundle = serve(at, entries) / last.path
    bundle.write_bytes(bundle.read_bytes() + b"\0\0")
    yield "an entry more in a bundle", at

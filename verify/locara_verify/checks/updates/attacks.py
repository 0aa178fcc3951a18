"""LC770, LC771: the update client against repositories that lie, and the copy on this machine against edits.

Judged by what the client would believe afterwards without a network: after every attack the bytes of its last copy
are the ones from before, and the next honest state arrives.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from locara.errors import LocaraError
from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.attestation.hostile import state
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each, has_room

if TYPE_CHECKING:
    from locara.trust.repository.home import Home
    from locara_verify.checks.updates.forge import Forge

ONLINE: Final = "LC770"
OFFLINE: Final = "LC771"
DAY: Final = 86_400.0
LIES: Final = b'{"entries": [], "format": "locara-revocations/2", "seq": 1, "updated": 1}'
Play = Callable[["Trial"], None]


@dataclass
class Trial:
    """A repository, a client that follows it and has a copy, and what the tries showed."""

    forge: Forge
    home: Home
    now: float
    findings: list[Finding] = field(default_factory=list)
    tried: dict[str, int] = field(default_factory=lambda: {ONLINE: 0, OFFLINE: 0})
    broken: dict[str, str] = field(default_factory=dict)

    def update(self, *, ahead: float = 0.0) -> None:
        """What the client does in the background; lists that are read as none are refused by its own reader."""
        from locara.trust.repository.client import Copy, update  # noqa: PLC0415 - slow to load
        from locara.trust.revocation.document import parse_listed  # noqa: PLC0415

        def accept(copy: Copy) -> None:
            parse_listed(copy.read("revocations/list.json"))

        update(self.home, now=self.now + ahead, accept=accept, fetcher=self.forge)

    def believed(self) -> dict[str, bytes] | str:
        """Targets of the copy that lies there, or the code of the refusal."""
        from locara.trust.repository.client import open_copy  # noqa: PLC0415 - slow to load

        try:
            copy = open_copy(self.home)
            return {name: copy.read(name) for name in copy.names}
        except LocaraError as error:
            return error.code

    def attempt(self, *, ahead: float = 0.0) -> str:
        """The code that an update ends with, empty when it is taken."""
        try:
            self.update(ahead=ahead)
        except LocaraError as error:
            return error.code
        return ""

    def judge(self, rule: str, fault: bool, message: str, because: str) -> None:
        """Count a try and record what it showed."""
        self.tried[rule] += 1
        if fault and has_room(self.findings, rule):
            self.findings.append(Finding(rule, message, because=because))


def _expired(signed: Any) -> None:  # noqa: ANN401 - metadata of any role
    signed.expires -= timedelta(days=4)


def plays() -> Iterator[tuple[str, str, Play]]:
    """Every attack: what it is called, the code it must end with, and how it is played."""

    def replayed(trial: Trial) -> None:
        old = trial.forge.files["timestamp.json"]
        trial.forge.next_state(2)
        trial.update()
        trial.forge.files["timestamp.json"] = old

    def snapshot_back(trial: Trial) -> None:
        trial.forge.next_state(2)
        trial.update()
        trial.forge.write("timestamp", lambda signed: setattr(signed.snapshot_meta, "version", 1))

    def root_back(trial: Trial) -> None:
        trial.forge.files["2.root.json"] = trial.forge.files["1.root.json"]

    yield "an old timestamp is replayed", "rollback", replayed
    yield "the snapshot goes back", "rollback", snapshot_back
    for role in ("targets", "revocations", "urgent"):

        def role_back(trial: Trial, role: str = role) -> None:
            trial.forge.next_state(2)
            trial.forge.publish(("targets",))
            trial.update()
            trial.forge.carry(lambda signed: setattr(signed.meta[f"{role}.json"], "version", 1))

        yield f"the {role} go back", "rollback", role_back
    yield "an old root as the next one", "rollback", root_back
    yield (
        "a role vanishes",
        "mixed",
        lambda trial: trial.forge.carry(lambda signed: signed.meta.pop("urgent.json")),
    )
    yield from _freezes()
    yield from _edits()
    yield from _thefts()
    yield from _miscounts()


def _freezes() -> Iterator[tuple[str, str, Play]]:
    yield "the timestamp ended", "expired", lambda trial: _keep(trial.forge.write("timestamp", _expired))
    yield "the snapshot ended", "expired", lambda trial: trial.forge.carry(_expired)
    for role in ("targets", "revocations", "urgent"):

        def ended(trial: Trial, role: str = role) -> None:
            trial.forge.write(role, _expired)
            trial.forge.carry()

        yield f"the role {role} ended", "expired", ended


def _edits() -> Iterator[tuple[str, str, Play]]:
    for role in ("timestamp", "snapshot", "revocations", "urgent"):

        def edited(trial: Trial, role: str = role) -> None:
            trial.forge.next_state(2)
            file = "timestamp.json" if role == "timestamp" else f"2.{role}.json"
            value = json.loads(trial.forge.files[file])
            value["signed"]["spec_version"] = "1.0.0"
            trial.forge.files[file] = json.dumps(value).encode()

        yield f"the {role} was edited", "unsigned", edited

    def swapped(trial: Trial) -> None:
        trial.forge.next_state(2)
        (name,) = [name for name, data in trial.forge.files.items() if b'"seq": 2' in data and "list" in name]
        trial.forge.files[name] = trial.forge.files[name].replace(b'"seq": 2', b'"seq": 3')

    def longer(trial: Trial) -> None:
        trial.forge.next_state(2)
        for name in [name for name in trial.forge.files if name.startswith("targets/")]:
            trial.forge.files[name] += b" " * 100_000

    def endless(trial: Trial) -> None:
        trial.forge.files["timestamp.json"] = b" " * 20_000

    def mixed(trial: Trial) -> None:
        old = trial.forge.files["1.snapshot.json"]
        trial.forge.next_state(2)
        trial.forge.files["2.snapshot.json"] = old

    yield "a list of the same length", "mismatch", swapped
    yield "a target longer than its word", "too_long", longer
    yield "a timestamp without an end", "too_long", endless
    yield "an old snapshot under a new number", "rollback", mixed
    yield "no metadata at all", "malformed", lambda trial: trial.forge.files.update({"timestamp.json": b"{"})


def _thefts() -> Iterator[tuple[str, str, Play]]:
    for role, key in (
        ("revocations", "revocations-1"),
        ("revocations", "urgent-1"),
        ("targets", "targets-2"),
        ("urgent", "bins-1"),
        ("snapshot", "timestamp-1"),
    ):

        def stolen(trial: Trial, role: str = role, key: str = key) -> None:
            if role == "snapshot":
                trial.forge.next_state(2)
                trial.forge.signed["snapshot"].version -= 1
                trial.forge.write("snapshot", keys=[key])
                return
            trial.forge.write(role, keys=[key])
            trial.forge.carry()

        yield f"{key} alone signs {role}", "unsigned", stolen
    for names in (["root-1"], ["timestamp-1", "snapshot-1"], ["targets-1", "targets-2"]):

        def crowned(trial: Trial, names: list[str] = names) -> None:
            trial.forge.write("root", keys=names)

        yield f"{' and '.join(names)} sign a root", "unsigned", crowned

    def no_list(trial: Trial) -> None:
        trial.forge.put("revocations", "revocations/list.json", b'{"format":"locara-revocations/2"}')
        trial.forge.publish(("revocations",))

    yield "a list that is none", "list_malformed", no_list


def _miscounts() -> Iterator[tuple[str, str, Play]]:
    """One key that would be counted as many, and roles that ask for nothing, signed by all whose word it is."""
    for role in ("revocations", "targets"):
        for other in (f"{role}-1", f"{role}-2"):

            def twice(trial: Trial, role: str = role, other: str = other) -> None:
                file = trial.forge.write(role, keys=[f"{role}-1"])
                value = json.loads(trial.forge.files[file])
                (own,) = value["signatures"]
                keyid = trial.forge.signer(other).public_key.keyid
                value["signatures"].append({**own, "keyid": keyid})
                trial.forge.files[file] = json.dumps(value).encode()
                trial.forge.carry()

            own = other == f"{role}-1"
            said = "twice" if own else f"again as that of {other}"
            yield f"the signature of {role}-1 on {role} {said}", "malformed" if own else "unsigned", twice
    for role in ("root", "timestamp", "snapshot", "targets"):
        for least in (0, -1, None):

            def careless(trial: Trial, role: str = role, least: int | None = least) -> None:
                trial.forge.write("root", lambda signed: setattr(signed.roles[role], "threshold", least))

            yield f"a root that asks for {least} signatures of {role}", "malformed", careless
    for role in ("revocations", "urgent"):

        def open_to_all(trial: Trial, role: str = role) -> None:
            trial.forge.write(
                "targets", lambda signed: setattr(signed.delegations.roles[role], "threshold", 0)
            )
            trial.forge.carry()

        yield f"targets that ask for no signature of {role}", "malformed", open_to_all

    def other_delegator(trial: Trial) -> None:
        def hand_over(signed: Any) -> None:  # noqa: ANN401 - targets
            role = signed.delegations.roles["revocations"]
            for keyid in list(role.keyids):
                signed.revoke_key(keyid, "revocations")
            signed.add_key(trial.forge.signer("bins-1").public_key, "revocations")
            role.threshold = 1

        trial.forge.write("targets", hand_over)
        trial.forge.carry()

    yield "revocations kept from before, whose keys are others now", "unsigned", other_delegator

    def too_many(trial: Trial) -> None:
        trial.forge.write("root", lambda signed: setattr(signed.roles["root"], "threshold", 9))

    yield "a root that asks for more signatures than it has keys", "unsigned", too_many


def _keep(_file: str) -> None:
    """What was written is in the forge."""


def new_trial(ctx: Context, name: str) -> Trial:
    """A client that follows a repository of this name and has its first state."""
    import time  # noqa: PLC0415 - only here: what the library judges is the machine's clock

    from locara.trust.repository.home import Home  # noqa: PLC0415 - slow to load
    from locara_verify.checks.updates.forge import URL, Forge  # noqa: PLC0415

    now = time.time()
    forge = Forge(str(ctx.seed_for(name)).encode(), now=now)
    trial = Trial(forge, Home(ctx.fresh_dir("update") / "client"), now)
    trial.home.follow(URL, forge.root)
    trial.update()
    return trial


def again(ctx: Context, start: Trial) -> Trial:
    """The same repository and a client in the same state, apart from those that they are made after."""
    from locara.trust.repository.home import Home  # noqa: PLC0415 - slow to load

    home = Home(ctx.fresh_dir("update") / "client")
    shutil.copytree(start.home.path, home.path, symlinks=True)
    return Trial(start.forge.copy(), home, start.now)


@check("update-attacks", rules=(ONLINE, OFFLINE))
def run(ctx: Context) -> CheckResult:
    """Lying repositories, then edits of the copy. All begin alike."""
    start = new_trial(ctx, "start")
    found = list(_names_that_lead_out(ctx, start))  # looks at all there is: the less the better
    tries = list(plays())
    for number, (name, code, play) in enumerate(tries):
        trial = again(ctx, start)
        play(trial)
        _refused(trial, name, code)
        found.append(trial)
        ctx.progress(number + 1, len(tries) + 2, name)
    _goes_on(again(ctx, start), found[0])
    found += [_clock_set_back(again(ctx, start)), _edited_copies(ctx, again(ctx, start))]
    found += _two_claims(ctx, start)
    from locara_verify.checks.updates import lengths  # noqa: PLC0415 - it begins with trials of this module

    found += lengths.run(ctx, start)
    findings = tuple(finding for trial in found for finding in trial.findings)
    tried = {rule: sum(trial.tried[rule] for trial in found) for rule in (ONLINE, OFFLINE)}
    broken = {rule: why for trial in found for rule, why in trial.broken.items()}
    failed = {finding.rule_id for finding in findings}
    return CheckResult(
        first_of_each(findings),
        tried,
        attacks=sum(tried.values()),
        inconclusive={rule: why for rule, why in broken.items() if rule not in failed},
    )


def _refused(trial: Trial, name: str, code: str) -> None:
    before = trial.believed()
    got = trial.attempt()
    if got != code:
        said = f"{got or 'it was taken'}, not {code}"
        trial.judge(
            ONLINE, True, "an update that must be refused is not, or for another reason", f"{name}: {said}"
        )
    trial.judge(ONLINE, trial.believed() != before, "a refused update changed what the client believes", name)


def _goes_on(honest: Trial, trial: Trial) -> None:
    """The twin of all attacks: the same repository without one, a state later, arrives."""
    honest.forge.next_state(2)
    code, said = honest.attempt(), honest.believed()
    if code or isinstance(said, str) or b'"seq": 2' not in said["revocations/list.json"]:
        trial.broken[ONLINE] = "the allow twin failed: an honest update does not arrive"


def _clock_set_back(trial: Trial) -> Trial:
    """The latest time ever seen counts, not the machine's clock, which is right here."""
    trial.forge.next_state(2)
    before = trial.believed()
    code = trial.attempt(ahead=3 * DAY)
    trial.judge(
        ONLINE, code != "expired", "a state that ended by the latest time seen is taken", code or "taken"
    )
    trial.judge(
        ONLINE, trial.believed() != before, "a refused update changed what the client believes", "clock"
    )
    if trial.attempt():
        trial.broken[ONLINE] = "the allow twin failed: an honest update does not arrive"
    return trial


def _names_that_lead_out(ctx: Context, start: Trial) -> Iterator[Trial]:
    """Roles and targets whose names are paths. Outside the client's home nothing changes, and nothing is read: what a
    role is called makes no difference to the update."""
    around = ctx.fresh_dir("around")
    for name in (
        "../../evil",
        "../evil",
        "..",
        f"{around}/evil",
        "a/../../../evil",
        "..\\evil",
        "evil\0",
        "%2e%2e/evil",
        "root_history/evil",
        "root_history/1.root",
        "root_history/../../evil",
    ):
        trial = again(ctx, start)
        forge = trial.forge

        def named(signed: Any, name: str = name, forge: Forge = forge) -> None:  # noqa: ANN401 - targets
            signed.delegations.roles = {name: _role(name), **signed.delegations.roles}
            signed.add_key(forge.signer("bins-1").public_key, name)

        forge.write("targets", named)
        forge.put("revocations", f"revocations/{name}", b"evil")
        forge.write("revocations")
        forge.carry(lambda signed, name=name: signed.meta.update({f"{name}.json": _first_version()}))  # type: ignore[misc]
        forge.signed[name] = _no_targets()
        forge.files[f"1.{quote(name, safe='')}.json"] = forge.files[
            forge.write(name, keys=["bins-1"], bump=False)
        ]
        before = state(ctx.workdir, trial.home.path)
        code = trial.attempt()
        changed = state(ctx.workdir, trial.home.path) != before
        trial.judge(
            ONLINE, changed, "a name out of metadata became a path outside", f"{name!a}: {code or 'taken'}"
        )
        trial.judge(ONLINE, bool(code), "a role's name stops the update", f"{name!a}: {code}")
        yield trial


def _two_claims(ctx: Context, start: Trial) -> Iterator[Trial]:
    """A further role that names the list of revocations as its own. Which role is asked first is what was signed, never
    the order of names or of a table in memory; so the one that was there before is believed, under every name."""
    for name in ("a", "revocation", "revocationss", "z", "Revocations"):
        trial = again(ctx, start)
        forge = trial.forge

        def named(signed: Any, name: str = name, forge: Forge = forge) -> None:  # noqa: ANN401 - targets
            signed.delegations.roles = {**signed.delegations.roles, name: _role(name)}
            signed.add_key(forge.signer("bins-1").public_key, name)

        forge.write("targets", named)
        forge.signed[name] = _no_targets()
        forge.put(name, "revocations/list.json", LIES)
        forge.carry(lambda signed, name=name: signed.meta.update({f"{name}.json": _first_version()}))  # type: ignore[misc]
        forge.files[f"1.{name}.json"] = forge.files[forge.write(name, keys=["bins-1"], bump=False)]
        code = trial.attempt()
        trial.judge(
            ONLINE, bool(code), "a further role that names the list stops the update", f"{name}: {code}"
        )
        for _ in range(8):
            said = trial.believed()
            lied = not isinstance(said, str) and said["revocations/list.json"] == LIES
            trial.judge(
                ONLINE,
                lied,
                "another role answered for the list of revocations",
                f"{name}: {code or 'taken'}",
            )
        yield trial


def _role(name: str) -> Any:  # noqa: ANN401 - a class of a library that loads slowly
    from tuf.api.metadata import DelegatedRole  # noqa: PLC0415

    return DelegatedRole(name, [], 1, False, paths=["revocations/*"])


def _no_targets() -> Any:  # noqa: ANN401 - a class of a library that loads slowly
    from tuf.api.metadata import Targets  # noqa: PLC0415

    return Targets()


def _first_version() -> Any:  # noqa: ANN401 - a class of a library that loads slowly
    from tuf.api.metadata import MetaFile  # noqa: PLC0415

    return MetaFile(1)


def _edited_copies(ctx: Context, trial: Trial) -> Trial:
    """Each file of the copy, damaged in several ways; parts of other states; files that a thief signed."""
    trial.forge.write("root")
    trial.forge.next_state(2)
    trial.update()
    good = trial.believed()
    rng = ctx.rng("copy")
    for place in sorted(path for path in trial.home.good.rglob("*") if path.is_file()):
        data = place.read_bytes()
        name = place.relative_to(trial.home.good).as_posix()
        for what, damaged in _damages(data, name, trial.forge, rng):
            place.write_bytes(damaged)
            said = trial.believed()
            trial.judge(
                OFFLINE,
                said != "copy_changed",
                "a copy that was changed is believed, or refused for another reason",
                f"{name}, {what}: {said if isinstance(said, str) else 'believed'}",
            )
        place.write_bytes(data)
    _older_roles(trial)
    if trial.believed() != good or isinstance(good, str):
        trial.broken[OFFLINE] = "the allow twin failed: a copy that was not changed is not believed"
    return trial


def _older_roles(trial: Trial) -> None:
    """A role of the state before together with what it names: sound in itself, and not of this state."""
    first = trial.forge.first
    for role, path in (("revocations", "revocations/list.json"), ("urgent", "revocations/urgent.json")):
        places = {
            trial.home.good / "metadata" / f"{role}.json": trial.forge.files[f"1.{role}.json"],
            trial.home.good / "targets" / path.replace("/", "%2F"): first[path],
        }
        kept = {place: place.read_bytes() for place in places}
        for place, data in places.items():
            place.write_bytes(data)
        said = trial.believed()
        trial.judge(
            OFFLINE,
            said != "copy_changed",
            "a part of an older state is believed in the copy",
            f"{role}: {said if isinstance(said, str) else 'believed'}",
        )
        for place, data in kept.items():
            place.write_bytes(data)


def _damages(data: bytes, name: str, forge: Forge, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "cut", data[: rng.randrange(1, len(data) - 2)]
    # In what is signed: a role may have more signatures than it needs, and one of them may be anything.
    signed = max(0, data.find(b'"signed"'))
    at = rng.randrange(signed, signed + (len(data) - signed) // 2)
    digit = data.index(b'"', at)
    yield "one character", data[: digit + 1] + bytes([data[digit + 1] ^ 1]) + data[digit + 2 :]
    if "metadata" not in name:
        return
    role = name.rpartition("/")[2].removesuffix(".json").rpartition(".")[2]
    if role in ("revocations", "urgent", "snapshot"):
        yield "the one before", forge.files[f"1.{role}.json"]
    value = json.loads(data)
    value["signatures"] = (
        value["signatures"][:-1] if len(value["signatures"]) < 3 else value["signatures"][:1]
    )
    if role != "urgent":
        yield "one signature too few", json.dumps(value).encode()
    stranger = json.loads(data)
    stranger["signed"]["expires"] = "2099-01-01T00:00:00Z"
    yield "another end, the old signature", json.dumps(stranger).encode()

"""LC770, LC771: chains of roots and of delegations, where each step is sound by itself and one of them is missing.

The library that fetches verifies as well. What is asked here is what stands without it: a copy that lies on this
machine, the latest time ever seen, and a role that two others let speak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from locara_verify.check import CheckResult, check
from locara_verify.checks.updates import index
from locara_verify.checks.updates.attacks import DAY, LIES, OFFLINE, ONLINE, Trial, new_trial
from locara_verify.context import Context
from locara_verify.finding import first_of_each

if TYPE_CHECKING:
    from pathlib import Path

    from locara_verify.checks.updates.forge import Forge

ROLES: Final = ("root", "targets", "revocations", "urgent", "snapshot", "timestamp")
_MESSAGE: Final = "a copy that was changed is believed, or refused for another reason"


@check("update-chains", rules=(ONLINE, OFFLINE))
def run(ctx: Context) -> CheckResult:
    """Roots, ends, delegations, and an index that is read out of a copy."""
    found = [
        _roots(ctx),
        _root_file(ctx),
        _ends(ctx),
        _spoken_for(ctx),
        _last_word(ctx),
        _same_version(ctx),
        index.of_models(ctx),
    ]
    findings = tuple(finding for trial in found for finding in trial.findings)
    failed = {finding.rule_id for finding in findings}
    tried = {rule: sum(trial.tried[rule] for trial in found) for rule in (ONLINE, OFFLINE)}
    broken = {rule: why for trial in found for rule, why in trial.broken.items() if rule not in failed}
    return CheckResult(first_of_each(findings), tried, attacks=sum(tried.values()), inconclusive=broken)


def _thief(trial: Trial) -> Forge:
    """Somebody with keys of their own for every role, and lists of their own."""
    from locara_verify.checks.updates.forge import Forge  # noqa: PLC0415 - slow to load

    return Forge(b"thief", now=trial.now)


def _exchanged(trial: Trial, root: bytes, name: str, thief: Forge) -> str:
    """What the client says of its copy with the thief's state in it, below a root of that name; then it is put back."""
    good = trial.home.good
    files: dict[Path, bytes] = {good / "metadata/root_history" / name: root}
    for role in ("timestamp", "snapshot", "targets", "revocations", "urgent"):
        written = "timestamp.json" if role == "timestamp" else f"{thief.signed[role].version}.{role}.json"
        files[good / "metadata" / f"{role}.json"] = thief.files[written]
    for path, data in thief.first.items():
        files[good / "targets" / quote(path, safe="")] = data
    kept = {place: place.read_bytes() if place.exists() else None for place in files}
    for place, data in files.items():
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    said = trial.believed()
    for place, before in kept.items():
        if before is None:
            place.unlink()
        else:
            place.write_bytes(before)
    return said if isinstance(said, str) else "believed"


def _signed(thief: Forge, version: int, own: Iterable[str], forge: Forge, old: Iterable[str]) -> bytes:
    """The thief's root of that version, signed by these keys of the thief and these of the registry."""
    from tuf.api.metadata import Metadata  # noqa: PLC0415 - slow to load
    from tuf.api.serialization.json import JSONSerializer  # noqa: PLC0415

    thief.signed["root"].version = version
    metadata: Metadata[Any] = Metadata(thief.signed["root"])
    for maker, names in ((thief, own), (forge, old)):
        for name in names:
            metadata.sign(maker.signer(name), append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))


def _roots(ctx: Context) -> Trial:
    """A further root in the copy counts when it is the next one, signed by the one before and by itself."""
    trial = new_trial(ctx, "roots")
    trial.forge.write("root")
    trial.update()
    thief, forge = _thief(trial), trial.forge
    all_own, all_old = thief.keys("root"), forge.keys("root")
    cases: list[tuple[str, int, list[str], list[str], bool]] = [
        ("signed by itself alone", 3, all_own, [], False),
        ("signed by the one before alone", 3, [], all_old, False),
        ("signed by itself and one key of before", 3, all_own, all_old[:1], False),
        ("signed by one key of its own and those of before", 3, all_own[:1], all_old, False),
        ("two versions later", 4, all_own, all_old, False),
        ("of the version before", 2, all_own, all_old, False),
        ("the next one, signed by both", 3, all_own, all_old, True),
    ]
    for what, version, own, old, good in cases:
        said = _exchanged(trial, _signed(thief, version, own, forge, old), "3.root.json", thief)
        if good and said != "believed":
            trial.broken[OFFLINE] = f"the allow twin failed: a root that is {what}: {said}"
        elif not good:
            trial.judge(OFFLINE, said != "copy_changed", _MESSAGE, f"a root that is {what}: {said}")
    return trial


def _replaced(trial: Trial, *, newer: int) -> None:
    """Each file of the copy in turn, signed by all its keys with another end and a version that is so much higher."""
    from tuf.api.metadata import Metadata  # noqa: PLC0415 - slow to load
    from tuf.api.serialization.json import JSONSerializer  # noqa: PLC0415

    for role in ("snapshot", "targets", "revocations", "urgent"):
        place = trial.home.good / f"metadata/{role}.json"
        before = place.read_bytes()
        metadata: Metadata[Any] = Metadata.from_bytes(before)
        metadata.signed.expires += timedelta(days=1)
        metadata.signed.version += newer
        metadata.signatures.clear()
        for name in trial.forge.keys(role):
            metadata.sign(trial.forge.signer(name), append=True)
        place.write_bytes(metadata.to_bytes(JSONSerializer(compact=True)))
        said = trial.believed()
        told = f"another {role}, {newer} versions on: {said if isinstance(said, str) else 'believed'}"
        trial.judge(OFFLINE, said != "copy_changed", _MESSAGE, told)
        place.write_bytes(before)


def _same_version(ctx: Context) -> Trial:
    """A registry that says each file by its digest, and a copy with another file of that version, signed as well."""
    from tuf.api.metadata import MetaFile  # noqa: PLC0415 - slow to load

    trial = new_trial(ctx, "same version")
    forge = trial.forge

    def told(role: str) -> Any:  # noqa: ANN401 - a class of a library that loads slowly
        version = forge.signed[role].version
        return MetaFile.from_data(version, forge.files[f"{version}.{role}.json"], ["sha256"])

    _replaced(trial, newer=1)
    roles = ("targets", "revocations", "urgent")
    forge.carry(lambda signed: signed.meta.update({f"{role}.json": told(role) for role in roles}))
    forge.signed["timestamp"].snapshot_meta = told("snapshot")
    forge.write("timestamp")
    trial.update()
    if isinstance(trial.believed(), str):
        trial.broken[OFFLINE] = "the allow twin failed: a state that says its files by digest"
    _replaced(trial, newer=0)
    return trial


def _root_file(ctx: Context) -> Trial:
    """The root that is trusted was exchanged for a thief's, with the whole copy below it."""
    trial = new_trial(ctx, "root file")
    thief, place = _thief(trial), trial.home.path / "root.json"
    good = place.read_bytes()
    for what, data in (
        ("of a thief", thief.root),
        ("empty", b""),
        ("cut", good[:-3]),
        ("with a blank more", good + b" "),
    ):
        place.write_bytes(data)
        said = (
            _exchanged(trial, thief.root, "1.root.json", thief) if what == "of a thief" else trial.believed()
        )
        told = said if isinstance(said, str) else "believed"
        trial.judge(OFFLINE, told != "copy_changed", _MESSAGE, f"the trusted root is {what}: {told}")
    place.write_bytes(good)
    if isinstance(trial.believed(), str):
        trial.broken[OFFLINE] = "the allow twin failed: the trusted root put back"
    return trial


def _ends(ctx: Context) -> Trial:
    """One part alone has ended by the latest time seen, and the machine's clock says that it has not."""
    trial = new_trial(ctx, "ends")
    for role in ROLES:
        one = new_trial(ctx, f"end of the {role}")

        def shorter(signed: Any, one: Trial = one) -> None:  # noqa: ANN401 - metadata of any role
            signed.expires = one.forge.now + timedelta(days=1)

        edits: dict[str, Callable[[Any], None]] = {role: shorter}
        for name in ("root", "targets", "revocations", "urgent"):
            one.forge.write(name, edits.get(name, lambda _: None))
        one.forge.carry(edits.get("snapshot", lambda _: None))
        one.forge.write("timestamp", edits.get("timestamp", lambda _: None))
        before = one.believed()
        code = one.attempt(ahead=1.5 * DAY)
        trial.judge(
            ONLINE,
            code != "expired",
            "what ended by the latest time seen is taken",
            f"{role}: {code or 'taken'}",
        )
        trial.judge(
            ONLINE, one.believed() != before, "a refused update changed what the client believes", role
        )
        if one.attempt(ahead=0.5 * DAY):
            trial.broken[ONLINE] = f"the allow twin failed: the {role} has not ended yet"
    return trial


def _spoken_for(ctx: Context) -> Trial:
    """A role that two others name, each with keys of its own: what one let it sign counts for that one alone."""
    from tuf.api.metadata import DelegatedRole, Delegations, MetaFile, Targets  # noqa: PLC0415 - slow to load

    trial = new_trial(ctx, "spoken for")
    forge, urgent = trial.forge, "revocations/urgent.json"
    before = trial.believed()

    def two(signed: Any) -> None:  # noqa: ANN401 - targets
        first = {"p": DelegatedRole("p", [], 1, False, paths=["revocations/list.json"])}
        direct = {"q": DelegatedRole("q", [], 1, False, paths=[urgent])}
        signed.delegations.roles = {**first, **direct, **signed.delegations.roles}
        signed.add_key(forge.signer("bins-1").public_key, "p")
        signed.add_key(forge.signer("urgent-2").public_key, "q")

    forge.write("targets", two)
    forge.signed["p"] = Targets()
    forge.signed["p"].delegations = Delegations(
        {}, {"q": DelegatedRole("q", [], 1, False, paths=["revocations/*"])}
    )
    forge.signed["p"].add_key(forge.signer("bins-2").public_key, "q")
    forge.signed["q"] = Targets()
    forge.put("q", urgent, LIES)
    for name, key in (("p", "bins-1"), ("q", "bins-2")):
        forge.write(name, keys=[key], bump=False)
    forge.carry(lambda signed: signed.meta.update({"p.json": MetaFile(1), "q.json": MetaFile(1)}))
    code = trial.attempt()
    trial.judge(
        ONLINE,
        not code,
        "what one role let sign is taken for another's",
        "the urgent list, by a key of another role",
    )
    trial.judge(
        ONLINE,
        trial.believed() != before,
        "a refused update changed what the client believes",
        code or "taken",
    )
    return trial


def _last_word(ctx: Context) -> Trial:
    """A role that has the last word on a list says nothing of it, and one behind it does: nobody has said anything.

    No client takes that state. Whoever can write here puts its files, each signed by whom it must be, in the copy.
    """
    from tuf.api.metadata import DelegatedRole, MetaFile, Targets  # noqa: PLC0415 - slow to load

    trial = new_trial(ctx, "last word")
    forge, path = trial.forge, "revocations/list.json"
    before = trial.believed()

    def behind(signed: Any) -> None:  # noqa: ANN401 - targets
        signed.delegations.roles["z"] = DelegatedRole("z", [], 1, False, paths=["revocations/*"])
        signed.add_key(forge.signer("bins-1").public_key, "z")

    forge.write("targets", behind)
    forge.signed["z"] = Targets()
    forge.put("z", path, LIES)
    forge.write("z", keys=["bins-1"], bump=False)
    forge.write("revocations", lambda signed: signed.targets.pop(path))
    forge.carry(lambda signed: signed.meta.update({"z.json": MetaFile(1)}))
    code = trial.attempt()
    told = f"{path} by a role behind its own: {code or 'taken'}"
    trial.judge(ONLINE, not code, "a role speaks where another has the last word", told)
    trial.judge(ONLINE, trial.believed() != before, "a refused update changed what the client believes", told)
    kept = {place: place.read_bytes() for place in trial.home.good.rglob("*") if place.is_file()}
    for role in (*forge.signed, "timestamp"):
        written = "timestamp.json" if role == "timestamp" else f"{forge.signed[role].version}.{role}.json"
        if role != "root":
            (trial.home.good / "metadata" / f"{role}.json").write_bytes(forge.files[written])
    (trial.home.good / "targets" / quote(path, safe="")).write_bytes(LIES)
    said = trial.believed()
    lied = not isinstance(said, str) and said.get(path) == LIES
    trial.judge(OFFLINE, lied, _MESSAGE, f"{path}, by a role behind its own")
    for place, data in kept.items():
        place.write_bytes(data)
    if trial.believed() != before:
        trial.broken[OFFLINE] = "the allow twin failed: the copy put back is not believed"
    return trial

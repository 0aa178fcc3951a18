"""LC411 to LC413 at their records: words for generated grants, answers on file, lists of revocations.

Starting an app for each of these would take minutes; the functions that every start goes through are asked
directly, with a folder of decisions that is made for it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from locara.core.capability import Kind
from locara.core.compile import compile_grants
from locara.core.consent import consent_text
from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.core.grant_json import grants_json
from locara.core.manifest import parse_manifest
from locara.errors import LocaraError
from locara.runtime.app import AppBundle
from locara.runtime.app_home import AppHome
from locara.runtime.awake import AWAKE_NAME, Admission, awake_file, confirm
from locara.runtime.consent import NoConsent, ScriptedConsent, record_name
from locara.runtime.lifecycle import admit, withdraw
from locara.runtime.manifest_file import MANIFEST_NAME
from locara.runtime.standing import Asleep, Layer
from locara.runtime.state import StartError, StateFolder
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.starts import bare, traces
from locara_verify.checks.forked import command
from locara_verify.context import Context
from locara_verify.tally import Tally

WORDS: Final = "LC411"
ANSWERS: Final = "LC412"
SLEEP: Final = "LC413"
NOW: Final = 1_790_000_000.0
_FLAGS: Final = ("net", "device.camera", "device.microphone")
_OTHER: Final = str(Digest.of(b"another manifest"))
_NO_YES: Final[tuple[object, ...]] = ("no", 1, 0, None, [], "yes")
_REASON: Final = "keeps the clock right"


@check("consent-records", rules=(WORDS, ANSWERS, SLEEP), quick=True)
def run(ctx: Context) -> CheckResult:
    """Words, answers, revocations."""
    tally = Tally()
    words(tally, ctx)
    answers(tally, ctx)
    options(tally, ctx)
    apart_by_name(tally, ctx)
    asleep(tally, ctx)
    revocations(tally, ctx)
    return tally.result()


def edited(ctx: Context, **capabilities: Any) -> bytes:  # noqa: ANN401 - values of a manifest
    """The target's manifest with other capabilities."""
    document = json.loads(ctx.target.manifest_bytes)
    document["capabilities"] |= {
        key.replace("__", "-").replace("_", "."): value for key, value in capabilities.items()
    }
    return json.dumps(document).encode()


def grants_drawn(rng: random.Random) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Capabilities, with the words that a person must read for them."""
    for count in (1, 12, 13, 40):
        hosts = [f"h{number:02}.example.org" for number in range(count)]
        port = rng.choice((80, 8443, 22, 1))
        told = hosts[:12] + ([f"{count - 12} more"] if count > 12 else [])
        yield {"net": {"allowed_hosts": hosts, "allowed_ports": [port]}}, [*told, str(port)]
        yield {"net": {"allowed_hosts": hosts}}, told
        yield {"open__external": {"hosts": hosts}}, told
    yield {"net": True}, ["every host", "every port"]
    for key in ("fs_user__selected", "fs_app__data"):
        yield {key: "read-write"}, ["read", "change"]
        yield {key: "read"}, ["read"]
    yield {"fs_user__paths": {"music": "read-write"}}, ["read and change", "Music"]
    yield {"clipboard": {"read": True, "write": True}}, ["read and change the clipboard"]
    for mode, does in (("active", "go on working"), ("passive", "finish what it began")):
        yield {"background": {"mode": mode, "reasons": [_REASON]}}, [does, _REASON]
    for mode in ("alert", "badge", "sound"):
        yield {"notifications": {"modes": [mode]}}, [mode]


def words(tally: Tally, ctx: Context) -> None:
    """Each grant is said with what limits it, and with how far it goes."""
    before = set(consent_text(compile_grants(parse_manifest(edited(ctx)))).may)
    for drawn, wanted in grants_drawn(ctx.rng("consent-words")):
        text = consent_text(compile_grants(parse_manifest(edited(ctx, **drawn))))
        key = next(iter(drawn))
        lines = [line for line in text.may if line not in before] or list(text.may)
        said = "\n".join(lines)
        missing = [word for word in wanted if word not in said]
        tally.judge(WORDS, not missing, f"the consent text keeps {missing[:3]} back", f"{key}: {said[:200]}")


def starts(bundle: AppBundle, state: StateFolder, answer: object = None) -> str:
    """ "asked", "started" or the code of the refusal. The person answers so, or cannot be asked."""
    consent = NoConsent() if answer is None else ScriptedConsent([answer])  # type: ignore[list-item]
    try:
        admit(bundle, state=state, consent=consent, now=NOW)
    except LocaraError as error:
        return error.code
    return "asked" if isinstance(consent, ScriptedConsent) and consent.asked else "started"


def narrowed(tally: Tally, ctx: Context, bundle: AppBundle) -> None:
    """What is awake, as it is written and as the runtime inside reads it: never more than the manifest asks for."""
    state = StateFolder(ctx.fresh_dir("awake-state"))
    declared = json.loads(ctx.target.manifest_bytes)["capabilities"]
    key = next((name for name in _FLAGS if name not in declared), None)
    more = {} if key is None else {key.replace(".", "_"): True}
    wider = compile_grants(parse_manifest(edited(ctx, **more)))
    own, told = set(bundle.grants.by_kind), bundle.manifest.digest
    for grants in (wider, bundle.grants):
        admission = Admission(replace(bundle, grants=grants), Asleep((Layer(grants, NOW),)))
        with awake_file(state, admission) as (path, digest):
            folder = ctx.fresh_dir("awake")
            (folder / AWAKE_NAME).write_bytes(path.read_bytes())
        (folder / MANIFEST_NAME).write_bytes((bundle.path / MANIFEST_NAME).read_bytes())
        written = json.loads((folder / AWAKE_NAME).read_bytes())
        for part in (written["awake"], *(layer["grants"] for layer in written["asleep"])):
            gained = sorted(set(part["powers"]) - own)
            tally.judge(
                ANSWERS, not gained, "what is awake holds what the manifest does not ask for", f"{gained}"
            )
            if gained:
                return
    found = confirm(folder, manifest=told, awake=digest)
    tally.twin(ANSWERS, set(found.grants.by_kind) == own, "what is awake is given")
    if key is not None:  # else the app asks for all of it, and nothing could be added
        unnamed(tally, folder, wider, key, told)


def unnamed(tally: Tally, folder: Path, wider: Grants, key: str, told: Digest) -> None:
    """A file that was handed in and names a power which the manifest does not, and files other than that one."""
    written = json.loads((folder / AWAKE_NAME).read_bytes())
    more = {**grants_json(wider), "manifest": str(told)}
    layer = {"wakes": NOW, "grants": more}
    origin = {"declared": {**written["declared"], key: [f"/capabilities/{key}", f'"{key}": true', 1, 1]}}
    other = {"awake": {**written["awake"], "manifest": _OTHER}}
    for change, handed in (({"awake": more}, None), ({"asleep": [layer]}, None), (other, None), ({}, _OTHER)):
        data = json.dumps({**written, **origin, **change}).encode()
        (folder / AWAKE_NAME).write_bytes(data)
        awake = Digest.of(data) if handed is None else Digest.parse(handed)
        try:
            gave = str(sorted(confirm(folder, manifest=told, awake=awake).grants.by_kind))
        except StartError as error:
            gave = error.code
        refused = gave == "manifest_changed"
        tally.judge(ANSWERS, refused, "a list of what is awake was believed that is none of this app", gave)


def answers(tally: Tally, ctx: Context) -> None:
    """An answer counts for the app it was given for, until it is taken back, while nobody else could write it."""
    bundle = AppBundle.open(ctx.variant("records", lambda _document: None, page=False))
    for said in _NO_YES:
        state = StateFolder(ctx.fresh_dir("state"))
        code = starts(bundle, state, said) if said is not None else "consent_refused"
        tally.judge(ANSWERS, code not in ("asked", "started"), "what is no yes was taken for one", repr(said))
    state = StateFolder(ctx.fresh_dir("state"))
    first, second = starts(bundle, state, True), starts(bundle, state)
    tally.twin(ANSWERS, (first, second) == ("asked", "started"), f"a yes is kept ({first}, {second})")
    (record,) = (state.path / "consent").glob("*.json")
    good = record.read_bytes()
    for mode in (0o622, 0o666, 0o620, 0o602):
        record.chmod(mode)
        tally.judge(
            ANSWERS,
            starts(bundle, state) != "started",
            "a record that others can write is believed",
            oct(mode),
        )
    record.chmod(0o600)
    if os.geteuid() == 0:  # only root can make a file somebody else's
        os.chown(record, 12_345, 12_345)
        tally.judge(
            ANSWERS, starts(bundle, state) != "started", "a record of somebody else is believed", "owner"
        )
        os.chown(record, 0, 0)
    damaged(tally, ctx, bundle, state, record)
    apart(tally, state)
    narrowed(tally, ctx, bundle)
    other = json.loads(ctx.target.manifest_bytes) | {"name": "another-app"}
    theirs = compile_grants(parse_manifest(json.dumps(other).encode()))
    copied = state.path / "consent" / f"{theirs.app_id.replace('/', '.')}.json"
    copied.write_bytes(good)
    copied.chmod(0o600)
    stranger = replace(bundle, grants=theirs, manifest=parse_manifest(json.dumps(other).encode()))
    tally.judge(
        ANSWERS, starts(stranger, state) != "started", "a record about another app is believed", "copied"
    )
    wider = replace(bundle, grants=compile_grants(parse_manifest(edited(ctx, net=True))))
    for said, count in ((False, 1), (False, 2)):
        code = starts(wider, state, said)
        again = starts(wider, state)
        tally.judge(
            ANSWERS,
            not ("started" in (code, again) or code == "asked"),
            "an update that was refused counts as agreed to",
            f"after {count} times no: {code}, then {again}",
        )
    tally.twin(ANSWERS, starts(bundle, state) == "started", "the version before is still agreed to")
    withdraw(state, bundle.grants.app_id)
    tally.judge(
        ANSWERS, starts(bundle, state) != "started", "an answer that was taken back still counts", "withdrawn"
    )


def options(tally: Tally, ctx: Context) -> None:
    """All options of `locara run` together are no yes, but for the one that says so."""
    from locara.cli import run as verb  # noqa: PLC0415 - loads the framework

    app, plain = ctx.variant("options", bare, page=False), argparse.ArgumentParser()
    verb.add_arguments(plain)
    values = {"--pick": [str(app)], "--data": [str(ctx.fresh_dir("data"))]}
    known = [one.option_strings[-1] for one in plain._actions if one.option_strings]
    chosen = [name for name in known if name not in {"--help", "--headless", "--accept-consent"}]
    words = [word for name in chosen for word in (name, *values.get(name, ()))]
    person = ctx.fresh_dir("person")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(person), "LANG": "C.UTF-8"}
    code = command("run", str(app), "--headless", *words, environment=environment, folder=person)
    ran = traces(person) + traces(Path(values["--data"][0]))
    told = f"{' '.join(chosen)}: exit code {code}, {ran} sessions"
    tally.judge(ANSWERS, code == 1 and not ran, "an option that is no answer started an app", told)


def apart_by_name(tally: Tally, ctx: Context) -> None:
    """Apps whose names are alike keep apart: no two have one folder, and none lies in that of another."""
    rng = ctx.rng("consent-names")
    names = [
        "a",
        "b",
        "a-b",
        "b-a",
        "ab",
        "a-a",
        "notes",
        "note",
        *(f"n{rng.randrange(99)}" for _ in range(3)),
    ]
    places: dict[str, str] = {}
    for app in sorted({f"{publisher}/{name}" for publisher in names for name in names}):
        for place in (
            AppHome.of(Grants.none(app), root=Path("/apps")).path,
            Path("/state") / record_name(app),
        ):
            key = str(place).casefold()
            first = places.setdefault(key, app)
            tally.judge(
                ANSWERS, first == app, "two apps keep their data in one place", f"{first} and {app}: {place}"
            )
    inside = [place for place in places if any(str(one) in places for one in Path(place).parents)]
    tally.judge(ANSWERS, not inside, "the data of an app lies in that of another", str(inside[:3]))


def asleep(tally: Tally, ctx: Context) -> None:
    """What an update added sleeps for its week, whatever is done in between that asks the person again."""
    plain = AppBundle.open(
        ctx.variant("asleep", lambda document: document["capabilities"].pop("net", None), page=False)
    )
    # Both are given what is there: only the grants differ.
    wider = replace(plain, grants=compile_grants(parse_manifest(edited(ctx, net=True))))
    narrow = replace(plain, grants=compile_grants(parse_manifest(edited(ctx, net=False))))

    def does(*steps: str) -> tuple[StateFolder, float]:
        state, now = StateFolder(ctx.fresh_dir("state")), NOW
        admitted(state, narrow, now)
        admitted(state, wider, now)
        for step in steps:
            now += 60.0
            if step == "withdraws":
                withdraw(state, plain.grants.app_id)
            elif step == "goes back":
                admitted(state, narrow, now)
            elif step == "a clock ahead":
                now += 86_400.0
            else:
                admitted(state, wider, now)
        return state, now

    def admitted(state: StateFolder, bundle: AppBundle, now: float) -> bool:
        given = admit(bundle, state=state, consent=ScriptedConsent([True]), now=now)
        return Kind.NET in given.bundle.grants.by_kind

    for steps in (
        (), ("withdraws",), ("withdraws", "withdraws"), ("goes back",), ("goes back", "withdraws"),
        ("starts", "withdraws"), ("withdraws", "starts", "withdraws"), ("a clock ahead", "withdraws"),
    ):  # fmt: skip
        state, now = does(*steps)
        told = f"the update, then: {', '.join(steps) or 'nothing'}"
        tally.judge(
            SLEEP, not admitted(state, wider, now + 60), "a power that sleeps works before its time", told
        )
        tally.twin(SLEEP, admitted(state, wider, now + 8 * 86_400.0), f"a week later it works ({told})")


def apart(tally: Tally, state: StateFolder) -> None:
    """No folder of an app may hold the decisions, or lie among them; one beside them may."""
    link = state.path.with_name("link")
    link.symlink_to(state.path / "consent")
    among = [state.path, state.path.parent, link, link / "deep"]
    among += [
        state.path / name
        for name in ("consent", "consent/an.app", "picked", "picked/deep/er", "x/../consent")
    ]
    beside = [
        state.path.with_name("state-2"),
        state.path.with_name("stat"),
        state.path.parent / "apps/an.app",
    ]
    for places, reached in ((among, True), (beside, False)):
        for place in places:
            try:
                state.keep_away_from([state.path.with_name("else"), place])
                code = ""
            except LocaraError as error:
                code = error.code
            name = str(place.relative_to(state.path.parent.parent))
            if reached:
                tally.judge(
                    ANSWERS, code == "state_exposed", "an app could reach the person's decisions", name
                )
            else:
                tally.twin(ANSWERS, not code, f"a folder beside the decisions may be an app's ({name})")
    link.unlink()


def damaged(tally: Tally, ctx: Context, bundle: AppBundle, state: StateFolder, record: Path) -> None:
    """A record that was cut, edited, moved or led elsewhere is asked about again or refused, never believed."""
    good, elsewhere = record.read_bytes(), ctx.fresh_dir("elsewhere") / "record.json"
    value = json.loads(good)
    ways = {
        "empty": b"",
        "cut": good[: len(good) // 2],
        "longer": good + b"{}",
        "null": b"null",
        "a list": b"[]",
    }
    ways |= {"no object": b"true", "nothing in it": b"{}", "a byte order mark": b"\xef\xbb\xbf" + good}
    ways["a key more"] = json.dumps(value | {"trusted": True}).encode()
    ways["a key twice"] = b'{"format":1,' + good.lstrip()[1:] if b'"format"' in good else good + good
    ways |= {
        f"without {name}": json.dumps({k: v for k, v in value.items() if k != name}).encode()
        for name in value
    }
    ways |= {f"{name} is null": json.dumps(value | {name: None}).encode() for name in value}
    ways |= {what: json.dumps(changed).encode() for what, changed in inner(value)}
    for what, data in ways.items():
        record.write_bytes(data)
        code = starts(bundle, state)
        tally.judge(ANSWERS, code != "started", "a record that was changed is believed", what)
    elsewhere.write_bytes(good)
    record.unlink()
    record.symlink_to(elsewhere)
    tally.judge(ANSWERS, starts(bundle, state) != "started", "a record behind a link is believed", "a link")
    record.unlink()
    tally.judge(ANSWERS, starts(bundle, state) != "started", "an app starts without its record", "gone")
    record.write_bytes(good)
    record.chmod(0o600)
    tally.twin(ANSWERS, starts(bundle, state) == "started", "the record put back is believed")


def inner(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A record with one thing in its parts that cannot be: what was shown, and the layers with their times."""
    shown, (layer,) = value["shown"], value["layers"]
    for name in shown:
        yield f"shown without {name}", value | {"shown": {k: v for k, v in shown.items() if k != name}}
        yield f"shown {name} is null", value | {"shown": shown | {name: None}}
    for name in layer:
        yield f"a layer without {name}", value | {"layers": [{k: v for k, v in layer.items() if k != name}]}
        yield f"a layer whose {name} is null", value | {"layers": [layer | {name: None}]}
    yield "no layer", value | {"layers": []}
    for what, item in (("shown", value | {"shown": shown | {"more": 1}}),
                       ("a layer", value | {"layers": [layer | {"more": 1}]})):  # fmt: skip
        yield f"{what} with a key more", item
    newest = value["newest"]
    far = newest + 30 * 86_400.0
    times: tuple[tuple[str, list[float]], ...] = (
        ("nothing was ever awake", [newest]),
        ("nothing was ever awake, twice", [newest - 1, newest]),
        ("an earlier layer after a later one", [0.0, newest, newest - 1]),
        ("two of the first, apart", [0.0, newest, 0.0]),
        ("a layer that wakes after its week", [0.0, far]),
        ("a layer of no time", [-1.0]),
    )
    for what, wakes in times:
        yield what, value | {"layers": [layer | {"wakes": at} for at in wakes]}
    foreign = layer | {"grants": layer["grants"] | {"app": "an/other"}}
    yield "a layer of another app", value | {"layers": [foreign]}
    yield "a later layer of another app", value | {"layers": [layer, foreign | {"wakes": newest}]}


def revocations(tally: Tally, ctx: Context) -> None:
    """Each way of naming a version stops exactly the versions it names."""
    document = json.loads(ctx.target.manifest_bytes)
    versions = ("1.2.2", "1.2.3", "1.2.10", "1.3.0", "2.0.0")
    for version in versions:
        data = json.dumps(document | {"version": version}).encode()
        grants = compile_grants(parse_manifest(data))
        bundle = replace(AppBundle.open(ctx.target.path), grants=grants, manifest=parse_manifest(data))
        at, app = [int(part) for part in version.split(".")], grants.app_id
        ranges = [
            {},
            {"from": "1.2.3"},
            {"before": "1.2.10"},
            {"from": "1.2.3", "before": "1.3.0"},
            {"from": "1.2.10"},
        ]
        cases: list[tuple[dict[str, Any], bool]] = [
            ({"manifest": str(grants.manifest_digest)}, True),
            ({"manifest": "sha256:" + "0" * 64}, False),
            ({"app": app}, True),
            ({"app": "some/body-else"}, False),
        ]
        if version == versions[0]:
            cases += [({"model": str(digest)}, True) for digest in grants.models.values()]
            cases += [({"tool": str(digest)}, False) for digest in grants.models.values()]
            cases += [({"tool": str(digest)}, True) for digest in grants.tools.values()]
        for span in ranges:
            low = [int(part) for part in span.get("from", "0.0.0").split(".")]
            high = [int(part) for part in span.get("before", "9.0.0").split(".")]
            cases.append(({"app": app, "versions": span}, low <= at < high))
        for named, stopped in cases:
            state = StateFolder(ctx.fresh_dir("revoked"))
            entry = {
                "id": "R1",
                "severity": "block",
                "kind": "defect",
                "reason": "a test",
                "time": 1.0,
                **named,
            }
            state.write(
                "revocations.json",
                {"format": "locara-revocations/2", "seq": 1, "updated": 1.0, "entries": [entry]},
            )
            code = starts(bundle, state, True)
            what = f"version {version}, list {json.dumps(named)}: {code}"
            if stopped:
                tally.judge(ANSWERS, code == "revoked", "a revoked version starts", what)
            else:
                tally.twin(ANSWERS, code == "asked", f"a version that is not revoked starts ({what})")

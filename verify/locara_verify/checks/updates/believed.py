"""LC776: what `locara install` believes of what comes with an app, of whom it is, and of what was revoked.

Every bundle is signed by builders of the instance, so that a signature alone refuses none of them. Judged by what would
start afterwards, and by every file that installing may change.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room
from locara_verify.strategies.installs import NOTHING, Machine, Releases, honest

RULE: Final = "LC776"
OLD: Final = "1.10.0"
NEW: Final = "1.11.0"
_WARNING: Final = "it was seen to lose notes"


@check("installs-believed", rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Offer what must be refused, beside what must be taken."""
    try:
        offer = Releases.read(ctx.fixtures)
    except (OSError, ValueError, KeyError) as error:
        return CheckResult(inconclusive={RULE: f"the signed bundles cannot be read: {error}"})
    trial = _Trial(ctx, offer)
    trial.offered()
    trial.of_whom()
    trial.revoked()
    trial.warned()
    trial.kept()
    trial.on_record()
    return CheckResult(
        tuple(trial.findings),
        {RULE: trial.tried},
        attacks=trial.tried,
        inconclusive={} if trial.findings or not trial.broken else {RULE: trial.broken[0]},
    )


class _Trial:
    """Machines, what was offered to them, and what was wrong."""

    def __init__(self, ctx: Context, offer: Releases) -> None:
        self.ctx, self.offer = ctx, offer
        self.findings: list[Finding] = []
        self.broken: list[str] = []
        self.tried = 0
        self.shop = ctx.fresh_dir("shop")
        self.good = honest(self.shop / "good.locapp", offer.releases[NEW])
        self.first = honest(self.shop / "first.locapp", offer.releases[OLD])

    def machine(self, *, empty: bool = False) -> Machine:
        """A machine, with the old version where it is not to be empty."""
        made = Machine(self.ctx.fresh_dir("machine"), self.offer)
        if not empty:
            self.taken(made, self.first, OLD, "the old version")
        return made

    def refused(self, machine: Machine, bundle: Path, what: str, *, expecting: bool = True) -> None:
        """It must be refused, and nothing of what is there may change."""
        self.tried += 1
        before, started = machine.everything(), machine.starts()
        code, said = machine.install(bundle, expecting=expecting)
        if code == 0 or machine.starts() != started or machine.everything() != before:
            message = "a bundle that must be refused is installed, or changes what is there"
            self.fail(message, f"{what}: {started} before, {machine.starts()} after, exit {code} {said}")
        elif code not in (1, 5):
            self.fail("the installer broke", f"{what}: exit {code} {said}")

    def taken(
        self, machine: Machine, bundle: Path, version: str, what: str, *, expecting: bool = True
    ) -> None:
        """The twin: it must be installed and start."""
        code, said = machine.install(bundle, expecting=expecting)
        if code or machine.starts() != version:
            self.broken.append(f"the allow twin failed: {what}: {machine.starts()}, exit {code} {said}"[:400])
        open_to_others = [path for path in machine.shelf.rglob("*") if path.lstat().st_mode & 0o022]
        if open_to_others:
            self.fail("what was installed can be written by others", f"{what}: {open_to_others[:3]}")

    def fail(self, message: str, because: str) -> None:
        """One finding."""
        if has_room(self.findings, RULE):
            self.findings.append(Finding(RULE, message, because=because[:600]))

    def offered(self) -> None:
        """Signed statements that do not say what they must, and good ones with something missing or beside them."""
        machines = (self.machine(empty=True), self.machine())
        cases = [*self.offer.unbelievable.items(), *altered(self.offer)]
        for number, (what, bundle) in enumerate(cases):
            place = honest(self.shop / f"bad-{number}.locapp", bundle)
            self.refused(machines[number % 2], place, what)
        self.taken(machines[1], self.good, NEW, "the honest twin after all of them")

    def of_whom(self) -> None:
        """An update is of whom the app was; a first one of whom the person says."""
        machine = self.machine()
        for number, (what, bundle) in enumerate(self.offer.strangers.items()):
            theirs = honest(self.shop / f"stranger-{number}.locapp", bundle)
            self.refused(machine, theirs, f"an update {what}")
            self.refused(
                machine, theirs, f"an update {what}, and nobody says of whom it must be", expecting=False
            )
        self.taken(machine, self.good, NEW, "an update, nobody says of whom it must be", expecting=False)
        self.refused(
            self.machine(empty=True), self.good, "a first one that nobody says anything of", expecting=False
        )

    def revoked(self) -> None:
        """Every way to name a version stops its installation, and its start where it is installed already."""
        base = self.machine()
        there = base.copied(self.ctx.fresh_dir("there"))
        self.taken(there, self.good, NEW, "before anything is revoked")
        seen: set[str] = set()
        for what, entry, stopped in named(there):
            _list(there, entry)
            self.started(there, what, stopped=stopped)
            key = (
                "key" if "key" in entry else what
            )  # all keys are judged alike: one of them before an installation
            if key in seen:
                continue
            seen.add(key)
            _list(base, entry)
            if stopped:
                self.refused(base, self.good, f"a list that names {what}")
            else:
                tried = base.copied(self.ctx.fresh_dir("revoked"))
                self.taken(tried, self.good, NEW, f"a list that names {what}")

    def warned(self) -> None:
        """A warning stops no installation, and the person reads it, in words and as JSON; that of another app not."""
        for app in (self.offer.app, "acme/other"):
            for form in ((), ("--json",)):
                machine = self.machine(empty=True)
                _list(machine, {"app": app, "severity": "warn", "reason": _WARNING})
                self.tried += 1
                code, said = machine.install(self.good, *form)
                told = f"a warning of {app}, {form}: exit {code}, {said}"
                if code or machine.starts() != NEW:
                    self.broken.append(f"the allow twin failed: {told}"[:400])
                elif (_WARNING in said) != (app == self.offer.app):
                    self.fail("a warning is not told to who installs an app, or that of another is", told)

    def started(self, machine: Machine, what: str, *, stopped: bool) -> None:
        """The installed app, asked as every start asks."""
        from locara.errors import LocaraError  # noqa: PLC0415 - loads the framework
        from locara.runtime.app import AppBundle  # noqa: PLC0415
        from locara.runtime.installed import Shelf, app_of  # noqa: PLC0415
        from locara.runtime.revocation import refuse_revoked  # noqa: PLC0415
        from locara.runtime.state import StateFolder  # noqa: PLC0415

        self.tried += 1
        state = StateFolder(machine.state)
        try:
            place = app_of(state, Shelf(machine.shelf), self.offer.app)
            if place is None:
                raise ValueError("it is not installed")
            refuse_revoked(state, AppBundle.open(place).grants, now=time.time())
        except LocaraError as error:
            if not stopped:
                self.broken.append(f"the allow twin failed: a list that names {what}: {error}")
        else:
            if stopped:
                self.fail("an installed app starts that was revoked", f"the list names {what}")

    def on_record(self) -> None:
        """Keys that vouch for one attestation alone, and a time that one alone has: a list finds the app by each."""
        identity = self.offer.expected[2].partition("identity=")[2]
        for latest in range(len(self.offer.releases[NEW]["attestations"])):
            machine = self.machine(empty=True)
            with _vouched_apart(latest) as (keys, times):
                self.taken(machine, self.good, NEW, "attestations that others vouch for")
            for number, key in enumerate(keys):
                _list(machine, {"key": key})
                self.started(machine, f"a key of attestation {number} alone", stopped=True)
            for seconds in (0, 1):
                _list(machine, {"signer": identity, "signedAfter": max(times) + seconds})
                what = f"its signer from {seconds} s after the time of attestation {latest} alone"
                self.started(machine, what, stopped=not seconds)

    def kept(self) -> None:
        """What an installed app starts by: gone, of the version before, or of another app. Nothing may start then."""
        older = self.machine()
        base = older.copied(self.ctx.fresh_dir("newer"))
        self.taken(base, self.good, NEW, "the newer one")
        name = self.offer.app.replace("/", ".")
        for file in (f"installed/{name}.json", f"origins/{name}.json"):
            now = (base.state / file).read_bytes()
            ways = {"gone": None, "empty": b"", "null": b"null", "cut": now[:-9]}
            if file.startswith("origins"):
                ways["of the version before"] = (older.state / file).read_bytes()
            for what, data in ways.items():
                self.stopped(base, {base.state / file: data}, f"{file} is {what}")
            other = base.state / file.replace(name, "acme.other")
            shutil.copy(base.state / file, other)
            self.asked_of_another(base, other)
        (place,) = (one for one in base.folder.rglob("locara.json") if f"{NEW}-" in str(one))
        wider = json.loads(place.read_bytes()) | {"capabilities": {"net": True}}
        self.stopped(base, {place: json.dumps(wider).encode()}, "its manifest asks for more now")

    def stopped(self, base: Machine, changes: Mapping[Path, bytes | None], what: str) -> None:
        """With these files changed nothing starts; put back, it does."""
        self.tried += 1
        before = {path: path.read_bytes() for path in changes}
        for path, data in changes.items():
            path.unlink()
            if data is not None:
                path.write_bytes(data)
                path.chmod(0o600)
        if base.starts() != NOTHING:
            self.fail("an installed app starts though what is on record about it was changed", what)
        for path, data in before.items():
            path.write_bytes(data)
            path.chmod(0o600)
        if base.starts() != NEW:
            self.broken.append(f"the allow twin failed: {what}, put back")

    def asked_of_another(self, base: Machine, record: Path) -> None:
        """A record under the name of another app is not that app's."""
        from locara.errors import LocaraError  # noqa: PLC0415 - loads the framework
        from locara.runtime.installed import installed  # noqa: PLC0415
        from locara.runtime.state import StateFolder  # noqa: PLC0415

        self.tried += 1
        try:
            found = installed(StateFolder(base.state), "acme/other")
        except LocaraError:
            found = None
        record.unlink()
        if found is not None and "installed" in record.parts:
            self.fail("the record of one app is taken for another's", f"{found}")


@contextmanager
def _vouched_apart(latest: int) -> Iterator[tuple[list[str], list[float]]]:
    """While the block runs each attestation that is believed has a key more that no other has, and a time before its
    own; one of them was signed an hour after all. Every such key, and every such time."""
    install: Any = import_module("locara.runtime.install")
    real, keys, times = install.verify_strict, list[str](), list[float]()

    def believed(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - as of the product
        found = real(*given, **named)
        number, begun = len(keys), max(found.signature.times)
        more = [begun - timedelta(minutes=1), begun + timedelta(hours=number == latest)]
        keys.append(f"sha256:{number:064x}")
        times.extend(moment.timestamp() for moment in more)
        own = frozenset({keys[-1].removeprefix("sha256:")})
        signature = replace(
            found.signature, keys=found.signature.keys | own, times=(*found.signature.times, *more)
        )
        return replace(found, signature=signature)

    install.verify_strict = believed
    try:
        yield keys, times
    finally:
        install.verify_strict = real


def altered(offer: Releases) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The good bundle with an attestation taken away, damaged or put beside the others, or with another file."""
    good, other = offer.releases[NEW], offer.releases["2.0.0"]
    for name, text in good["attestations"].items():
        rest = {one: said for one, said in good["attestations"].items() if one != name}
        yield f"without {name}", good | {"attestations": rest}
        yield f"with {name} cut", good | {"attestations": rest | {name: text[:-40]}}
        theirs = other["attestations"][name]
        yield f"with {name} of another version", good | {"attestations": rest | {name: theirs}}
        yield (
            f"with {name} of another version beside",
            good | {"attestations": {**good["attestations"], "0.json": theirs}},
        )
    for what, junk in (("empty", ""), ("null", "null"), ("an object", "{}"), ("words", "believe me")):
        yield (
            f"with an attestation more that is {what}",
            good | {"attestations": {**good["attestations"], "z.json": junk}},
        )
    for name in ("z", "z.JSON", ".z.json", "deep/z.html"):
        yield f"with {name} beside", good | {"attestations": {**good["attestations"], name: "believe me"}}
    for name, text in good["files"].items():
        changed = text[:-2] + ("x" if text[-2] != "x" else "y") + text[-1]
        yield f"with one letter of {name} changed", good | {"files": {**good["files"], name: changed}}
        yield (
            f"without {name}",
            good | {"files": {one: said for one, said in good["files"].items() if one != name}},
        )
    yield "with a file more", good | {"files": {**good["files"], "dist/more.js": "alert(1)\n"}}


def named(machine: Machine) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every way in which a list can name the installed version, by what is on record of it, and ways beside it."""
    record = json.loads(next((machine.state / "installed").glob("*.json")).read_bytes())
    origin = json.loads(next((machine.state / "origins").glob("*.json")).read_bytes())
    facts = [("app", record["app"]), ("manifest", record["manifest"]), ("artifact", record["bundle"])]
    facts += [("commit", origin["commit"]), ("signer", record["identity"])]
    facts += [("key", key) for key in sorted(machine_keys(machine) | set(origin["keys"]))]
    for name, value in facts:
        yield f"its {name} {value[-8:]}", {name: value}, True
    signed = float(origin["signed_at"])
    yield "its signer from that second on", {"signer": record["identity"], "signedAfter": signed}, True
    yield (
        "its signer from a second later on",
        {"signer": record["identity"], "signedAfter": signed + 1},
        False,
    )
    yield "nothing of it", {"commit": "0" * 40}, False


def machine_keys(machine: Machine) -> set[str]:
    """The keys that vouch for anything of the instance, read without the product."""
    from locara_verify.strategies.bundles import vouching  # noqa: PLC0415 - slow to load

    return {f"sha256:{key}" for key in vouching((machine.folder / "trust.json").read_bytes())}


def _list(machine: Machine, entry: Mapping[str, Any]) -> None:
    about = {"id": "R-1", "severity": "block", "kind": "defect", "reason": "a test", "time": 1.0}
    value = {"format": "locara-revocations/2", "seq": 1, "updated": 1.0, "entries": [about | dict(entry)]}
    place = machine.state / "revocations.json"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.write_text(json.dumps(value), "utf-8")
    place.chmod(0o600)

"""LC774, LC775: what `locara install` puts in place of what is there, and what is left when it is killed half-way.

All bundles are honestly signed by the publisher, so that only the version, or the state of the machine, can refuse
them. Judged by the bytes that would start afterwards, and by every file that installing may change.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.forked import ended, forked
from locara_verify.context import Context
from locara_verify.finding import Finding, has_room
from locara_verify.strategies.installs import NOTHING, Machine, Releases, archive, honest

OLDER: Final = "LC774"
BROKEN_OFF: Final = "LC775"
_ALLOW: Final = "--allow-older"
_STEPS: Final = ("fsync", "rename", "replace", "link", "fchmod", "unlink", "mkdir")
_MOST_STEPS: Final = 400
_KILLED: Final = 99
_WALKS: Final = 2_000  # one walk for so many of the fuzzer's inputs: each is a dozen installations
_EVERY: Final = 500  # with so many of them, a kill before every single step


@check("installs", rules=(OLDER, BROKEN_OFF))
def run(ctx: Context) -> CheckResult:
    """Offer, refuse, kill, and look."""
    try:
        offer = Releases.read(ctx.fixtures)
    except (OSError, ValueError, KeyError) as error:
        missing = f"the signed bundles cannot be read: {error}"
        return CheckResult(inconclusive=dict.fromkeys((OLDER, BROKEN_OFF), missing))
    trial = _Trial(ctx, offer)
    trial.never_installed()
    trial.mixed()
    trial.downgraded()
    trial.upwards()
    trial.again()
    trial.walks(max(1, ctx.profile.fuzz_examples // _WALKS))
    trial.killed(every=1 if ctx.profile.fuzz_examples >= _EVERY else 3)
    trial.at_once()
    tried = trial.tried
    return CheckResult(
        tuple(trial.findings),
        dict(tried),
        attacks=sum(tried.values()),
        inconclusive=trial.inconclusive,
        notes=(f"{trial.kills} installations killed at one step each",),
    )


class _Trial:
    """Machines, what was offered to them, and what was wrong."""

    def __init__(self, ctx: Context, offer: Releases) -> None:
        self.ctx, self.offer = ctx, offer
        self.findings: list[Finding] = []
        self.tried = {OLDER: 0, BROKEN_OFF: 0}
        self.inconclusive: dict[str, str] = {}
        self.kills = 0
        self.shop = ctx.fresh_dir("shop")

    def bundle(self, version: str, *, otherwise: bool = False) -> Path:
        """The archive of a release."""
        place = self.shop / f"{version}{'-otherwise' if otherwise else ''}.locapp"
        source = self.offer.otherwise if otherwise else self.offer.releases
        return place if place.exists() else honest(place, source[version])

    def machine(self, *versions: str) -> Machine:
        """A machine on which these were installed, one after the other."""
        made = Machine(self.ctx.fresh_dir("machine"), self.offer)
        for version in versions:
            self.taken(made, self.bundle(version), version, f"{version} is offered")
        return made

    def fail(self, rule: str, message: str, because: str) -> None:
        """One finding."""
        if has_room(self.findings, rule):
            self.findings.append(Finding(rule, message, because=because[:600]))

    def refused(self, machine: Machine, bundle: Path, what: str, *more: str) -> None:
        """It must be refused, and nothing of what is there may change."""
        self.tried[OLDER] += 1
        before, started = machine.everything(), machine.starts()
        code, said = machine.install(bundle, *more)
        now = machine.starts()
        if now != started:
            self.fail(OLDER, "a bundle that must be refused starts", f"{what}: {started} before, {now} after")
        elif machine.everything() != before or code == 0:
            self.fail(OLDER, "a bundle that must be refused changes what is on record", f"{what}: {said}")

    def taken(self, machine: Machine, bundle: Path, version: str, what: str, *more: str) -> None:
        """The twin: it must be installed, and start whole."""
        self.tried[OLDER] += 1
        code, said = machine.install(bundle, *more)
        now = machine.starts()
        if strays := machine.strays():
            self.fail(OLDER, "installing wrote beside its own folders", f"{what}: {strays[:4]}")
        if now != version:
            self.fail(
                OLDER, "a bundle that must be installed does not start", f"{what}: {now}, exit {code}: {said}"
            )

    def exit_code(self, machine: Machine, version: str) -> int:
        """Of an installation."""
        return machine.install(self.bundle(version))[0]

    def never_installed(self) -> None:
        """Versions that are read in two ways, and manifests of another version, on an empty machine and on one with
        an older app; also when the person allows older ones."""
        empty, old = self.machine(), self.machine("1.10.0")
        for number, (what, bundle) in enumerate(self.offer.never.items()):
            place = honest(self.shop / f"never-{number}.locapp", bundle)
            # In turn: empty, with an older app, with one and the person's word for going back.
            self.refused(old if number % 3 else empty, place, what, *([_ALLOW] if number % 3 == 2 else []))
        if empty.starts() != NOTHING:
            self.fail(OLDER, "a bundle that must be refused starts", "on a machine that had nothing")

    def mixed(self) -> None:
        """Parts of two releases: each part is signed, and together they are neither."""
        machine, releases = self.machine("1.10.0"), self.offer.releases
        for number, (listed, files, attested) in enumerate(itertools.product(("1.9.0", "1.11.0"), repeat=3)):
            if listed == files == attested:
                continue
            parts = {"files": releases[files], "attested": releases[attested]}
            place = archive(self.shop / f"mixed-{number}.locapp", releases[listed], **parts)
            what = f"the list of {listed}, the files of {files}, the attestations of {attested}"
            self.refused(machine, place, what)
            self.refused(machine, place, what, _ALLOW)

    def downgraded(self) -> None:
        """Older by number and not by letter, the same version twice, the person's word, and the floor after it."""
        machine = self.machine("1.9.1", "1.10.0")
        for version in ("1.9.0", "1.9.1"):
            self.refused(machine, self.bundle(version), f"{version} after 1.10.0")
        self.refused(machine, self.bundle("1.10.0", otherwise=True), "1.10.0 with other files")
        self.taken(machine, self.bundle("1.10.0"), "1.10.0", "the same bundle again")
        self.taken(machine, self.bundle("1.9.0"), "1.9.0", "1.9.0, which the person asked for", _ALLOW)
        self.refused(machine, self.bundle("1.9.1"), "1.9.1, after 1.10.0 was here and 1.9.0 is")
        self.taken(
            machine, self.bundle("1.10.0"), "1.10.0", "1.10.0, which is not older than any that was here"
        )
        self.taken(machine, self.bundle("2.0.0"), "2.0.0", "the newest")

    def upwards(self) -> None:
        """Each release in its order, and after each the ones before it."""
        machine, below = self.machine(), list[str]()
        for version in sorted(self.offer.releases, key=lambda text: [int(part) for part in text.split(".")]):
            self.taken(machine, self.bundle(version), version, f"{version} after {below}")
            for older in reversed(below):
                self.refused(machine, self.bundle(older), f"{older} after {version}")
            below.append(version)

    def again(self) -> None:
        """The bundle that is there already, after what it left was damaged: whole again, and nothing beside it."""
        for what in ("edited", "gone", "another beside it", "a link", "a folder"):
            machine = self.machine("1.10.0")
            (place,) = (one for one in machine.shelf.rglob("*.html"))
            if what == "another beside it":
                place.with_name("more.js").write_text("alert(1)", "utf-8")
            else:
                text = place.read_text("utf-8")
                place.unlink()
                _damaged(place, what, text)
            if machine.starts() == "1.10.0":
                self.inconclusive[OLDER] = f"a file that is {what} was not noticed by this check"
            self.taken(machine, self.bundle("1.10.0"), "1.10.0", f"the same bundle again, {what}")

    def walks(self, count: int) -> None:
        """Bundles in any order, against what the text says of each."""
        rng = self.ctx.rng("installs")
        for number in range(count):
            self.ctx.progress(number, count, "installing in any order")
            self.walk(rng)

    def walk(self, rng: random.Random) -> None:
        """One machine: what is refused is older than any before, or the version at work with other files."""
        machine, here, floor, story = self.machine(), NOTHING, (0, 0, 0), ""
        for _ in range(8):
            version = rng.choice(list(self.offer.releases))
            otherwise = version in self.offer.otherwise and rng.random() < 0.4
            word = f"{version}{' otherwise' if otherwise else ''}"
            numbers = tuple(int(part) for part in version.split("."))
            more = [_ALLOW] if rng.random() < 0.2 else []
            story += f", {word}{' allowed' if more else ''}"
            if not more and (numbers < floor or (here.split(" ")[0] == version and here != word)):
                self.refused(machine, self.bundle(version, otherwise=otherwise), story)
            else:
                self.taken(machine, self.bundle(version, otherwise=otherwise), word, story, *more)
                here, floor = word, max(floor, numbers)  # type: ignore[assignment]

    def killed(self, *, every: int) -> None:
        """An update killed before each step that lasts: what is there is whole, no older one passes, and the update
        can be made again."""
        before = self.machine("1.9.1")
        seen = set()
        for step in range(1, _MOST_STEPS, every):
            machine = before.copied(self.ctx.fresh_dir("killed"))
            code = _until(step, partial(self.exit_code, machine, "1.10.0"))
            if code == 0:
                break
            if code != _KILLED:
                self.fail(
                    BROKEN_OFF, "an installation broke in a way that nobody foresaw", f"step {step}: {code}"
                )
                break
            self.kills += 1
            self.tried[BROKEN_OFF] += 1
            seen.add(machine.starts())
            self.mended(machine, f"killed before step {step}")
        if (
            every == 1
            and not {"1.9.1", "1.10.0"} <= seen
            and BROKEN_OFF not in {one.rule_id for one in self.findings}
        ):
            self.inconclusive[BROKEN_OFF] = f"no kill hit the time before and the time after: {sorted(seen)}"

    def mended(self, machine: Machine, what: str) -> None:
        """After a kill."""
        now = machine.starts()
        if now not in ("1.9.1", "1.10.0", NOTHING):
            self.fail(BROKEN_OFF, "what an installation left half-way starts", f"{what}: {now}")
        machine.install(self.bundle("1.9.0"))
        if machine.starts() not in (now, NOTHING):
            message = "after an installation was killed, an older version is taken"
            self.fail(
                BROKEN_OFF, message, f"{what}: {now} before, {machine.starts()} after 1.9.0 was offered"
            )
        code, said = machine.install(self.bundle("1.10.0"))
        if machine.starts() != "1.10.0":
            self.fail(
                BROKEN_OFF, "an installation that was killed cannot be made again", f"{what}: {code} {said}"
            )

    def at_once(self) -> None:
        """Two installations at a time: whatever the order, the newer one is there in the end, and whole."""
        for _ in range(3):
            machine = self.machine("1.9.0")
            children = [
                forked(partial(self.exit_code, machine, version)) for version in ("1.9.1", "1.10.0", "1.9.1")
            ]
            for child in children:
                ended(child)
            self.tried[BROKEN_OFF] += 1
            if machine.starts() != "1.10.0":
                message = "of two installations at a time the older one won, or neither is whole"
                self.fail(BROKEN_OFF, message, f"1.9.1 and 1.10.0 over 1.9.0: {machine.starts()}")


def _damaged(place: Path, what: str, text: str) -> None:
    """Something else in the place of a file that is gone."""
    if what == "edited":
        place.write_text(f"{text}<script>alert(1)</script>", "utf-8")
    elif what == "a link":
        place.symlink_to("/dev/null")
    elif what == "a folder":
        place.mkdir()


def _until(step: int, work: Callable[[], int]) -> int:
    """The exit code of ``work`` in a child that is gone before its ``step``-th lasting call of the system."""

    def counted() -> int:
        with _gone_before(step):
            return work()

    code = ended(forked(counted))
    return code if code >= 0 else 128 + signal.Signals(-code).value


@contextmanager
def _gone_before(step: int) -> Iterator[None]:
    """In the child alone: the functions of `os` that change files are counted, and one of them is the last."""
    kept: dict[str, Any] = {name: getattr(os, name) for name in _STEPS}
    left = itertools.count(1)

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the function takes
            if next(left) == step:
                os._exit(_KILLED)
            return real(*args, **named)

        return call

    for name, real in kept.items():
        setattr(os, name, counting(real))
    try:
        yield
    finally:
        for name, real in kept.items():
            setattr(os, name, real)

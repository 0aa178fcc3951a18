"""LC209, LC407, LC411, LC412 and LC773 where a person asks: what `locara` says of a log, of an answer, of what was
picked, installed and revoked, and how it exits, which is what scripts go by.

The real command line is asked, with a person's folders that are made for it. Its words are read letter by letter: text
that an app wrote must not steer the terminal that it is shown in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from locara.records import dataclass
from locara.runtime.app import AppBundle
from locara.runtime.app_home import AppHome, file_name
from locara.runtime.audit import AuditLog
from locara.runtime.consent import ScriptedConsent
from locara.runtime.lifecycle import admit, withdraw
from locara.runtime.revocation import follow, take_lists
from locara.runtime.state import StateFolder
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.places import keyed, places
from locara_verify.checks.consent.starts import narrow, wide
from locara_verify.checks.in_process import at_home, verb
from locara_verify.checks.updates.both_lists import both_lists
from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.tally import Tally

LOG: Final = "LC407"
KEPT: Final = "LC209"
WORDS: Final = "LC411"
ANSWER: Final = "LC412"
REVOKED: Final = "LC773"
DAY: Final = 86_400.0
_HEX: Final = "5" * 64
_STEERS: Final = (
    "\x1b[2J",
    "\x9b31m",
    "\x07",
    "\r",
    "\n\nallowed",
    "\u202e",
    "\u2066",
    "\x00",
    "\x7f",
    "\u2028",
    "\ue000",
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with folders of their own, who asks at the command line."""

    home: Path

    @property
    def state(self) -> StateFolder:
        """What they decided."""
        return StateFolder(self.home / ".local/state/Locara")

    def asks(self, *words: str) -> tuple[int, str]:
        """The exit code of a verb, and all that it said."""
        with at_home(self.home):
            return verb(*words)


@check("consent.verbs", rules=(KEPT, LOG, WORDS, ANSWER, REVOKED), quick=True)
def run(ctx: Context) -> CheckResult:
    """Logs with texts of an app in them, answers of each kind, and lists of each age."""
    tally = Tally()
    shown(tally, ctx)
    answered(tally, ctx)
    listed(tally, ctx)
    steered(tally, ctx)
    places(tally, ctx)
    keyed(tally, ctx)
    return tally.result()


def shown(tally: Tally, ctx: Context) -> None:
    """A log of an app that writes what steers a terminal, shown, filtered, explained and verified."""
    app, person, data = (
        ctx.variant("narrow", narrow, page=False),
        Person(ctx.fresh_dir("person")),
        ctx.fresh_dir("data"),
    )
    path = AppHome.of(AppBundle.open(app).grants, root=data).audit_log
    path.parent.mkdir(parents=True)
    log = AuditLog.open(path, app="acme/log")
    for number, text in enumerate(_STEERS):
        request = {"root": text, "path": text, "access": "read"}
        log.append(f"c{text}", "fs.user-paths", request, allowed=number % 2 == 0, because=f"b{text}")
    log.close()
    place = (str(app), "--data", str(data))
    count, denied = len(_STEERS), len(_STEERS) // 2
    for words, lines in (
        (("audit-log", "show", *place), count),
        (("audit-log", "show", *place, "--denied"), denied),
        (("audit-log", "show", *place, "--limit", "3"), 3),
        (("audit-log", "show", *place, "--format", "json"), count),
        *((("explain", f"{app}#{number}", "--data", str(data)), None) for number in range(1, count + 1)),
    ):
        code, said = person.asks(*words)
        told = f"{' '.join(words[:2])}: {code}, {said[:120]!a}"
        steers = sorted({letter for letter in said if letter != "\n" and not letter.isprintable()})
        tally.judge(LOG, not steers, "a text of an app steers the terminal that it is shown in", told)
        right = code == 0 and (lines is None or said.count("\n") == lines)
        tally.judge(LOG, right, "a verb does not show the entries of a log, each in a line", told)
    whole = person.asks("audit-log", "verify", *place)[0]
    tally.twin(LOG, whole == 0, f"an honest log is whole ({whole})")
    path.write_bytes(path.read_bytes().replace(b'"allowed":false', b'"allowed":true', 1))
    for form in ("human", "json"):
        code = person.asks("audit-log", "verify", *place, "--format", form)[0]
        tally.judge(
            LOG, code == 1, "a verb says of a log that was changed that it is whole", f"{form}: {code}"
        )


def answered(tally: Tally, ctx: Context) -> None:
    """What `locara consent show` says of an answer, by its words for scripts: only a yes to this version covers it."""
    first, more = ctx.variant("narrow", narrow, page=False), ctx.variant("wide", wide, page=False)
    for what, agreed, taken_back, asked, covers in (
        ("nobody was asked", None, False, first, False),
        ("a yes", first, False, first, True),
        ("a yes that was taken back", first, True, first, False),
        ("a yes to a version that asks for less", first, False, more, False),
        ("a yes to a version that asks for more", more, False, first, True),
        ("a yes to more that was taken back", more, True, first, False),
    ):
        person = Person(ctx.fresh_dir("person"))
        if agreed is not None:
            bundle = AppBundle.open(agreed)
            admit(bundle, state=person.state, consent=ScriptedConsent([True]), now=time.time())
            if taken_back:
                withdraw(person.state, bundle.grants.app_id)
        code, said = person.asks("consent", "show", str(asked), "--json")
        told = f"{what}: {code}, {said.strip()[-120:]}"
        right = code == (0 if covers else 1) and json.loads(said)["covered"] is covers
        if covers:
            tally.twin(ANSWER, right, told)
        else:
            tally.judge(ANSWER, right, "an answer is told to cover a version that it does not", told)


def listed(tally: Tally, ctx: Context) -> None:
    """What `locara revocations check` exits with: 0 where all is well, 1 for what is revoked, 5 for lists too old."""
    app = ctx.variant("narrow", narrow, page=False)
    name = AppBundle.open(app).grants.app_id
    about = {"kind": "defect", "reason": "a test", "time": 1.0}
    kinds = ("model", "tool", "artifact", "key")
    for severity, due in (("block", 1), ("warn", 0)):
        for kind in (*kinds, "app"):
            value = name if kind == "app" else f"sha256:{_HEX}"
            person = _follower(ctx, about | {"id": "R-1", "severity": severity, kind: value})
            asked = (str(app),) if kind == "app" else (f"--{kind}", value)
            _exits(tally, person, asked, due, f"a {kind} that the list has as {severity}")
            for other in kinds if kind == "app" else (one for one in kinds if one != kind):
                _exits(
                    tally, person, (f"--{other}", f"sha256:{_HEX}"), 0, f"a {other}, where a {kind} is listed"
                )
    for days, operation, due in (
        (0.0, "run", 0), (0.0, "install", 0), (400.0, "install", 5), (400.0, "update", 5), (400.0, "run", 0),
    ):  # fmt: skip
        person = _follower(ctx, days=days)
        _exits(
            tally, person, (str(app), "--for", operation), due, f"{operation} with a list of {days:.0f} days"
        )


def steered(tally: Tally, ctx: Context) -> None:
    """What verbs tell of picks, of installed apps and of revocations, with texts in it that steer a terminal."""
    app = ctx.variant("narrow", narrow, page=False)
    bundle, person, odd = AppBundle.open(app), Person(ctx.fresh_dir("person")), "".join(_STEERS)
    shown = odd.replace("\x00", "")  # no path holds it
    pick: dict[str, JSON] = {
        "key": "0" * 16,
        "manifest": str(bundle.manifest.digest),
        "path": f"/home/x{shown}",
        "kind": "file",
    }
    pick |= {"filesystem": 1, "number": 1, "born": 1, "access": "read", "recursive": False, "picked": 1.0}
    app_id = bundle.grants.app_id
    keys = [str(number) * 16 for number in range(4)]
    picks: list[JSON] = [{**pick, "key": key} for key in keys]
    picks[1] = {**pick, "key": keys[1], "manifest": f"sha256:{_HEX}"}  # of another version
    record: dict[str, JSON] = {"format": "locara-picked/1", "app": app_id, "grants": picks}
    person.state.write(f"picked/{file_name(app_id)}.json", record)
    one = {"format": "locara-installed/1", "app": app_id, "version": "1.0.0", "floor": "1.0.0"}
    one |= dict.fromkeys(("bundle", "manifest"), f"sha256:{_HEX}")
    one |= dict.fromkeys(("source", "builder", "identity", "instance"), f"https://x{odd}")
    person.state.write(f"installed/{file_name(app_id)}.json", {**one})
    now = time.time()
    follow(person.state, now=now)
    about = {"id": "R-1", "kind": "defect", "reason": f"x{odd}", "time": 1.0, "app": app_id}
    take_lists(person.state, both_lists(1, ({**about, "severity": "warn"},), updated=now), now=now)
    for words in (
        ("grants", "list"),
        ("grants", "list", str(app)),
        ("install", "--list"),
        ("revocations", "check", str(app)),
        ("grants", "revoke", str(app), f"x{shown}"),
        ("consent", "show", f"/nowhere/x{shown}"),
    ):
        code, said = person.asks(*words)
        steers = sorted({letter for letter in said if letter != "\n" and not letter.isprintable()})
        because = f"{' '.join(words[:2])}: {code}, {steers!a}, {said[:120]!a}"
        tally.judge(WORDS, not steers, "a verb tells a text that steers the terminal", because)
        tally.twin(WORDS, "x" in said, f"a verb tells what it was asked about: {because}")
    for asked, left in (((), keys), (("2" * 16, "1" * 16), ["0" * 16, "3" * 16]), (("--all",), [])):
        if asked:
            person.asks("grants", "revoke", str(app), *asked)
        for which in ((), (str(app),)):
            said = person.asks("grants", "list", *which)[1]
            told = [key for key in keys if key in said]
            tally.judge(
                KEPT,
                told == left,
                "what an app finds again is not what is listed",
                f"{asked}: {told}, {left}",
            )


def _follower(ctx: Context, *entries: Mapping[str, Any], days: float = 0.0) -> Person:
    person = Person(ctx.fresh_dir("person"))
    then = time.time() - days * DAY
    follow(person.state, now=then)
    take_lists(person.state, both_lists(1, entries, updated=then), now=then)
    return person


def _exits(tally: Tally, person: Person, asked: tuple[str, ...], due: int, what: str) -> None:
    code, said = person.asks("revocations", "check", *asked)
    if due == 0:
        tally.twin(REVOKED, code == 0, f"{what}: {code}, {said[:120]}")
    else:
        tally.judge(
            REVOKED, code == due, "a script is told that what is revoked may be used", f"{what}: {code}"
        )

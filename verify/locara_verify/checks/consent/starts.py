"""LC412, LC413, LC414: what starts without an answer, what sleeps after an update, and what was swapped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding

if TYPE_CHECKING:
    from locara.core.consent import ConsentText
    from locara.runtime.launch import RunningApp

BYPASS: Final = "LC412"
SLEEP: Final = "LC413"
ALTERED: Final = "LC414"
START: Final = 1_800_000_000.0
DAY: Final = 86_400.0
SECONDS: Final = 90
ANSWERS: Final = b"yes\ny\nYES\n" * 50

Json = Any


@dataclass(slots=True)
class Trial:
    """The world of one run: a person's state and home, and what was found."""

    ctx: Context
    home: Path
    state: Path
    attempts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    inconclusive: dict[str, str] = field(default_factory=dict)

    @classmethod
    def fresh(cls, ctx: Context) -> Trial:
        """A person who never saw the app."""
        return cls(ctx, ctx.fresh_dir("home"), ctx.fresh_dir("state"))

    def refused(self, rule: str, what: str, code: str, start: Callable[[], object]) -> None:
        """A start that must be refused for this reason, and leave no trace of a runtime."""
        from locara.errors import LocaraError  # noqa: PLC0415 - only live checks load the runtime

        self.attempts[rule] = self.attempts.get(rule, 0) + 1
        before = traces(self.home)
        try:
            start()
        except LocaraError as error:
            if error.code != code:
                self.fail(rule, f"{what} was refused for another reason", f"{error.code}: {error.message}")
        else:
            self.fail(rule, f"{what} started", "the start returned a running app")
        if traces(self.home) != before:
            self.fail(rule, f"{what} ran", "entries of a session appeared in the app's own record")

    def fail(self, rule: str, message: str, because: str) -> None:
        """Record a finding."""
        self.findings.append(Finding(rule, message, because=because[:300]))

    def open(self, app: Path, **choices: Any) -> Any:  # noqa: ANN401 - what the launcher takes
        """The app, started for this person."""
        return self.ctx.open_app(app, **{"home": self.home, "state": self.state, **choices})

    def start(self, app: Path, **choices: Any) -> Callable[[], None]:  # noqa: ANN401 - as above
        """Start and stop again."""

        def once() -> None:
            with self.open(app, **choices):
                pass

        return once


class Answer:
    """A person who does something while they read, and then answers."""

    def __init__(self, answer: object, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._answer = answer
        self._meanwhile = meanwhile

    def ask(self, text: ConsentText, changes: tuple[str, ...]) -> Any:  # noqa: ANN401 - also wrong answers
        """The answer."""
        self._meanwhile()
        return self._answer


def traces(home: Path) -> int:
    """How often a session with this home began, by the runtime's own first entry."""
    return sum(log.read_bytes().count(b'"runtime.start"') for log in home.rglob("audit/*.jsonl"))


def bare(document: dict[str, Json]) -> None:
    """No power at all."""
    document["capabilities"] = {"fs.app-data": False}
    for key in ("modalities", "tooling", "profiles"):
        document.pop(key, None)


def narrow(document: dict[str, Json]) -> None:
    """One folder of the person, so that the commands for files are there."""
    bare(document)
    document["capabilities"] |= {"fs.user-paths": {"documents": "read"}}


def wide(document: dict[str, Json]) -> None:
    """Powers whose effects can be seen: the picker, and writing to a second folder of the person."""
    bare(document)
    document["capabilities"] |= {
        "fs.user-selected": "read-write",
        "fs.user-paths": {"documents": "read", "music": "read-write"},
    }


def reworded(document: dict[str, Json]) -> None:
    """The same powers in another version."""
    wide(document)
    document["description"] = "The same in other words."


@check("consent.starts", rules=(BYPASS, SLEEP, ALTERED), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Starts without an answer, an app that answers itself, updates and clocks, swapped manifests."""
    trials = []
    for number, part in enumerate((without_an_answer, answering_itself, updates, swapped, revoked)):
        trial = Trial.fresh(ctx)
        part(trial)
        trials.append(trial)
        ctx.progress(number + 1, 5, part.__name__.replace("_", " "))
    attempts: dict[str, int] = {}
    for trial in trials:
        for rule, count in trial.attempts.items():
            attempts[rule] = attempts.get(rule, 0) + count
    findings = tuple(found for trial in trials for found in trial.findings)
    failed = {found.rule_id for found in findings}
    reasons = {
        rule: why for trial in trials for rule, why in trial.inconclusive.items() if rule not in failed
    }
    return CheckResult(findings, attempts, attacks=sum(attempts.values()), inconclusive=reasons)


def without_an_answer(trial: Trial) -> None:
    """Refused, nobody there, an answer that is no yes, and the command line with answers where none counts."""
    from locara.runtime.consent import NoConsent, ScriptedConsent  # noqa: PLC0415 - as above

    app = trial.ctx.variant("asked", wide, page=False)
    trial.refused(
        BYPASS, "an app that was refused", "consent_refused", trial.start(app, consent=Answer(False))
    )
    trial.refused(BYPASS, "an app without an answer", "consent_needed", trial.start(app, consent=NoConsent()))
    for word in ("no", "yes", 1, None):
        trial.refused(
            BYPASS, "an app after an answer that is no yes", "consent_refused", trial.start(app, consent=Answer(word))
        )  # fmt: skip
    command_line(trial, app)
    asked = ScriptedConsent([True])
    with trial.open(app, consent=asked):
        if not asked.asked:
            trial.fail(BYPASS, "an app started that nobody was asked about", "the question was never put")
    if traces(trial.home) != 1:
        trial.inconclusive[BYPASS] = "the allow twin failed: with a yes the app does not start"


def command_line(trial: Trial, app: Path) -> None:
    """`locara run --headless` with yes on stdin, in variables, and in files of the app and its data."""
    import locara  # noqa: PLC0415 - only its place is wanted

    folder = trial.ctx.fresh_dir("person")
    for place in (app, folder / "data"):
        for name in (".locara/consent.json", "consent.json", "consent/verifier.json"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text('{"answer":"yes","accept-consent":true}')
    person = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LANG": "C.UTF-8"}
    person["PYTHONPATH"] = str(Path(next(iter(locara.__path__))).parent)
    lies = {"LOCARA_ACCEPT_CONSENT": "1", "LOCARA_CONSENT": "yes", "ACCEPT_CONSENT": "1", "CI": "true"}
    command = [
        sys.executable,
        "-P",
        "-m",
        "locara",
        "run",
        "--headless",
        str(app),
        "--data",
        str(folder / "data"),
    ]
    trial.attempts[BYPASS] = trial.attempts.get(BYPASS, 0) + 1
    done = call(command, {**person, **lies}, ANSWERS)
    if done.returncode != 1 or traces(folder / "data"):
        trial.fail(
            BYPASS, "the command line started an app without an answer", f"exit code {done.returncode}"
        )
    agreed = call([*command, "--accept-consent"], person, b"")
    if agreed.returncode != 0 or traces(folder / "data") != 1:
        error = agreed.stderr.decode("utf-8", "replace")[-200:]
        trial.inconclusive[BYPASS] = (
            f"the allow twin failed: --accept-consent does not start the app: {error}"
        )


def call(
    command: list[str], environment: Mapping[str, str], typed: bytes
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a session of its own, so that it has no terminal."""
    return subprocess.run(
        command, env=dict(environment), input=typed, capture_output=True, timeout=SECONDS, check=False,
        start_new_session=True,
    )  # fmt: skip


def answering_itself(trial: Trial) -> None:
    """A running app tries to reach the person's decisions: by names, and through a picked folder."""
    from locara.sandbox.broker import ScriptedPicker  # noqa: PLC0415 - as above
    from locara_verify.checks.escape.arena import hand_over  # noqa: PLC0415

    above = trial.state.parent
    other = trial.ctx.fresh_dir("letters")
    hand_over(other)
    picker = ScriptedPicker([[trial.state], [above], [trial.state / "consent"], [other]])
    music = trial.ctx.fresh_dir("music")
    hand_over(music)
    app = trial.ctx.variant("reaching", wide, page=False)
    with trial.open(app, picker=picker, user_roots={"music": music}) as running:
        before = content(trial.state)
        handles = [pick(running) for _ in range(4)]
        if handles[3] is None:
            trial.inconclusive[BYPASS] = "the allow twin failed: an ordinary folder cannot be picked"
        if any(handles[:3]):
            trial.fail(
                BYPASS, "a folder that holds the person's decisions was handed over to be written", "fs.pick"
            )
        record = next(iter(before), "consent/none.json")
        for root in ("$MUSIC", "$APP_DATA", *(handle for handle in handles if handle)):
            for name in (record, f"../{record}", f"{trial.state}/{record}", f"{trial.state.name}/{record}"):
                for way in ("fs.write", "fs.remove"):
                    trial.attempts[BYPASS] = trial.attempts.get(BYPASS, 0) + 1
                    attempt(running, way, root, name)
        if content(trial.state) != before:
            trial.fail(BYPASS, "an app changed the person's decisions", "the state folder is not what it was")


def pick(running: RunningApp) -> str | None:
    """A handle of what the person picks for writing, None when it was refused."""
    from locara.errors import LocaraError  # noqa: PLC0415 - as above

    try:
        found = running.client.call("fs.pick", {"kind": "directory", "access": "read-write"})
    except LocaraError:
        return None
    return str(found["handles"][0]["handle"]) if found["handles"] else None


def attempt(running: RunningApp, way: str, root: str, name: str) -> bool:
    """One write or removal; whether it was answered with ok."""
    from locara.errors import LocaraError  # noqa: PLC0415 - as above

    args: dict[str, Json] = {"root": root, "path": name}
    if way == "fs.write":
        args |= {"data": "{}", "encoding": "utf8", "mode": "replace"}
    try:
        running.client.call(way, args)
    except LocaraError:
        return False
    return True


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder that is no lock, by its name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.json"))
        if path.is_file()
    }


def updates(trial: Trial) -> None:
    """An update that widens, then everything that could wake its powers early; on the eighth day they work."""
    from locara_verify.checks.escape.arena import hand_over  # noqa: PLC0415 - as above

    music, documents = trial.ctx.fresh_dir("music"), trial.ctx.fresh_dir("documents")
    hand_over(music)
    hand_over(documents)
    old, new, third = (
        trial.ctx.variant(edit.__name__, edit, page=False) for edit in (narrow, wide, reworded)
    )
    roots = {"music": music, "documents": documents}
    trial.start(old, clock=START, user_roots=roots)()
    for app, days in (
        (new, 1.0),
        (new, 1.5),
        (third, 2.0),
        (new, -30.0),
        (new, 7.9),
        (old, 7.9),
        (new, 7.95),
    ):
        if days == 7.9 and app is new:
            shutil.rmtree(trial.home)  # removed and installed again: the answer is not the app's
            trial.home.mkdir()
        trial.attempts[SLEEP] = trial.attempts.get(SLEEP, 0) + 1
        with trial.open(app, clock=START + days * DAY, user_roots=roots) as running:
            awake(trial, running, music, app is old)
    with trial.open(new, clock=START + 15.0 * DAY, user_roots=roots) as running:
        has_command = "fs.pick" in running.client.call("app.commands")["commands"]
        if not has_command or not attempt(running, "fs.write", "$MUSIC", "allowed.txt"):
            trial.inconclusive[SLEEP] = (
                "the allow twin failed: after the cool-down the new powers do not work"
            )
        elif not (music / "allowed.txt").exists():
            trial.inconclusive[SLEEP] = "the allow twin failed: a write that was answered had no effect"


def awake(trial: Trial, running: RunningApp, music: Path, is_old: bool) -> None:
    """Use what must not work, and read what the denial says."""
    from locara.errors import LocaraError  # noqa: PLC0415 - as above

    if "fs.pick" in running.client.call("app.commands")["commands"]:
        trial.fail(SLEEP, "a command of a power that sleeps is there", "app.commands lists fs.pick")
    attempt(running, "fs.write", "$MUSIC", "early.txt")
    if list(music.iterdir()):
        trial.fail(SLEEP, "a power was used while it slept", "a file appeared in the person's folder")
    if is_old:
        return
    for command, args in (
        ("fs.pick", {"kind": "file", "access": "read"}),
        ("fs.stat", {"root": "$MUSIC", "path": ""}),
    ):
        try:
            running.client.call(command, args)
        except LocaraError as error:
            because = str(getattr(error, "because", ""))
            if "sleeps until" not in because:
                told = because or error.message
                trial.fail(SLEEP, "a denial does not say until when the power sleeps", f"{command}: {told}")
            entry = json.loads((running.home.path / "audit/log.jsonl").read_bytes().splitlines()[-1])
            if (entry["cmd"], entry["allowed"], entry["because"]) != (command, False, because):
                told = f"{command}: {because}; the newest entry: {entry}"
                trial.fail(SLEEP, "a denial of a power that sleeps is not in the log as it was told", told)
        else:
            trial.fail(SLEEP, "a power was used while it slept", f"{command} answered ok")


def swapped(trial: Trial) -> None:
    """The manifest is changed, linked or taken away while the person reads."""

    def altered(app: Path) -> None:
        document = json.loads((app / "locara.json").read_bytes())
        wide(document)
        (app / "locara.json").write_text(json.dumps(document))

    def linked(app: Path) -> None:
        (app / "locara.json").rename(app / "real.json")
        (app / "locara.json").symlink_to("real.json")

    def gone(app: Path) -> None:
        (app / "locara.json").unlink()

    for way, code in ((altered, "manifest_changed"), (linked, "launch_failed"), (gone, "launch_failed")):
        fresh = Trial(trial.ctx, trial.ctx.fresh_dir("home"), trial.ctx.fresh_dir("state"))
        app = trial.ctx.variant(way.__name__, bare, page=False)
        consent = Answer(True, lambda way=way, app=app: way(app))  # type: ignore[misc]
        what = f"a manifest that was {way.__name__} while the person read"
        fresh.refused(ALTERED, what, code, fresh.start(app, consent=consent))
        trial.attempts[ALTERED] = trial.attempts.get(ALTERED, 0) + 1
        trial.findings += fresh.findings
    app = trial.ctx.variant("unaltered", bare, page=False)
    trial.start(app, consent=Answer(True))()
    if traces(trial.home) != 1:
        trial.inconclusive[ALTERED] = "the allow twin failed: an unaltered manifest does not start"


def revoked(trial: Trial) -> None:
    """A version on the list, a list that cannot be read, and a list that names another app."""
    app = trial.ctx.variant("revoked", bare, page=False)
    document = json.loads((app / "locara.json").read_bytes())
    name = f"{document['publisher']}/{document['name']}"
    trial.start(app)()
    place = trial.state / "revocations.json"

    def listed(**fields: Json) -> str:
        entry = {
            "id": "LR-1",
            "severity": "block",
            "kind": "defect",
            "reason": "For the verifier.",
            "time": 0,
        }
        entries = [entry | fields]
        return json.dumps({"format": "locara-revocations/2", "seq": 1, "updated": 0, "entries": entries})

    for text, code in (
        (listed(app=name), "revoked"),
        (listed(app=name, versions={"from": document["version"]}), "revoked"),
        ("{", "revocation_unreadable"),
        ("null", "revocation_unreadable"),
        ("", "revocation_unreadable"),
        (listed(app=name).replace("entries", "entrys"), "revocation_unreadable"),
    ):
        place.write_text(text)
        trial.refused(ALTERED, "a revoked version, or one with an unreadable list", code, trial.start(app))
    place.write_text(listed(app="somebody/else"))
    before = traces(trial.home)
    trial.start(app)()
    if traces(trial.home) != before + 1:
        trial.inconclusive[ALTERED] = "the allow twin failed: a list about another app stops this one"

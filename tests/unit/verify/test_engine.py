"""The engine with real worker processes, and checks that misbehave in every way a check can."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from locara_verify import engine
from locara_verify.budget import PROFILES
from locara_verify.check import Check
from locara_verify.checks.waiting import happens
from locara_verify.events import CheckFinished, CheckProgress, CheckStarted
from locara_verify.plan import Plan, Task
from locara_verify.target import load

MODULE = """
import os, signal, subprocess, sys, time
from locara.errors import LocaraError
from locara_verify.check import CheckResult, check
from locara_verify.finding import Finding, Severity
from locara_verify.wire import result_to_json
from locara_verify.worker import send

def behaviour(name, **options):
    return check(name, rules=("LC001",), **options)

@behaviour("good")
def good(ctx):
    ctx.progress(1, 2, "half")
    return CheckResult((), {"LC001": 1}, notes=(f"{ctx.seed}", str(ctx.rng("a").random()), os.getcwd()))

@behaviour("finding")
def finding(ctx):
    return CheckResult((Finding("LC001", "bad", evidence={"n": ctx.rng("x").randrange(1000)}),), {"LC001": 1})

@behaviour("noisy")
def noisy(ctx):
    print("not json")
    sys.stdout.flush()
    os.write(1, b"native noise\\n")
    return CheckResult((), {"LC001": 1})

@behaviour("raises")
def raises(ctx):
    raise RuntimeError("on purpose")

@behaviour("found_and_raises")
def found_and_raises(ctx):
    for n in range(7):
        Finding("LC001", f"bad {n}", evidence={"n": n})
    raise RuntimeError("the app is dead")

@behaviour("found_and_dies")
def found_and_dies(ctx):
    Finding("LC001", "bad 0")
    os.kill(os.getpid(), signal.SIGKILL)

@behaviour("found_and_hangs")
def found_and_hangs(ctx):
    Finding("LC001", "bad 0")
    time.sleep(600)

@behaviour("found_by_a_fork")
def found_by_a_fork(ctx):
    child = os.fork()
    if not child:
        Finding("LC001", "a child's")
        os._exit(0)
    os.waitpid(child, 0)
    raise RuntimeError("nothing of its own")

@behaviour("thought_better")
def thought_better(ctx):
    Finding("LC001", "not after all")
    return CheckResult((), {"LC001": 1})

@behaviour("foreign_and_raises")
def foreign_and_raises(ctx):
    Finding("LC999", "of another")
    time.sleep(600)

@behaviour("refuses")
def refuses(ctx):
    raise LocaraError("a model is missing", fix="fetch it")

@behaviour("dies")
def dies(ctx):
    os.kill(os.getpid(), signal.SIGKILL)

@behaviour("exits")
def exits(ctx):
    sys.stderr.write("last words\\n")
    sys.stderr.flush()
    os._exit(3)

@behaviour("quits")
def quits(ctx):
    sys.exit(0)

@behaviour("hangs")
def hangs(ctx):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    (ctx.workdir.parent / "child.pid").write_text(str(child.pid))
    time.sleep(600)

@behaviour("foreign")
def foreign(ctx):
    return CheckResult((), {"LC999": 1})

@behaviour("unwritable")
def unwritable(ctx):
    return CheckResult((), {"LC001": 1}, bench={"x": float("nan")})

@behaviour("nothing")
def nothing(ctx):
    return None

@behaviour("scribbles")
def scribbles(ctx):
    pipes = [int(fd) for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")
             and os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")]
    os.write(max(pipes), open(os.environ["SCRIBBLE"], "rb").read())
    os._exit(int(os.environ.get("SCRIBBLE_STATUS", "0")))

@behaviour("raises_each")
def raises_each(ctx):
    raise eval(os.environ["RAISES"])

@behaviour("notes_and_raises")
def notes_and_raises(ctx):
    for n in range(20):
        Finding("LC001", f"note {n}", severity=Severity.NOTE)
    Finding("LC001", "bad 0")
    Finding("LC001", "warning 0", severity=Severity.WARNING)
    raise RuntimeError("the app is dead")

def answer():
    # by hand, on the descriptor of the protocol
    pipes = [int(fd) for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")
             and os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")]
    send(max(pipes), {"type": "result", "result": result_to_json(CheckResult((), {"LC001": 1}))})

@behaviour("answers_and_hangs")
def answers_and_hangs(ctx):
    answer()
    time.sleep(600)

@behaviour("answers_and_is_killed")
def answers_and_is_killed(ctx):
    answer()
    os.kill(os.getpid(), 9)

@behaviour("text", broken_manifest=True)
def text(ctx):
    return CheckResult((), {"LC001": len(ctx.target.problems) + 1})

def replay(ctx, case):
    return CheckResult((), {"LC001": case["times"]})
"""


@pytest.fixture
def run(make_app, make_rule, make_check, tmp_path, monkeypatch) -> Callable[..., list[CheckFinished]]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "misbehaving.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'code'}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("SCRIBBLE", str(tmp_path / "scribble"))
    app = make_app()

    def go(
        *names: str, emit=lambda _event: None, app=app, exclusive=(), steady=(), waits=(), planned=(), **more
    ) -> list[CheckFinished]:
        checks: list[Check] = [
            make_check(
                name,
                "LC001",
                module="misbehaving",
                exclusive=name in exclusive,
                steady=name in steady,
                waits=name in waits,
                broken_manifest=name == "text",
            )
            for name in names
        ]
        plan = Plan(
            {"LC001": make_rule("LC001")}, tuple(Task(check, planned or check.rules) for check in checks)
        )
        job = engine.Job(
            target=load(app),
            budget=replace(PROFILES["quick"], task_seconds=more.pop("task_seconds", 60.0)),
            seed=7,
            workdir=tmp_path / f"work-{len(list(tmp_path.iterdir()))}",
            fixtures=tmp_path,
            **more,
        )
        return list(engine.run(plan, job, emit))

    return go


def gone(pid: int) -> bool:
    """Whether a process that was killed has ended (the kernel may need a moment); a zombie counts as ended."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(watched, closefd=True):
        ended, _, _ = select.select([watched], [], [], 30)
    if not ended:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_check_runs_in_a_process_of_its_own_and_its_result_comes_back(run) -> None:
    events = []
    (event,) = run("good", emit=events.append)
    assert event.result is not None
    assert event.result.attempts == {"LC001": 1}
    seed, _, folder = event.result.notes
    assert seed == "7"
    assert Path(folder).name == "00-good"
    assert [type(e) for e in events] == [CheckStarted, CheckProgress, CheckFinished]


@pytest.mark.parametrize(("name", "left"), [("good", False), ("raises", True), ("hangs", True)])
def test_only_a_check_without_a_result_leaves_its_folder_when_it_is_not_asked_for(
    run, tmp_path, name, left
) -> None:
    run(name, discard=True, task_seconds=5.0 if name == "hangs" else 60.0)
    (work,) = tmp_path.glob("work-*")
    assert (work / f"00-{name}").exists() == left
    run(name, task_seconds=5.0 if name == "hangs" else 60.0)
    assert all((one / f"00-{name}").exists() for one in tmp_path.glob("work-*") if one != work)


def test_the_same_seed_gives_the_same_results(run) -> None:
    first, second = run("good", "finding", jobs=2), run("good", "finding")
    notes = [[e.result.notes[1] for e in events if e.task.check.name == "good"] for events in (first, second)]
    assert notes[0] == notes[1]
    found = [[e.result.findings for e in ev if e.task.check.name == "finding"] for ev in (first, second)]
    assert found[0] == found[1]


def test_what_a_check_prints_is_no_part_of_the_protocol(run) -> None:
    (event,) = run("noisy")
    assert event.result is not None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "RuntimeError: on purpose"),
        ("refuses", "a model is missing\nhelp: fetch it"),
        ("dies", "was killed by signal 9"),
        ("exits", "ended with status 3 without a result (last words: last words)"),
        ("quits", "without a result"),
        ("foreign", "LC999"),
        ("unwritable", "cannot be written as JSON"),
        ("nothing", "gave no CheckResult"),
        ("absent", "registers no check"),
    ],
)
def test_a_check_that_gives_no_result_has_a_reason(run, name, reason) -> None:
    (event,) = run(name)
    assert event.result is None
    assert event.started
    assert reason in event.reason


@pytest.mark.parametrize(
    ("name", "reason", "messages"),
    [
        ("found_and_raises", "the app is dead", [f"bad {n}" for n in range(5)]),
        ("found_and_dies", "killed by signal 9", ["bad 0"]),
        ("notes_and_raises", "the app is dead", [*(f"note {n}" for n in range(5)), "bad 0", "warning 0"]),
        ("found_and_hangs", "no result within 2 s", ["bad 0"]),
        ("found_by_a_fork", "nothing of its own", []),
        ("foreign_and_raises", "LC999", []),
    ],
)
def test_what_a_check_found_outlives_its_end(run, name, reason, messages) -> None:
    (event,) = run(name, task_seconds=2.0)
    assert event.result is None
    assert reason in event.reason
    assert [found.message for found in event.findings] == messages


@pytest.mark.parametrize(
    "error",
    [
        "OSError(5, 'x')",
        "PermissionError(13, 'x')",
        "TimeoutError()",
        "MemoryError()",
        "RecursionError()",
        "AssertionError()",
        "LookupError()",
        "StopIteration()",
        "LocaraError('x')",
        "KeyboardInterrupt()",
        "SystemExit(0)",
        "GeneratorExit()",
    ],
)
def test_whatever_a_check_raises_is_no_result(run, monkeypatch, error) -> None:
    monkeypatch.setenv("RAISES", error)
    (event,) = run("raises_each")
    assert event.result is None
    assert event.reason


def test_an_app_that_changes_before_a_check_looks_is_not_judged(run, make_app) -> None:
    app = make_app("another")
    (event,) = run("good", app=app, known=lambda _task: (app / "dist/late.js").write_text("x") and None)
    assert (event.result, event.reason) == (None, "the app changed while it was being verified")


def test_what_was_found_in_time_and_read_too_late_counts(run, tmp_path) -> None:
    def emit(event) -> None:
        if isinstance(event, CheckStarted):  # reads nothing until the check is over, and so is its time
            happens(
                lambda: any("RuntimeError" in log.read_text() for log in tmp_path.glob("work-*/*.log")), 60
            )
            time.sleep(1.0)

    (event,) = run("found_and_raises", task_seconds=1.0, emit=emit)
    assert (event.result, event.reason) == (None, "no result within 1 s")
    assert [found.message for found in event.findings] == [f"bad {number}" for number in range(5)]


@pytest.mark.parametrize("name", ["answers_and_hangs", "answers_and_is_killed"])
def test_a_result_counts_only_of_a_check_that_came_to_its_end(run, name) -> None:
    kept = []
    (event,) = run(name, task_seconds=2.0, keep=lambda *told: kept.append(told))
    assert event.result is None
    assert event.reason
    assert kept == []


def test_a_check_that_comes_to_its_end_decides_what_counts(run) -> None:
    (event,) = run("thought_better")
    assert event.result is not None
    assert event.findings == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not json\n", "malformed"),
        ("[]\n", "malformed"),
        ('{"type": "news"}\n', "malformed"),
        ('{"type": "progress", "done": "x"}\n', "malformed"),
        ('{"type": "result"}\n', "malformed"),
        ('{"type": "result", "result": {"findings": 3}}\n', "malformed"),
        ("[" * 100_000 + "\n", "malformed"),
        ('{"type": "progress"', "cut off"),
        ("", "without a result"),
        ('{"type": "inconclusive", "reason": ""}\n', "no reason"),
    ],
)
def test_a_worker_that_breaks_the_protocol_has_no_result(run, tmp_path, text, reason) -> None:
    (tmp_path / "scribble").write_text(text)
    (event,) = run("scribbles")
    assert event.result is None
    assert reason in event.reason


def test_a_result_counts_once_and_only_of_a_worker_that_ended_well(run, tmp_path, monkeypatch) -> None:
    result = (
        '{"type": "result", "result": {"findings": [], "attempts": {"LC001": 1}, "decisions": 0, '
        '"attacks": 0, "probes": 0, "inconclusive": {}, "bench": {}, "notes": []}}\n'
    )
    (tmp_path / "scribble").write_text(result)
    assert run("scribbles")[0].result is not None
    monkeypatch.setenv("SCRIBBLE_STATUS", "1")
    assert "ended with status 1" in run("scribbles")[0].reason
    monkeypatch.delenv("SCRIBBLE_STATUS")
    late = {
        "another result": result,
        "a cut line": '{"type": "progress"',
        "no JSON": "well\n",
        "no object": "[]\n",
        "no type": "{}\n",
        "a reason": '{"type": "inconclusive", "reason": "no"}\n',
        "a finding": '{"type": "finding", "finding": {"rule": "LC001", "message": "bad"}}\n',
        "no progress": '{"type": "progress", "done": "1", "total": 1, "note": ""}\n',
    }
    for name, text in late.items():
        (tmp_path / "scribble").write_text(result + text)
        (event,) = run("scribbles")
        assert (event.result, bool(event.reason)) == (None, True), name


def test_a_check_that_hangs_is_killed_with_all_it_started(run, tmp_path) -> None:
    (event,) = run("hangs", task_seconds=2.0)
    assert (event.result, event.reason) == (None, "no result within 2 s")
    (pid,) = [int(path.read_text()) for path in tmp_path.glob("work-*/child.pid")]
    assert gone(pid)


def test_an_interrupted_run_ends_every_worker_and_starts_no_other(run, tmp_path) -> None:
    asked = []

    def emit(event) -> None:
        if isinstance(event, CheckStarted):
            asked.append(event)

    def interrupted() -> bool:
        return bool(asked) and any(tmp_path.glob("work-*/child.pid"))

    first, second = run("hangs", "good", emit=emit, interrupted=interrupted)
    reasons = {event.task.check.name: (event.reason, event.started) for event in (first, second)}
    assert reasons == {
        "hangs": ("the run was interrupted", True),
        "good": ("the run was interrupted", False),
    }
    (pid,) = [int(path.read_text()) for path in tmp_path.glob("work-*/child.pid")]
    assert gone(pid)


def test_no_worker_survives_an_error_of_the_engine(run, tmp_path) -> None:
    class Broken(Exception):
        pass

    def interrupted() -> bool:
        if any(tmp_path.glob("work-*/child.pid")):
            raise Broken
        return False

    with pytest.raises(Broken):
        run("hangs", interrupted=interrupted)
    (pid,) = [int(path.read_text()) for path in tmp_path.glob("work-*/child.pid")]
    assert gone(pid)


def test_a_run_may_stop_at_the_first_finding(run) -> None:
    second, first = run("finding", "good", stop_at_first=True)
    assert [found.message for found in first.findings] == ["bad"]
    assert (second.started, second.reason) == (False, "the run stopped at the first finding")


def test_a_run_that_stops_at_the_first_finding_waits_for_no_end_of_a_check(run) -> None:
    second, first = run("found_and_hangs", "good", stop_at_first=True)
    assert [found.message for found in first.findings] == ["bad 0"]
    assert (first.result, first.reason) == (None, "the run stopped at the first finding")
    assert (second.started, second.reason) == (False, "the run stopped at the first finding")


@pytest.mark.parametrize("name", ["finding", "found_and_raises"])
def test_a_finding_of_a_rule_that_is_not_asked_for_stops_nothing(run, name: str) -> None:
    first, second = run(name, "good", stop_at_first=True, planned=("LC002",))
    assert first.reason in ("", "the check failed: RuntimeError: the app is dead")
    assert second.result is not None


def test_exclusive_checks_run_alone(run) -> None:
    running: set[str] = set()
    seen: list[frozenset[str]] = []

    def emit(event) -> None:
        match event:
            case CheckStarted():
                running.add(event.task.check.name)
                seen.append(frozenset(running))
            case CheckFinished():
                running.discard(event.task.check.name)

    events = run("good", "finding", "noisy", emit=emit, jobs=3, exclusive=("noisy",))
    assert all(event.result is not None for event in events)
    assert frozenset({"good", "finding"}) in seen
    assert seen[-1] == {"noisy"}


@pytest.mark.parametrize(("processors", "most"), [(1, 1), (2, 2), (8, 3)])
def test_a_steady_check_has_a_processor_of_its_own(run, monkeypatch, processors: int, most: int) -> None:
    monkeypatch.setattr(engine, "processors", lambda: processors)
    running: set[str] = set()
    beside: list[int] = []

    def emit(event) -> None:
        match event:
            case CheckStarted():
                running.add(event.task.check.name)
            case CheckFinished():
                running.discard(event.task.check.name)
        if "noisy" in running:
            beside.append(len(running))

    events = run("good", "finding", "noisy", "text", emit=emit, jobs=3, steady=("noisy",))
    assert all(event.result is not None for event in events)
    assert max(beside) <= most


@pytest.mark.parametrize(
    ("waits", "order"),
    [
        pytest.param((), ["good", "finding", "noisy", "text"], id="in their order"),
        pytest.param(
            ("good", "finding"), ["good", "noisy", "finding", "text"], id="one beside it does not wait"
        ),
        pytest.param(
            ("good", "finding", "noisy", "text"), ["good", "finding", "noisy", "text"], id="all wait"
        ),
    ],
)
def test_of_those_that_wait_one_runs_while_there_are_others(run, waits, order: list[str]) -> None:
    started: list[str] = []

    def emit(event) -> None:
        if isinstance(event, CheckStarted):
            started.append(event.task.check.name)

    events = run("good", "finding", "noisy", "text", emit=emit, jobs=2, waits=waits)
    assert all(event.result is not None for event in events)
    assert started[:2] == order[:2]
    assert sorted(started) == sorted(order)


def test_a_broken_manifest_leaves_only_the_checks_that_can_read_it(run, make_app) -> None:
    app = make_app("broken")
    (app / "locara.json").write_text("{")
    events = {event.task.check.name: event for event in run("good", "text", app=app)}
    assert events.keys() == {"good", "text"}
    assert (events["good"].started, events["good"].result) == (False, None)
    assert events["text"].result is not None
    assert events["text"].result.attempts == {"LC001": 2}


def test_a_replay_runs_one_case(run) -> None:
    (event,) = run("good", case={"times": 5})
    assert event.result is not None
    assert event.result.attempts == {"LC001": 5}


def test_the_app_lends_no_code_to_its_judge(run, make_app) -> None:
    app = make_app("suspect")
    for name in ("sitecustomize.py", "json.py", "locara_verify.py", "conftest.py"):
        (app / name).write_text("raise SystemExit('code of the app was run')\n")
    here = Path.cwd()
    os.chdir(app)
    try:
        (event,) = run("good", app=app)
    finally:
        os.chdir(here)
    assert event.result is not None

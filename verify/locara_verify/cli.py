"""The verbs ``verify`` and ``replay``: arguments in, exit code out. The only module here that prints."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.errors import LocaraError, UsageError
from locara_verify import options
from locara_verify.plan import Plan, Selection
from locara_verify.report.text import visible
from locara_verify.target import Target, TargetError
from locara_verify.verdict import Exit

if TYPE_CHECKING:
    from locara_verify.options import Run
    from locara_verify.report.value import Report
    from locara_verify.supply import Supply


_COLOURS: Final = {
    "error": "1;31",
    "failed": "1;31",
    "warning": "1;33",
    "inconclusive": "1;33",
    "skipped": "1;33",
    "note": "2",
    "ok": "32",
    "passed": "1;32",
}
_MARK: Final = re.compile(
    r"^(error|warning|note|inconclusive|skipped)\[LC\d+\]|^(ok)(?=  )|^(PASSED|FAILED|INCONCLUSIVE)(?=  )",
    re.M,
)


class OutputError(LocaraError):
    """A report could not be written where it was wanted."""

    code = "output"


class Verify:
    """``locara verify``: prove that an app cannot do what it did not declare."""

    summary = "attack the app's runtime and prove its limits"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options of the verb."""
        options.declare(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Do what ``args`` ask and return an exit code of ``Exit``."""
        return guarded(lambda: _verify(args))


class ReplayVerb:
    """``locara replay``: run the one case of a failure again."""

    summary = "run one recorded failure again"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options of the verb."""
        parser.add_argument(
            "file", type=Path, metavar="FILE", help="a file from .locara/failures, or a folder of --evidence"
        )
        parser.add_argument(
            "target", nargs="?", metavar="APP", help="folder of the app (default: as recorded)"
        )
        parser.add_argument("--model-cache", type=Path, metavar="DIR", help="where the pinned models are")
        parser.add_argument("--jobs", type=options.jobs, metavar="N", help="checks at a time (evidence only)")
        options.declare_output(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Repeat the case: exit code 1 when it still happens, 0 when it does not."""
        return guarded(lambda: _replay(args))


verify = Verify()
replay = ReplayVerb()


def guarded(action: Callable[[], int]) -> int:
    """Run ``action``; whatever it raises becomes a message on stderr and an exit code, never a traceback."""
    try:
        return action()
    except UsageError as error:
        return _fail(error.diagnostics(), Exit.USAGE)
    except TargetError as error:
        return _fail(error.diagnostics(), Exit.TARGET)
    except KeyboardInterrupt:
        return _fail("interrupted", Exit.INTERRUPTED)
    except (LocaraError, OSError) as error:
        text = (
            error.diagnostics() if isinstance(error, LocaraError) else f"{error.strerror}: {error.filename}"
        )
        return _fail(text, Exit(getattr(error, "exit_code", Exit.INTERNAL)))
    except Exception as error:
        return _fail(f"{type(error).__name__}: {error}{_crash_report()}", Exit.INTERNAL)


def _fail(text: str, code: Exit) -> int:
    try:
        sys.stderr.write(f"error: {visible(text)}\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody is listening; the exit code still tells
    return code


def _crash_report() -> str:
    try:
        fd, path = tempfile.mkstemp(prefix="locara-crash-", suffix=".txt")
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exc(file=file)
    except OSError:
        return ""
    return f"\nhelp: this is a fault in the verifier; the details are in {path}"


def _verify(args: argparse.Namespace) -> int:
    from locara_verify import explain, supply  # noqa: PLC0415 - `--help` and `--version` stay quick

    if args.list_rules:
        return _print(explain.listing())
    if args.explain is not None:
        return _print(explain.explain(args.explain))
    if args.replay is not None:
        return _replay_evidence(args, args.replay, None if args.target == "." else args.target)
    options.check(args)
    with supply.opened(args, options.expected(args)) as (inside, found):
        return _verify_app(inside, found)


def _verify_app(args: argparse.Namespace, found: Supply | None) -> int:
    """Verify the app that ``args`` name, which may have come out of a bundle."""
    from locara_verify import session  # noqa: PLC0415 - as above

    if args.fix:
        code = _fix(args)
        if args.diff or code is not Exit.PASSED:
            return code
    run = options.build(args, found)
    for note in run.notes:
        sys.stderr.write(f"locara verify: {visible(note)}\n")
    if args.print_plan:
        return _print(plan_text(*session.prepare(run.settings)))
    return _watch(args, run) if args.watch else _run(args, run)


def _fix(args: argparse.Namespace) -> Exit:
    """Narrow the manifest, and show how; with --diff nothing is written."""
    from locara_verify import narrow, target  # noqa: PLC0415 - as above

    subject = target.load(Path(args.target))
    used = None if args.unused_in is None else narrow.used_in(args.unused_in)
    narrowed = narrow.narrow(subject, used)
    for told in narrowed.refused:
        sys.stderr.write(f"locara verify: not changed: {visible(told)}\n")
    for edit in narrowed.edits:
        sys.stderr.write(f"locara verify: {edit.rule} {edit.pointer}: {visible(edit.reason)}\n")
    if args.diff:
        return Exit(_print(narrowed.diff))
    if narrowed.edits:
        narrow.write(subject, narrowed)
    sys.stderr.write(f"locara verify: {len(narrowed.edits)} edits made, each proved to give nothing new\n")
    return Exit.PASSED


def _watch(args: argparse.Namespace, run: Run) -> int:
    """Run now and after every change of the app, until Ctrl-C."""
    from locara_verify import watch  # noqa: PLC0415 - as above

    root = Path(args.target)
    while True:
        seen = watch.mark(root)
        if guarded(lambda: _run(args, run)) == Exit.INTERRUPTED:
            return Exit.INTERRUPTED
        sys.stderr.write(f"locara verify: watching {visible(str(root))}; Ctrl-C ends it\n")
        sys.stderr.flush()
        watch.wait_for_change(root, seen)


def _replay(args: argparse.Namespace) -> int:
    from locara_verify import replay as replays  # noqa: PLC0415 - as above
    from locara_verify import session  # noqa: PLC0415

    if args.file.is_dir():
        return _replay_evidence(args, args.file, args.target)
    recorded = replays.read(args.file)
    settings = session.Settings(
        path=Path(args.target) if args.target else recorded.path,
        budget=recorded.budget,
        seed=recorded.seed,
        choice=Selection(only=(recorded.rule,)),
        strict=recorded.strict,
        workdir=args.workdir,
        cache_root=args.model_cache,
        case=recorded.case,
        check=recorded.check,
    )
    return _run(args, options.Run(settings), recorded.digest)


def _replay_evidence(args: argparse.Namespace, folder: Path, target: str | None) -> int:
    """Run what an evidence folder tells of again, and list every difference: 0 when there is none, else 1."""
    from locara_verify import evidence, session  # noqa: PLC0415 - as above
    from locara_verify.budget import Budget  # noqa: PLC0415

    recorded = evidence.read(folder)
    told = recorded.facts
    settings = session.Settings(
        path=Path(target) if target else recorded.path,
        budget=Budget(**told["budget"]),
        seed=int(told["seed"], 16),
        choice=recorded.selection,
        strict=told["strict"] is True,
        jobs=args.jobs or options.at_a_time(),
        workdir=args.workdir,
        cache_root=args.model_cache,
    )
    report, _ = _report(args, options.Run(settings))
    now = evidence.facts(report, settings.choice)
    found = evidence.differences(told, json.loads(evidence.text_of(now)))
    lines = [f"difference  {visible(line)}" for line in found]
    same = "" if found else f", bit for bit: {folder}"
    lines.append(f"{len(found)} differences from the evidence{same}")
    _print("\n".join(lines) + "\n")
    if report.interrupted:
        return Exit.INTERRUPTED
    return Exit.FINDINGS if found else Exit.PASSED


def _run(args: argparse.Namespace, run: Run, expected: str | None = None) -> int:
    from locara_verify.report.files import FORMATS  # noqa: PLC0415 - as above
    from locara_verify.verdict import exit_code  # noqa: PLC0415

    report, subject = _report(args, run)
    if expected is not None and expected != subject.digest:
        note = f"the failure was recorded for {expected}"
        judgement = replace(report.judgement, notes=(*report.judgement.notes, note))
        report = replace(report, judgement=judgement)
    _keep(args, run, report, subject)
    if args.format != "human":
        sys.stderr.write(FORMATS["human"](report))
    text = FORMATS[args.format](report)
    _print(_coloured(text) if args.format == "human" and _wants_colour() else text)
    return exit_code(report.verdict, interrupted=report.interrupted)


def _report(args: argparse.Namespace, run: Run) -> tuple[Report, Target]:
    """Run and write the reports that were asked for. Raises OutputError when one cannot be written."""
    from locara_verify import cache, progress, session  # noqa: PLC0415 - as above
    from locara_verify.interrupt import Interrupt  # noqa: PLC0415
    from locara_verify.report.files import FORMATS, remove_stale, write_atomic  # noqa: PLC0415

    settings = run.settings
    outputs = [_destination(text) for text in args.report]
    with Interrupt().on_signals() as interrupt:
        _check_destinations([*(path for _, path in outputs), *run.places], settings.path)
        for _, path in outputs:
            remove_stale(path)
        subject, made = session.prepare(settings)
        profile = settings.budget.profile
        took = cache.read_durations(cache.default_folder(), profile)
        settings = replace(settings, expected=took)
        mode = progress.mode_for(args.progress, sys.stderr)
        ahead = progress.Forecast.of(made.tasks, took, settings.jobs)
        with progress.showing(mode, len(made.tasks), forecast=ahead) as emit:
            report = session.execute(settings, subject, made, emit, lambda: bool(interrupt))
        ran = {span.check: span.ms for span in report.spans if span.state != "none" and not span.cached}
        cache.write_durations(cache.default_folder(), profile, ran)
        for name, path in outputs:
            try:
                write_atomic(path, FORMATS[name](report))
            except OSError as error:
                raise OutputError(f"the {name} report was not written to {path}: {error}") from error
    return report, subject


def _keep(args: argparse.Namespace, run: Run, report: Report, subject: Target) -> None:
    """Write what the next run or another person needs: what did not pass, a baseline, evidence."""
    from locara_verify import acceptance, evidence, last  # noqa: PLC0415 - as above
    from locara_verify.replay import folder  # noqa: PLC0415
    from locara_verify.report.files import write_atomic  # noqa: PLC0415

    if run.settings.case is None and not report.interrupted:
        with contextlib.suppress(OSError):  # a run is worth the same without it
            last.write(last.place(folder(args.workdir, subject), subject), report.judgement)
    if run.write_baseline is not None:
        write_atomic(run.write_baseline, acceptance.baseline_text(report.judgement))
    if run.evidence is not None:
        if report.interrupted:
            sys.stderr.write("locara verify: an interrupted run leaves no evidence\n")
            return
        evidence.write(run.evidence, report, run.settings.choice)


def _destination(text: str) -> tuple[str, Path]:
    from locara_verify.report.files import FORMATS  # noqa: PLC0415 - as above

    name, separator, path = text.partition("=")
    if not separator or not path or name not in FORMATS:
        raise UsageError(f"--report {text!r} is not FORMAT=FILE", fix=f"formats: {', '.join(FORMATS)}")
    return name, Path(path)


def _check_destinations(places: list[Path], app: Path) -> None:
    from locara_verify.replay import inside  # noqa: PLC0415 - as above
    from locara_verify.target import EXCLUDED  # noqa: PLC0415

    root = app.resolve()
    for path in places:
        place = path.resolve()
        if inside(place, root) and EXCLUDED.isdisjoint(place.relative_to(root).parts[:-1][:1]):
            raise UsageError(
                f"a report at {path} would change the app that was verified",
                fix="write it outside the app, or below its .locara folder",
            )


def _print(text: str) -> int:
    """Write ``text`` to standard output completely. Raises OutputError when it cannot be written."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would fail once more when the interpreter ends and hide the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
    return Exit.PASSED


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _coloured(text: str) -> str:
    """``text`` with its marks in colour; the words stay, so nothing is told by colour alone."""
    return _MARK.sub(
        lambda mark: f"\x1b[{_COLOURS[mark[mark.lastindex or 0].lower()]}m{mark[0]}\x1b[0m", text
    )


def plan_text(subject: Target, made: Plan) -> str:
    """What would run, by check, and every rule that would not, with its reason."""
    lines = [f"plan for {subject.path}  {subject.digest}"]
    for task in made.tasks:
        needs = f"  needs {', '.join(sorted(task.check.needs))}" if task.check.needs else ""
        alone = "  alone, at the end" if task.check.exclusive else ""
        lines.append(f"  run   {task.check.name}: {', '.join(task.rules)}{needs}{alone}")
    lines += [f"  skip  {rule}: {visible(reason)}" for rule, reason in sorted(made.unjudged.items())]
    lines += [
        f"  not planned  {rule}: {visible(reason)}" for rule, reason in sorted(made.not_planned.items())
    ]
    lines += [made.unloaded] if made.broken else []
    lines.append(f"{len(made.rules)} rules planned, {len(made.not_planned)} not planned")
    return "\n".join(lines) + "\n"

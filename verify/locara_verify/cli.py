"""The verbs ``verify`` and ``replay``: arguments in, exit code out. The only module here that prints."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from locara.errors import LocaraError, UsageError
from locara_verify.budget import PROFILES
from locara_verify.plan import Plan, Selection
from locara_verify.progress import MODES
from locara_verify.report.text import visible
from locara_verify.target import Target, TargetError
from locara_verify.verdict import Exit

if TYPE_CHECKING:
    from locara_verify.session import Settings


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
        add = parser.add_argument
        add("target", nargs="?", default=".", metavar="APP", help="folder with a locara.json (default: here)")
        add("--strict", action="store_true", help="warnings fail, everything runs, with the strict budget")
        add(
            "--only",
            action="append",
            default=[],
            metavar="RULE",
            help="rules by id, slug, area or LC2; repeatable",
        )
        add("--skip", action="append", default=[], metavar="RULE", help="leave rules out; repeatable")
        add(
            "-k", dest="expression", metavar="EXPR", help="rules whose words match, e.g. 'files and not swap'"
        )
        add("-x", dest="stop_at_first", action="store_true", help="stop at the first finding")
        add("--profile", choices=[*PROFILES], help="amount of work (default: quick; strict with --strict)")
        add("--seed", type=_seed, help="repeat a run: 0x… or decimal (default: a new one, which is printed)")
        add("--jobs", type=_jobs, default=None, metavar="N", help="checks at a time (default: one per core)")
        _add_output(parser)
        add(
            "--model-cache",
            type=Path,
            metavar="DIR",
            help="where the pinned models are (default: the user's)",
        )
        add(
            "--print-plan", action="store_true", help="show what would run and what not, and why; run nothing"
        )
        add("--list", action="store_true", dest="list_rules", help="show every rule")
        add("--explain", metavar="RULE", help="show why a rule exists and how to satisfy it")

    def run(self, args: argparse.Namespace) -> int:
        """Do what ``args`` ask and return an exit code of ``Exit``."""
        return guarded(lambda: _verify(args))


class ReplayVerb:
    """``locara replay``: run the one case of a failure again."""

    summary = "run one recorded failure again"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options of the verb."""
        parser.add_argument("file", type=Path, metavar="FILE", help="a file from .locara/failures")
        parser.add_argument(
            "target", nargs="?", metavar="APP", help="folder of the app (default: as recorded)"
        )
        parser.add_argument("--model-cache", type=Path, metavar="DIR", help="where the pinned models are")
        _add_output(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Repeat the case: exit code 1 when it still happens, 0 when it does not."""
        return guarded(lambda: _replay(args))


def _add_output(parser: argparse.ArgumentParser) -> None:
    from locara_verify.report.files import FORMATS  # noqa: PLC0415 - verbs are listed without loading reports

    parser.add_argument("--format", choices=[*FORMATS], default="human", help="what standard output gets")
    parser.add_argument(
        "--report", action="append", default=[], metavar="FMT=FILE", help="also write a report; repeatable"
    )
    parser.add_argument("--progress", choices=MODES, help="default: bar on a terminal, log elsewhere")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="keep working files and failures here")


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
        return _fail(text, Exit.INTERNAL)
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
    from locara_verify import explain, session  # noqa: PLC0415 - `--help` and `--version` stay quick

    if args.list_rules:
        return _print(explain.listing())
    if args.explain is not None:
        return _print(explain.explain(args.explain))
    profile = args.profile or ("strict" if args.strict else "quick")
    if args.strict and profile not in ("strict", "soak"):
        raise UsageError("a strict run has a fixed budget", fix="drop --profile, or use --profile soak")
    settings = session.Settings(
        path=Path(args.target),
        budget=PROFILES[profile],
        seed=secrets.randbits(32) if args.seed is None else args.seed,
        choice=Selection(tuple(args.only), tuple(args.skip), args.expression),
        strict=args.strict,
        jobs=args.jobs or _cores(),
        stop_at_first=args.stop_at_first,
        workdir=args.workdir,
        cache_root=args.model_cache,
    )
    if args.print_plan:
        return _print(plan_text(*session.prepare(settings)))
    return _run(args, settings)


def _replay(args: argparse.Namespace) -> int:
    from locara_verify import replay as replays  # noqa: PLC0415 - as above
    from locara_verify import session  # noqa: PLC0415

    recorded = replays.read(args.file)
    settings = session.Settings(
        path=Path(args.target) if args.target else recorded.path,
        budget=PROFILES[recorded.profile],
        seed=recorded.seed,
        choice=Selection(only=(recorded.rule,)),
        strict=recorded.strict,
        workdir=args.workdir,
        cache_root=args.model_cache,
        case=recorded.case,
        check=recorded.check,
    )
    return _run(args, settings, recorded.digest)


def _run(args: argparse.Namespace, settings: Settings, expected: str | None = None) -> int:
    from locara_verify import progress, session  # noqa: PLC0415 - as above
    from locara_verify.interrupt import Interrupt  # noqa: PLC0415
    from locara_verify.report.files import FORMATS, remove_stale, write_atomic  # noqa: PLC0415
    from locara_verify.verdict import exit_code  # noqa: PLC0415

    outputs = [_destination(text) for text in args.report]
    with Interrupt().on_signals() as interrupt:
        _check_destinations(outputs, settings.path)
        for _, path in outputs:
            remove_stale(path)
        subject, made = session.prepare(settings)
        mode = progress.mode_for(args.progress, sys.stderr)
        with progress.showing(mode, len(made.tasks)) as emit:
            report = session.execute(settings, subject, made, emit, lambda: bool(interrupt))
        if expected is not None and expected != subject.digest:
            note = f"the failure was recorded for {expected}"
            judgement = replace(report.judgement, notes=(*report.judgement.notes, note))
            report = replace(report, judgement=judgement)
        for name, path in outputs:
            try:
                write_atomic(path, FORMATS[name](report))
            except OSError as error:
                raise OutputError(f"the {name} report was not written to {path}: {error}") from error
        if args.format != "human":
            sys.stderr.write(FORMATS["human"](report))
        text = FORMATS[args.format](report)
        _print(_coloured(text) if args.format == "human" and _wants_colour() else text)
        return exit_code(report.verdict, interrupted=report.interrupted)


def _destination(text: str) -> tuple[str, Path]:
    from locara_verify.report.files import FORMATS  # noqa: PLC0415 - as above

    name, separator, path = text.partition("=")
    if not separator or not path or name not in FORMATS:
        raise UsageError(f"--report {text!r} is not FORMAT=FILE", fix=f"formats: {', '.join(FORMATS)}")
    return name, Path(path)


def _check_destinations(outputs: list[tuple[str, Path]], app: Path) -> None:
    from locara_verify.replay import inside  # noqa: PLC0415 - as above
    from locara_verify.target import EXCLUDED  # noqa: PLC0415

    root = app.resolve()
    for _, path in outputs:
        place = path.resolve()
        if inside(place, root) and not EXCLUDED.intersection(place.relative_to(root).parts[:-1]):
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
    lines.append(f"{len(made.rules)} rules planned, {len(made.not_planned)} not planned")
    return "\n".join(lines) + "\n"


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _seed(text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        _refuse(f"{text!r} is not a number")
    if not 0 <= value < 1 << 64:
        _refuse("a seed has at most 64 bits")
    return value


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        _refuse("between 1 and 256")
    return int(text)


def _refuse(text: str) -> NoReturn:
    raise argparse.ArgumentTypeError(text)

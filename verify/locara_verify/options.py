"""The options of ``locara verify``: declared, checked against each other, and made into the settings of a run."""

from __future__ import annotations

import argparse
import datetime
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from locara.errors import UsageError
from locara.records import dataclass
from locara_verify.budget import PROFILES, limited
from locara_verify.plan import Selection
from locara_verify.process import processors
from locara_verify.progress import MODES

if TYPE_CHECKING:
    from locara_verify.session import Settings
    from locara_verify.supply import Expected, Supply
    from locara_verify.verdict import Accept


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked for beyond the settings: what to write at the end, and what to say at the start."""

    settings: Settings
    write_baseline: Path | None = None
    evidence: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[Path, ...]:
        """Where something will be written."""
        return tuple(path for path in (self.write_baseline, self.evidence) if path is not None)


def declare(parser: argparse.ArgumentParser) -> None:
    """Add every option of the verb."""
    add = parser.add_argument
    add(
        "target",
        nargs="?",
        default=".",
        metavar="APP",
        help="folder with a locara.json, or a .locapp bundle (default: here)",
    )
    add("--strict", action="store_true", help="warnings fail, everything runs, with the strict budget")
    _declare_choice(parser)
    add("--profile", choices=[*PROFILES], help="amount of work (default: quick; strict with --strict)")
    add("--budget", metavar="LIMIT", help="end after 30s or 2m, or use examples=N; not in strict runs")
    add("--seed", type=_seed, help="repeat a run: 0x… or decimal (default: a new one, which is printed)")
    add(
        "--jobs", type=jobs, default=None, metavar="N", help="checks at a time (default: three for two cores)"
    )
    declare_output(parser)
    add("--durations", type=jobs, default=0, metavar="N", help="name the N slowest checks")
    add(
        "--evidence",
        type=Path,
        metavar="DIR",
        help="write report, facts, replays and statements to a new folder",
    )
    add("--replay", type=Path, metavar="DIR", help="run evidence again and list every difference")
    add("--baseline", type=Path, metavar="FILE", help="known findings do not fail; not in strict runs")
    add("--write-baseline", type=Path, metavar="FILE", help="write what is found now as a baseline")
    add("--waivers", type=Path, metavar="FILE", help="accepted findings, each with reason, owner and end")
    add("--fix", action="store_true", help="narrow locara.json where that is certain, then verify")
    add("--diff", action="store_true", help="with --fix: show the edits, write and verify nothing")
    add(
        "--unused-in",
        type=Path,
        metavar="LOG",
        help="with --fix: also take away what this audit log shows no use of",
    )
    add("--watch", action="store_true", help="run again whenever the app changes, until Ctrl-C")
    add("--no-cache", action="store_true", help="run every check, also those whose result is known")
    add("--cache-dir", type=Path, metavar="DIR", help="where known results are kept (default: the user's)")
    add("--model-cache", type=Path, metavar="DIR", help="where the pinned models are (default: the user's)")
    _declare_expected(parser)
    add("--print-plan", action="store_true", help="show what would run and what not, and why; run nothing")
    add("--list", action="store_true", dest="list_rules", help="show every rule")
    add("--explain", metavar="RULE", help="show why a rule exists and how to satisfy it")


def _declare_choice(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for name, told in (
        ("--only", "rules by id, slug, area or LC2; repeatable"),
        ("--skip", "leave rules out; repeatable"),
    ):
        add(name, action="append", default=[], metavar="RULE", help=told)
    add("-k", dest="expression", metavar="EXPR", help="rules whose words match, e.g. 'files and not swap'")
    add("-x", dest="stop_at_first", action="store_true", help="stop as soon as something is found")
    add("--lf", dest="last_failed", action="store_true", help="only rules that did not pass the last time")


def _declare_expected(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("a bundle and its attestations").add_argument
    add(
        "--attestation",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Sigstore bundle about it, beside those inside; repeatable",
    )
    add("--trust-root", type=Path, metavar="FILE", help="the trust instance to check them against")
    add("--public-good", action="store_true", help="check them against the public Sigstore instance")
    add("--expect-source", metavar="URL", help="the repository it must be built from")
    add("--expect-builder", metavar="URL", help="the builder that must have built it")
    add("--expect-identity", metavar="URL", help="who must have signed its attestations")


def expected(args: argparse.Namespace) -> Expected:
    """What the caller says about a bundle. Raises UsageError, and TrustError for material that is not there."""
    from locara.trust.refusal import Reason, TrustError  # noqa: PLC0415 - most runs have no bundle
    from locara_verify.supply import Expected  # noqa: PLC0415 - as above

    if args.public_good and args.trust_root is not None:
        raise UsageError(
            "--public-good and --trust-root name two instances", fix="check against one at a time"
        )
    try:
        trust = None if args.trust_root is None else args.trust_root.read_bytes()
    except OSError as error:
        reason = f"the trust instance cannot be read: {error.strerror}: {args.trust_root}"
        raise TrustError(Reason.MATERIAL_MISSING, reason) from error
    return Expected(
        args.expect_source,
        args.expect_builder,
        args.expect_identity,
        trust,
        args.public_good,
        tuple(args.attestation),
    )


def declare_output(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is written where."""
    from locara_verify.report.files import FORMATS  # noqa: PLC0415 - verbs are listed without loading reports

    parser.add_argument("--format", choices=[*FORMATS], default="human", help="what standard output gets")
    parser.add_argument(
        "--report", action="append", default=[], metavar="FMT=FILE", help="also write a report; repeatable"
    )
    parser.add_argument("--progress", choices=MODES, help="default: bar on a terminal, log elsewhere")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="keep working files and failures here")


def check(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other. Raises UsageError."""
    profile = args.profile or ("strict" if args.strict else "quick")
    if args.strict and profile not in ("strict", "soak"):
        raise UsageError("a strict run has a fixed budget", fix="drop --profile, or use --profile soak")
    if args.strict and args.budget is not None:
        raise UsageError("a strict run has a fixed budget", fix="drop --budget or --strict")
    if args.strict and args.fix:
        raise UsageError("a strict run changes nothing", fix="run --fix first, then --strict")
    if (args.diff or args.unused_in is not None) and not args.fix:
        raise UsageError("--diff and --unused-in belong to --fix")
    if args.watch and (args.format != "human" or args.report or args.evidence is not None or args.fix):
        raise UsageError(
            "--watch writes for people only", fix="drop --format, --report, --evidence and --fix"
        )
    if args.evidence is not None and args.evidence.exists():
        raise UsageError(
            f"{args.evidence} is there already", fix="name a new folder: evidence is never mixed"
        )


def build(args: argparse.Namespace, supply: Supply | None = None) -> Run:
    """The run that checked ``args`` ask for; ``supply`` is the bundle that its target came out of.

    Raises UsageError, TargetError.
    """
    from locara_verify import session  # noqa: PLC0415 - `--help` stays quick
    from locara_verify.cache import ResultCache, default_folder  # noqa: PLC0415

    budget, seconds = PROFILES[args.profile or ("strict" if args.strict else "quick")], None
    if args.budget is not None:
        budget, seconds = limited(budget, args.budget)
    choice, notes = _choice(args)
    accept, told = _acceptance(args)
    known = supply is None and not args.no_cache  # what a bundle comes with is no part of the app's digest
    cached = known and not (args.strict or args.evidence is not None or budget.profile == "soak")
    folder = args.cache_dir or default_folder() / "results"
    settings = session.Settings(
        path=Path(args.target),
        budget=budget,
        seed=secrets.randbits(32) if args.seed is None else args.seed,
        choice=choice,
        strict=args.strict,
        jobs=args.jobs or at_a_time(),
        stop_at_first=args.stop_at_first,
        workdir=args.workdir,
        cache_root=args.model_cache,
        supply=supply,
        accept=accept,
        seconds=seconds,
        cache=ResultCache(folder, seeded=args.seed is not None) if cached else None,
        slowest=args.durations,
    )
    return Run(settings, args.write_baseline, args.evidence, (*notes, *told))


def _choice(args: argparse.Namespace) -> tuple[Selection, tuple[str, ...]]:
    """The chosen rules, and what there is to say about the choice."""
    only = tuple(args.only)
    if not args.last_failed:
        return Selection(only, tuple(args.skip), args.expression), ()
    from locara_verify import last, selection, target  # noqa: PLC0415 - as above
    from locara_verify.catalogue import catalogue  # noqa: PLC0415
    from locara_verify.replay import folder  # noqa: PLC0415

    subject = target.load(Path(args.target))
    rules = catalogue()
    failed = [rule for rule in last.read(last.place(folder(args.workdir, subject), subject)) if rule in rules]
    if only:
        named = selection.named(rules, only)
        failed = [rule for rule in failed if rule in named]
    if not failed:
        return Selection(only, tuple(args.skip), args.expression), (
            "nothing failed the last time: no rule is left out",
        )
    return Selection(tuple(failed), tuple(args.skip), args.expression), ()


def _acceptance(args: argparse.Namespace) -> tuple[Accept, tuple[str, ...]]:
    from locara_verify import acceptance  # noqa: PLC0415 - as above
    from locara_verify.catalogue import catalogue  # noqa: PLC0415
    from locara_verify.verdict import nothing  # noqa: PLC0415

    if args.strict:
        ignored = [name for name in ("baseline", "waivers") if getattr(args, name) is not None]
        return nothing, tuple(f"--{name} has no say in a strict run" for name in ignored)
    today = datetime.datetime.now(datetime.UTC).date()
    found = acceptance.load(args.baseline, args.waivers, today=today, rules=catalogue())
    return found.accept, found.notes


def at_a_time() -> int:
    """How many checks run at a time: three for two processors that this process may use, since checks wait as
    well: for starts, for clocks and for the disk."""
    cores = processors()
    return cores + (cores + 1) // 2


def _seed(text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        _refuse(f"{text!r} is not a number")
    if not 0 <= value < 1 << 64:
        _refuse("a seed has at most 64 bits")
    return value


def jobs(text: str) -> int:
    """A number of things, between 1 and 256."""
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        _refuse("between 1 and 256")
    return int(text)


def _refuse(text: str) -> NoReturn:
    raise argparse.ArgumentTypeError(text)

"""LC401 and LC405: the commands that answer are those the manifest opens, and only under their exact
names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from locara.core.grant import Grants
from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import open_arena
from locara_verify.checks.escape.entry_points import live_commands
from locara_verify.checks.escape.link import Reply
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.context import Context
from locara_verify.oracle.policy import commands as permitted
from locara_verify.strategies import names

UNDECLARED: Final = "LC401"
TRICKS: Final = "LC405"
PLAUSIBLE: Final[dict[str, Any]] = {
    "root": "$APP_DATA", "path": "x", "sql": "SELECT 1", "key": "theme", "model": "m",
    "url": "https://example.com/",
}  # fmt: skip
CODES: Final = frozenset({"unknown_command", "bad_frame"})


def every_command() -> frozenset[str]:
    """Every command that exists anywhere in the product: the published table and the registered handlers."""
    from locara.core.surface import COMMANDS  # noqa: PLC0415 - only live checks load the runtime
    from locara.runtime.commands import registered  # noqa: PLC0415

    return frozenset(COMMANDS) | frozenset(registered())


def compare_tables(trial: Trial, live: Iterable[str], expected: frozenset[str]) -> None:
    """The running app's own list against the independent reading of the manifest."""
    found = frozenset(live)
    trial.tried(UNDECLARED)
    if found - expected:
        trial.fail(
            UNDECLARED, "the app has commands its manifest does not open", ", ".join(sorted(found - expected))
        )
    if expected - found:
        trial.fail(
            UNDECLARED, "the app lacks commands its manifest opens", ", ".join(sorted(expected - found))
        )


def compare_handlers(trial: Trial, grants: Grants, expected: frozenset[str]) -> None:
    """What a server would find a handler for, which no command tells, against the same reading."""
    from locara.runtime.commands import table  # noqa: PLC0415 - only live checks load the runtime

    found = frozenset(table(grants))
    trial.tried(UNDECLARED)
    if found != expected:
        odd = ", ".join(sorted(found ^ expected))
        trial.fail(UNDECLARED, "handlers and commands of the app are not the same", odd)


def call_absent(trial: Trial, absent: Iterable[str]) -> None:
    """Every command of the product that this manifest does not open: absent, and told which line would open
    it."""
    for name in sorted(absent):
        for args in ({}, PLAUSIBLE):
            reply = trial.arena.link.ask(name, args)
            trial.tried(UNDECLARED)
            if reply.code != "unknown_command":
                trial.fail(
                    UNDECLARED, "an undeclared command exists", f"{name} answered {reply.code or 'ok'}", name
                )
            elif not reply.error.get("capability") or not reply.error.get("fix"):
                trial.fail(
                    UNDECLARED,
                    "an absent command does not say what would open it",
                    f"{name}: {reply.error}",
                    name,
                )


def call_tricks(trial: Trial, count: int) -> None:
    """Names that are no command: all of one command that needs no arguments, then of any, then at random."""
    arena, rng = trial.arena, trial.arena.ctx.rng("escape-names")
    sure = names.always("app.info")
    corpus = list(names.corpus(arena.commands, every_command()))
    rng.shuffle(corpus)
    for number in range(-len(sure), count):
        if number < 0:
            name = sure[number]
        else:
            name = corpus[number] if number < min(len(corpus), count * 3 // 4) else names.draw(rng, corpus)
        if name in arena.commands:
            continue
        args = {} if number < 0 or rng.random() < 0.5 else PLAUSIBLE
        reply = arena.link.ask(name, args)
        trial.tried(TRICKS)
        if reply.ok or reply.code not in CODES:
            trial.fail(
                TRICKS,
                "a name that is no command reached one",
                f"{name[:80]!r} answered {reply.code or 'ok'}",
                name[:200],
            )
        elif reply.code == "bad_frame" and not lone_surrogate(name):
            trial.fail(TRICKS, "an odd name was taken for a broken frame", f"{name[:80]!r}", name[:200])
        arena.ctx.progress(max(number, 0), count, "names")


def lone_surrogate(text: str) -> bool:
    """Tell whether ``text`` cannot be written as UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def twin(reply: Reply) -> bool:
    """The exact names do answer."""
    return reply.ok


@check("escape-names", rules=(UNDECLARED, TRICKS, "LC406"), needs=frozenset({"live"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Attack the target; then the same app with every power taken away."""
    with open_arena(ctx) as arena:
        return conduct(Trial(arena, (UNDECLARED, TRICKS)), attack)


def attack(trial: Trial) -> None:
    """The whole attack."""
    arena = trial.arena
    live = live_commands(arena)
    for rule in (UNDECLARED, TRICKS):
        trial.twin(
            rule,
            "app.info" in live and twin(arena.link.ask("app.info")),
            "app.info answers under its exact name",
        )
    compare_tables(trial, live, arena.commands)
    compare_handlers(trial, arena.ctx.grants, arena.commands)
    call_absent(trial, every_command() - arena.commands)
    call_tricks(trial, share(arena.ctx, 0.12))
    attack_powerless(trial)


def attack_powerless(outer: Trial) -> None:
    """The same app with no capability at all: everything that carries power must be gone."""
    ctx = outer.arena.ctx

    def strip(document: dict[str, Any]) -> None:
        document["capabilities"] = {"fs.app-data": False}
        for part in ("modalities", "profiles", "tooling"):
            document.pop(part, None)

    with open_arena(ctx, app=ctx.variant("powerless", strip), pick=False) as arena:
        trial = Trial(arena, (UNDECLARED, TRICKS))
        manifest = json.loads((arena.app.bundle.path / "locara.json").read_bytes())

        def bare(inner: Trial) -> None:
            compare_tables(inner, live_commands(arena), permitted(manifest))
            call_absent(inner, every_command() - permitted(manifest))

        conduct(trial, bare)
        outer.findings += trial.findings
        outer.tried(UNDECLARED, trial.attempts.get(UNDECLARED, 0))
        outer.arena.link.attacks += arena.link.attacks

"""LC221 to LC226: no SQL of the app leaves its database, changes how it works, or brings the runtime down."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import open_arena
from locara_verify.checks.escape.link import Gone
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.checks.escape.processes import runtime_of
from locara_verify.checks.storage.target import REFUSED, Store, changed, prepare
from locara_verify.context import Context
from locara_verify.finding import JSON
from locara_verify.strategies import frames
from locara_verify.strategies.sql import RULE_OF, SqlAttack, corpus, draw, slow_bombs
from locara_verify.strategies.sql_edges import EDGES, Edge

NAME: Final = "storage-sql"
BOMBS: Final = "storage-exhaustion"
EXHAUSTION: Final = "LC224"
ACCESS: Final = tuple(family for family in RULE_OF if family != "exhaustion")
MOST_SECONDS: Final = 20.0
MOST_GROWTH: Final = 1_500_000_000
FEW: Final = 10
HELD_SECONDS: Final = 4.5
"""So much of the five seconds that an endless statement has does not have to be burnt: a clock ends it, and it still
runs on before and after."""
SLOW: Final[Mapping[str, int]] = {"quick": 1, "ci": 1, "strict": 1, "soak": 5}


@check(NAME, rules=(*(RULE_OF[family] for family in ACCESS), "LC406"), needs=frozenset({"live"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Every atom of the attacks on files, code, pragmas, statements and internal tables, then drawn ones; the
    atoms once more where the other vector engine searches, whose index lies beside the database."""
    rules = tuple(RULE_OF[family] for family in ACCESS)
    with open_arena(ctx, pick=False) as arena:
        first = conduct(Trial(arena, rules), attack_access)
    engine, app = other_engine(ctx)
    with open_arena(ctx, app=app, pick=False) as arena:
        trial = Trial(arena, rules)
        second = conduct(trial, lambda one: attack_access(one, listed_only=True))
        if engine == "zvec" and not index_used(arena.data):
            second = replace(second, inconclusive=dict.fromkeys(rules, "zvec was not used: it made no index"))
    return first.joined(second, f"with {engine}")


def other_engine(ctx: Context) -> tuple[str, Path]:
    """The vector engine that the target did not choose, and the target with it."""
    told = json.loads(ctx.target.manifest_bytes).get("storage", {}).get("vector", {}).get("engine")
    engine = "sqlite-vec" if told == "zvec" else "zvec"

    def chosen(document: dict[str, Any]) -> None:
        storage = document.setdefault("storage", {})
        storage["vector"] = {**storage.get("vector", {}), "engine": engine}

    return engine, ctx.variant(f"stored-by-{engine}", chosen, page=False)


def index_used(data: Path) -> bool:
    """Whether zvec made an index for this app."""
    folder = data / "tmp" / "vectors"
    return folder.is_dir() and any(path.is_dir() for path in folder.iterdir())


@check(BOMBS, rules=(EXHAUSTION, "LC406"), waits=True, needs=frozenset({"live"}))
def run_bombs(ctx: Context) -> CheckResult:
    """Statements that would use up time, memory, disk or the parser; the edges and a few under the other engine."""
    with open_arena(ctx, pick=False) as arena:
        first = conduct(Trial(arena, (EXHAUSTION,)), attack_exhaustion)
    engine, app = other_engine(ctx)
    with open_arena(ctx, app=app, pick=False) as arena:
        trial = Trial(arena, (EXHAUSTION,))
        second = conduct(trial, lambda one: attack_exhaustion(one, few=True))
    return first.joined(second, f"with {engine}")


def replay(ctx: Context, case: Mapping[str, JSON]) -> CheckResult:
    """Send one recorded attack again."""
    found: Any = dict(case)
    attack = SqlAttack(**{**found, "statements": tuple((sql, params) for sql, params in found["statements"])})
    with open_arena(ctx, pick=False) as arena:
        trial = Trial(arena, (RULE_OF[attack.family],))
        return conduct(trial, lambda one: _family(one, prepare(one.arena), attack.family, iter([attack])))


def attack_access(trial: Trial, *, listed_only: bool = False) -> None:
    """One family after the other, so that what it left behind is charged to its rule."""
    ctx = trial.arena.ctx
    store = prepare(trial.arena)
    each = 0 if listed_only else share(ctx, 0.25) // len(ACCESS)
    for number, family in enumerate(ACCESS):
        _family(trial, store, family, _attacks(ctx, store, family, each))
        ctx.progress(number + 1, len(ACCESS), f"SQL: {family}")


def _attacks(ctx: Context, store: Store, family: str, count: int) -> Iterator[SqlAttack]:
    rng = ctx.rng(f"{NAME}-{family}")
    listed = list(corpus(family, rng, store.places))
    yield from listed  # all of them whatever the budget: an SQL attack takes a millisecond
    for _ in range(count - len(listed)):
        yield draw(family, rng, store.places)


def _family(trial: Trial, store: Store, family: str, attacks: Iterator[SqlAttack]) -> None:
    rule, link = RULE_OF[family], trial.arena.link
    for failed in store.twins(family):
        trial.twin(rule, works=False, what=failed)
    files, schema = store.files(), store.schema()
    for attack in attacks:
        leaks = len(link.leaks)
        reply = store.send(attack)
        trial.tried(rule)
        if attack.must_fail and (reply.ok or reply.code not in REFUSED):
            _report(trial, attack, "SQL that must be refused was not", f"the answer was {reply.code or 'ok'}")
        if len(link.leaks) > leaks:
            _report(trial, attack, "SQL read a canary outside the app's database", link.leaks[-1].text)
            del link.leaks[leaks:]
    for failed in store.twins(family):
        trial.fail(rule, "the store does not work after the attack", failed)
    if difference := changed(files, store.files()):
        trial.fail(rule, "SQL changed a file that is not the database", difference)
    if strangers := store.strangers():
        trial.fail(rule, "SQL made a file beside the database", ", ".join(strangers[:6]))
    if family != "exhaustion" and _grew(schema, store.schema()):
        trial.fail(rule, "refused SQL left something in the schema", "the list of tables is not as before")


def _grew(before: Any, after: Any) -> bool:  # noqa: ANN401 - JSON of the app
    """Tell whether the schema changed by more than what the allow twins make."""

    def names(schema: Any) -> set[str]:  # noqa: ANN401
        return {str(row) for row in (schema or {}).get("rows", []) if not str(row[0]).startswith("twin")}

    return names(before) != names(after)


def _report(trial: Trial, attack: SqlAttack, message: str, because: str) -> None:
    known = len(trial.findings)
    trial.fail(RULE_OF[attack.family], message, because, f"db.{attack.entry}: {attack.shown}")
    if len(trial.findings) > known:
        name = BOMBS if attack.family == "exhaustion" else NAME
        case: Any = {"check": name, "case": asdict(attack)}
        trial.findings[-1] = replace(trial.findings[-1], replay=case)


def attack_exhaustion(trial: Trial, *, few: bool = False) -> None:
    """Quick bombs, which end by a limit of their own, then a few that only the clock ends."""
    ctx = trial.arena.ctx
    store = prepare(trial.arena)
    memory = store.peak_memory()
    for edge in EDGES:
        _edge(trial, edge)
    rng = ctx.rng(BOMBS)
    bombs = list(corpus("exhaustion", rng, store.places))
    rng.shuffle(bombs)
    most = FEW if few else share(ctx, 0.05)
    _family(trial, store, "exhaustion", _watched(trial, iter(bombs[:most])))
    for attack in slow_bombs(rng, 0 if few else SLOW.get(ctx.profile.profile, 1)):
        _burn(trial, store, attack)
    grown = store.peak_memory()
    if memory is None or grown is None:
        trial.inconclusive.setdefault(EXHAUSTION, "the runtime's memory could not be read")
    elif grown - memory > MOST_GROWTH:
        trial.fail(
            EXHAUSTION, "SQL made the runtime use too much memory", f"it grew by {grown - memory} bytes"
        )


def _edge(trial: Trial, edge: Edge) -> None:
    """The largest statement of a kind is served, so that refusing the next is the doing of this one limit."""
    link = trial.arena.link
    for sql in edge.before:
        trial.twin(EXHAUSTION, link.ask("db.exec", {"sql": sql}).ok, f"what prepares {edge.name}")
    for size in (edge.most, edge.most + 1):
        sql, params = edge.make(size)
        reply = link.ask(f"db.{edge.entry}", {"sql": sql, "params": params})
        trial.tried(EXHAUSTION)
        code, due = reply.code or "ok", "ok" if size == edge.most else "limit_exceeded"
        if code != due:
            trial.fail(
                EXHAUSTION,
                "a size that SQLite bounds is not bounded where it must be",
                f"{edge.name}: {size} was answered {code}, not {due}: {reply.error.get('message', '')}",
                f"db.{edge.entry}: {sql[:120]}",
            )


def _watched(trial: Trial, attacks: Iterator[SqlAttack]) -> Iterator[SqlAttack]:
    """Pass the attacks on and notice the ones that take far longer than a statement may."""
    for number, attack in enumerate(attacks):
        began = time.monotonic()
        yield attack
        if time.monotonic() - began > MOST_SECONDS:
            _report(
                trial, attack, "a statement ran past its time", f"the answer took over {MOST_SECONDS:.0f} s"
            )
        trial.arena.ctx.progress(number, len(trial.findings), "SQL: exhaustion")


def _hold(outer: int, seconds: float) -> None:
    """Stop the runtime below ``outer`` for a while: its clock goes on, and it uses no processor."""
    pid = runtime_of(outer)
    if pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


def _burn(trial: Trial, store: Store, attack: SqlAttack) -> None:
    """Run a statement that only the time limit ends; meanwhile the app must answer other calls, and once it did is
    stopped for a while."""
    link = trial.arena.link
    burning, other = link.next_id, link.next_id + 1
    link.next_id += 2
    sql, params = attack.statements[0]
    # Sent as a query whatever the entry point: the result is the same, and reading is what must not block.
    link.send(frames.call(burning, "db.query", {"sql": sql, "params": params}))
    link.send(frames.call(other, "app.info"))
    trial.tried(EXHAUSTION)
    deadline, code = time.monotonic() + MOST_SECONDS, ""
    order: list[Any] = []
    while len(order) < 2:
        try:
            frame = link.receive(deadline - time.monotonic())
        except Gone as gone:
            _report(trial, attack, "an endless statement was not ended", f"no reply in {MOST_SECONDS:.0f} s")
            raise gone from None
        order.append(frame.get("id"))
        if order == [other]:
            _hold(trial.arena.app.pid, HELD_SECONDS)
        if frame.get("id") == burning:
            error = frame.get("error")
            code = str(error.get("code")) if isinstance(error, dict) else "ok"
    if order[0] != other:
        _report(
            trial,
            attack,
            "the app does not answer while a statement runs",
            "app.info came after the statement",
        )
    if code != "limit_exceeded":
        _report(trial, attack, "an endless statement did not end by a limit", f"the answer was {code}")
    if failed := store.twins("exhaustion"):
        trial.fail(EXHAUSTION, "the store does not work after the attack", "; ".join(failed))

"""LC206: manifest, audit log, database files, model cache and the app's own code are out of every write's
reach."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import Arena, open_arena
from locara_verify.checks.escape.audit import walk
from locara_verify.checks.escape.entry_points import entry_points, everywhere
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.checks.escape.paths import ordinary_use
from locara_verify.context import Context
from locara_verify.oracle.canaries import differences, snapshot
from locara_verify.strategies import paths

RULE: Final = "LC206"
GUARD: Final = "a value that an attack must not change"
NAMES: Final = (
    "locara.json", "../locara.json", "../../app/locara.json", "/app/locara.json", "../audit/log.jsonl",
    "/data/audit/log.jsonl",
    "../db/app.sqlite3", "/data/db/app.sqlite3", "../db/app.sqlite3-wal", "../db/app.sqlite3-journal",
    "../tmp/x", "../../models",
    "/models", "../../app/db/schema.sql", "../../app/dist/index.html", "../audit", "../db", "../files", "..",
    ".", "../.runtime.log",
    "../../verifier.probe.runtime.log", "audit/../../audit/log.jsonl", "../Audit/log.jsonl",
    "../AUDIT/LOG.JSONL", "../audit/log.jsonl.",
    "../audit/log.jsonl ", "../audit/log.jsonl::$DATA", "..\\audit\\log.jsonl", "../ａｕｄｉｔ/log.jsonl",
    "../audit//log.jsonl",
)  # fmt: skip
DIRECT: Final = (
    "audit/log.jsonl",
    "audit",
    "db/app.sqlite3",
    "db",
    "files",
    "tmp",
    "locara.json",
    "app/locara.json",
    "models",
)
WAYS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("fs.write", {"data": "x", "encoding": "utf8", "mode": "replace"}),
    ("fs.write", {"data": "x", "encoding": "utf8", "mode": "append"}),
    ("fs.write", {"data": "x", "encoding": "utf8", "mode": "create"}),
    ("fs.remove", {}),
    ("fs.mkdir", {}),
)

Json = Any


def protected(arena: Arena) -> Mapping[str, Path]:
    """What must not change, by name: trees of the host that only the runtime or nobody may write."""
    return {"app": arena.ctx.target.path, "models": arena.ctx.model_cache.root}


def state(arena: Arena) -> dict[str, dict[str, Any]]:
    """The protected trees now: contents of the app, names and times of the model cache (its blobs are
    large)."""
    found: dict[str, dict[str, Any]] = {}
    for name, root in protected(arena).items():
        if name == "app":
            parts = [root / part for part in ("locara.json", "db", "dist")]
            found[name] = {
                str(part): snapshot(part) if part.is_dir() else part.read_bytes()
                for part in parts
                if part.exists()
            }
        elif root.is_dir():
            found[name] = {str(path): path.lstat().st_mtime_ns for path in sorted(root.rglob("*"))}
    found["data"] = {name: (arena.data / name).is_dir() for name in ("audit", "db", "files", "tmp")}
    return found


@check("escape-protected", rules=(RULE, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Aim every write at the files that hold the app's own powers and records."""
    with open_arena(ctx) as arena:
        return conduct(Trial(arena, (RULE,)), attack)


def attack(trial: Trial) -> None:
    """Write, append, create, remove and make folders over every protected name; then compare with before."""
    arena, link = trial.arena, trial.arena.link
    works, what = ordinary_use(arena)
    trial.twin(RULE, works, what)
    guard = link.ask("settings.set", {"key": "guard", "value": GUARD})
    before = state(arena)
    log = (arena.data / "audit/log.jsonl").read_bytes()
    names = [*NAMES, *paths.PROTECTED]
    roots = [*arena.handles.values(), "$APP_DATA", "$DOCUMENTS", "$APP_DATA/..", "/", "/app"]
    direct = [
        (command, {"root": root, "path": name, **extra})
        for root in roots
        for name in DIRECT
        for command, extra in WAYS
    ]
    calls = [
        (cmd, {"root": root, "path": name, **extra})
        for root in roots
        for name in names
        for cmd, extra in WAYS
    ]
    for point, place in everywhere(entry_points(arena)):
        calls += [(point.command, dict(point.with_text(place, name))) for name in names]
    arena.ctx.rng("escape-protected").shuffle(calls)
    wanted = len(direct) + share(arena.ctx, 0.05)
    for number, (command, args) in enumerate([*direct, *calls][:wanted]):
        link.ask(command, args)
        trial.tried(RULE)
        arena.ctx.progress(number, wanted, "protected files")
    compare(trial, before, log, had_guard=guard.ok)


def log_bytes(arena: Arena) -> bytes | None:
    """The audit log as it lies on the host now; None when there is no such file any more."""
    try:
        return (arena.data / "audit/log.jsonl").read_bytes()
    except OSError:
        return None


def compare(trial: Trial, before: dict[str, dict[str, Any]], log: bytes, *, had_guard: bool) -> None:
    """Judge the protected files after the attack."""
    arena = trial.arena
    after = state(arena)
    for name, parts in before.items():
        if parts != after[name]:
            changed = [key for key in {**parts, **after[name]} if parts.get(key) != after[name].get(key)]
            detail = (
                differences(parts[changed[0]], after[name].get(changed[0], {}))
                if isinstance(parts.get(changed[0]), dict)
                else changed
            )
            trial.fail(RULE, f"the {name} files were changed", "; ".join(map(str, detail))[:400])
    now = log_bytes(arena)
    if now is None or not now.startswith(log):
        trial.fail(RULE, "the audit log was changed", "its earlier lines are not what they were")
    elif broken := walk(now)[1]:
        trial.fail(RULE, "the audit log was changed", broken)
    if (arena.data / "audit").is_dir():
        known = ("log.jsonl", "secret.txt")
        extra = sorted(path.name for path in (arena.data / "audit").iterdir() if path.name not in known)
        if extra:
            trial.fail(RULE, "a file appeared beside the audit log", ", ".join(extra[:5]))
    kept = arena.link.ask("settings.get", {"key": "guard"})
    if had_guard and not (kept.ok and kept.result.get("value") == GUARD):
        trial.fail(
            RULE,
            "the app's store was damaged by a file operation",
            f"the guarded setting reads {kept.result}",
        )

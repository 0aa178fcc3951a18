"""LC802: secrets that were typed, stored or held by the launching process do not turn up in any log."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import Arena, open_arena
from locara_verify.checks.escape.entry_points import NO_MODEL, entry_points, everywhere
from locara_verify.checks.escape.live import Trial, conduct
from locara_verify.checks.escape.processes import environment_of, family
from locara_verify.context import Context
from locara_verify.oracle.canaries import Tokens, environment_secret, read_logs

RULE: Final = "LC802"
ENVIRONMENT: Final = "environment"
# Names are what the log is for: the root, path, key, handle, model or host that was decided about.
LOGGED_NAMES: Final = frozenset({"root", "path", "handle", "model", "url"})

Json = Any


@check("offline-secrets", rules=(RULE, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Start the app beside a secret in the environment, hand it others, then read every log from outside."""
    secrets = Tokens(ctx.rng("offline-secrets"))
    with environment_secret(secrets.make(ENVIRONMENT)), open_arena(ctx) as arena:
        trial = Trial(arena, (RULE,))
        unexpected(trial, secrets.make("unexpected"))
        foreseen(trial, secrets.make("foreseen"))
        return conduct(trial, lambda inner: attack(inner, secrets))


def unexpected(trial: Trial, secret: str) -> None:
    """Exceptions nobody thought of, whose texts hold what was typed: neither the reply nor the log says them."""
    from locara.runtime.replies import error_object  # noqa: PLC0415 - loads the runtime

    for error in _exceptions(secret):
        log = io.StringIO()
        with contextlib.redirect_stderr(log):
            said = repr(error_object(error))
        trial.tried(RULE)
        if secret in said or secret in log.getvalue():
            told = f"{type(error).__name__}: in the {'reply' if secret in said else 'log'}"
            trial.fail(RULE, "the text of an unexpected error is told", told)
        trial.twin(
            RULE, type(error).__name__ in log.getvalue(), "an unexpected error leaves a line in the log"
        )


def foreseen(trial: Trial, secret: str) -> None:
    """Errors in words of the runtime's own, each made of one that holds what was typed: that one is told to nobody."""
    from locara import errors  # noqa: PLC0415 - loads the framework
    from locara.runtime.replies import error_object  # noqa: PLC0415

    for kind in (
        errors.StorageError,
        errors.ModelError,
        errors.ToolError,
        errors.InferenceError,
        errors.AuditError,
    ):
        for inner in _exceptions(secret):
            error, log = kind("its own words"), io.StringIO()
            error.__cause__ = inner
            with contextlib.redirect_stderr(log):
                said = repr(error_object(error))
            trial.tried(RULE)
            if secret in said or secret in log.getvalue():
                told = f"{kind.__name__} from {type(inner).__name__}"
                trial.fail(RULE, "what an error was made of is told", told)


def _exceptions(secret: str) -> Iterator[BaseException]:
    for kind in (ValueError, KeyError, RuntimeError, TypeError, AssertionError, RecursionError, MemoryError):
        yield kind(secret)
    yield OSError(2, "No such file or directory", f"/home/{secret}")
    yield UnicodeEncodeError("ascii", f"{secret}\ud800", 0, 1, secret)
    outer = RuntimeError("outer")
    outer.__cause__, outer.__context__ = ValueError(secret), KeyError(secret)
    yield outer
    noted = ValueError("noted")
    noted.add_note(secret)
    yield noted
    try:
        raise ValueError(secret)
    except ValueError as raised:
        yield raised


def attack(trial: Trial, secrets: Tokens) -> None:
    """Send one secret through every place, working and failing; then look for all of them."""
    arena = trial.arena
    marker = "a-name-that-is-logged"
    arena.link.ask("fs.stat", {"root": "$APP_DATA", "path": marker})
    arena.link.ask("no.such." + marker)
    for number, (command, args) in enumerate(calls(arena, secrets)):
        reply = arena.link.ask(command, args, timeout=120)
        trial.tried(RULE)
        # A value of the caller's own may come back to the caller, never that of the environment.
        if ENVIRONMENT in secrets.found(reply.raw):
            trial.fail(RULE, "a secret of the launching process came back", command, command)
        arena.ctx.progress(number, 100, "secrets")
    secrets.prove()
    judge_logs(trial, secrets, marker)
    judge_environment(trial, secrets)


def calls(arena: Arena, secrets: Tokens) -> Iterator[tuple[str, dict[str, Json]]]:
    """Calls that carry a secret in a value: well-formed ones, ones that fail, ones that are refused."""
    typed = secrets.make("typed")
    stored = secrets.make("stored")
    yield "settings.set", {"key": "note", "value": stored}
    yield "settings.set", {"key": "deep", "value": {"list": [stored] * 3}}
    yield "settings.get", {"key": "note"}
    yield "db.exec", {"sql": "CREATE TABLE IF NOT EXISTS secret_probe (body TEXT UNIQUE)"}
    for _ in range(2):  # the second one violates the constraint
        yield "db.exec", {"sql": "INSERT INTO secret_probe VALUES (?)", "params": [stored]}
    yield "db.query", {"sql": f"SELECT '{typed}' FROM nowhere"}  # noqa: S608 - the attack
    yield "db.query", {"sql": f"SELECT {typed!r} AS x, body FROM secret_probe"}  # noqa: S608 - the attack
    for name in (typed, f"'{typed}", f"a.{typed}", f"{typed}(1)"):
        yield "db.query", {"sql": f"SELECT {name} FROM secret_probe"}  # noqa: S608 - the attack
        yield "db.query", {"sql": f'SELECT 1 FROM "{name}"'}  # noqa: S608 - the attack
    yield "db.query", {"sql": f"THIS IS NO SQL '{typed}'"}
    yield "db.query", {"sql": "SELECT ?", "params": [{"wrong": typed}]}
    yield (
        "fs.write",
        {"root": "$APP_DATA", "path": "diary.txt", "data": stored, "encoding": "utf8", "mode": "replace"},
    )
    yield "fs.read", {"root": "$APP_DATA", "path": "diary.txt", "encoding": "utf8"}
    yield (
        "fs.write",
        {"root": "$APP_DATA", "path": "diary.txt", "data": stored, "encoding": "base64", "mode": "replace"},
    )
    yield from model_calls(arena, typed)
    for point, place in everywhere(entry_points(arena)):
        if place[0] not in LOGGED_NAMES:
            yield point.command, dict(point.with_text(place, typed))
            yield point.command, {**point.with_text(place, typed), "unknown": typed}


def model_calls(arena: Arena, typed: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """Prompts with a secret, to the app's own models (each answers what it can) and to one it does not
    have."""
    pinned = [pin.split("@")[0] for pin in arena.capabilities.get("models", [])]
    for model in (*pinned, NO_MODEL):
        if "embed.create" in arena.commands:
            yield "embed.create", {"model": model, "texts": [f"my password is {typed}"]}
        if "llm.chat" in arena.commands:
            turn = {"role": "user", "content": f"my password is {typed}"}
            yield "llm.chat", {"model": model, "messages": [turn], "maxTokens": 4}
            yield (
                "llm.chat",
                {"model": model, "messages": [turn], "maxTokens": 4, "temperature": -1.0, "stop": [typed]},
            )


def judge_logs(trial: Trial, secrets: Tokens, marker: str) -> None:
    """Every log of the app: none of the secrets in any spelling; what is meant to be logged is there."""
    arena = trial.arena
    trial.tried(RULE)
    if arena.data.resolve() in arena.app.stderr_path.resolve().parents:
        trial.fail(RULE, "the runtime's log lies among the files of the app", arena.app.stderr_path.name)
    logs = {
        "the audit log": read_logs([arena.data / "audit"]),
        "the runtime's log": read_logs([arena.app.stderr_path]),
    }
    trial.twin(
        RULE,
        marker.encode() in logs["the audit log"],
        "a name that is meant to be logged is found in the audit log",
    )
    told = arena.link.ask("audit.capabilityLog", {"limit": 100})
    logs["the log the app may read"] = told.raw
    for name, data in logs.items():
        trial.tried(RULE)
        for secret in secrets.found(data):
            trial.fail(RULE, "a secret is in a log", f"the {secret} secret is in {name}")
        for secret in arena.tokens.found(data):
            trial.fail(RULE, "a secret is in a log", f"the canary {secret} is in {name}")


def judge_environment(trial: Trial, secrets: Tokens) -> None:
    """The environment of every process in the sandbox, as the kernel keeps it."""
    seen = 0
    for pid in family(trial.arena.app.pid):
        try:
            environment = environment_of(pid)
        except OSError:
            continue
        trial.tried(RULE)
        seen += bool(environment)
        if b"python" not in command_line(pid) or trial.arena.app.pid == pid:
            continue
        if secrets.found(environment):
            trial.fail(
                RULE, "the launching process's environment reached the app", f"process {pid} has the secret"
            )
    if not seen:
        trial.inconclusive.setdefault(RULE, "no process of the app shows its environment")


def command_line(pid: int) -> bytes:
    """The words a process was started with."""
    from pathlib import Path  # noqa: PLC0415 - one use

    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""

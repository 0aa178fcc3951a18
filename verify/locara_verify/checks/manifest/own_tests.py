"""LC054: what the app's own tests say of it holds, in this runtime and on this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from locara.cli.test import TESTS
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each
from locara_verify.target import Target

if TYPE_CHECKING:
    from locara_verify.own_tests.outcome import Failure

RULE: Final = "LC054"
NAME: Final = "own-tests"
_SHARE: Final = 0.8
"""Of the time that a check has: its end must come before it is ended itself."""


def brings_tests(target: Target) -> str | None:
    """Applies to apps with tests for pytest, where a sandbox can be started in another."""
    from locara_verify.own_tests.sandbox import nests  # noqa: PLC0415 - loads the framework

    if not any(_is_test(entry.path) for entry in target.entries if entry.kind in ("file", "exec")):
        return f"the app brings no tests for pytest in {TESTS}/"
    if find_spec("pytest") is None:
        return "pytest is not installed beside this verifier"
    if not nests():
        return "this machine starts no sandbox inside another; `locara test` runs the tests without one around them"
    return None


def _is_test(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    named = name.startswith("test_") or name.endswith("_test.py")
    return named and name.endswith(".py") and (folder == TESTS or folder.startswith(f"{TESTS}/"))


@check(NAME, rules=(RULE,), needs=frozenset({"kernel", "live"}), applies=brings_tests)
def own_tests(ctx: Context) -> CheckResult:
    """Every test in tests/, each a finding when it fails."""
    return _judged(ctx, TESTS)


def replay(ctx: Context, case: Mapping[str, Any]) -> CheckResult:
    """The one test again."""
    return _judged(ctx, str(case["test"]))


def _judged(ctx: Context, chosen: str) -> CheckResult:
    from locara_verify.own_tests.run import run  # noqa: PLC0415 - loads the framework

    missing = _not_cached(ctx)
    if missing:
        return CheckResult(inconclusive={RULE: missing})
    begun = 0

    def said(line: str) -> None:
        nonlocal begun
        if line.startswith('{"begun"'):
            begun += 1
            ctx.progress(begun, begun, f"test {begun}")

    done = run(ctx.target.path, ctx.model_cache.root, ctx.profile.task_seconds * _SHARE, said, chosen)
    files = {entry.path for entry in ctx.target.entries}
    findings = tuple(_finding(failure, files) for failure in done.outcome.failed.values())
    notes = [f"{test} was skipped: {why}" for test, why in sorted(done.outcome.skipped.items())]
    if not done.doubt:
        notes.insert(
            0,
            f"{len(done.outcome.passed)} of {done.outcome.collected} passed in a sandbox of their own",
        )
    return CheckResult(
        findings=first_of_each(findings),
        attempts={RULE: done.outcome.judged},
        inconclusive={RULE: done.doubt} if done.doubt else {},
        notes=tuple(notes),
    )


def _finding(failure: Failure, files: Collection[str]) -> Finding:
    known = failure.file in files and failure.line > 0
    return Finding(
        RULE,
        f"the app's own test {failure.test.rpartition('::')[2] or failure.test} fails",
        because=failure.text.splitlines()[0] if failure.text else "",
        file=failure.file if known else None,
        line=failure.line if known else None,
        evidence={"test": failure.test},
        replay={"check": NAME, "case": {"test": failure.test}},
    )


def _not_cached(ctx: Context) -> str:
    """What of the app's models is not here, so that no test could start it; empty when nothing is."""
    from locara.models.cache import not_cached  # noqa: PLC0415 - loads the framework

    for digest in ctx.grants.models.values():
        if ctx.model_cache.blob(digest) is None:
            error = not_cached(digest)
            return f"{error.message}; {error.fix}" if error.fix else error.message
    return ""

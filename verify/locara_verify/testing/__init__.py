"""What an app's own tests use: asking the real runtime, and saying what must be refused and why.

The fixtures come with the pytest plugin; these helpers and ``locara_verify.testing.strategies`` are imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

REFUSALS = frozenset({"capability_denied", "unknown_command"})
"""Codes that say: the manifest does not give this. Any other error is a fault of the call, and no denial."""


def assert_denied(call: Callable[[], object], *, because: str | None = None, code: str | None = None) -> Any:  # noqa: ANN401
    """Assert that ``call`` is refused for want of a grant, and return the error.

    ``because`` is a part of the reason, or the name of the capability that is missing; a test that does not say
    it would also pass for a wrong reason. ``code`` asks for one of REFUSALS. An error of another kind (a wrong
    argument, a lost connection) is no denial and fails the test.
    """
    __tracebackhide__ = True
    from locara.errors import CallError, CapabilityDenied  # noqa: PLC0415 - the plugin loads at once

    try:
        result = call()
    except (CapabilityDenied, CallError) as error:
        if error.code not in REFUSALS:
            raise AssertionError(
                f"the call failed and was not denied: {error.code}: {error.message}"
            ) from error
        if code is not None and error.code != code:
            raise AssertionError(f"denied as {error.code}, not as {code}: {error.because}") from error
        reason = f"{error.because or ''} [{error.capability or 'no capability'}]"
        if because is not None and because not in reason:
            raise AssertionError(f"denied for another reason: {reason}; expected {because!r}") from error
        return error
    raise AssertionError(f"the call was allowed and gave {_short(result)}")


def assert_allowed(call: Callable[[], Result]) -> Result:
    """Assert that ``call`` is not refused, and return what it gives. A denial is told with the line that lifts it."""
    __tracebackhide__ = True
    from locara.errors import CallError, CapabilityDenied  # noqa: PLC0415 - as above

    try:
        return call()
    except (CapabilityDenied, CallError) as error:
        lines = [f"the call was refused: {error.code}: {error.message}"]
        if error.because:
            lines.append(f"because: {error.because}")
        if error.fix:
            lines.append(f"to allow it: {error.fix}")
        raise AssertionError("\n".join(lines)) from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"

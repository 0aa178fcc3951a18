"""What the tests told, line by line, as one value. It comes from code of the app, so nothing is taken on trust."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import field
from typing import Final

from locara.records import dataclass

LINE_LIMIT: Final = 64 * 1024
MOST_BYTES: Final = 16 << 20
_OUTCOMES: Final = ("passed", "failed", "skipped")
_PASSED, _FAILED, _NOTHING = 0, 1, 5


class TellingError(ValueError):
    """A line is none that `told` writes."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed, or a file that could not be read: where, and the error's own words."""

    test: str
    file: str
    line: int
    text: str


@dataclass(slots=True)
class Outcome:
    """``passed`` and ``skipped`` are tests by name; ``begun`` is the last that was started. ``ended`` is pytest's exit
    code, and None where the run broke off."""

    passed: set[str] = field(default_factory=set)
    failed: dict[str, Failure] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    begun: str = ""
    ended: int | None = None
    collected: int = 0

    @property
    def judged(self) -> int:
        """Tests that came to a verdict."""
        return len(self.passed) + len(self.failed)

    @property
    def doubt(self) -> str:
        """Why this is no whole run of tests; empty when it is one."""
        if self.ended is None:
            return f"the run of the tests broke off{f' in {self.begun}' if self.begun else ''}"
        return self._end_in_doubt() or self._count_in_doubt()

    def _end_in_doubt(self) -> str:
        if self.ended == _NOTHING or self.collected == 0 == self.judged:
            return "pytest found no test in tests/"
        if self.ended not in (_PASSED, _FAILED) and not self.failed:
            return f"pytest ended with exit code {self.ended}"
        if (self.ended == _PASSED) == bool(self.failed):
            return f"pytest ended with exit code {self.ended} where {len(self.failed)} tests failed"
        return ""

    def _count_in_doubt(self) -> str:
        if not self.failed and self.judged + len(self.skipped) != self.collected:
            return f"{self.judged + len(self.skipped)} of {self.collected} tests told how they ended"
        if not self.judged:
            return f"every test was skipped: {next(iter(self.skipped.values()))}"
        return ""


def read(lines: Iterable[bytes]) -> Outcome:
    """The outcome of all lines. Raises TellingError for one that is not understood, too long, or too many."""
    outcome, told = Outcome(), 0
    for line in lines:
        told += len(line)
        if told > MOST_BYTES or len(line) > LINE_LIMIT or not line.endswith(b"\n"):
            raise TellingError("the tests told too much, or broke off in the middle")
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TellingError("the tests told something that is not JSON") from error
        if outcome.ended is not None or not isinstance(message, dict):
            raise TellingError("the tests told something after their end, or no object")
        _take(outcome, message)
    return outcome


def _take(outcome: Outcome, message: dict[str, object]) -> None:
    match message:
        case {"begun": str(test)}:
            outcome.begun = test
        case {"ended": int(code), "collected": int(collected)}:
            outcome.ended, outcome.collected = code, collected
        case {
            "test": str(test),
            "outcome": str(how),
            "when": str(when),
            "file": str(file),
            "line": int(line),
            "text": str(text),
        } if how in _OUTCOMES:
            if how == "failed":
                outcome.failed.setdefault(test, Failure(test, file, line, text))
                outcome.passed.discard(test)
            elif how == "skipped":
                outcome.skipped[test] = text
            elif when == "call" and test not in outcome.failed:
                outcome.passed.add(test)
        case _:
            raise TellingError("the tests told something that is none of their messages")

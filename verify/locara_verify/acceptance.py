"""Findings that a run is told to live with: a baseline of known ones, and waivers with a reason, an owner and an end.

Neither has a say in a strict run. Both name findings by content, so that they hold when lines move and no longer hold
when what was found is another thing.
"""

from __future__ import annotations

import datetime
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from locara.errors import UsageError
from locara.records import dataclass
from locara_verify.finding import Finding, fingerprint
from locara_verify.verdict import Accept, Judgement

BASELINE: Final = "locara-baseline/1"
LONGEST: Final = datetime.timedelta(days=180)
"""Until then a waiver may last: one without an end becomes the rule."""

_KEYS: Final = frozenset({"rule", "reason", "owner", "expires", "file", "finding"})
_LIMIT: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Waiver:
    """Accepts the findings of ``rule`` until ``expires``; ``file`` and ``finding`` (a fingerprint) narrow it."""

    rule: str
    reason: str
    owner: str
    expires: datetime.date
    file: str = ""
    finding: str = ""

    def fits(self, finding: Finding) -> bool:
        """Whether it speaks of ``finding``."""
        return (
            finding.rule_id == self.rule
            and self.file in ("", finding.file)
            and self.finding in ("", fingerprint(finding))
        )


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What is accepted, and what there is to say about it. ``notes`` name waivers that have ended."""

    known: frozenset[str] = frozenset()
    waivers: tuple[Waiver, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def accept(self) -> Accept:
        """The reason why a finding does not count, or an empty text."""

        def reason(finding: Finding) -> str:
            for waiver in self.waivers:
                if waiver.fits(finding):
                    return f"waived by {waiver.owner} until {waiver.expires.isoformat()}: {waiver.reason}"
            return "known: it is in the baseline" if fingerprint(finding) in self.known else ""

        return reason


def load(
    baseline: Path | None, waivers: Path | None, *, today: datetime.date, rules: Mapping[str, object]
) -> Acceptance:
    """Read both files. Raises UsageError, with the place, for one that cannot be read or is wrong in any way."""
    known = frozenset() if baseline is None else _baseline(baseline)
    found, notes = ((), ()) if waivers is None else _waivers(waivers, today, rules)
    return Acceptance(known, found, notes)


def baseline_text(judgement: Judgement) -> str:
    """A baseline of every finding of ``judgement``: fingerprints, with rule and message for the reader."""
    entries = {
        fingerprint(finding): {"rule": finding.rule_id, "message": finding.message}
        for outcome in judgement.outcomes
        for finding in outcome.findings
    }
    return json.dumps({"schema": BASELINE, "findings": entries}, indent=2, sort_keys=True) + "\n"


def _baseline(path: Path) -> frozenset[str]:
    try:
        document: Any = json.loads(_bytes(path))
        if document["schema"] != BASELINE or not isinstance(document["findings"], dict):
            raise UsageError(f"{path} is not a baseline", fix="write one with --write-baseline")
        return frozenset(document["findings"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a baseline: {error}", fix="write one with --write-baseline"
        ) from error


def _waivers(
    path: Path, today: datetime.date, rules: Mapping[str, object]
) -> tuple[tuple[Waiver, ...], tuple[str, ...]]:
    try:
        table = tomllib.loads(_bytes(path).decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}") from error
    entries = table.get("waiver")
    if set(table) != {"waiver"} or not isinstance(entries, list):
        raise UsageError(
            f"{path}: [[waiver]] tables and nothing else", fix="give rule, reason, owner and expires"
        )
    waivers = [
        _waiver(f"{path}: waiver {number}", entry, today, rules) for number, entry in enumerate(entries, 1)
    ]
    ended = [waiver for waiver in waivers if waiver.expires < today]
    notes = tuple(f"the waiver of {w.rule} by {w.owner} ended on {w.expires.isoformat()}" for w in ended)
    return tuple(waiver for waiver in waivers if waiver not in ended), notes


def _waiver(place: str, entry: object, today: datetime.date, rules: Mapping[str, object]) -> Waiver:
    if not isinstance(entry, dict):
        raise UsageError(f"{place} is not a table")
    if unknown := sorted(set(entry) - _KEYS):
        raise UsageError(
            f"{place} has unknown keys: {', '.join(unknown)}", fix=f"keys: {', '.join(sorted(_KEYS))}"
        )
    for key in ("rule", "reason", "owner"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise UsageError(f"{place} gives no {key}", fix=f'{key} = "…"')
    expires = entry.get("expires")
    if not isinstance(expires, datetime.date) or isinstance(expires, datetime.datetime):
        raise UsageError(f"{place} has no end", fix=f"expires = {(today + LONGEST / 2).isoformat()}")
    if expires > today + LONGEST:
        raise UsageError(f"{place} lasts too long", fix=f"at most until {(today + LONGEST).isoformat()}")
    if entry["rule"] not in rules:
        raise UsageError(
            f"{place}: no rule is called {entry['rule']!r}", fix="`locara verify --list` shows every rule"
        )
    for key in ("file", "finding"):
        if not isinstance(entry.get(key, ""), str):
            raise UsageError(f"{place}: {key} must be a text")
    return Waiver(**entry)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _LIMIT:
        raise UsageError(f"{path} is too large")
    return data

"""What `locara dev` says of the sources of an app while they are edited."""

from __future__ import annotations

from pathlib import Path

from locara_verify.catalogue import catalogue
from locara_verify.checks.analyser.judge import has_sources, judge
from locara_verify.checks.analyser.reading import read
from locara_verify.checks.analyser.sources import frontend
from locara_verify.finding import Severity
from locara_verify.target import TargetError, load


def advice(app: Path) -> tuple[str, ...]:
    """One line for each error and warning of LC051 to LC053, errors first; empty when the app cannot be read."""
    try:
        target = load(app)
    except TargetError:
        return ()
    if target.manifest is None or has_sources(target) is not None:
        return ()
    rules = catalogue()
    found = judge(read(frontend(target)), target.grants, target.manifest).findings
    settled = [one.with_severity(rules[one.rule_id].severity) for one in found]
    told = [one for one in settled if one.severity is not Severity.NOTE]
    order = sorted(told, key=lambda one: (one.severity is not Severity.ERROR, one.file or "", one.line or 0))
    return tuple(
        f"{one.file}:{one.line}: {one.severity}: {one.message} ({one.because}) [{one.rule_id}]"
        for one in order
    )

"""Replay files: one JSON document per failure, enough to run that one case again on another machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import locara_verify
from locara.errors import UsageError
from locara.records import dataclass
from locara_verify.budget import PROFILES, Budget
from locara_verify.finding import JSON
from locara_verify.report.files import write_atomic
from locara_verify.target import Target
from locara_verify.verdict import Judgement
from locara_verify.wire import finding_to_json

SCHEMA: Final = "locara-replay/1"
_LIMIT: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay file says. ``case`` is None when the whole check has to run again with the same seed."""

    rule: str
    check: str
    case: Mapping[str, Any] | None
    seed: int
    profile: str
    budget: Budget
    path: Path
    digest: str
    strict: bool


def folder(workdir: Path | None, target: Target) -> Path:
    """Where failures are written: below ``workdir`` or the current folder, never inside the app."""
    base = workdir or Path.cwd()
    if inside(base, target.path):
        state = os.environ.get("XDG_STATE_HOME")
        base = (Path(state) if state else Path.home() / ".local" / "state") / "Locara" / "verify"
        return base / "failures"
    return base / ".locara" / "failures"


def inside(path: Path, root: Path) -> bool:
    """Whether ``path`` is ``root`` or lies below it, links resolved."""
    return path.resolve().is_relative_to(root)


def write_all(
    judgement: Judgement,
    target: Target,
    where: Path,
    *,
    seed: int,
    budget: Budget,
    strict: bool,
) -> dict[tuple[str, int], str]:
    """Write one file per finding below ``where``; returns their paths by rule id and number. Raises OSError.

    Each names the check that made the finding: another one of the same rule need not find it again.
    """
    written: dict[tuple[str, int], str] = {}
    for outcome in judgement.outcomes:
        for number, finding in enumerate(outcome.findings):
            replay = finding.replay or {}
            document: dict[str, JSON] = {
                "schema": SCHEMA,
                "rule": outcome.rule.id,
                "slug": outcome.rule.slug,
                "check": replay.get("check"),
                "case": replay.get("case"),
                "seed": f"0x{seed:x}",
                "profile": budget.profile,
                "budget": budget.to_json(),
                "strict": strict,
                "subject": {"path": str(target.path), "digest": target.digest, "app": target.app_id},
                "locara_verify": locara_verify.__version__,
                "finding": {key: value for key, value in finding_to_json(finding).items() if key != "replay"},
            }
            text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"
            path = where / f"{outcome.rule.id}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
            write_atomic(path, text)
            written[outcome.rule.id, number] = _short(path)
    return written


def _budget(written: object, profile: str) -> Budget:
    """The budget that was recorded, or the profile's own in files that do not say. Raises TypeError, ValueError."""
    if written is None:
        return PROFILES[profile]
    if not isinstance(written, dict):
        raise TypeError("the budget must be an object")
    budget = Budget(**written)
    numbers = (budget.decisions, budget.live_operations, budget.fuzz_examples, budget.bench_seconds)
    if budget.profile != profile or not all(isinstance(n, int | float) and 0 < n < 10**9 for n in numbers):
        raise ValueError("the budget has impossible numbers")
    return budget


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def read(path: Path) -> Replay:
    """The replay at ``path``. Raises UsageError when it is none."""
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_LIMIT))
        if document["schema"] != SCHEMA:
            raise UsageError(f"{path} has the schema {document['schema']!r}, not {SCHEMA!r}")
        case, profile, subject = document["case"], document["profile"], document["subject"]
        texts = (document["rule"], document["check"], subject["path"], subject["digest"], document["seed"])
        if not all(isinstance(text, str) for text in texts) or profile not in PROFILES:
            raise UsageError(f"{path} is not a replay file")
        if case is not None and not isinstance(case, dict):
            raise UsageError(f"{path}: the case must be an object")
        return Replay(
            rule=document["rule"],
            check=document["check"],
            case=case,
            seed=int(document["seed"], 16),
            profile=profile,
            budget=_budget(document.get("budget"), profile),
            path=Path(subject["path"]),
            digest=subject["digest"],
            strict=document["strict"] is True,
        )
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not a replay file: {error}") from error

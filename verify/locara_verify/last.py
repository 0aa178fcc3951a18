"""What the last run left undone, so that ``--lf`` can go on from there: rules that failed or were not decided."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from locara_verify.report.files import write_atomic
from locara_verify.target import Target
from locara_verify.verdict import Judgement, Result

SCHEMA: Final = "locara-last/1"
_OPEN: Final = (Result.FAILED, Result.SKIPPED, Result.INCONCLUSIVE)


def place(failures: Path, target: Target) -> Path:
    """The file for ``target`` beside its folder of failures."""
    name = hashlib.sha256(str(target.path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return failures.parent / "last" / f"{name}.json"


def read(path: Path) -> tuple[str, ...]:
    """Ids of the rules that did not pass; empty when there are none, or nothing that can be read."""
    try:
        document: Any = json.loads(path.read_bytes())
        if document["schema"] != SCHEMA:
            return ()
        return tuple(str(rule) for rule in document["rules"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def write(path: Path, judgement: Judgement) -> None:
    """Remember what did not pass; rules that this run did not plan stay as they were. Raises OSError."""
    planned = {outcome.rule.id for outcome in judgement.outcomes}
    left = {outcome.rule.id for outcome in judgement.outcomes if outcome.result in _OPEN}
    rules = sorted(left | (set(read(path)) - planned))
    write_atomic(path, json.dumps({"schema": SCHEMA, "rules": rules}) + "\n")

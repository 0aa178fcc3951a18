"""Results of earlier runs, keyed by everything they depend on; never used by a strict run.

Only results without findings are kept, and none of a benchmark: what is wrong is looked at again, and so is speed.
An entry that does not read back exactly is no entry.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import locara
import locara_verify
from locara.records import dataclass
from locara_verify.check import CheckResult
from locara_verify.fixtures import fixtures_dir
from locara_verify.plan import Task
from locara_verify.report.files import write_atomic
from locara_verify.report.value import environment
from locara_verify.target import Target
from locara_verify.wire import WireError, result_from_json, result_to_json

if TYPE_CHECKING:
    from locara_verify.session import Settings

SCHEMA: Final = "locara-result/1"
MOST: Final = 2_000
"""Entries that are kept; the oldest go."""


def default_folder() -> Path:
    """Where results and durations are kept for this person."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "Locara" / "verify"


@dataclass(frozen=True, slots=True)
class ResultCache:
    """Results below ``folder``. With ``seeded`` a result counts only for the seed it was found with."""

    folder: Path
    seeded: bool

    def hooks(self, settings: Settings, subject: Target) -> dict[str, Callable[..., Any]]:
        """The engine's ``known`` and ``keep`` for one run; none for a strict run or a replay."""
        if settings.strict or settings.case is not None:
            return {}
        base = {
            "subject": subject.digest,
            "budget": settings.budget.to_json(),
            "seed": settings.seed if self.seeded else None,
            "models": str(settings.cache_root or "") + _stamp(_blobs(subject, settings.cache_root)),
            "surroundings": _surroundings(),
        }

        def key(task: Task) -> str:
            text = json.dumps({**base, "check": task.check.name, "rules": task.check.rules}, sort_keys=True)
            return hashlib.sha256(text.encode()).hexdigest()

        def known(task: Task) -> CheckResult | None:
            return None if task.check.measures else self._read(key(task), task.check.rules)

        def keep(task: Task, result: CheckResult) -> None:
            if not (task.check.measures or result.findings or result.inconclusive):
                self._write(key(task), result)

        return {"known": known, "keep": keep}

    def _read(self, key: str, rules: tuple[str, ...]) -> CheckResult | None:
        try:
            value: Any = json.loads((self.folder / f"{key}.json").read_bytes())
            text = json.dumps(value["result"], sort_keys=True)
            if value["schema"] != SCHEMA or value["sha256"] != hashlib.sha256(text.encode()).hexdigest():
                return None
            result = result_from_json(value["result"], rules)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, WireError):
            return None
        return None if result.findings or result.inconclusive else result

    def _write(self, key: str, result: CheckResult) -> None:
        body = result_to_json(result)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        try:
            write_atomic(
                self.folder / f"{key}.json",
                json.dumps({"schema": SCHEMA, "sha256": digest, "result": body}) + "\n",
            )
            self._forget_old()
        except OSError:
            return  # a run is worth the same without it

    def _forget_old(self) -> None:
        entries = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in entries[:-MOST]:
            path.unlink(missing_ok=True)


@cache
def _surroundings() -> str:
    """Everything outside the app that a result may depend on: the code, the inputs kept as data, the host."""
    state = hashlib.sha256(json.dumps(environment(), sort_keys=True).encode())
    for module in (locara, locara_verify):
        state.update(_tree(Path(next(iter(module.__path__))), contents=True).encode())
    state.update(_tree(fixtures_dir(), contents=False).encode())
    state.update(
        _stamp([Path(found) for name in ("bwrap", "node") if (found := shutil.which(name))]).encode()
    )
    return state.hexdigest()


def _tree(root: Path, *, contents: bool) -> str:
    state = hashlib.sha256()
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in ("__pycache__", "node_modules", "dist"))
        for name in sorted(files):
            path = Path(folder, name)
            state.update(f"{path.relative_to(root)}\0".encode("utf-8", "surrogateescape"))
            if contents and path.suffix in (".py", ".toml", ".json"):
                state.update(path.read_bytes())
            else:
                state.update(_stamp([path]).encode())
    return state.hexdigest()


def _stamp(paths: list[Path]) -> str:
    stamps = []
    for path in paths:
        try:
            info = path.stat()
            stamps.append(f"{path}:{info.st_size}:{info.st_mtime_ns}")
        except OSError:
            stamps.append(f"{path}:absent")
    return ";".join(stamps)


def _blobs(subject: Target, root: Path | None) -> list[Path]:
    """Where the pinned models lie, or would."""
    from locara.models.cache import ModelCache, default_root  # noqa: PLC0415 - a cached static run needs it once

    if subject.compiled is None:
        return []
    models = ModelCache(root or default_root())
    return [
        models.blob(digest) or Path(f"{name}-not-cached") for name, digest in subject.grants.models.items()
    ]


def read_durations(folder: Path, profile: str) -> Mapping[str, int]:
    """Milliseconds that each check took in the last run with ``profile``; of what did not run here yet, those of
    another machine."""
    return {**_typical(profile), **_durations(folder / "durations.json", profile)}


@cache
def _typical(profile: str) -> Mapping[str, int]:
    """What the first run on a machine is ordered by: no worker shall wait for a late long check."""
    place = Path(__file__).with_name("typical.json")
    return _durations(place, profile) or _durations(place, "strict")


def _durations(place: Path, profile: str) -> Mapping[str, int]:
    try:
        value = json.loads(place.read_bytes())[profile]
        return {str(name): int(ms) for name, ms in value.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_durations(folder: Path, profile: str, took: Mapping[str, int]) -> None:
    """Remember what checks took. It never fails a run."""
    if not took:
        return
    place = folder / "durations.json"
    try:
        value = json.loads(place.read_bytes())
    except (OSError, ValueError):
        value = {}
    known = value if isinstance(value, dict) else {}
    before = known.get(profile)
    merged = {**(before if isinstance(before, dict) else {}), **took}
    try:
        write_atomic(place, json.dumps({**known, profile: merged}, sort_keys=True) + "\n")
    except OSError:
        return

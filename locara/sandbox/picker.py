"""How a person hands files to an app: the Picker protocol, and the one used where answers are known in
advance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from locara.sandbox.broker_wire import PickAccess, PickKind


class Picker(Protocol):
    """Asks the person. Runs outside the sandbox, on the broker's thread, and may block while they think."""

    def pick(self, kind: PickKind, access: PickAccess, *, multiple: bool) -> list[Path]:
        """The chosen absolute paths; empty when the person cancelled."""


class NoPicker:
    """Nobody is there to ask: every pick is cancelled."""

    def pick(self, kind: PickKind, access: PickAccess, *, multiple: bool) -> list[Path]:
        """Cancelled."""
        return []


class ScriptedPicker:
    """Answers given beforehand, one list per pick, in order; after the last one every pick is cancelled."""

    def __init__(self, answers: Iterable[Sequence[Path | str]] = ()) -> None:
        self._answers = [[Path(path) for path in answer] for answer in answers]
        self.asked: list[tuple[PickKind, PickAccess, bool]] = []

    def add(self, *paths: Path | str) -> None:
        """Append one more answer; no path means: cancelled."""
        self._answers.append([Path(path) for path in paths])

    def pick(self, kind: PickKind, access: PickAccess, *, multiple: bool) -> list[Path]:
        """The next answer."""
        self.asked.append((kind, access, multiple))
        return self._answers.pop(0) if self._answers else []

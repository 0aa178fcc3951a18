"""How a person hands files to an app: the Picker protocol, and the one used where answers are known in
advance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from locara.records import dataclass
from locara.sandbox.broker_wire import PickAccess, PickKind


@dataclass(frozen=True, slots=True)
class Ask:
    """What an app would like to be handed.

    ``kind`` dropped: what the person dropped on the app's window is handed over, whatever it is, and no dialog for
    choosing is shown. ``recursive``: a folder with all that lies in its folders, not only its own files.
    ``remember``: so that it finds it again at later starts.
    """

    kind: PickKind | Literal["dropped"]
    access: PickAccess
    multiple: bool = False
    recursive: bool = False
    remember: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said: absolute paths, none when they cancelled, and whether the app may find them again."""

    paths: tuple[Path, ...] = ()
    remember: bool = False


CANCELLED = Answer()


class Picker(Protocol):
    """Asks the person. Runs outside the sandbox, on the broker's thread, and may block while they think."""

    def pick(self, ask: Ask) -> Answer:
        """The person's answer; `CANCELLED` when they picked nothing."""


class NoPicker:
    """Nobody is there to ask: every pick is cancelled."""

    def pick(self, ask: Ask) -> Answer:
        """Cancelled."""
        return CANCELLED


class ScriptedPicker:
    """Answers given beforehand, one list per pick, in order; after the last one every pick is cancelled.

    Nothing is dropped but what `drop` says, one drop for each time it is asked for. ``remembers`` is what this person
    says when an app would like to find the pick again.
    """

    def __init__(self, answers: Iterable[Sequence[Path | str]] = (), *, remembers: bool = False) -> None:
        self._answers = [[Path(path) for path in answer] for answer in answers]
        self._drops: list[list[Path]] = []
        self._remembers = remembers
        self.asked: list[Ask] = []

    def add(self, *paths: Path | str) -> None:
        """Append one more answer; no path means: cancelled."""
        self._answers.append([Path(path) for path in paths])

    def drop(self, *paths: Path | str) -> None:
        """Drop these on the app's window, after what was dropped before."""
        self._drops.append([Path(path) for path in paths])

    def pick(self, ask: Ask) -> Answer:
        """The next answer."""
        self.asked.append(ask)
        answers = self._drops if ask.kind == "dropped" else self._answers
        paths = answers.pop(0) if answers else []
        return Answer(tuple(paths), ask.remember and self._remembers)

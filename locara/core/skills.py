"""Skills: what an app is given by a modality or by tooling alone, without a model and without a tool.

A skill reaches nothing that the app could not reach without it: it works on what the app has, or on a file that
the gate lets it read. It is declared all the same, because a program stands behind it that an app without the
need shall not be able to start, and because a person should read what an app does.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

from locara.records import dataclass


class Declared(Protocol):
    """What a manifest, or Grants, say of modalities and tooling."""

    @property
    def modalities(self) -> Collection[str]:
        """The modalities."""
        ...

    @property
    def tooling(self) -> Collection[str]:
        """The tooling."""
        ...


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill: what declares it (either is enough), what a person is told, and where its data stays."""

    modality: str
    tooling: str
    sentence: str
    handling: str

    def of(self, declared: Declared) -> bool:
        """Whether it is declared."""
        return self.modality in declared.modalities or self.tooling in declared.tooling

    @property
    def fix(self) -> str:
        """The line that declares it."""
        return f'"modalities": ["{self.modality}"]'


READING: Final = Skill(
    "image-to-text",
    "ocr",
    "read the text in pictures and PDF files that it can open",
    "text in pictures and PDF files is read on this computer",
)
SPEAKING: Final = Skill(
    "text-to-speech",
    "audio.synthesize",
    "speak text with a computer voice",
    "speech is made on this computer",
)
SKILLS: Final = (READING, SPEAKING)

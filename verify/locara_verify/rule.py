"""A rule: the permanent identity and the text of one thing that is verified."""

from __future__ import annotations

from locara.records import dataclass
from locara_verify.finding import Severity

AREAS = {
    "LC0": "manifest",
    "LC1": "kernel",
    "LC2": "files",
    "LC3": "network",
    "LC4": "ipc",
    "LC5": "models",
    "LC6": "tools",
    "LC7": "supply-chain",
    "LC8": "offline",
    "LC9": "performance",
}
"""Area name of each id prefix. Ids are never reused; a change of meaning takes a new id."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue. ``why`` and ``fix`` are written for the person whose app failed.

    ``timed`` rules race: how often they were put to the test differs from run to run, with equal seeds too.
    """

    id: str
    slug: str
    title: str
    severity: Severity
    why: str
    fix: str
    since: str
    refs: tuple[str, ...] = ()
    bad: str = ""
    good: str = ""
    layer: str = ""
    strict_only: bool = False
    timed: bool = False

    @property
    def area(self) -> str:
        """The area's name, from the id's first digit."""
        return AREAS[self.id[:3]]

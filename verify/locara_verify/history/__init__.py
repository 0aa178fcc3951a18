"""Public flaws of other systems, as data: what was broken there, and which of our rules attack the like here.

A rule names the rows it attacks in its ``refs``; the table joins the two. Each row stands for a family: the rule
generates its neighbours, so the row itself is one point of what is tried.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from locara.records import dataclass
from locara_verify.rule import Rule


@dataclass(frozen=True, slots=True)
class Escape:
    """One public flaw. ``public`` holds its CVE, GHSA and RUSTSEC ids; ``known_as`` a name where it has none."""

    id: str
    public: tuple[str, ...]
    known_as: str
    system: str
    kind: str
    flaw: str
    attack: str


@cache
def escapes() -> tuple[Escape, ...]:
    """Every row, in order of id. Raises KeyError when a row lacks a field."""
    content = tomllib.loads((files(__package__) / "escapes.toml").read_text("utf-8"))
    rows = (
        Escape(
            id=row["id"],
            public=tuple(row["public"]),
            known_as=row.get("known_as", ""),
            system=row["system"],
            kind=row["class"],
            flaw=row["flaw"],
            attack=row["attack"],
        )
        for row in content["escape"]
    )
    return tuple(sorted(rows, key=lambda row: row.id))


def attacked_by(rules: Iterable[Rule]) -> Mapping[str, tuple[str, ...]]:
    """For each row that a rule names, the ids of those rules, in order."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        for ref in rule.refs:
            if ref.startswith("ESC-"):
                found.setdefault(ref, []).append(rule.id)
    return {row: tuple(sorted(set(ids))) for row, ids in found.items()}

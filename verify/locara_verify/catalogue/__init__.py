"""The catalogue of rules: one TOML table per area, the only source of rule text for every output."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from locara_verify.finding import Severity
from locara_verify.rule import AREAS, Rule

_ID: Final = re.compile(r"LC[0-9]{3}")
_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_REQUIRED: Final = ("id", "slug", "title", "severity", "why", "fix", "since")
_OPTIONAL: Final = ("refs", "bad", "good", "layer", "strict_only", "timed")


class CatalogueError(ValueError):
    """A table of rules is wrong; the message names the file and the rule."""


@cache
def catalogue() -> Mapping[str, Rule]:
    """Every rule by id, in id order. Raises CatalogueError for a bad table or an id or slug used twice."""
    return read(_tables())


def naming(word: str) -> Mapping[str, Rule]:
    """The rules of those tables in which ``word`` stands: what one explanation needs, at a part of the cost."""
    return read(table for table in _tables() if word in table.read_text("utf-8"))


def _tables() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*.toml"))


def read(tables: Iterable[Path]) -> Mapping[str, Rule]:
    """The rules of ``tables``, checked one by one and against each other."""
    rules: dict[str, Rule] = {}
    slugs: dict[str, str] = {}
    for table in tables:
        try:
            content = tomllib.loads(table.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise CatalogueError(f"{table.name}: {error}") from error
        if set(content) != {"rule"} or not isinstance(content["rule"], list):
            raise CatalogueError(f"{table.name}: expected [[rule]] tables and nothing else")
        for entry in content["rule"]:
            rule = _rule(table.name, entry)
            if rule.id in rules:
                raise CatalogueError(f"{table.name}: {rule.id} is defined twice")
            if rule.slug in slugs:
                twin = slugs[rule.slug]
                raise CatalogueError(f"{table.name}: {rule.id} and {twin} share the slug {rule.slug}")
            rules[rule.id] = rule
            slugs[rule.slug] = rule.id
    return dict(sorted(rules.items()))


def _rule(source: str, entry: Mapping[str, object]) -> Rule:
    name = entry.get("id", "a rule without id")
    for key in _REQUIRED:
        value = entry.get(key)
        if not isinstance(value, str) or not value.strip():
            raise CatalogueError(f"{source}: {name}: {key} must be a text")
    if unknown := set(entry) - set(_REQUIRED) - set(_OPTIONAL):
        raise CatalogueError(f"{source}: {name}: unknown keys {sorted(unknown)}")
    texts = {key: str(entry[key]).strip() for key in _REQUIRED}
    if not _ID.fullmatch(texts["id"]) or texts["id"][:3] not in AREAS:
        raise CatalogueError(f"{source}: {name}: an id is LC and three digits")
    if not _SLUG.fullmatch(texts["slug"]):
        raise CatalogueError(f"{source}: {name}: a slug is lower-case words joined by hyphens")
    refs = entry.get("refs", [])
    if not isinstance(refs, list) or not all(isinstance(ref, str) for ref in refs):
        raise CatalogueError(f"{source}: {name}: refs must be a list of texts")
    flags = {key: entry.get(key, False) for key in ("strict_only", "timed")}
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise CatalogueError(f"{source}: {name}: {key} must be true or false")
    try:
        severity = Severity(texts["severity"])
    except ValueError as error:
        raise CatalogueError(f"{source}: {name}: {error}") from error
    return Rule(
        id=texts["id"],
        slug=texts["slug"],
        title=texts["title"],
        severity=severity,
        why=texts["why"],
        fix=texts["fix"],
        since=texts["since"],
        refs=tuple(refs),
        bad=str(entry.get("bad", "")).strip(),
        good=str(entry.get("good", "")).strip(),
        layer=str(entry.get("layer", "")),
        strict_only=bool(flags["strict_only"]),
        timed=bool(flags["timed"]),
    )

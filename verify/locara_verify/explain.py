"""The text of one rule, for a person who met it."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator

from locara.errors import UsageError
from locara_verify.catalogue import catalogue, naming
from locara_verify.rule import Rule

WIDTH = 96


def explain(name: str) -> str:
    """The explanation of the rule whose id or slug is ``name``, in any case. Raises UsageError."""
    wanted = name.strip()
    for word in filter(None, (wanted.upper(), wanted.lower())):
        for rule in naming(word).values():
            if word in (rule.id, rule.slug):
                return "\n".join(_lines(rule)) + "\n"
    rules = catalogue()
    near = difflib.get_close_matches(wanted, [*rules, *(rule.slug for rule in rules.values())], n=1)
    raise UsageError(
        f"no rule is called {name!r}",
        fix=f"did you mean {near[0]}?" if near else "`locara verify --list` shows every rule",
    )


def _lines(rule: Rule) -> Iterator[str]:
    yield f"{rule.id} {rule.slug}  ({rule.severity.value}, {rule.area}, since {rule.since})"
    yield from _wrapped(rule.title)
    for heading, text in (("why", rule.why), ("fix", rule.fix)):
        yield ""
        yield f"{heading}:"
        yield from _wrapped(text)
    for heading, text in (("bad", rule.bad), ("good", rule.good)):
        if text:
            yield ""
            yield f"{heading}:"
            yield textwrap.indent(text, "    ")
    if rule.refs:
        yield ""
        yield "see also:"
        yield from (f"  {ref}" for ref in rule.refs)


def _wrapped(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield textwrap.fill(" ".join(paragraph.split()), WIDTH, initial_indent="  ", subsequent_indent="  ")


def listing() -> str:
    """Every rule on a line of its own."""
    rows = [
        f"{r.id}  {r.severity.value:<8} {r.area:<13} {r.slug:<28} {r.title}" for r in catalogue().values()
    ]
    return "\n".join(rows) + "\n"

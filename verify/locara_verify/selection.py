"""Choosing rules: by id, slug, area or prefix, and by a boolean expression over their words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from locara.errors import UsageError
from locara.records import dataclass
from locara_verify.rule import AREAS, Rule

Predicate = Callable[[Rule], bool]

_PREFIX: Final = re.compile(r"LC[0-9]{1,2}", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\s*(?:(\()|(\))|([^\s()]+))")
_MAX_TOKENS: Final = 200


def named(rules: Mapping[str, Rule], words: Iterable[str]) -> frozenset[str]:
    """Ids of the rules that ``words`` name; each is an id, a slug, an area or a prefix such as LC2.

    Raises UsageError for a word that names nothing, with the nearest name that exists.
    """
    chosen: set[str] = set()
    for word in (part.strip() for text in words for part in text.split(",")):
        if _PREFIX.fullmatch(word):
            hits = {rule.id for rule in rules.values() if rule.id.startswith(word.upper())}
        else:
            hits = {r.id for r in rules.values() if word.upper() == r.id or word.lower() in (r.slug, r.area)}
        if not hits:
            names = [*rules, *(rule.slug for rule in rules.values()), *AREAS.values()]
            near = difflib.get_close_matches(word, names, n=1)
            raise UsageError(
                f"no rule is called {word!r}",
                fix=f"did you mean {near[0]}?" if near else "`locara verify --list` shows every rule",
            )
        chosen |= hits
    return frozenset(chosen)


def expression(text: str) -> Predicate:
    """A predicate from words joined by ``and``, ``or``, ``not`` and parentheses.

    A word matches a rule whose id, slug, area or title contains it, in any case. Raises UsageError.
    """
    parser = _Parser(_tokens(text))
    predicate = parser.either()
    if parser.peek() is not None:
        raise UsageError(f"-k: {parser.peek()!r} is unexpected in {text!r}")
    return predicate


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise UsageError(f"-k: cannot read {text[position:]!r}")
        tokens.append(match.group(0).strip())
        position = match.end()
    if not tokens or len(tokens) > _MAX_TOKENS:
        raise UsageError(f"-k needs between 1 and {_MAX_TOKENS} words")
    return tokens


@dataclass(slots=True)
class _Parser:
    tokens: list[str]
    position: int = 0

    def peek(self) -> str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self, word: str) -> bool:
        if self.peek() == word:
            self.position += 1
            return True
        return False

    def either(self) -> Predicate:
        options = [self.both()]
        while self.take("or"):
            options.append(self.both())
        return lambda rule: any(option(rule) for option in options)

    def both(self) -> Predicate:
        parts = [self.inverted()]
        while self.take("and"):
            parts.append(self.inverted())
        return lambda rule: all(part(rule) for part in parts)

    def inverted(self) -> Predicate:
        negate = False
        while self.take("not"):
            negate = not negate
        inner = self.atom()
        return (lambda rule: not inner(rule)) if negate else inner

    def atom(self) -> Predicate:
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                raise UsageError("-k: a parenthesis is not closed")
            return inner
        word = self.peek()
        if word is None or word in ("and", "or", ")"):
            raise UsageError("-k: a word is missing" if word is None else f"-k: {word!r} is unexpected")
        self.position += 1
        wanted = word.lower()
        return lambda rule: wanted in f"{rule.id} {rule.slug} {rule.area} {rule.title}".lower()

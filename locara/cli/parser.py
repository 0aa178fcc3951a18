"""The argument parser of every verb: errors with a suggestion, no abbreviations."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
from typing import NoReturn

from locara.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UsageErrors with a suggestion, and which knows no abbreviations."""

    def __init__(self, *, prog: str, description: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError in place of printing and leaving."""
        raise UsageError(message, fix=f"see `{self.prog} --help`")

    @property
    def has_commands(self) -> bool:
        """Whether what follows a word depends on that word."""
        return any(action.nargs in (argparse.PARSER, argparse.REMAINDER) for action in self._actions)

    def options(self) -> tuple[str, ...]:
        """Every option string that this parser knows, and those of its sub-commands."""
        own = list(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                own += [option for one in action.choices.values() for option in one._option_string_actions]
        return tuple(dict.fromkeys(own))


def closest(word: str, known: tuple[str, ...], otherwise: str) -> str:
    """Help for a word that is not known: the nearest known one, when one is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}? {otherwise}" if near else otherwise

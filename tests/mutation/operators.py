"""What Cosmic Ray does not do: drop a check, forget a result, swap arguments, turn a membership round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import parso
from cosmic_ray.operators.operator import Example, Operator
from parso.python.tree import Keyword, Name

Place = tuple[tuple[int, int], tuple[int, int]]
_KINDS = ("NET", "FS_USER_SELECTED", "FS_APP_DATA", "FS_USER_PATHS", "MICROPHONE", "CAMERA", "SYSTEM_AUDIO",
          "MODELS", "TOOLS", "SHARED_FOLDERS", "CLIPBOARD", "NOTIFICATIONS", "BACKGROUND", "OPEN_EXTERNAL")  # fmt: skip
_NEXT = dict(zip(_KINDS, [*_KINDS[1:], _KINDS[0]], strict=True))
_LEAVES = ("raise_stmt", "return_stmt", "raise", "return", "continue", "break")


def _code(text: str) -> Any:
    """A piece of a tree that says ``text``."""
    return parso.parse(f" {text}")


def _last_statement(suite: Any) -> Any:
    """The last small statement of a suite (or of the line after the colon)."""
    node = suite
    while node.type in ("suite", "simple_stmt"):
        inner = [child for child in node.children if child.type not in ("newline", "endmarker")]
        if not inner:
            return node
        node = inner[-1]
    return node


class DropCheck(Operator):
    """A condition that guards a way out (raise, return, continue, break) never holds."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """The condition of each such `if`."""
        if node.type == "if_stmt" and _last_statement(node.children[3]).type in _LEAVES:
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """`if False:`."""
        node.children[1] = _code("False")
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For the tests of operators."""
        return (Example("if a:\n    raise E\n", "if False:\n    raise E\n"),)


class ForgetResult(Operator):
    """A function answers None."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """What a return says, unless it is None already, or False (which another operator turns)."""
        if node.type == "return_stmt" and node.children[1].get_code().strip() not in ("None", "False"):
            yield node.children[1].start_pos, node.children[-1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """`return None`."""
        node.children[1:] = [_code("None")]
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For the tests of operators."""
        return (Example("def f():\n    return a, b\n", "def f():\n    return None\n"),)


class SwapArguments(Operator):
    """Two neighbours among the arguments of a call change places."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """Each pair of neighbours given by position."""
        for left, right in self._pairs(node):
            yield node.children[left].start_pos, node.children[right].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The pair the other way round."""
        left, right = list(self._pairs(node))[index]
        one, two = node.children[left].get_code().strip(), node.children[right].get_code().strip()
        node.children[left], node.children[right] = _code(two), _code(one)
        return node

    @staticmethod
    def _pairs(node: Any) -> Iterator[tuple[int, int]]:
        if node.type != "arglist" or node.parent is None or node.parent.type != "trailer":
            return
        for left in range(0, len(node.children) - 2, 2):
            pair = (node.children[left], node.children[left + 2])
            texts = [item.get_code().strip() for item in pair]
            by_place = not any(item.type == "argument" for item in pair) and "*" not in (
                texts[0][0],
                texts[1][0],
            )
            if by_place and texts[0] != texts[1]:
                yield left, left + 2

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For the tests of operators."""
        return (Example("f(a, b)", "f( b, a)"),)


class TurnMembership(Operator):
    """`in` becomes `not in`, and the other way round."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """Each membership test; not the `in` of a loop."""
        if node.type != "comparison":
            return
        for child in node.children[1::2]:
            if child.get_code().split() in (["in"], ["not", "in"]):
                yield child.start_pos, child.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The other test."""
        places = [
            place
            for place in range(1, len(node.children), 2)
            if node.children[place].get_code().split() in (["in"], ["not", "in"])
        ]
        old = node.children[places[index]].get_code().split()
        node.children[places[index]] = _code("not in" if old == ["in"] else "in")
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For the tests of operators."""
        return (Example("a in b", "a not in b"), Example("a not in b", "a in b"))


class NameAnother(Operator):
    """One kind of power is taken for its neighbour: `Kind.CAMERA` for `Kind.MICROPHONE`."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """Each member whose neighbour is known."""
        if isinstance(node, Name) and node.value in _NEXT and node.get_previous_leaf().value == ".":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The neighbour."""
        return Name(_NEXT[node.value], node.start_pos, prefix=node.prefix)

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For the tests of operators."""
        return (Example("Kind.NET", "Kind.FS_USER_SELECTED"),)


class CatchNothing(Operator):  # Cosmic Ray's own stumbles over dotted names
    """A handler catches no exception at all."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """What each `except` names."""
        if node.type == "except_clause":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """`except ()`."""
        node.children[1] = _code("()")
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For the tests of operators."""
        return (Example("try: a\nexcept b.C as c: d", "try: a\nexcept () as c: d"),)


class FirstOfAlternatives(Operator):
    """`a if c else b` is always a."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """Each such choice."""
        if node.type == "test":
            yield node.children[2].start_pos, node.children[2].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The condition is True."""
        node.children[2] = Keyword("True", node.children[2].start_pos, prefix=" ")
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For the tests of operators."""
        return (Example("a if c else b", "a if True else b"),)


OWN = (DropCheck, ForgetResult, SwapArguments, TurnMembership, NameAnother, CatchNothing, FirstOfAlternatives)

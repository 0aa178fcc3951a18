"""The mutants of one module: what Cosmic Ray's operators and our own make of it, less what changes nothing."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider

from tests.mutation.operators import OWN

# Of Cosmic Ray's 200 operators: the other side of each bound, each turned condition, each neighbour of a
# number. The rest (`==` to `<`, `|` to `**`) is cruder than these and caught by whatever catches them.
TAKEN = (
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in (
            "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE",
            "GtE_Gt", "GtE_Lt", "Is_IsNot", "IsNot_Is",
        )
    ),
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in (
            "Add_Sub", "Sub_Add", "Mul_FloorDiv", "FloorDiv_Mul", "Mod_Mul", "BitAnd_BitOr", "BitOr_BitAnd",
            "BitXor_BitOr", "LShift_RShift", "RShift_LShift", "Pow_Mul",
        )
    ),
    "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_USub",
    "ReplaceUnaryOperator_Delete_Invert", "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue",
    "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak",
    "NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop",
)  # fmt: skip


# Changes of how much memory or time something takes, or of how it looks in a debugger, and of nothing that it does.
UNNOTICEABLE = re.compile(r"slots=False|@(lru_cache|cache)\b|\bmaxsize=|repr=True")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change. ``where`` is the function or class it is in, empty at the top of the module;
    ``change`` the lines that differ, without their indentation: it outlives a move of the code.
    """

    where: str
    operator: str
    line: int
    change: str
    source: str

    @property
    def key(self) -> tuple[str, str]:
        """What an explanation names it by."""
        return self.where, self.change

    def in_share(self, share: int, part: int = 0) -> bool:
        """Whether it is in this part of ``share`` parts, by its digest: the same ones on every machine."""
        text = "\0".join((self.where, self.operator, self.change))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % share == part


def operators() -> Iterator[tuple[str, Operator]]:
    """Name and operator, in a fixed order."""
    known = OperatorProvider()
    for name in TAKEN:
        yield name.removeprefix("Replace"), known[name]()
    for own in OWN:
        yield own.__name__, own()


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a module that compiles and is another program, each text once."""
    source = path.read_text("utf-8")
    tree = get_ast(source)
    annotations = tuple(_annotations(ast.parse(source)))
    names = _names(ast.parse(source))
    original = compile(source, str(path), "exec", dont_inherit=True)
    seen = {source}
    for name, operator in operators():
        for node in list(ast_nodes(tree)):
            for index, (start, _) in enumerate(list(operator.mutation_positions(node))):
                if any(begin <= start < end for begin, end in annotations):
                    continue
                changed = _mutated(tree, node, operator, index)
                if changed in seen:
                    continue
                seen.add(changed)
                change = _change(source, changed)
                if _differs(original, changed, path) and UNNOTICEABLE.search(change) is None:
                    where = next((own for first, last, own in names if first <= start[0] <= last), "")
                    yield Mutant(where, name, start[0], change, changed)


def _mutated(tree: Any, node: Any, operator: Operator, index: int) -> str:
    """The text with one node changed. The tree is as it was afterwards: parsing it anew each time is slow."""
    parent = node.parent
    place = next(n for n, one in enumerate(parent.children) if one is node) if parent is not None else 0
    whole = [] if parent is None else list(parent.children)
    below = [(one, list(one.children) if hasattr(one, "children") else one.value) for one in ast_nodes(node)]
    try:
        other = operator.mutate(node, index)
        if parent is not None and other is not node:
            parent.children[place : place + 1] = [] if other is None else [other]
        return str(tree.get_code())
    finally:
        for one, held in below:
            if isinstance(held, list):
                one.children = held
            else:
                one.value = held
        if parent is not None:
            parent.children = whole


def _differs(original: CodeType, changed: str, path: Path) -> bool:
    """Whether it compiles, and to another program."""
    try:
        return compile(changed, str(path), "exec", dont_inherit=True) != original
    except (SyntaxError, ValueError):
        return False


def _change(before: str, after: str) -> str:
    old, new = before.splitlines(), after.splitlines()
    start = next(
        (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    while old and new and len(old) > start and len(new) > start and old[-1] == new[-1]:
        old.pop()
        new.pop()
    texts = (" ".join(" ".join(lines[start:]).split()) for lines in (old, new))
    return " -> ".join(re.sub(r"(?<=[(\[]) ", "", text) or "(nothing)" for text in texts)


def _annotations(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where types are written, which no program runs."""
    for node in ast.walk(tree):
        for kind in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(kind, ast.expr) and kind.end_lineno is not None and kind.end_col_offset is not None:
                yield (kind.lineno, kind.col_offset), (kind.end_lineno, kind.end_col_offset)
        alias = isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias"
        if alias and node.end_lineno is not None:
            yield (node.lineno, 0), (node.end_lineno + 1, 0)


def _names(tree: ast.Module) -> list[tuple[int, int, str]]:
    """(first line, last line, dotted name) of functions and classes, inner ones first."""
    found: list[tuple[int, int, str]] = []

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                walk(child, f"{name}.")
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                found.append((first, child.end_lineno or child.lineno, name))
            else:
                walk(child, prefix)

    walk(tree, "")
    return found

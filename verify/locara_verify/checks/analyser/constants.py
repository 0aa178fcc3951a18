"""Texts that an expression is sure to be: literals, and what is put together of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from locara_verify.checks.analyser import names
from locara_verify.checks.analyser.names import text
from locara_verify.checks.analyser.sources import Source

if TYPE_CHECKING:
    from tree_sitter import Node

DEEPEST: Final = 24
MOST: Final = 64
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_THROUGH: Final = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"}
)


def texts(source: Source, node: Node | None, depth: int = 0) -> frozenset[str] | None:
    """Every text that ``node`` can be, or None when it can be something that is not written there."""
    if node is None or depth > DEEPEST:
        return None
    if node.type in ("string", "template_string"):
        return _literal(source, node, depth)
    if node.type in _THROUGH and node.named_children:
        return texts(source, node.named_children[0], depth + 1)
    if node.type in ("binary_expression", "ternary_expression"):
        return _of_two(source, node, depth)
    if node.type in ("identifier", "shorthand_property_identifier"):
        return texts(source, _constant(source, node), depth + 1)
    return _property(source, node, depth) if node.type == "member_expression" else None


def _of_two(source: Source, node: Node, depth: int) -> frozenset[str] | None:
    """`one + other`, or either of them by a condition."""
    if node.type == "binary_expression":
        if text(node.child_by_field_name("operator") or node) != b"+":
            return None
        left = texts(source, node.child_by_field_name("left"), depth + 1)
        return _joined(left, texts(source, node.child_by_field_name("right"), depth + 1))
    one = texts(source, node.child_by_field_name("consequence"), depth + 1)
    other = texts(source, node.child_by_field_name("alternative"), depth + 1)
    return None if one is None or other is None else _bounded(one | other)


def _literal(source: Source, node: Node, depth: int) -> frozenset[str] | None:
    found: frozenset[str] | None = frozenset({""})
    for part in node.named_children:
        if part.type == "string_fragment":
            piece: frozenset[str] | None = frozenset({text(part).decode()})
        elif part.type == "escape_sequence":
            piece = _escape(text(part).decode())
        elif part.type == "template_substitution" and part.named_children:
            piece = texts(source, part.named_children[0], depth + 1)
        else:
            piece = None
        found = _joined(found, piece)
    return found


def _escape(written: str) -> frozenset[str] | None:
    body = written[1:]
    try:
        if body[:1] in ("u", "x"):
            return frozenset({chr(int(body[1:].strip("{}"), 16))})
    except (ValueError, OverflowError):
        return None
    return frozenset({"" if body in ("\n", "\r\n") else _ESCAPES.get(body, body)})


def _joined(left: frozenset[str] | None, right: frozenset[str] | None) -> frozenset[str] | None:
    if left is None or right is None:
        return None
    return _bounded(frozenset(one + other for one in left for other in right))


def _bounded(found: frozenset[str]) -> frozenset[str] | None:
    return found if len(found) <= MOST else None


def _constant(source: Source, node: Node) -> Node | None:
    """What a `const` was declared as."""
    scope = names.scope_of(source, node, text(node))
    declares = None if scope is None else names.declared(source, scope)[text(node)]
    if declares is None or declares.type != "variable_declarator" or declares.parent is None:
        return None
    name = declares.child_by_field_name("name")
    if name is None or name.type != "identifier" or not text(declares.parent).startswith(b"const"):
        return None
    return declares.child_by_field_name("value")


def _property(source: Source, node: Node, depth: int) -> frozenset[str] | None:
    """A text of a `const` object that is written out and that nothing could have changed (`as const`)."""
    thing, name = (node.child_by_field_name(field) for field in ("object", "property"))
    if thing is None or name is None or thing.type != "identifier":
        return None
    value = _constant(source, thing)
    if value is None or value.type not in ("as_expression", "satisfies_expression"):
        return None
    if not text(value).rstrip().endswith(b"as const") and value.type == "as_expression":
        return None
    held = value.named_children[0]
    while held.type in _THROUGH and held.named_children:
        held = held.named_children[0]
    found: frozenset[str] | None = None
    for pair in held.named_children if held.type == "object" else ():
        if pair.type != "pair":
            return None
        written = pair.child_by_field_name("key")
        if written is not None and text(written) == text(name):
            found = texts(source, pair.child_by_field_name("value"), depth + 1)
    return found

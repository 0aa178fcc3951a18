"""What each place of the grammar does with a value that stands in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from locara_verify.checks.analyser import values
from locara_verify.checks.analyser.constants import texts
from locara_verify.checks.analyser.names import FUNCTIONS, text
from locara_verify.checks.analyser.sources import Source
from locara_verify.checks.analyser.values import Value

if TYPE_CHECKING:
    from tree_sitter import Node

    from locara_verify.checks.analyser.flow import Flow

Place: TypeAlias = "Callable[[Flow, Source, Node, Node, Value], None]"
_PASSES: Final = frozenset({"||", "&&", "??", ","})


def _member(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    name = parent.child_by_field_name("property")
    if parent.child_by_field_name("object") == node and name is not None:
        for inner in flow.members(source, parent, value, text(name).decode()):
            flow.follow(source, parent, inner)


def _subscript(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.child_by_field_name("object") != node:
        return
    found = texts(source, parent.child_by_field_name("index"))
    if found is None and value == values.GLOBAL:
        flow.doubt("computed-global", source, parent, "the window is reached by a computed name", None)
    elif found is None:
        flow.lost("computed-member", source, parent, value, "is reached into by a computed name")
    for name in sorted(found or ()):
        for inner in flow.members(source, parent, value, name):
            flow.follow(source, parent, inner)


def _call(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    callee = parent.child_by_field_name("function") or parent.child_by_field_name("constructor")
    if callee == node:
        flow.called(source, parent, value)


def _arguments(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    listed = [one for one in parent.named_children if one.type != "comment"]
    before = listed[: listed.index(node)]
    if parent.parent is None:
        return
    if any(one.type == "spread_element" for one in before):
        flow.lost("passed-on", source, node, value, "is given at a place that is computed")
    elif parent.parent.type in ("call_expression", "new_expression"):
        flow.given(source, parent.parent, len(before), node, value)


def _declarator(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.child_by_field_name("value") == node:
        flow.bind(source, parent.child_by_field_name("name"), value)


def _assignment(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.child_by_field_name("right") == node:
        flow.bind(source, parent.child_by_field_name("left"), value)
        if parent.type != "assignment_pattern":
            flow.follow(source, parent, value)


def _default(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.child_by_field_name("right") == node:
        flow.bind(source, parent.child_by_field_name("left"), value)
    elif parent.child_by_field_name("value") == node:
        flow.bind(source, parent, value)


def _binary(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    operator = parent.child_by_field_name("operator")
    if operator is not None and text(operator).decode() in _PASSES:
        flow.follow(source, parent, value)


def _ternary(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.child_by_field_name("condition") != node:
        flow.follow(source, parent, value)


def _sequence(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.named_children[-1] == node:
        flow.follow(source, parent, value)


def _pair(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    key = parent.child_by_field_name("key")
    if parent.child_by_field_name("value") != node or key is None:
        return
    found = flow.keys(source, key)
    if found is None:
        flow.lost("stored", source, node, value, "is kept under a computed name")
    for name in sorted(found or ()):
        flow.field(source, parent, name.encode(), value)
    if parent.parent is not None:
        flow.held(source, parent.parent, value)


def _literal(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if node.type == "shorthand_property_identifier":
        flow.field(source, node, text(node), value)
        flow.held(source, parent, value)


def _class_field(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    name = parent.child_by_field_name("name") or parent.child_by_field_name("property")
    if parent.child_by_field_name("value") == node and name is not None:
        found = flow.keys(source, name)
        if found is None:
            flow.lost("stored", source, node, value, "is kept under a computed name")
        for one in sorted(found or ()):
            flow.field(source, parent, one.encode(), value)


def _spread(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    flow.lost("spread", source, parent, value, "is spread")


def _gives_back(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    place: Node | None = parent
    while place is not None and place.type not in FUNCTIONS:
        place = place.parent
    if place is not None and value != values.GLOBAL:
        flow.result(source, place, value)


def _arrow(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.child_by_field_name("body") == node and value != values.GLOBAL:
        flow.result(source, parent, value)


def _export(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.child_by_field_name("value") == node:
        flow.exported(source.path, "default").add(value)


def _attribute(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    holder = parent.parent
    name = (
        holder.parent.child_by_field_name("name")
        if holder is not None and holder.parent is not None
        else None
    )
    if (
        holder is not None
        and holder.type == "jsx_attribute"
        and flow.functions.called(source, name) is not None
    ):
        flow.field(source, parent, text(holder.named_children[0]), value)
    elif value != values.GLOBAL:
        flow.lost("passed-on", source, node, value, "is given to a component that is not followed")


def _template(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    holder = parent.parent
    if holder is not None and holder.parent is not None and holder.parent.type == "call_expression":
        flow.lost("passed-on", source, node, value, "is given to code that is not followed")


def _element(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    flow.lost("stored", source, node, value, "is kept in an array")


def _loop(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    if parent.child_by_field_name("right") == node:
        flow.lost("computed-member", source, node, value, "is looped over")


def _nothing(flow: Flow, source: Source, parent: Node, node: Node, value: Value) -> None:
    """The function's own name, or a label of an export: it holds nothing itself."""


HANDLERS: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "member_expression": _member,
        "subscript_expression": _subscript,
        "call_expression": _call,
        "new_expression": _call,
        "arguments": _arguments,
        "variable_declarator": _declarator,
        "assignment_expression": _assignment,
        "augmented_assignment_expression": _assignment,
        "assignment_pattern": _default,
        "object_assignment_pattern": _default,
        "required_parameter": _default,
        "optional_parameter": _default,
        "binary_expression": _binary,
        "ternary_expression": _ternary,
        "sequence_expression": _sequence,
        "pair": _pair,
        "object": _literal,
        "public_field_definition": _class_field,
        "field_definition": _class_field,
        "spread_element": _spread,
        "return_statement": _gives_back,
        "arrow_function": _arrow,
        "export_statement": _export,
        "jsx_expression": _attribute,
        "template_substitution": _template,
        "array": _element,
        "for_in_statement": _loop,
        "export_specifier": _nothing,
    }
)
"""For each type of parent what it does with a child that holds a value."""

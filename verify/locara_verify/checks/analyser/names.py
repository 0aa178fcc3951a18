"""Names in one file: where each is declared, by the rules of scopes, looked up only when a name is of interest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from locara_verify.checks.analyser.sources import Source

if TYPE_CHECKING:
    from tree_sitter import Node

FUNCTIONS: Final = frozenset(
    {
        "function_declaration",
        "function_expression",
        "generator_function",
        "generator_function_declaration",
        "arrow_function",
        "method_definition",
    }
)
_SCOPES: Final = FUNCTIONS | {
    "program",
    "statement_block",
    "for_statement",
    "for_in_statement",
    "catch_clause",
    "class_declaration",
    "class",
    "switch_body",
    "class_static_block",
}
_DECLARES: Final = frozenset(
    {
        "function_declaration",
        "generator_function_declaration",
        "class_declaration",
        "abstract_class_declaration",
        "enum_declaration",
        "internal_module",
    }
)
DECLARING: Final = frozenset(
    {
        "import_specifier",
        "import_clause",
        "namespace_import",
        "import_require_clause",
        "formal_parameters",
        "array_pattern",
        "rest_pattern",
        "pair_pattern",
        "object_pattern",
        "catch_clause",
        "class",
        "jsx_opening_element",
        "jsx_self_closing_element",
        "jsx_closing_element",
    }
    | _DECLARES
    | FUNCTIONS
)
"""Places where a name only stands for itself."""
_NAMES: Final = frozenset({"identifier", "shorthand_property_identifier_pattern"})


def text(node: Node) -> bytes:
    """The node's own text."""
    return node.text or b""


def scope_of(source: Source, node: Node, name: bytes) -> Node | None:
    """The innermost scope around ``node`` that declares ``name``; None for a global name."""
    place = node.parent
    while place is not None:
        if place.type in _SCOPES and name in declared(source, place):
            return place
        place = place.parent
    return None


def declared(source: Source, scope: Node) -> dict[bytes, Node]:
    """Names that ``scope`` itself declares, each with the node that declares it."""
    if scope.id not in source.scopes:
        source.scopes[scope.id] = dict(_declared(source, scope))
    return source.scopes[scope.id]


def _declared(source: Source, scope: Node) -> Iterator[tuple[bytes, Node]]:
    kind = scope.type
    if kind in FUNCTIONS:
        yield from _of_function(source, scope)
    elif kind == "catch_clause":
        yield from _of_pattern(scope.child_by_field_name("parameter"), scope)
    elif kind == "for_in_statement":
        yield from _of_pattern(scope.child_by_field_name("left"), scope)
    elif kind == "for_statement":
        yield from _of_statement(scope.child_by_field_name("initializer"))
    elif kind in ("class_declaration", "class"):
        name = scope.child_by_field_name("name")
        if kind == "class" and name is not None:
            yield text(name), scope
    else:
        for child in scope.named_children:
            yield from _of_statement(child)
            if child.type in ("switch_case", "switch_default"):
                for inner in child.named_children:
                    yield from _of_statement(inner)
        if kind == "program":
            yield from _variables(source, scope)


def _of_function(source: Source, scope: Node) -> Iterator[tuple[bytes, Node]]:
    yield from _variables(source, scope)
    name = scope.child_by_field_name("name")
    if scope.type in ("function_expression", "generator_function") and name is not None:
        yield text(name), scope
    for parameter in parameters(scope):
        yield from _of_pattern(parameter, parameter)


def _variables(source: Source, scope: Node) -> Iterator[tuple[bytes, Node]]:
    """What `var` declares anywhere in a function, outside the functions in it."""
    for found in re.finditer(rb"\bvar\b", source.text[scope.start_byte : scope.end_byte]):
        at = scope.start_byte + found.start()
        node = source.tree.descendant_for_byte_range(at, at + 3)
        node = node.parent if node is not None else None
        if node is None or node.type not in ("variable_declaration", "for_in_statement"):
            continue
        holder = node.parent
        while holder is not None and holder.type not in FUNCTIONS and holder.type != "program":
            holder = holder.parent
        if holder == scope:
            if node.type == "for_in_statement":
                yield from _of_pattern(node.child_by_field_name("left"), node)
            else:
                yield from _of_statement(node)


def _of_statement(node: Node | None) -> Iterator[tuple[bytes, Node]]:
    if node is None:
        return
    if node.type == "export_statement":
        yield from _of_statement(node.child_by_field_name("declaration"))
    elif node.type in ("lexical_declaration", "variable_declaration"):
        for declarator in node.named_children:
            if declarator.type == "variable_declarator":
                yield from _of_pattern(declarator.child_by_field_name("name"), declarator)
    elif node.type in _DECLARES:
        name = node.child_by_field_name("name")
        if name is not None:
            yield text(name), node
    elif node.type == "import_statement":
        yield from ((local, node) for local, _ in imported(node))


def statement_names(statement: Node) -> Iterator[tuple[bytes, Node]]:
    """Names that one statement declares in its scope, each with the node that declares it."""
    yield from _of_statement(statement)


def exported_local(statement: Node, name: str) -> bytes | None:
    """The local name behind what an export statement without a source gives as ``name``."""
    declaration = statement.child_by_field_name("declaration")
    if declaration is not None:
        is_default = any(one.type == "default" for one in statement.children)
        found = dict(statement_names(statement))
        if is_default:
            return next(iter(found), None) if name == "default" else None
        return name.encode() if name.encode() in found else None
    if statement.child_by_field_name("source") is None:
        for outer, inner in reexported(statement):
            if outer == name:
                return inner.encode()
        value = statement.child_by_field_name("value")
        if name == "default" and value is not None and value.type == "identifier":
            return text(value)
    return None


def reexported(statement: Node) -> Iterator[tuple[str, str]]:
    """(outer name, inner name) of `export { inner as outer }` and `export * as outer`."""
    for clause in statement.named_children:
        if clause.type == "namespace_export":
            yield text(clause.named_children[0]).decode(), "*"
        if clause.type == "export_clause":
            for specifier in clause.named_children:
                name, alias = (specifier.child_by_field_name(field) for field in ("name", "alias"))
                if specifier.type == "export_specifier" and name is not None:
                    yield text(alias or name).decode().strip("\"'"), text(name).decode().strip("\"'")


def _of_pattern(node: Node | None, declares: Node) -> Iterator[tuple[bytes, Node]]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one is None:
            continue
        if one.type in _NAMES:
            yield text(one), declares
        elif one.type == "pair_pattern":
            waiting.append(one.child_by_field_name("value"))
        elif one.type in ("object_assignment_pattern", "assignment_pattern"):
            waiting.append(one.child_by_field_name("left"))
        elif one.type in ("required_parameter", "optional_parameter"):
            waiting.append(one.child_by_field_name("pattern"))
        elif one.type in ("object_pattern", "array_pattern", "rest_pattern"):
            waiting.extend(one.named_children)


def parameters(function: Node) -> list[Node]:
    """The parameters of a function, in order, without TypeScript's `this`."""
    single = function.child_by_field_name("parameter")
    if single is not None:
        return [single]
    listed = function.child_by_field_name("parameters")
    if listed is None:
        return []
    found = [node for node in listed.named_children if node.type not in ("comment", "decorator")]
    return [
        node
        for node in found
        if (pattern := node.child_by_field_name("pattern")) is None or pattern.type != "this"
    ]


def imported(statement: Node) -> Iterator[tuple[bytes, bytes]]:
    """(local name, name in the other module; `*` for all of it) of an import statement."""
    for clause in statement.named_children:
        if clause.type == "import_require_clause":
            yield text(clause.named_children[0]), b"*"
        if clause.type != "import_clause":
            continue
        for part in clause.named_children:
            if part.type == "identifier":
                yield text(part), b"default"
            elif part.type == "namespace_import":
                yield text(part.named_children[0]), b"*"
            elif part.type == "named_imports":
                for specifier in part.named_children:
                    name, alias = (specifier.child_by_field_name(field) for field in ("name", "alias"))
                    if specifier.type == "import_specifier" and name is not None:
                        yield text(alias or name), _unquoted(name)


def _unquoted(name: Node) -> bytes:
    return text(name).strip(b"\"'")


def occurrences(source: Source, name: bytes, start: int = 0, end: int | None = None) -> Iterator[Node]:
    """Every smallest node that is spelled ``name`` between two places of the file."""
    stop = len(source.text) if end is None else end
    for found in re.finditer(re.escape(name), source.text[start:stop]):
        first, last = start + found.start(), start + found.end()
        node = source.tree.descendant_for_byte_range(first, last)
        if node is not None and (node.start_byte, node.end_byte) == (first, last):
            yield node


def references(source: Source, scope: Node, name: bytes) -> Iterator[Node]:
    """Every use of ``name`` as ``scope`` declares it, declarations included."""
    for node in occurrences(source, name, scope.start_byte, scope.end_byte):
        if node.type in ("identifier", "shorthand_property_identifier"):
            found = scope_of(source, node, name)
            if found is not None and found.id == scope.id:
                yield node

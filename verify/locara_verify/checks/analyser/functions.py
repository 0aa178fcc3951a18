"""Which functions of the app a call can mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from locara_verify.checks.analyser import names
from locara_verify.checks.analyser.constants import texts
from locara_verify.checks.analyser.names import FUNCTIONS, exported_local, reexported, text
from locara_verify.checks.analyser.sources import Frontend, Source

if TYPE_CHECKING:
    from tree_sitter import Node

_DEEPEST: Final = 12
_CLASSES: Final = frozenset({"class_declaration", "class", "abstract_class_declaration"})
_COLLECTIONS: Final = frozenset(
    {
        "push", "unshift", "set", "add", "concat", "splice", "fill", "resolve", "all", "race", "any", "allSettled",
        "assign", "freeze", "seal", "create", "entries", "values", "fromEntries", "of", "from", "defineProperty",
        "call", "apply", "bind", "postMessage", "stringify", "log",
    }
)  # fmt: skip
"""Methods that everything has, whatever a class of the app calls its own."""
_THROUGH: Final = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"}
)

Targets = list[tuple[Source, "Node"]]


class Functions:
    """Looks functions up in the files that were read."""

    def __init__(self, page: Frontend) -> None:
        self._page = page

    def called(self, source: Source, callee: Node | None, depth: int = 0) -> Targets | None:
        """The functions behind a callee; empty when there are none to run, None when it is not the app's own."""
        if callee is None or depth > _DEEPEST:
            return None
        if callee.type in _THROUGH and callee.named_children:
            return self.called(source, callee.named_children[0], depth + 1)
        if callee.type in FUNCTIONS:
            return [(source, callee)]
        look = {
            **dict.fromkeys(_CLASSES, self._constructor),
            "identifier": self._named,
            "super": self._super,
            "member_expression": self._member,
        }.get(callee.type)
        return None if look is None else look(source, callee, depth)

    def _named(self, source: Source, name: Node, depth: int) -> Targets | None:
        scope = names.scope_of(source, name, text(name))
        if scope is None:
            return None
        return self._declared(source, names.declared(source, scope)[text(name)], text(name), depth)

    def _declared(self, source: Source, node: Node, name: bytes, depth: int) -> Targets | None:
        if node.type in FUNCTIONS:
            return [(source, node)]
        if node.type in _CLASSES:
            return self._constructor(source, node, depth)
        if node.type == "variable_declarator":
            pattern = node.child_by_field_name("name")
            if pattern is not None and pattern.type == "identifier":
                return self.called(source, node.child_by_field_name("value"), depth + 1)
        if node.type == "import_statement":
            return self._imported(source, node, name, depth)
        return None

    def _imported(self, source: Source, statement: Node, local: bytes, depth: int) -> Targets | None:
        place = statement.child_by_field_name("source")
        known = texts(source, place)
        target = self._page.resolve(source.path, next(iter(known))) if known else None
        outer = dict(names.imported(statement)).get(local)
        if not target or target == "sdk" or outer is None or outer == b"*":
            return None
        return self._exported(target, outer.decode(), depth + 1)

    def _exported(self, path: str, name: str, depth: int) -> Targets | None:
        source = self._page.source(path)
        if isinstance(source, str) or depth > _DEEPEST:
            return None
        for statement in source.tree.named_children:
            if statement.type != "export_statement":
                continue
            local = exported_local(statement, name)
            if local is not None and local in names.declared(source, source.tree):
                node = names.declared(source, source.tree)[local]
                return self._declared(source, node, local, depth + 1)
            value = statement.child_by_field_name("value")
            if name == "default" and value is not None:
                return self.called(source, value, depth + 1)
            place = statement.child_by_field_name("source")
            known = texts(source, place) if place is not None else None
            target = self._page.resolve(source.path, next(iter(known))) if known else None
            inner = dict(reexported(statement)).get(name)
            if any(one.type == "*" for one in statement.children):
                inner = name
            if target and target != "sdk" and inner:
                found = self._exported(target, inner, depth + 1)
                if found is not None:
                    return found
        return None

    def _constructor(self, source: Source, node: Node, depth: int) -> Targets | None:
        body = node.child_by_field_name("body")
        for one in body.named_children if body is not None else ():
            name = one.child_by_field_name("name")
            if one.type == "method_definition" and name is not None and text(name) == b"constructor":
                return [(source, one)]
        parent = _heritage(node)
        return [] if parent is None else self.called(source, parent, depth + 1)

    def _super(self, source: Source, node: Node, depth: int) -> Targets | None:
        place = node.parent
        while place is not None and place.type not in _CLASSES:
            place = place.parent
        parent = None if place is None else _heritage(place)
        return None if parent is None else self.called(source, parent, depth + 1)

    def _member(self, source: Source, callee: Node, depth: int) -> Targets | None:
        thing, name = (callee.child_by_field_name(field) for field in ("object", "property"))
        if thing is None or name is None or text(name).decode() in _COLLECTIONS:
            return None
        if thing.type == "identifier":
            found = self._of_namespace(source, thing, text(name).decode(), depth)
            if found is not None:
                return found
        found = [one for place in self._page.sources() for one in self._methods(place, text(name), depth)]
        return found or None

    def _of_namespace(self, source: Source, thing: Node, name: str, depth: int) -> Targets | None:
        scope = names.scope_of(source, thing, text(thing))
        node = None if scope is None else names.declared(source, scope)[text(thing)]
        if node is None or node.type != "import_statement":
            return None
        if dict(names.imported(node)).get(text(thing)) != b"*":
            return None
        known = texts(source, node.child_by_field_name("source"))
        target = self._page.resolve(source.path, next(iter(known))) if known else None
        return self._exported(target, name, depth + 1) if target and target != "sdk" else None

    def _methods(self, source: Source, name: bytes, depth: int) -> Iterator[tuple[Source, Node]]:
        """Every function of that name which an object or a class of this file has."""
        for node in names.occurrences(source, name):
            parent = node.parent
            if parent is None or node.type not in ("property_identifier", "private_property_identifier"):
                continue
            if parent.type == "method_definition" and parent.child_by_field_name("name") == node:
                yield source, parent
            elif parent.type in ("pair", "public_field_definition", "field_definition"):
                held = parent.child_by_field_name("value")
                if held is not None and held.type in (*FUNCTIONS, "identifier"):
                    yield from self.called(source, held, depth + 1) or ()
            elif parent.type == "member_expression" and parent.parent is not None:
                held = parent.parent.child_by_field_name("right")
                if held is not None and held.type in (*FUNCTIONS, "identifier"):
                    yield from self.called(source, held, depth + 1) or ()


def _heritage(node: Node) -> Node | None:
    for child in node.named_children:
        if child.type == "class_heritage":
            inner = child.named_children[0] if child.named_children else None
            if inner is not None and inner.type == "extends_clause":
                return inner.child_by_field_name("value")
            return inner
    return None

"""Where the powers of a page come from: imports of the SDK, the bridge of the window, and what hides them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara_verify.checks.analyser import names, values
from locara_verify.checks.analyser.constants import texts
from locara_verify.checks.analyser.flow import Doubt, Flow, Use, first_argument
from locara_verify.checks.analyser.names import text
from locara_verify.checks.analyser.sources import Frontend, Source
from locara_verify.checks.analyser.values import Own

if TYPE_CHECKING:
    from tree_sitter import Node

_BRIDGE: Final = values.BRIDGE.encode()
_RUNS_TEXT: Final = (b"eval", b"Function")
_TIMERS: Final = (b"setTimeout", b"setInterval")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page uses, each place in order, and what could not be known."""

    files: int
    uses: tuple[Use, ...]
    doubts: tuple[Doubt, ...]

    @property
    def commands(self) -> frozenset[str]:
        """Every command that is named somewhere."""
        return frozenset(command for use in self.uses for command in use.commands)


def read(page: Frontend) -> Reading:
    """Read a page. Raises nothing for any text of an app: what is not understood is a doubt."""
    flow = Flow(page)
    for path in page.unread:
        flow.doubts[Doubt("unread-file", path, 1, 1, f"{path} is of a kind that is not read here", None)] = (
            None
        )
    flow.run(_begin)
    return Reading(
        len(page.sources()),
        tuple(sorted(flow.uses, key=lambda use: (use.file, use.line, use.column, use.commands))),
        tuple(sorted(flow.doubts, key=lambda doubt: (doubt.file, doubt.line, doubt.column, doubt.kind))),
    )


def _begin(flow: Flow, source: Source) -> None:
    for statement in source.tree.named_children:
        place = statement.child_by_field_name("source")
        if statement.type == "import_statement":
            _imported(flow, source, statement, place or _required(statement))
        elif statement.type == "export_statement" and place is not None:
            _target(flow, source, place)
    _loaded(flow, source)
    _bridge(flow, source)
    for name in sorted(values.GLOBALS):
        for node in _globals(source, name.encode()):
            flow.follow(source, node, values.GLOBAL)
    _runs_text(flow, source)


def _required(statement: Node) -> Node | None:
    clause = next((one for one in statement.named_children if one.type == "import_require_clause"), None)
    return None if clause is None else clause.child_by_field_name("source")


def _target(flow: Flow, source: Source, place: Node | None) -> str | None:
    found = texts(source, place)
    if place is None or not found:
        return None
    target = flow.page.resolve(source.path, next(iter(found)))
    if target is None:
        flow.doubt("import", source, place, f"{next(iter(found))} is not found among the sources", None)
    elif target not in ("sdk", ""):
        flow.read(target)
    return target


def _imported(flow: Flow, source: Source, statement: Node, place: Node | None) -> None:
    if any(child.type == "type" for child in statement.children):
        return
    target = _target(flow, source, place)
    if target:
        for local, outer in names.imported(statement):
            flow.imports(source, target, outer.decode(), flow.name(source, source.tree, local))


def _loaded(flow: Flow, source: Source) -> None:
    """`import("…")` and `require("…")`."""
    words = [node.parent for node in names.occurrences(source, b"import") if node.type == "import"]
    calls = [word.parent for word in words if word is not None and word.type == "import"]
    calls += [node.parent for node in _globals(source, b"require")]
    for call in calls:
        if call is None or call.type != "call_expression":
            continue
        place = first_argument(call)
        found = texts(source, place)
        if found is None or place is None:
            flow.doubt("dynamic-import", source, call, "the name of a module is computed", None)
            continue
        for one in sorted(found):
            target = flow.page.resolve(source.path, one)
            if target == "sdk":
                flow.follow(source, call, values.SDK)
            elif target:
                flow.read(target)
                flow.follow(source, call, Own(target))
            elif target is None:
                flow.doubt("import", source, place, f"{one} is not found among the sources", None)


def _globals(source: Source, name: bytes) -> list[Node]:
    """Uses of a name that nothing in the file declares."""
    return [
        node
        for node in names.occurrences(source, name)
        if node.type in ("identifier", "shorthand_property_identifier")
        and names.scope_of(source, node, name) is None
    ]


def _bridge(flow: Flow, source: Source) -> None:
    for node in names.occurrences(source, _BRIDGE):
        parent = node.parent
        if parent is None:
            continue
        if node.type == "identifier" and names.scope_of(source, node, _BRIDGE) is None:
            flow.follow(source, node, values.BRIDGE_OBJECT)
        elif node.type == "property_identifier" and parent.type == "member_expression":
            flow.follow(source, parent, values.BRIDGE_OBJECT)
        elif node.type == "property_identifier" and parent.type == "pair_pattern":
            flow.bind(source, parent.child_by_field_name("value"), values.BRIDGE_OBJECT)
        elif node.type == "shorthand_property_identifier_pattern":
            flow.bind(source, node, values.BRIDGE_OBJECT)
        elif node.type == "string_fragment" and parent.parent is not None:
            _bridge_by_text(flow, source, parent.parent, node)


def _bridge_by_text(flow: Flow, source: Source, holder: Node, node: Node) -> None:
    if holder.type == "subscript_expression":
        flow.follow(source, holder, values.BRIDGE_OBJECT)
    elif holder.type != "binary_expression":
        flow.doubt("computed-global", source, node, "the name of the bridge is kept as a text", None)


def _runs_text(flow: Flow, source: Source) -> None:
    for name in _RUNS_TEXT:
        for node in _globals(source, name):
            parent = node.parent
            operator = None if parent is None else parent.child_by_field_name("operator")
            if operator is None or text(operator) not in (b"instanceof", b"typeof"):
                flow.doubt("eval", source, node, f"{name.decode()} runs a text as code", None)
        for node in names.occurrences(source, name):
            if node.type == "property_identifier" and node.parent is not None:
                thing = node.parent.child_by_field_name("object")
                if thing is not None and text(thing).decode() in values.GLOBALS:
                    flow.doubt("eval", source, node, f"{name.decode()} runs a text as code", None)
    for name in _TIMERS:
        for node in names.occurrences(source, name):
            call = node.parent if node.type == "identifier" else node.parent and node.parent.parent
            given = None if call is None or call.type != "call_expression" else first_argument(call)
            if given is not None and given.type in ("string", "template_string", "binary_expression"):
                flow.doubt("eval", source, node, f"{name.decode()} runs a text as code", None)

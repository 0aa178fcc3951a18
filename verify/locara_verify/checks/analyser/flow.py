"""Where the powers of a page go: each value is followed from where it comes up to where it is used.

Nothing is run and nothing is guessed: an expression that holds something of Locara is in a place that is
understood, or it is a doubt with that place. Fields are taken together by their name through the whole app,
functions by what they are called; all code counts as code that runs.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara_verify.checks.analyser import names, values
from locara_verify.checks.analyser.constants import texts
from locara_verify.checks.analyser.functions import Functions
from locara_verify.checks.analyser.names import FUNCTIONS, exported_local, reexported, text
from locara_verify.checks.analyser.places import HANDLERS
from locara_verify.checks.analyser.sources import Frontend, Source
from locara_verify.checks.analyser.values import Holder, Method, Module, Own, Returns, Thing, Value

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_STEPS: Final = 100_000
GENERIC: Final = frozenset(
    {
        "value", "current", "data", "key", "name", "type", "children", "props", "state", "result", "target",
        "exports", "default", "then", "prototype",
    }
)  # fmt: skip
"""Names of fields that are far too common to take all of them for one."""
_SAME: Final = frozenset({b"Object.freeze", b"Object.seal", b"Promise.resolve"})
"""Calls that give back what they are given."""
_THROUGH: Final = frozenset(
    {
        "parenthesized_expression",
        "as_expression",
        "satisfies_expression",
        "non_null_expression",
        "await_expression",
        "type_assertion",
        "instantiation_expression",
    }
)
_HARMLESS: Final = frozenset(
    {
        "expression_statement",
        "if_statement",
        "while_statement",
        "do_statement",
        "unary_expression",
        "update_expression",
        "type_query",
        "program",
        "switch_statement",
        "switch_case",
        "type_arguments",
        "nested_type_identifier",
        "nested_identifier",
        "extends_clause",
        "import_alias",
    }
)


@dataclass(frozen=True, slots=True)
class Use:
    """Commands that are named at one place."""

    commands: tuple[str, ...]
    file: str
    line: int
    column: int
    via: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A place where what is used cannot be known. ``reach``: what could be; None is any command."""

    kind: str
    file: str
    line: int
    column: int
    words: str
    reach: tuple[str, ...] | None


class Cell:
    """What a name, a field or a result can be, and who is told of it."""

    __slots__ = ("listeners", "values")

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.listeners: list[Callable[[Value], None]] = []

    def add(self, value: Value) -> None:
        """One more value; told once."""
        if value not in self.values:
            self.values.append(value)
            for listener in tuple(self.listeners):
                listener(value)

    def tell(self, listener: Callable[[Value], None]) -> None:
        """Tell of every value, also of those to come."""
        self.listeners.append(listener)
        for value in tuple(self.values):
            listener(value)


class Flow:
    """One pass over a frontend. ``uses`` and ``doubts`` are complete after `run`."""

    def __init__(self, page: Frontend) -> None:
        self.page = page
        self.uses: dict[Use, None] = {}
        self.doubts: dict[Doubt, None] = {}
        self.functions = Functions(page)
        self._queue: deque[tuple[Source, Node, Value]] = deque()
        self._seen: set[tuple[str, int, Value]] = set()
        self._names: dict[tuple[str, int, bytes], Cell] = {}
        self._exports: dict[tuple[str, str], Cell] = {}
        self._results: dict[tuple[str, int], Cell] = {}
        self._held: dict[tuple[str, int], Cell] = {}
        self._fields: dict[bytes, Cell] = {}
        self._known: set[str] = set()
        self._by_text: dict[str, list[Node]] = {}

    def run(self, begin: Callable[[Flow, Source], None]) -> None:
        """Read every file with ``begin`` and follow what it starts, until nothing new is seen."""
        self._begin = begin
        for path in self.page.roots:
            self.read(path)
        steps = 0
        while self._queue:
            steps += 1
            source, node, value = self._queue.popleft()
            if steps > MOST_STEPS:
                self.doubt("too-much", source, node, "the app is too large to be followed to the end", None)
                return
            self._step(source, node, value)

    def read(self, path: str) -> Source | None:
        """The file, with what begins in it; a doubt when it cannot be read."""
        source = self.page.source(path)
        if path in self._known:
            return source if isinstance(source, Source) else None
        self._known.add(path)
        if isinstance(source, str):
            self.doubts[Doubt("unread-file", path, 1, 1, f"{path} was not read: {source}", None)] = None
            return None
        if source.tree.has_error:
            self._broken(source)
        self._begin(self, source)
        for name, cell in list(self._fields.items()):
            self._listen_to_field(source, name, cell)
        return source

    def follow(self, source: Source, node: Node, value: Value) -> None:
        """Say that ``node`` holds ``value``. A method is used by being named."""
        if isinstance(value, Method):
            self.use(source, node, value.commands, value.name)
        elif (mark := (source.path, node.id, value)) not in self._seen:
            self._seen.add(mark)
            self._queue.append((source, node, value))

    def use(self, source: Source, node: Node, commands: tuple[str, ...], via: str) -> None:
        """Note a use at a place."""
        row, column = node.start_point
        self.uses[Use(commands, source.path, row + 1, column + 1, via)] = None

    def doubt(self, kind: str, source: Source, node: Node, told: str, reach: tuple[str, ...] | None) -> None:
        """Note a place that cannot be followed."""
        row, column = node.start_point
        self.doubts[Doubt(kind, source.path, row + 1, column + 1, told, reach)] = None

    def _broken(self, source: Source) -> None:
        node = source.tree
        while broken := next((one for one in node.children if one.has_error or one.is_missing), None):
            node = broken
            if node.is_error or node.is_missing:
                break
        self.doubt("syntax", source, node, "from here the text is not understood", None)

    # Names, fields, exports, results: where values rest

    def name(self, source: Source, scope: Node, name: bytes) -> Cell:
        """What a name of a scope can be; every use of it is followed."""
        at = (source.path, scope.id, name)
        if at not in self._names:
            cell = self._names[at] = Cell()
            found: list[Node] = []

            def told(value: Value) -> None:
                found.extend([] if found else names.references(source, scope, name))
                for node in found:
                    self.follow(source, node, value)

            cell.tell(told)
        return self._names[at]

    def field(self, source: Source, node: Node, name: bytes, value: Value) -> None:
        """Keep ``value`` under a field's name: every field of that name, in any object, can be it now."""
        if isinstance(value, Holder) and name.decode() in GENERIC:
            return
        if name.decode() in GENERIC:
            self.lost("stored", source, node, value, f"is kept under the common name {name.decode()}")
            return
        if name not in self._fields:
            cell = self._fields[name] = Cell()
            for one in self.page.sources():
                self._listen_to_field(one, name, cell)
        self._fields[name].add(value)

    def held(self, source: Source, literal: Node, value: Value) -> None:
        """An object is written out with ``value`` in it: it is followed as well."""
        at = (source.path, literal.start_byte)
        self._held.setdefault(at, Cell()).add(value)
        if value != values.GLOBAL:
            self.follow(source, literal, Holder(*at))

    def _listen_to_field(self, source: Source, name: bytes, cell: Cell) -> None:
        cell.tell(lambda value: self._read_field(source, name, value))

    def _read_field(self, source: Source, name: bytes, value: Value) -> None:
        for node in self._composed(source):
            if name.decode() in (texts(source, node.child_by_field_name("index")) or ()):
                self.follow(source, node, value)
        for node in names.occurrences(source, name):
            parent = node.parent
            if parent is None:
                continue
            if node.type in ("property_identifier", "private_property_identifier"):
                if parent.type == "member_expression" and not self._is_written(parent):
                    self.follow(source, parent, value)
                elif parent.type == "pair_pattern":
                    self.bind(source, parent.child_by_field_name("value"), value)
            elif node.type == "shorthand_property_identifier_pattern":
                self.bind(source, node, value)
            elif node.type == "string_fragment" and _type(parent.parent) == "subscript_expression":
                self.follow(source, parent.parent or parent, value)

    def _composed(self, source: Source) -> list[Node]:
        """Places that reach into something by a text which is put together."""
        if source.path not in self._by_text:
            brackets = names.occurrences(source, b"[")
            places = [node.parent for node in brackets if _type(node.parent) == "subscript_expression"]
            self._by_text[source.path] = [
                place
                for place in places
                if place is not None
                and _type(place.child_by_field_name("index")) not in ("string", "number", "")
                and texts(source, place.child_by_field_name("index"))
            ]
        return self._by_text[source.path]

    @staticmethod
    def _is_written(node: Node) -> bool:
        parent = node.parent
        return (
            parent is not None
            and parent.type == "assignment_expression"
            and parent.child_by_field_name("left") == node
        )

    def exported(self, path: str, name: str) -> Cell:
        """What a module of the app gives by a name."""
        at = (path, name)
        if at not in self._exports:
            self._exports[at] = Cell()
            source = self.read(path)
            if source is not None:
                self._link_export(source, name, self._exports[at])
        return self._exports[at]

    def _link_export(self, source: Source, name: str, cell: Cell) -> None:
        for statement in source.tree.named_children:
            if statement.type != "export_statement":
                continue
            if local := exported_local(statement, name):
                self.name(source, source.tree, local).tell(cell.add)
            place = statement.child_by_field_name("source")
            target = self._target(source, place) if place is not None else None
            if target is None:
                continue
            if any(one.type == "*" for one in statement.children):
                self._pass(target, name, cell)
            for outer, inner in reexported(statement):
                if outer == name:
                    self._pass(target, inner, cell)

    def _target(self, source: Source, place: Node) -> str | None:
        known = texts(source, place)
        return self.page.resolve(source.path, next(iter(known))) if known else None

    def _pass(self, target: str, name: str, cell: Cell) -> None:
        """Give on what another module has by a name; `*` is all of it."""
        if target == "sdk":
            value = values.SDK if name == "*" else values.member(values.SDK, name)[1]
            if value is not None:
                cell.add(value)
        elif target and name == "*":
            self.read(target)
            cell.add(Own(target))
        elif target:
            self.exported(target, name).tell(cell.add)

    def imports(self, source: Source, target: str, name: str, cell: Cell) -> None:
        """Bind an import to what it brings."""
        self._pass(target, name, cell)

    def result(self, source: Source, function: Node, value: Value) -> None:
        """A function gives ``value`` back: whoever holds the function holds a way to it."""
        at = (source.path, function.start_byte)
        new = at not in self._results
        self._results.setdefault(at, Cell()).add(value)
        if not new:
            return
        gives = Returns(*at)
        name = function.child_by_field_name("name")
        if function.type == "method_definition" and name is not None:
            getter = any(child.type == "get" for child in function.children)
            if getter:
                self._results[at].tell(lambda one: self.field(source, function, text(name), one))
            else:
                self.field(source, function, text(name), gives)
        elif name is not None and function.type.endswith("_declaration"):
            scope = names.scope_of(source, function, text(name))
            if scope is not None:
                self.name(source, scope, text(name)).add(gives)
        else:
            self.follow(source, function, gives)

    # One step

    def bind(self, source: Source, pattern: Node | None, value: Value) -> None:
        """Give ``value`` to what is written on the left."""
        if pattern is None:
            return
        kind = pattern.type
        if kind in ("identifier", "shorthand_property_identifier_pattern"):
            scope = names.scope_of(source, pattern, text(pattern))
            if scope is None:
                self.lost("stored", source, pattern, value, "is kept in a global name")
            elif not isinstance(value, Method):
                self.name(source, scope, text(pattern)).add(value)
        elif kind == "object_pattern":
            for part in pattern.named_children:
                self._bind_part(source, part, value)
        elif kind in ("assignment_pattern", "object_assignment_pattern"):
            self.bind(source, pattern.child_by_field_name("left"), value)
        elif kind in ("required_parameter", "optional_parameter"):
            inner = pattern.child_by_field_name("pattern")
            self.bind(source, inner, value)
            if inner is not None and any(
                one.type in ("accessibility_modifier", "readonly") for one in pattern.children
            ):
                self.field(source, pattern, text(inner), value)
        elif kind in ("member_expression", "subscript_expression"):
            self._keep(source, pattern, value)
        elif kind in _THROUGH and pattern.named_children:
            self.bind(source, pattern.named_children[0], value)
        else:
            self.lost("stored", source, pattern, value, "is taken apart in a way that is not followed")

    def _bind_part(self, source: Source, part: Node, value: Value) -> None:
        if part.type == "rest_pattern":
            self.lost("spread", source, part, value, "is spread into a new object")
            return
        if part.type == "pair_pattern":
            written = part.child_by_field_name("key")
            key = self.keys(source, written)
            into = part.child_by_field_name("value")
        else:
            into = part.child_by_field_name("left") if part.type == "object_assignment_pattern" else part
            key = None if into is None else frozenset({text(into).decode()})
        if key is None:
            self.lost("computed-member", source, part, value, "is taken apart by a computed name")
            return
        for name in sorted(key):
            for inner in self.members(source, part, value, name):
                self.bind(source, into, inner)

    def keys(self, source: Source, node: Node | None) -> frozenset[str] | None:
        """The names that a key can be; None when it is computed."""
        if node is None:
            return None
        if node.type == "computed_property_name":
            return texts(source, node.named_children[0])
        return texts(source, node) if node.type == "string" else frozenset({text(node).decode()})

    def _keep(self, source: Source, place: Node, value: Value) -> None:
        """Assign to a field."""
        name = place.child_by_field_name("property")
        found = frozenset({text(name).decode()}) if name is not None else None
        if found is None:
            found = texts(source, place.child_by_field_name("index"))
        if found is None:
            self.lost("stored", source, place, value, "is kept under a computed name")
            return
        for one in sorted(found):
            self.field(source, place, one.encode(), value)

    def lost(self, kind: str, source: Source, node: Node, value: Value, told: str) -> None:
        """Note that ``value`` is followed no further."""
        if isinstance(value, Holder) and kind not in ("computed-member", "passed-on"):
            return  # its fields are found by their names wherever it goes
        if value != values.GLOBAL and not isinstance(value, Own):
            self.doubt(kind, source, node, f"{values.words(value)} {told}", self._reach(value))
        elif isinstance(value, Own) and any(
            cell.values for (path, _), cell in self._exports.items() if path == value.file
        ):
            self.doubt(kind, source, node, f"{values.words(value)} {told}", None)

    def _reach(self, value: Value) -> tuple[str, ...] | None:
        if not isinstance(value, Returns | Holder):
            return values.reach(value)
        rests = self._results if isinstance(value, Returns) else self._held
        inside = [
            one for one in rests[(value.file, value.start)].values if not isinstance(one, Returns | Holder)
        ]
        parts = [values.reach(one) for one in inside] or [None]
        if any(part is None for part in parts):
            return None
        return tuple(sorted({command for part in parts for command in part or ()}))

    def members(self, source: Source, node: Node, value: Value, name: str) -> Iterator[Value]:
        """What `value.name` can be. A method is noted as used."""
        if isinstance(value, Own):
            self.exported(value.file, name).tell(lambda one: self._late(source, node, one))
            return
        known, found = values.member(value, name)
        if isinstance(found, Method):
            self.use(source, node, found.commands, found.name)
        elif found is not None:
            yield found
        elif not known:
            self._odd_member(source, node, value, name)

    def _late(self, source: Source, node: Node, value: Value) -> None:
        if node.type in ("shorthand_property_identifier_pattern", "object_assignment_pattern"):
            self.bind(source, node, value)
        elif node.type == "pair_pattern":
            self.bind(source, node.child_by_field_name("value"), value)
        else:
            self.follow(source, node, value)

    def _odd_member(self, source: Source, node: Node, value: Value, name: str) -> None:
        parent = node.parent
        if name in ("then", "catch", "finally") and not isinstance(value, Module):
            if parent is not None and parent.type == "call_expression":
                self._promised(source, parent, value, name)
            return
        if isinstance(value, Thing | Module) and value != values.GLOBAL:
            self.lost("unknown-member", source, node, value, f"has no member {name} that is known here")
        elif isinstance(value, Returns):
            self.lost("passed-on", source, node, value, f"is used through {name}")

    def _promised(self, source: Source, call: Node, value: Value, name: str) -> None:
        """`.then(one => …)`: the function is given what was waited for."""
        arguments = call.child_by_field_name("arguments")
        first = arguments.named_children[0] if arguments is not None and arguments.named_children else None
        if name != "then":
            self.follow(source, call, value)
        elif first is not None and first.type in FUNCTIONS:
            for parameter in names.parameters(first)[:1]:
                self.bind(source, parameter, value)
        elif first is not None:
            self.lost("passed-on", source, first, value, "is given to code that is not followed")

    def _step(self, source: Source, node: Node, value: Value) -> None:
        parent = node.parent
        if parent is None or parent.type in _HARMLESS:
            return
        handler = HANDLERS.get(parent.type)
        if handler is not None:
            handler(self, source, parent, node, value)
        elif parent.type in _THROUGH:
            self.follow(source, parent, value)
        elif parent.type not in names.DECLARING:
            self.lost("passed-on", source, node, value, "goes where it is not followed")

    def called(self, source: Source, call: Node, value: Value) -> None:
        """`value(…)` or `new value(…)`."""
        if isinstance(value, Returns):
            self._results[(value.file, value.start)].tell(lambda one: self.follow(source, call, one))
        elif value == values.CALLER:
            self._command(source, call, first_argument(call), value)
        elif value == values.SENDER:
            self._frame(source, call, first_argument(call))
        elif value == values.TRANSPORTS and call.type == "new_expression":
            self.follow(source, call, values.TRANSPORT)
        elif isinstance(value, Thing) and value in values.RESULTS:
            self.follow(source, call, values.RESULTS[value])

    def _frame(self, source: Source, call: Node, frame: Node | None) -> None:
        """`bridge.send({ cmd: … })`: the frame is read where it is written out."""
        pairs = {} if frame is None or frame.type != "object" else dict(_pairs(frame))
        if b"cmd" in pairs:
            self._command(source, call, pairs[b"cmd"], values.SENDER)
        elif b"cancel" not in pairs:
            self.doubt("computed-command", source, call, "a frame is sent that is not written out here", None)

    def _command(self, source: Source, call: Node, written: Node | None, value: Value) -> None:
        found = texts(source, written)
        if found is None:
            self.doubt("computed-command", source, call, "the name of a command is computed", None)
            return
        for name in sorted(found):
            self.use(source, call, (name,), values.words(value))

    def given(self, source: Source, call: Node, index: int, node: Node, value: Value) -> None:
        """``value`` is the argument at ``index`` of a call."""
        if value == values.GLOBAL:
            return
        callee = call.child_by_field_name("function") or call.child_by_field_name("constructor")
        known = callee is not None and self._is_sdk(source, callee)
        targets = self.functions.called(source, callee)
        if known:
            return
        if callee is not None and text(callee) in _SAME:
            self.follow(source, call, value)
        elif targets is None:
            self.lost("passed-on", source, node, value, "is given to code that is not followed")
        for place, function in targets or ():
            listed = names.parameters(function)
            if index < len(listed) and not _is_rest(listed[index]):
                self.bind(place, listed[index], value)
            elif listed and _is_rest(listed[-1]):
                self.lost("stored", place, listed[-1], value, "is collected in an array")
            elif b"arguments" in text(function):
                self.lost("passed-on", place, function, value, "is reached by `arguments`")

    def _is_sdk(self, source: Source, callee: Node) -> bool:
        """What the SDK itself does with an argument is the SDK's own."""
        return any(
            (source.path, callee.id, value) in self._seen
            for value in (values.MAKER, values.TRANSPORTS, values.OPENER, values.CALLER)
        )


def first_argument(call: Node) -> Node | None:
    """The first argument of a call."""
    arguments = call.child_by_field_name("arguments")
    listed = [] if arguments is None else [one for one in arguments.named_children if one.type != "comment"]
    return listed[0] if listed else None


def _pairs(frame: Node) -> Iterator[tuple[bytes, Node]]:
    for pair in frame.named_children:
        if pair.type == "shorthand_property_identifier":
            yield text(pair), pair
        key, held = (pair.child_by_field_name(field) for field in ("key", "value"))
        if pair.type == "pair" and key is not None and held is not None:
            yield re.sub(rb"[\"']", b"", text(key)), held


def _type(node: Node | None) -> str:
    return "" if node is None else node.type


def _is_rest(parameter: Node) -> bool:
    inner = parameter.child_by_field_name("pattern") or parameter
    return inner.type == "rest_pattern"

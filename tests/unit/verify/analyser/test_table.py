"""The table of the SDK against the SDK's own sources, read in a way of its own."""

from __future__ import annotations

import re
from pathlib import Path

import tree_sitter
import tree_sitter_typescript

from locara.core.surface import COMMANDS
from locara_verify.checks.analyser.values import COMMANDS_OF, MODULES

SDK = Path(__file__).resolve().parents[4] / "locara/js/sdk/src"
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_typescript.language_typescript()))
FILE_OF = {"background": "desktop", "clipboard": "desktop", "notify": "desktop", "shell": "desktop"}


def test_it_has_every_module_of_a_client() -> None:
    text = (SDK / "client.ts").read_text()
    assert set(re.findall(r"(\w+): create\w+\(transport\)", text)) == MODULES


def test_every_command_of_a_method_exists() -> None:
    named = {command for methods in COMMANDS_OF.values() for names in methods.values() for command in names}
    assert named == set(COMMANDS), "each command of the runtime has a method, and each method a command"


def test_it_has_the_methods_of_each_interface_and_the_commands_they_call() -> None:
    for module in sorted(MODULES):
        root = PARSER.parse((SDK / f"{FILE_OF.get(module, module)}.ts").read_bytes()).root_node
        assert _methods(root, module.capitalize()) == set(COMMANDS_OF[module]) | _inner(module)
        for method, commands in COMMANDS_OF[module].items():
            called = _called(root, f"create{module.capitalize()}", method)
            # What a module does through another one (live transcription) or behind a cancel is not spelled there.
            assert called <= set(commands), (module, method)
            assert called or (module, method) == ("transcribe", "live"), (module, method)


def _inner(module: str) -> set[str]:
    return {path.partition(".")[2] for path in COMMANDS_OF if path.startswith(f"{module}.")}


def _methods(root: tree_sitter.Node, interface: str) -> set[str]:
    for node in _all(root):
        if (
            node.type == "interface_declaration"
            and node.child_by_field_name("name").text.decode() == interface
        ):
            body = node.child_by_field_name("body")
            return {
                part.child_by_field_name("name").text.decode()
                for part in body.named_children
                if part.type != "comment"
            }
    raise AssertionError(f"no interface {interface}")


def _called(root: tree_sitter.Node, maker: str, method: str) -> set[str]:
    """Commands spelled in a method, or in a function of the file that it names."""
    named: dict[str, tree_sitter.Node] = {}
    of_maker: tree_sitter.Node | None = None
    for node in _all(root):
        name = node.child_by_field_name("name") or node.child_by_field_name("key")
        if name is None or node.type not in (
            "function_declaration",
            "variable_declarator",
            "method_definition",
            "pair",
        ):
            continue
        if name.text.decode() == maker:
            of_maker = node
        named.setdefault(name.text.decode(), node)
    inside = {
        (node.child_by_field_name("name") or node.child_by_field_name("key")).text.decode(): node
        for kind in ("variable_declarator", "pair", "method_definition")  # the later wins
        for node in _all(of_maker)
        if node.type == kind
    }
    found, waiting, seen = set(), [method], set()
    while waiting:
        one = waiting.pop()
        node = inside.get(one) or named.get(one)
        if one in seen or node is None or one == maker:
            continue
        seen.add(one)
        text = node.text.decode()
        found |= {name for name in re.findall(r'"(\w+\.\w+)"', text) if name in COMMANDS}
        waiting += re.findall(r"\b([a-z]\w+)\(", text)
    return found


def _all(node: tree_sitter.Node | None) -> list[tree_sitter.Node]:
    found, waiting = [], [node]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting.extend(one.named_children)
    return found

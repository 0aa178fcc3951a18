"""The sources of a frontend: which files they are, parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara_verify.target import Target

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

GRAMMARS: Final = {
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "tsx",
    ".jsx": "javascript",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
}
UNREAD: Final = frozenset({".vue", ".svelte", ".astro", ".coffee"})
"""Sources of pages that no grammar here reads."""
MOST_BYTES: Final = 2_000_000
_OTHER: Final = frozenset(
    {"vendor", "test", "tests", "__tests__", "dev", "scripts", "locara-sdk", "e2e", "build"}
)
_NOT_THE_PAGE: Final = re.compile(r"(\.d|\.test|\.spec|\.config|\.stories)\.[cm]?[jt]sx?$")
_SDK: Final = re.compile(r"(^|/)@locara/sdk(/\w+)?$|^#locara-sdk$|(^|/)locara-sdk/(.+/)?index\.js$")


@dataclass(slots=True)
class Source:
    """One file that was parsed. ``tree`` is its root node."""

    path: str
    text: bytes
    tree: Node
    scopes: dict[int, dict[bytes, Node]] = field(default_factory=dict)


@dataclass(slots=True)
class Frontend:
    """The files of a page: those that are read from the start, and what else can be asked for by path."""

    target: Target
    paths: frozenset[str]
    roots: tuple[str, ...]
    unread: tuple[str, ...]
    aliases: Mapping[str, str]
    _read: dict[str, Source | str] = field(default_factory=dict)

    def source(self, path: str) -> Source | str:
        """The parsed file, or the reason why it is not read."""
        if path not in self._read:
            self._read[path] = self._parse(path)
        return self._read[path]

    def sources(self) -> list[Source]:
        """Every file that was read so far."""
        return [one for one in self._read.values() if isinstance(one, Source)]

    def _parse(self, path: str) -> Source | str:
        try:
            text = (self.target.path / path).read_bytes()
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        if len(text) > MOST_BYTES:
            return f"it has more than {MOST_BYTES:,} bytes"
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            return "it is not UTF-8"
        return Source(path, text, _parser(GRAMMARS[PurePosixPath(path).suffix]).parse(text).root_node)

    def resolve(self, importer: str, specifier: str) -> str | None:
        """What an import means: `sdk`, the path of an own file, `` (another package), None (not to be found)."""
        if _SDK.search(specifier):
            return "sdk"
        if specifier.startswith("."):
            base = _normal(PurePosixPath(importer).parent / specifier)
        elif (alias := self._alias(specifier)) is not None:
            base = alias
        elif specifier.startswith(("#", "/", "@/", "~")):
            return None
        else:
            return ""
        if _SDK.search(base):
            return "sdk"
        return next((path for path in _candidates(base) if path in self.paths), _asset(base))

    def _alias(self, specifier: str) -> str | None:
        for prefix, place in self.aliases.items():
            if prefix.endswith("*") and specifier.startswith(prefix[:-1]):
                return _normal(PurePosixPath(place.replace("*", specifier[len(prefix) - 1 :])))
            if specifier == prefix:
                return _normal(PurePosixPath(place))
        return None


def _asset(base: str) -> str | None:
    """Styles, pictures and the like hold no code."""
    suffix = PurePosixPath(base).suffix
    return "" if suffix and suffix not in GRAMMARS and suffix not in UNREAD else None


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return ".."
            parts.pop()
        elif part not in (".", "/"):
            parts.append(part)
    return "/".join(parts)


def _candidates(base: str) -> Iterator[str]:
    yield base
    stem, dot, suffix = base.rpartition(".")
    if dot and suffix in ("js", "jsx", "mjs", "cjs"):
        yield from (f"{stem}.{other}" for other in ("ts", "tsx", "mts", "cts"))
    yield from (f"{base}{suffix}" for suffix in GRAMMARS)
    yield from (f"{base}/index{suffix}" for suffix in GRAMMARS)


def frontend(target: Target) -> Frontend:
    """The sources of an app's page: `src/` where there is one, else every script that is no test and no tool.

    An app without sources of its own is read as it was built.
    """
    out = "" if target.manifest is None else target.manifest.build.out
    files = [entry.path for entry in target.entries if entry.kind in ("file", "exec")]
    code = [path for path in files if PurePosixPath(path).suffix in GRAMMARS]
    named = [path for path in files if PurePosixPath(path).suffix in GRAMMARS.keys() | UNREAD]
    pages = [path for path in named if not _NOT_THE_PAGE.search(path)]
    below = [path for path in pages if path.startswith("src/")] or [
        path
        for path in pages
        if "/" in path and not _OTHER.intersection(path.split("/")) and not path.startswith(f"{out}/")
    ]
    if not below and out:
        below = [path for path in pages if path.startswith(f"{out}/") and "locara-sdk" not in path.split("/")]
    return Frontend(
        target,
        frozenset(code),
        tuple(path for path in below if PurePosixPath(path).suffix in GRAMMARS),
        tuple(path for path in below if PurePosixPath(path).suffix in UNREAD),
        _aliases(target, files),
    )


def _aliases(target: Target, files: list[str]) -> dict[str, str]:
    """Own names for own files: `imports` of package.json, `paths` of tsconfig.json, and `@/` for `src/`."""
    found: dict[str, str] = {}
    for name in ("package.json", "tsconfig.json"):
        if name in files:
            try:
                document = json.loads((target.path / name).read_bytes())
                found |= dict(_named(document.get("imports", {})))
                found |= dict(_named(document.get("compilerOptions", {}).get("paths", {})))
            except (OSError, ValueError, AttributeError, RecursionError):
                continue
    return found | ({} if "@/*" in found else {"@/*": "src/*"})


def _named(table: dict[str, object]) -> Iterator[tuple[str, str]]:
    for name, given in table.items():
        place = given.get("default") or given.get("import") if isinstance(given, dict) else given
        first = place[0] if isinstance(place, list) and place else place
        if isinstance(first, str):
            yield name, first


@cache
def _parser(grammar: str) -> Parser:
    import tree_sitter  # noqa: PLC0415 - only this check needs it

    if grammar == "javascript":
        import tree_sitter_javascript  # noqa: PLC0415

        return tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))
    import tree_sitter_typescript  # noqa: PLC0415

    pointer = (
        tree_sitter_typescript.language_tsx()
        if grammar == "tsx"
        else tree_sitter_typescript.language_typescript()
    )
    return tree_sitter.Parser(tree_sitter.Language(pointer))

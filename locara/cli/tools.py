"""`locara tools`: what is in the tool cache, whether its bytes are right, and how to add a tool."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from locara.cli.exits import Exit
from locara.cli.terminal import print_error, printable, size_text
from locara.errors import ToolError, UsageError

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.tools.cache import ToolCache

summary = "list, verify or import tools of the cache"

_EPILOG = """examples:
  locara tools list
  locara tools verify
  locara tools import my-tool                       a folder with tool.json and tool.wasm
  locara tools import my-tool --expect sha256:2a9b…  refuse any other tool
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list|verify|import with their own arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("list", "verify", "import"))
    parser.add_argument(
        "item", metavar="DIR|DIGEST", nargs="?", help="import: the folder; verify: one digest (default: all)"
    )
    parser.add_argument("--expect", metavar="DIGEST", help="import: the digest that the tool must have")
    parser.add_argument("--cache", metavar="DIR", type=Path, help="a cache other than your own")
    parser.add_argument("--format", choices=("human", "json"), default="human", help="list: how to print")


def run(args: argparse.Namespace) -> int:
    """0, or 1 when a tool's bytes are wrong."""
    from locara.tools.cache import ToolCache, default_root

    cache = ToolCache(default_root() if args.cache is None else args.cache)
    if args.action == "import":
        return _import(cache, args)
    if args.action == "verify":
        return _verify(cache, args.item)
    if args.item is not None:
        raise UsageError("`locara tools list` takes no argument", fix="see `locara tools --help`")
    return _list(cache, args.format)


def _list(cache: ToolCache, form: str) -> int:
    rows: list[dict[str, str | list[str]]] = []
    for digest in cache.list():
        try:
            tool = cache.verify(digest)
        except ToolError as error:
            rows.append({"digest": str(digest), "problem": error.message})
            continue
        rows.append(
            {
                "digest": str(digest),
                "id": tool.id,
                "version": tool.version,
                "abi": tool.abi,
                "license": tool.license,
                "description": tool.description,
                "needs": _needs(cache, digest),
            }
        )
    if form == "json":
        print(json.dumps(rows))
        return Exit.PASSED
    for row in rows:
        if "problem" in row:
            print(f"?@{row['digest']}  {row['problem']}")
            continue
        print(f"{row['id']}@{row['digest']}  {row['version']}")
        print(f"    {printable(str(row['description']))} ({printable(str(row['license']))})")
        print(f"    needs {', '.join(row['needs']) or 'nothing of the app'}")
    if not rows:
        print(f"no tools in {cache.root}")
    return Exit.PASSED


def _needs(cache: ToolCache, digest: Digest) -> list[str]:
    """What a tool asks the app to be granted."""
    tool = cache.verify(digest)
    needs = [grant.origin.declared for grant in tool.needs.grants]
    needs += [f'"tooling": ["{name}"]' for name in sorted(tool.needs.tooling)]
    return needs + (["a scratch folder"] if tool.scratch else [])


def _verify(cache: ToolCache, item: str | None) -> int:
    digests = cache.list() if item is None else (_digest(item),)
    worst = Exit.PASSED
    for digest in digests:
        try:
            tool = cache.verify(digest)
        except ToolError as error:
            print_error(error.diagnostics())
            worst = Exit.FINDINGS
        else:
            print(f"ok  {tool.id}@{digest}")
    if not digests:
        print(f"no tools in {cache.root}")
    return worst


def _import(cache: ToolCache, args: argparse.Namespace) -> int:
    from locara.cli.not_revoked import not_revoked
    from locara.tools.cache import read_folder
    from locara.tools.manifest import read_tool

    if args.item is None:
        raise UsageError("import needs a folder", fix="locara tools import my-tool")
    expected = None if args.expect is None else _digest(args.expect)
    manifest, wasm = read_folder(Path(args.item))
    not_revoked(tool=read_tool(manifest).digest)
    tool = cache.add(manifest, wasm, expected=expected)
    print(f"added {tool.id} {tool.version} ({size_text(len(wasm))}) to {cache.root}")
    print(f'Pin it in locara.json: "tools": ["{tool.id}@{tool.digest}"]')
    return Exit.PASSED


def _digest(text: str) -> Digest:
    from locara.core.digest import Digest

    try:
        return Digest.parse(text.rpartition("@")[2])
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a digest", fix="write sha256: and 64 hexadecimal digits"
        ) from error

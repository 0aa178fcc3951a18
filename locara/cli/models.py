"""`locara models`: what is in the model cache, whether its bytes are right, and how to add a file."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from locara.cli.exits import Exit
from locara.cli.terminal import print_error, printable, size_text
from locara.errors import ModelError, UsageError

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.models.cache import ModelCache

summary = "list, verify or import models of the cache"

_EPILOG = """examples:
  locara models list
  locara models verify
  locara models import qwen2.5-3b-instruct-q4_k_m.gguf --id qwen2.5-3b
  locara models import model.gguf --id m --expect sha256:2a9b…   refuse any other file
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list|verify|import with their own arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("list", "verify", "import"))
    parser.add_argument(
        "item", metavar="FILE|DIGEST", nargs="?", help="import: the file; verify: one digest (default: all)"
    )
    parser.add_argument("--id", metavar="NAME", help="import: the name that a manifest pins it by")
    parser.add_argument("--expect", metavar="DIGEST", help="import: the digest that the file must have")
    parser.add_argument("--cache", metavar="DIR", type=Path, help="a cache other than your own")
    parser.add_argument("--format", choices=("human", "json"), default="human", help="list: how to print")


def run(args: argparse.Namespace) -> int:
    """0, or 1 when a model's bytes are wrong."""
    from locara.models.cache import ModelCache, default_root

    cache = ModelCache(default_root() if args.cache is None else args.cache)
    if args.action == "import":
        return _import(cache, args)
    if args.action == "verify":
        return _verify(cache, args.item)
    if args.item is not None:
        raise UsageError("`locara models list` takes no argument", fix="see `locara models --help`")
    return _list(cache, args.format)


def _list(cache: ModelCache, form: str) -> int:
    found = cache.list()
    if form == "json":
        rows = [
            {"digest": str(model.digest), "size": model.size, "meta": dict(model.meta)} for model in found
        ]
        print(json.dumps(rows))
        return Exit.PASSED
    for model in found:
        name = printable(str(model.meta.get("id", "?")))
        print(f"{name}@{model.digest}  {size_text(model.size)}")
    if not found:
        print(f"no models in {cache.root}")
    return Exit.PASSED


def _verify(cache: ModelCache, item: str | None) -> int:
    digests = [model.digest for model in cache.list()] if item is None else [_digest(item)]
    worst = Exit.PASSED
    for digest in digests:
        try:
            cache.verify(digest)
        except ModelError as error:
            print_error(error.diagnostics())
            worst = Exit.FINDINGS
        else:
            print(f"ok  {digest}")
    if not digests:
        print(f"no models in {cache.root}")
    return worst


def _import(cache: ModelCache, args: argparse.Namespace) -> int:
    from locara.models.pin import Pin

    if args.item is None or args.id is None:
        raise UsageError(
            "import needs a file and --id NAME", fix="locara models import model.gguf --id my-model"
        )
    path = Path(args.item)
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    Pin.parse(f"{args.id}@sha256:{'0' * 64}")  # a name no manifest could pin is refused before the copy
    expected = None if args.expect is None else _digest(args.expect)
    print(f"copying {path} ({size_text(path.stat().st_size)}) into {cache.root}", flush=True)
    digest = cache.add_file(path, expected=expected, meta={"id": args.id, "origin": path.name})
    print(f'added. Pin it in locara.json: "models": ["{args.id}@{digest}"]')
    return Exit.PASSED


def _digest(text: str) -> Digest:
    from locara.core.digest import Digest

    try:
        return Digest.parse(text.rpartition("@")[2])
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a digest", fix="write sha256: and 64 hexadecimal digits"
        ) from error

"""`locara models`: get models, pin them, see what is in the cache and whether its bytes are right."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.cli.exits import Exit, exit_of
from locara.cli.models_signature import Signing, add_options, add_requirement, keep
from locara.cli.terminal import print_error, printable, size_text
from locara.errors import LocaraError, ModelError, UsageError

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.models.cache import CachedModel, ModelCache
    from locara.models.users import User

summary = "get, pin, list, verify, import or collect models"

_EPILOG = """examples:
  locara models pull apps/docvault                     get what this app pins
  locara models pin hf:org/repo/model.gguf --write     pin a model by the hub's own digest
  locara models list
  locara models verify
  locara models import model.gguf --id my-model
  locara models gc --yes

Only pull, pin and an --index at an https address use the network. `locara models ACTION --help` tells more.
"""

_PULL = """examples:
  locara models pull apps/docvault --index https://models.example.org/index.json
  locara models pull apps/docvault --dry-run           say what would come from where, and how large it is
  locara models pull my-model@sha256:2a9b… --index models.json

A download that was cut goes on where it stopped when the same command is run again.
"""

_PIN = """examples:
  locara models pin hf:org/repo/model-q4_k_m.gguf                       show the change
  locara models pin hf:org/repo/model-q4_k_m.gguf@v1.0 --write          make it, at this revision
  locara models pin hf:org/repo/model.gguf --id chat --app apps/docvault --write
"""

_LIST = """examples:
  locara models list
  locara models list --json
"""

_VERIFY = """examples:
  locara models verify
  locara models verify my-model@sha256:2a9b…

Exit code: 0 every file is what its digest says, 1 one is not.
"""

_IMPORT = """examples:
  locara models import qwen2.5-3b-instruct-q4_k_m.gguf --id qwen2.5-3b
  locara models import model.gguf --id m --expect sha256:2a9b…          refuse any other file
  locara models import model.gguf --id m --trust-root instance.json --expect-identity https://ci.example/models@v1

A signature beside the file (model.gguf.sigstore.json, model.gguf.sig, model.sig) is kept, and checked when you say
against what. One that does not hold keeps the model out.
"""

_GC = """examples:
  locara models gc                          list what no app pins
  locara models gc --app ../other --yes     remove it, but keep what this app pins

Apps that were run or pulled for on this machine are known; name others with --app.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per action."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, what: str, epilog: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=what, description=what)
        one.epilog = epilog
        one.add_argument("--cache", metavar="DIR", type=Path, help="a cache other than your own")
        return one

    pull = action("pull", "get the models that an app pins, or one model", _PULL)
    pull.add_argument(
        "items", metavar="APP|PIN", nargs="*", help="an app's folder (default: this one) or id@sha256:…"
    )
    pull.add_argument(
        "--index",
        metavar="PLACE",
        action="append",
        default=[],
        help="an index of models: a file or an https address",
    )
    pull.add_argument(
        "--all", action="store_true", help="the models of every profile, not of this machine's alone"
    )
    pull.add_argument("--dry-run", action="store_true", help="say what would be done")
    add_requirement(pull)
    pin = action("pin", "pin a model of the hub in an app's locara.json", _PIN)
    pin.add_argument("ref", metavar="hf:ORG/REPO/FILE[@REVISION]")
    pin.add_argument(
        "--app", metavar="DIR", type=Path, default=Path(), help="the app's folder (default: this one)"
    )
    pin.add_argument("--id", metavar="NAME", help="the id in the pin (default: from the file's name)")
    pin.add_argument("--modality", metavar="NAME", default="text-to-text", help="default: text-to-text")
    pin.add_argument("--write", action="store_true", help="write it; without this the change is only shown")
    pin.add_argument("--hub", metavar="URL", help="another endpoint with the hub's interface")
    listing = action("list", "what is in the cache", _LIST)
    listing.add_argument(
        "--app", metavar="DIR", type=Path, action="append", default=[], help="an app to consider"
    )
    listing.add_argument("--format", choices=("human", "json"), default="human", help="how to print")
    listing.add_argument(
        "--json", action="store_const", const="json", dest="format", help="the same as --format json"
    )
    add_options(listing)
    verify = action("verify", "read every byte and compare it with the digest", _VERIFY)
    verify.add_argument("item", metavar="DIGEST|PIN", nargs="?", help="one model (default: all)")
    add_requirement(verify)
    one = action("import", "add a file to the cache", _IMPORT)
    one.add_argument("item", metavar="FILE")
    one.add_argument("--id", metavar="NAME", required=True, help="the name that a manifest pins it by")
    one.add_argument("--expect", metavar="DIGEST", help="the digest that the file must have")
    one.add_argument("--license", metavar="SPDX", default="unknown", help="its licence, for the list")
    one.add_argument(
        "--signature", metavar="FILE", type=Path, help="its signature (default: one beside the file)"
    )
    add_requirement(one)
    gc = action("gc", "remove models that no app pins", _GC)
    gc.add_argument(
        "--app", metavar="DIR", type=Path, action="append", default=[], help="an app to keep models for"
    )
    gc.add_argument("--yes", action="store_true", help="remove; without this they are only listed")


def run(args: argparse.Namespace) -> int:
    """0, or 1 when a model's bytes are wrong or one could not be had."""
    from locara.models.cache import ModelCache, default_root

    cache = ModelCache(default_root() if args.cache is None else args.cache)
    return _ACTIONS[args.action](cache, args)


def _pull(cache: ModelCache, args: argparse.Namespace) -> int:
    from locara.cli.models_pull import pull

    return pull(cache, args)


def _pin(_cache: ModelCache, args: argparse.Namespace) -> int:
    from locara.cli.models_pin import pin

    return pin(args)


def _list(cache: ModelCache, args: argparse.Namespace) -> int:
    from locara.models.users import users

    known = users(cache, args.app, lenient=True)
    signing = Signing(args)
    models = [(model, signing.seen(cache, model.digest)) for model in cache.list()]
    rows = [{**_row(model, known), "signature": state.facts()} for model, state in models]
    found = Exit.FINDINGS if any(state.word == "refused" for _, state in models) else Exit.PASSED
    if args.format == "json":
        print(json.dumps(rows))
        return found
    for row, (_, state) in zip(rows, models, strict=True):
        seen = row["verified"] or "never"
        print(f"{printable(row['id'])}@{row['digest']}  {size_text(row['size'])}")
        apps = ", ".join(row["apps"]) or "no app"
        print(f"    {printable(row['license'])}, verified {seen}, pinned by {apps}")
        print(f"    {state.text}")
    if not rows:
        print(f"no models in {cache.root}")
    return found


def _row(model: CachedModel, known: Iterable[User]) -> dict[str, Any]:
    from datetime import UTC, datetime

    when = None if model.verified is None else datetime.fromtimestamp(model.verified, UTC)
    return {
        "id": str(model.meta.get("id", "?")),
        "digest": str(model.digest),
        "size": model.size,
        "license": str(model.meta.get("license", "unknown")),
        "verified": when and when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "apps": sorted({user.app_id for user in known if model.digest in {pin.digest for pin in user.pins}}),
        "meta": dict(model.meta),
    }


def _verify(cache: ModelCache, args: argparse.Namespace) -> int:
    import time

    digests = [model.digest for model in cache.list()] if args.item is None else [_digest(args.item)]
    signing, worst = Signing(args), Exit.PASSED
    for digest in digests:
        try:
            cache.verify(digest)
            cache.note_verified(digest, time.time())
            state = signing.renew(cache, digest)
        except LocaraError as error:
            about = "" if isinstance(error, ModelError) else f"{digest}: "  # which names it itself
            print_error(f"{about}{error.diagnostics()}")
            worst = max(worst, exit_of(error))
        else:
            print(f"ok  {digest}  {state.text}")
    if not digests:
        print(f"no models in {cache.root}")
    return worst


def _import(cache: ModelCache, args: argparse.Namespace) -> int:
    import time

    from locara.cli.model_files import inspect
    from locara.cli.not_revoked import inspect_wanted
    from locara.models.pin import Pin

    path = Path(args.item)
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    Pin.parse(f"{args.id}@sha256:{'0' * 64}")  # a name no manifest could pin is refused before the copy
    expected = None if args.expect is None else _digest(args.expect)
    inspect(path)  # before the copy, to be quick, and again on the copy, to be sure
    signing = Signing(args)
    bundle = signing.beside(path)
    print(f"copying {path} ({size_text(path.stat().st_size)}) into {cache.root}", flush=True)
    meta = {"id": args.id, "origin": path.name, "license": args.license}

    def wanted(copy: Path) -> None:
        inspect_wanted(copy, also=lambda found: signing.accept(bundle, found))

    digest = cache.add_file(path, expected=expected, meta=meta, inspect=wanted)
    state = keep(cache, digest, bundle, signing.accept(bundle, digest))
    cache.note_verified(digest, time.time())
    print(state.text)
    print(f'added. Pin it in locara.json: "models": ["{args.id}@{digest}"]')
    return Exit.PASSED


def _gc(cache: ModelCache, args: argparse.Namespace) -> int:
    from locara.cli.models_gc import collect

    return collect(cache, args.app, remove=args.yes)


def _digest(text: str) -> Digest:
    from locara.core.digest import Digest

    try:
        return Digest.parse(text.rpartition("@")[2])
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a digest", fix="write sha256: and 64 hexadecimal digits"
        ) from error


_ACTIONS: Final[dict[str, Callable[[ModelCache, argparse.Namespace], int]]] = {
    "pull": _pull,
    "pin": _pin,
    "list": _list,
    "verify": _verify,
    "import": _import,
    "gc": _gc,
}

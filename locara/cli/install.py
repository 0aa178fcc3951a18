"""`locara install`: an app out of its bundle, when everything about it holds."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from locara.cli.exits import Exit
from locara.cli.terminal import printable
from locara.errors import UsageError

if TYPE_CHECKING:
    from locara.runtime.installed import Installed, Shelf
    from locara.runtime.state import StateFolder

summary = "verify the bundle of an app strictly, and keep it to be run"

_EPILOG = """examples:
  locara install notes.locapp --expect-source https://git.example/acme/notes \\
      --expect-builder https://ci.example/linux@v1 --expect-identity https://ci.example/linux@v1
  locara install notes-1.1.0.locapp        an update: of the same source, builder and signer as before
  locara install --list                    what is installed, and from where
  locara run acme/notes

Nothing here uses the network. Every attestation in the bundle must hold, and among them must be how it was built and
that `locara verify --strict` passed. What you expect comes from the publisher's page or the catalogue, and is kept:
an update by somebody else is refused, and so is an older version. A refused bundle changes nothing.

Exit code: 0; 1 refused; 2 usage; 5 this machine lacks what it needs to tell.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FILE or --list, what is expected, what to check against."""
    parser.epilog = _EPILOG
    parser.add_argument("bundle", metavar="FILE", type=Path, nargs="?", help="the bundle, a .locapp file")
    parser.add_argument("--expect-source", metavar="URL", help="the repository it must be built from")
    parser.add_argument("--expect-builder", metavar="URL", help="the builder that must have built it")
    parser.add_argument("--expect-identity", metavar="URL", help="who must have signed it")
    parser.add_argument(
        "--trust-root",
        type=Path,
        metavar="FILE",
        help="the trust instance to check against (default: that of the registry you follow)",
    )
    parser.add_argument(
        "--public-good", action="store_true", help="check against the public Sigstore instance"
    )
    parser.add_argument(
        "--allow-older", action="store_true", help="go back to a version before one that was installed"
    )
    parser.add_argument("--list", action="store_true", help="say what is installed")
    parser.add_argument("--json", action="store_true", help="JSON in place of the text")


def run(args: argparse.Namespace) -> int:
    """Install or list. Raises what is refused, with its reason."""
    from locara.runtime.installed import Shelf
    from locara.runtime.state import StateFolder, default_state_root

    state, shelf = StateFolder(default_state_root()), Shelf.default()
    if args.list == (args.bundle is not None):
        raise UsageError("name one bundle, or say --list", fix="locara install FILE.locapp")
    return _list(state, shelf, as_json=args.json) if args.list else _install(state, shelf, args)


def _install(state: StateFolder, shelf: Shelf, args: argparse.Namespace) -> int:
    from locara.cli.attest import trust_instance
    from locara.runtime.followed import recalled_here
    from locara.runtime.install import Installer, Source

    now = time.time()
    told = Source(args.expect_source, args.expect_builder, args.expect_identity)
    installer = Installer(
        state, shelf, trust_instance(args), recalled_here(state, now=now), now, args.allow_older
    )
    one, notices = installer.install(args.bundle, told)
    if args.json:
        print(json.dumps({**_facts(one, shelf), "notices": notices}))
        return Exit.PASSED
    print(f"installed {one.app} {one.version}, built from {printable(one.source)}")
    print(f"  signed by  {printable(one.identity)} ({printable(one.instance)})")
    print(f"  kept in    {shelf.place(one)}")
    for notice in notices:
        print(f"  note       {printable(notice)}")
    print(f"start it: locara run {one.app}")
    return Exit.PASSED


def _list(state: StateFolder, shelf: Shelf, *, as_json: bool) -> int:
    from locara.runtime.installed import all_installed

    found = all_installed(state)
    if as_json:
        print(json.dumps([_facts(one, shelf) for one in found]))
        return Exit.PASSED
    for one in found:
        print(f"{one.app} {one.version}  {printable(one.source)}  signed by {printable(one.identity)}")
    if not found:
        print("nothing is installed")
    return Exit.PASSED


def _facts(one: Installed, shelf: Shelf) -> dict[str, str]:
    return {**one.model_dump(exclude={"format"}), "place": str(shelf.place(one))}

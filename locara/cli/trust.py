"""`locara trust`: follow a registry, fetch what it says, and see what this machine believes."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locara.cli.exits import Exit
from locara.cli.terminal import print_error, printable
from locara.errors import LocaraError, UsageError

if TYPE_CHECKING:
    from locara.runtime.state import StateFolder
    from locara.trust.repository.client import Copy
    from locara.trust.repository.home import Home

summary = "follow a registry, fetch its updates, see what they are worth"

_EPILOG = """examples:
  locara trust follow https://updates.example.org --root root.json
                                       from now on, with the root that you were given on another way
  locara trust update                  fetch what is new, now
  locara trust update --background     fetch every four hours, at random moments, until it is ended
  locara trust status                  which registry, how fresh, what it says
  locara trust export trusted_root.json --output trusted_root.json
                                       a file out of the verified copy, without a network

Nothing is fetched when an app starts. An update counts when everything in it was verified; until then, and when
it is refused, the copy before it stays. `status` and `export` verify that copy again and open no connection.

Exit code: 0; 1 an update was refused; 5 no registry is followed, nothing was fetched yet, what is here was changed
or is too old.
"""
EVERY = 4 * 3_600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """follow|update|status|export with their own options."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("follow", "update", "status", "export"))
    parser.add_argument(
        "item", metavar="URL|NAME", nargs="?", help="follow: the address; export: the name of a file"
    )
    parser.add_argument("--root", metavar="FILE", type=Path, help="follow: the root to begin with")
    parser.add_argument(
        "--background", action="store_true", help="update: go on, every four hours and at random moments"
    )
    parser.add_argument(
        "--clock-is-right",
        action="store_true",
        help="update: this machine's clock was ahead before and is right now",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="export: where to write it (default: stdout)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the text")


def run(args: argparse.Namespace) -> int:
    """What the action says."""
    from locara.runtime.state import StateFolder, default_state_root
    from locara.trust.repository.home import Home

    _check_usage(args)
    state = StateFolder(default_state_root())
    home = Home(state.path / "registry")
    if args.action == "follow":
        return _follow(state, home, args)
    if args.action == "update":
        return _update(state, home, args)
    return _status(state, home, as_json=args.json) if args.action == "status" else _export(home, args)


def _check_usage(args: argparse.Namespace) -> None:
    needs_item = args.action in {"follow", "export"}
    if needs_item == (args.item is None):
        raise UsageError(
            f"`locara trust {args.action}` takes {'one argument' if needs_item else 'no argument'}"
        )
    if (args.root is not None) != (args.action == "follow"):
        raise UsageError(
            "--root names the root to follow a registry with", fix="locara trust follow URL --root FILE"
        )
    if args.action != "update" and (args.background or args.clock_is_right):
        raise UsageError("--background and --clock-is-right belong to `locara trust update`")
    if args.action != "export" and args.output is not None:
        raise UsageError("--output belongs to `locara trust export`")


def _follow(state: StateFolder, home: Home, args: argparse.Namespace) -> int:
    from locara.runtime.revocation import follow

    try:
        root = args.root.read_bytes()
    except OSError as error:
        raise UsageError(f"{args.root} cannot be read: {error.strerror}") from error
    registry = home.follow(args.item, root)
    follow(state, now=time.time())
    print(f"following {printable(registry.url)}: `locara trust update` fetches what it says")
    return Exit.PASSED


def _update(state: StateFolder, home: Home, args: argparse.Namespace) -> int:
    from locara.runtime.revocation import forget_clock

    if args.clock_is_right:
        forget_clock(state, now=time.time())
    if not args.background:
        print(_once(state, home, as_json=args.json))
        return Exit.PASSED
    home.registry()
    while True:
        try:
            print(_once(state, home, as_json=args.json), flush=True)
        except LocaraError as error:
            print_error(error.diagnostics())
        time.sleep(pause())


def pause() -> float:
    """Seconds until the next fetch in the background: four hours, a quarter more or less, so that a server is not
    asked by everybody at once and cannot tell machines apart by their rhythm."""
    import secrets

    return EVERY * (0.75 + secrets.randbelow(1 << 20) / (1 << 21))


def _once(state: StateFolder, home: Home, *, as_json: bool) -> str:
    """Fetch, verify, take the lists. Returns what to tell."""
    from locara.runtime.revocation import latest_time, take_lists
    from locara.trust.repository.client import update
    from locara.trust.repository.names import REVOCATIONS, URGENT
    from locara.trust.revocation.document import Known, parse_listed, parse_urgent

    now = latest_time(state, time.time())

    def accept(copy: Copy) -> None:
        lists = Known(parse_listed(copy.read(REVOCATIONS)), parse_urgent(copy.read(URGENT)))
        take_lists(state, lists, now=time.time())

    done = update(home, now=now, accept=accept)
    if as_json:
        return json.dumps({"changed": done.changed, "requests": done.requests, **_facts(done.copy)})
    return "something new was fetched" if done.changed else "nothing new"


def _facts(copy: Copy) -> dict[str, Any]:
    return {
        "root": copy.metadata.version("root"),
        "timestamp": copy.metadata.version("timestamp"),
        "snapshot": copy.metadata.version("snapshot"),
        "expires": copy.metadata.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "targets": list(copy.names),
    }


def _status(state: StateFolder, home: Home, *, as_json: bool) -> int:
    from locara.runtime.revocation import latest_time
    from locara.trust.repository.client import open_copy

    registry = home.registry()
    copy = open_copy(home)
    for name in copy.names:
        copy.read(name)
    facts = {"registry": registry.url, **_facts(copy)}
    ended = copy.metadata.expires.timestamp() < latest_time(state, time.time())
    if as_json:
        print(json.dumps({**facts, "ended": ended}))
    else:
        print(f"registry  {printable(registry.url)}")
        print(f"state     root {facts['root']}, snapshot {facts['snapshot']}, timestamp {facts['timestamp']}")
        print(f"{'ended' if ended else 'ends'}      {facts['expires']}" + (": fetch again" if ended else ""))
        for name in copy.names:
            print(f"  {printable(name)}")
        print("the age of the lists of revocations: `locara revocations status`")
    return Exit.TRUST if ended else Exit.PASSED


def _export(home: Home, args: argparse.Namespace) -> int:
    from locara.trust.repository.client import WANTED, open_copy

    data = open_copy(home, (*WANTED, args.item)).read(args.item)
    if args.output is None:
        sys.stdout.buffer.write(data)
        return Exit.PASSED
    try:
        args.output.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{args.output} cannot be written: {error.strerror}") from error
    return Exit.PASSED

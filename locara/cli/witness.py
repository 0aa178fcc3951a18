"""`locara witness`: remember what logs said, and cosign only what continues it."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from locara.cli.exits import Exit
from locara.cli.log_policy import add_policy, policy_of
from locara.cli.parser import Parser
from locara.cli.terminal import printable
from locara.errors import UsageError

summary = "remember what transparency logs said, and cosign only what continues it"

_EPILOG = """examples:
  locara witness init --state ./witness --name witness.example.org/w1
  locara witness visit https://log.example.org --state ./witness --policy logs.policy
  locara witness serve --state ./witness --policy logs.policy --port 8080
  locara witness show --state ./witness

A witness must not forget: its --state folder holds its key and the newest checkpoint of each log. It never
cosigns what contradicts that; both checkpoints then go to a file in --state, which `locara log check` reads.
"""

_INIT = """examples:
  locara witness init --state ./witness --name witness.example.org/w1

Prints the witness's key for other people's policy files.
"""

_VISIT = """examples:
  locara witness visit https://log.example.org --state ./witness --policy logs.policy
  locara witness visit ./public --state ./witness --key log.example.org+3f1c29aa+AW9… --out cosigned

SOURCE is the address of the log's static files, or a folder of them. The signature line is printed, or the
checkpoint with it written to --out.

Exit code: 0 cosigned, 1 the checkpoint contradicts what was seen before or is not the log's, 4 it cannot be
read, 5 key, state or policy cannot be relied on.
"""

_SERVE = """examples:
  locara witness serve --state ./witness --policy logs.policy --port 8080

Serves the C2SP witness protocol (POST /add-checkpoint) on 127.0.0.1. To be reachable from elsewhere, put a web
server with TLS before it.
"""


_SHOW = """examples:
  locara witness show --state ./witness
  locara witness show --state ./witness --log log.example.org/v1 > anchor
  locara-registry log status --anchor anchor           does the log still continue what the witness saw?
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per action."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)

    def action(name: str, what: str, epilog: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=what, description=what)
        one.epilog = epilog
        one.add_argument(
            "--state", metavar="DIR", type=Path, required=True, help="the witness's key and memory"
        )
        return one

    init = action("init", "make a witness", _INIT)
    init.add_argument(
        "--name", metavar="NAME", required=True, help="its name, such as witness.example.org/w1"
    )
    visit = action("visit", "look at a log and cosign its checkpoint", _VISIT)
    visit.add_argument("source", metavar="SOURCE")
    visit.add_argument("--out", metavar="FILE", type=Path, help="write the cosigned checkpoint to this file")
    add_policy(visit)
    serve = action("serve", "cosign what logs send, on this machine's loopback", _SERVE)
    serve.add_argument("--port", metavar="N", type=_port, default=0, help="default: a free one, printed")
    add_policy(serve)
    show = action("show", "say what the witness has seen", _SHOW)
    show.add_argument(
        "--log", metavar="ORIGIN", help="print the checkpoint of this log that it cosigned last"
    )
    show.add_argument("--format", choices=("human", "json"), default="human", help="how to print")


def run(args: argparse.Namespace) -> int:
    """0, or 1 when something was not cosigned."""
    return _ACTIONS[args.action](args)


def _init(args: argparse.Namespace) -> int:
    from locara.trust.witness import Witness

    witness = Witness.create(args.state, args.name)
    print(f"made. The line for policy files:\nwitness NAME {witness.key}")
    return Exit.PASSED


def _visit(args: argparse.Namespace) -> int:
    from locara.trust.kept_files import replace_file
    from locara.trust.log_source import source_of
    from locara.trust.witness import Witness

    witness = Witness.open(args.state, policy_of(args).logs)
    opened, line = witness.visit(source_of(args.source))
    if args.out is None:
        print(str(line), end="")
        return Exit.PASSED
    replace_file(args.out, opened.note.with_signatures([line]).raw, mode=0o644)
    print(f"cosigned: {printable(opened.checkpoint.origin)}, {opened.size} entries, in {args.out}")
    return Exit.PASSED


def _serve(args: argparse.Namespace) -> int:
    from locara.trust.log_refusal import LogRefused
    from locara.trust.witness import Witness
    from locara.trust.witness_server import WitnessServer

    witness = Witness.open(args.state, policy_of(args).logs)
    try:
        server = WitnessServer(witness, args.port)
    except OSError as error:
        raise LogRefused(f"port {args.port} cannot be served: {error.strerror}", code="in_use") from error
    with server:
        print(f"cosigning as {printable(witness.key.name)} at {server.address}", flush=True)
        server.serve_forever()
    return Exit.PASSED


def _show(args: argparse.Namespace) -> int:
    from locara.trust.witness import Witness

    witness = Witness.open(args.state)
    seen = witness.seen()
    if args.log is not None:
        if args.log not in seen:
            raise UsageError(f"the witness has not seen {args.log!r}", fix="see `locara witness show`")
        print(seen[args.log].raw.decode(), end="")
        return Exit.PASSED
    if args.format == "json":
        rows = [
            {
                "origin": origin,
                "size": one.size,
                "root": f"sha256:{one.root.hex()}",
                "time": one.cosigned[0].time,
            }
            for origin, one in seen.items()
        ]
        print(json.dumps({"key": str(witness.key), "logs": rows}))
        return Exit.PASSED
    print(f"witness NAME {witness.key}")
    for origin, one in seen.items():
        print(f"{printable(origin)}  {one.size} entries  sha256:{one.root.hex()}")
    if not seen:
        print("it has not seen a log yet")
    return Exit.PASSED


def _port(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "init": _init,
    "visit": _visit,
    "serve": _serve,
    "show": _show,
}

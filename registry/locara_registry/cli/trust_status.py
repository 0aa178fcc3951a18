"""`locara-registry trust status`: what is in use, what was retired, and what must be renewed when."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json

from locara.cli.exits import Exit
from locara.cli.terminal import print_error

summary = "say which keys are in use, and what must be renewed when"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to print."""
    parser.add_argument("--format", choices=("human", "json"), default="human", help="how to print")


def run(args: argparse.Namespace) -> int:
    """0, or 5 when a certificate at work has ended or a key cannot be used."""
    from locara_registry.home import Home
    from locara_registry.trust.moments import SYSTEM
    from locara_registry.trust.record import Record
    from locara_registry.trust.upkeep import Health, look

    home = Home(args.home)
    home.exists()
    record = Record.read(home.instance)
    found = look(record, home.keys, SYSTEM.now())
    if args.format == "json":
        print(
            json.dumps(
                {"name": record.name, "origin": record.origin, "parts": [one.as_json() for one in found]}
            )
        )
    else:
        print(f"{record.name}  log {record.origin}  issuer {record.issuer}")
        for one in found:
            print(f"  {one.part.role:<16} {one.part.key:<20} {one.words}{one.where and f' ({one.where})'}")
    broken = [one for one in found if one.health is Health.BROKEN]
    for one in broken:
        print_error(f"{one.part.key}: {one.words}")
    return Exit.TRUST if broken else Exit.PASSED

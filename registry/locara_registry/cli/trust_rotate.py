"""`locara-registry trust rotate`: a new key for one role; the old one goes on verifying what it signed."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
from pathlib import Path

from locara.cli.exits import Exit

summary = "put a new key to work for one role and retire the old one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The role, and where the root keys are."""
    parser.add_argument(
        "role", metavar="ROLE", choices=("authority", "certificate-log", "timestamps", "identity"),
        help="authority, certificate-log, timestamps or identity",
    )  # fmt: skip
    parser.add_argument("--root-keys", type=Path, metavar="DIR", help="authority, timestamps: the root keys")
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line opens the root keys"
    )
    parser.add_argument(
        "--destroy-old",
        action="store_true",
        help="remove the old private key; what it signed goes on verifying",
    )


def run(args: argparse.Namespace) -> int:
    """0; raises TrustError, and then the instance is as it was."""
    from locara_registry.home import Home
    from locara_registry.trust.key_files import FileKeys, passphrase_in
    from locara_registry.trust.moments import SYSTEM
    from locara_registry.trust.published import publish
    from locara_registry.trust.record import Record, Role
    from locara_registry.trust.setup import Setup

    home = Home(args.home)
    home.exists()
    record = Record.read(home.instance)
    role = Role(args.role)
    old = record.at_work(role)
    roots = FileKeys(args.root_keys or Path(), passphrase=passphrase_in(args.passphrase_file))
    record = Setup(home.keys, roots, SYSTEM).rotate(record, role)
    record.write(home.instance)
    publish(home, record)
    if args.destroy_old:
        home.keys.destroy(old.key)
    print(f"{role}: {record.at_work(role).key} signs from now on; {old.key} is retired")
    print(f"give clients the new {home.published}/trust-instance.json")
    return Exit.PASSED

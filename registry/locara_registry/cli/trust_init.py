"""`locara-registry trust init`: a new instance, with its root keys in a folder that is then taken away."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from locara.cli.exits import Exit
from locara.errors import UsageError

if TYPE_CHECKING:
    from locara_registry.trust.token_place import TokenPlace

summary = "make the keys, certificates, log and trusted root of a new instance"

_EPILOG = """The root keys are written to --root-keys, encrypted where --passphrase-file is given. Copy that folder to
two offline media and remove it from this machine: only `trust rotate` needs it again.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name, addresses, and where the root keys go."""
    parser.epilog = _EPILOG
    parser.add_argument("--name", required=True, metavar="HOST", help="name of the instance, a host you own")
    parser.add_argument("--url", metavar="URL", help="where it is reached (default: https://HOST)")
    parser.add_argument("--issuer", metavar="URL", help="issuer in its certificates (default: URL/ci)")
    parser.add_argument("--origin", metavar="NAME", help="origin of its log (default: HOST/log)")
    parser.add_argument(
        "--root-keys",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder for the root keys, to be taken away",
    )
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line encrypts the root keys"
    )
    parser.add_argument(
        "--pkcs11", type=Path, metavar="MODULE", help="keep the online keys in a token: its PKCS#11 library"
    )
    parser.add_argument("--token", metavar="LABEL", help="the label of that token")
    parser.add_argument(
        "--pin-file", type=Path, metavar="FILE", help="its first line is the PIN (default: ask for it)"
    )
    parser.add_argument(
        "--witness", action="append", default=[], metavar="KEY", help="key of a witness; repeatable"
    )
    parser.add_argument(
        "--quorum",
        type=int,
        default=0,
        metavar="K",
        help="how many witnesses clients ask for (default: none)",
    )


def run(args: argparse.Namespace) -> int:
    """0; raises TrustError (exit code 5) or UsageError, and then nothing was made."""
    from locara.trust.log_policy import LogPolicy
    from locara.trust.log_refusal import LogRefused
    from locara_registry.home import Home
    from locara_registry.trust.beginning import begin
    from locara_registry.trust.key_files import FileKeys, passphrase_in
    from locara_registry.trust.record import Record
    from locara_registry.trust.trusted_root import log_policy

    home = Home(args.home)
    if home.root.exists() and any(home.root.iterdir()):
        raise UsageError(f"{home.root} is not empty", fix="an instance is never made over another")
    url = args.url or f"https://{args.name}"
    try:
        record = Record(
            name=args.name,
            url=url,
            issuer=args.issuer or f"{url}/ci",
            origin=args.origin or f"{args.name}/log",
            witnesses=tuple(args.witness),
            quorum=args.quorum,
        )
        LogPolicy.parse(log_policy(record).encode())
    except (ValueError, LogRefused) as error:
        raise UsageError(f"this cannot be an instance: {error}") from error
    roots = FileKeys(args.root_keys, passphrase=passphrase_in(args.passphrase_file))
    if roots.names():
        raise UsageError(f"{roots.folder} holds keys already", fix="root keys are never made over others")
    begin(home, roots, record, token=_token(args))
    print(f"made the instance {record.name} in {home.root}")
    print(f"root keys: {args.root_keys} (take them away; `trust rotate` asks for them)")
    print(f"clients:   {home.published}/trust-instance.json")
    return Exit.PASSED


def _token(args: argparse.Namespace) -> TokenPlace | None:
    from locara_registry.trust.token_place import TokenPlace

    if (args.pkcs11 is None) != (args.token is None) or (args.pin_file is not None and args.pkcs11 is None):
        raise UsageError(
            "a token is named by two options", fix="--pkcs11 MODULE --token LABEL [--pin-file FILE]"
        )
    if args.pkcs11 is None:
        return None
    pin_file = None if args.pin_file is None else args.pin_file.absolute()
    try:
        return TokenPlace(module=args.pkcs11, label=args.token, pin_file=pin_file)
    except ValueError as error:
        raise UsageError(f"this cannot be a token: {error}") from error

"""`locara-registry tuf`: the update repository: who signs what, publishing, revoking, renewing, rotating."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.cli.exits import Exit
from locara.cli.parser import Parser
from locara.errors import UsageError
from locara_registry.home import Home, default_root

if TYPE_CHECKING:
    from locara.trust.revocation.document import Known
    from locara_registry.trust.repository.repository import Repository

summary = "publish, revoke, renew and rotate keys in the update repository"

_EPILOG = """examples:
  locara-registry tuf init --offline /media/keys --output root.json
  locara-registry tuf publish models index.json
  locara-registry tuf publish app acme/notes@1.2.0 notes.json
  locara-registry tuf publish trusted-root trusted_root.json --offline /media/keys
  locara-registry tuf revoke entry.json --urgent          one key, at once; popular apps are only warned of
  locara-registry tuf revoke entry.json --offline /media/keys
  locara-registry tuf lift LR-2027-3 --offline /media/keys
  locara-registry tuf sign                                every few hours, by a timer
  locara-registry tuf rotate timestamp --offline /media/keys
  locara-registry tuf status

The folder to serve is repository/public below the home. Offline keys (root, targets, revocations) are in the folder
that --offline names and nowhere else. Every action is verified as a client would before it writes, and one that
lacks signatures writes nothing.

Exit code: 0; 1 refused; 2 usage; 5 keys or the repository are missing; status: 5 when something has ended.
"""
KINDS: Final = ("app", "models", "tools", "trusted-root", "signing-config", "trust-instance")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per action."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)

    def action(
        name: str, what: str, do: Callable[[Repository, argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = actions.add_parser(name, help=what, description=what)
        sub.add_argument(
            "--home", type=Path, default=default_root(), metavar="DIR", help="folder of the instance"
        )
        sub.add_argument("--offline", type=Path, metavar="DIR", help="folder of the offline keys")
        sub.set_defaults(do=do)
        return sub

    init = action("init", "make the keys and the first state", _init)
    init.add_argument(
        "--output", type=Path, metavar="FILE", help="where to put the root that clients begin with"
    )
    init.add_argument(
        "--renew-hours", type=int, default=6, metavar="N", help="how often `sign` will run (default: 6)"
    )
    init.add_argument(
        "--bits", type=int, default=8, metavar="N", help="2 to that power are the bins (default: 8)"
    )
    init.add_argument("--trusted-root", type=Path, metavar="FILE", help="Sigstore's trusted root to carry")
    init.add_argument(
        "--signing-config", type=Path, metavar="FILE", help="Sigstore's signing config to carry"
    )
    init.add_argument(
        "--trust-instance", type=Path, metavar="FILE", help="what clients check attestations against"
    )
    publish = action("publish", "carry a file", _publish)
    publish.add_argument("kind", choices=KINDS)
    publish.add_argument(
        "what", metavar="FILE|APP@VERSION", nargs="+", help="the file; for an app its name first"
    )
    revoke = action("revoke", "add an entry to a list of revocations", _revoke)
    revoke.add_argument("entry", type=Path, metavar="FILE", help="the entry as JSON")
    revoke.add_argument(
        "--urgent", action="store_true", help="the list that one key signs, which can only add"
    )
    lift = action("lift", "take entries back", _lift)
    lift.add_argument("ids", nargs="+", metavar="ID")
    popular = action("popular", "name the apps that no single key may stop", _popular)
    popular.add_argument("apps", nargs="*", metavar="APP")
    sign = action("sign", "renew what ends soon, and the time of the lists", _sign)
    sign.add_argument("--all", action="store_true", help="renew everything whose keys are here")
    rotate = action("rotate", "make a new key for a role and take an old one away", _rotate)
    rotate.add_argument("role", metavar="ROLE")
    rotate.add_argument("--key", metavar="ID", help="the key to take away (default: the oldest)")
    status = action("status", "say what each role is, until when, and whose keys are here", _status)
    status.add_argument("--json", action="store_true", help="one JSON object in place of the text")


def run(args: argparse.Namespace) -> int:
    """What the action says."""
    from locara_registry.trust.key_files import FileKeys
    from locara_registry.trust.repository.keyring import Keyring
    from locara_registry.trust.repository.repository import Repository

    home = Home(args.home)
    offline = None if args.offline is None else FileKeys(args.offline)
    do: Callable[[Repository, argparse.Namespace], int] = args.do
    return do(Repository(home.repository, Keyring(home.keys, offline)), args)


def _init(repository: Repository, args: argparse.Namespace) -> int:
    from locara.trust.repository.names import SIGNING_CONFIG, TRUST_INSTANCE, TRUSTED_ROOT
    from locara_registry.trust.repository.contents import checked
    from locara_registry.trust.repository.layout import HOUR, Layout

    if args.offline is None:
        raise UsageError(
            "the offline keys need a folder of their own", fix="--offline DIR, on a removable medium"
        )
    try:
        layout = Layout(renew=args.renew_hours * HOUR, bits=args.bits)
    except ValueError as error:
        raise UsageError(f"{error}") from error
    given = {
        (TRUSTED_ROOT, "trusted-root"): args.trusted_root,
        (SIGNING_CONFIG, "signing-config"): args.signing_config,
        (TRUST_INSTANCE, "trust-instance"): args.trust_instance,
    }
    targets = {name: checked(kind, _bytes(path)) for (name, kind), path in given.items() if path is not None}
    Home(args.home).make()
    try:
        root = repository.create(layout, targets)
    except FileExistsError as error:
        raise UsageError(
            "there is a repository or a key of one already", fix="name another --home"
        ) from error
    if args.output is not None:
        args.output.write_bytes(root)
    print(f"made {repository.public}; clients begin with {args.output or repository.public / '1.root.json'}")
    return Exit.PASSED


def _publish(repository: Repository, args: argparse.Namespace) -> int:
    from locara_registry.trust.repository.contents import checked, target_of

    app = args.what[0] if args.kind == "app" else None
    files = args.what[1:] if args.kind == "app" else args.what
    if len(files) != 1:
        raise UsageError("publish one file", fix="locara-registry tuf publish app acme/notes@1.2.0 FILE")
    path = target_of(args.kind, app)
    changed = repository.publish({path: checked(args.kind, _bytes(Path(files[0])))})
    print(f"published {path}" if changed else f"{path} is published already")
    return Exit.PASSED


def _revoke(repository: Repository, args: argparse.Namespace) -> int:
    from locara_registry.trust.repository import lists

    entry = lists.read_entry(_bytes(args.entry))
    change = lists.with_urgent if args.urgent else lists.with_entries
    return _tell(repository.revise(lambda known, now: change(known, [entry], now=now)))


def _lift(repository: Repository, args: argparse.Namespace) -> int:
    from locara_registry.trust.repository import lists

    return _tell(repository.revise(lambda known, now: lists.without(known, args.ids, now=now)))


def _popular(repository: Repository, args: argparse.Namespace) -> int:
    from locara_registry.trust.repository import lists

    return _tell(repository.revise(lambda known, now: lists.with_popular(known, args.apps, now=now)))


def _tell(known: Known) -> int:
    urgent = "none" if known.urgent is None else f"{known.urgent.seq} ({len(known.urgent_entries)} entries)"
    print(f"list {known.listed.seq} ({len(known.listed.entries)} entries), urgent {urgent}")
    return Exit.PASSED


def _sign(repository: Repository, args: argparse.Namespace) -> int:
    renewed = repository.renew(force=args.all)
    print(
        f"renewed the timestamp{''.join(f', {name}' for name in renewed[:8])}{' …' if len(renewed) > 8 else ''}"
    )
    return Exit.PASSED


def _rotate(repository: Repository, args: argparse.Namespace) -> int:
    gone, new = repository.rotate(args.role, args.key)
    print(f"{args.role}: {new} in place of {gone}")
    return Exit.PASSED


def _status(repository: Repository, args: argparse.Namespace) -> int:
    rows = repository.status()
    known = repository.lists()
    now = datetime.now(UTC)
    ended = [row.name for row in rows if row.expires < now]
    if args.json:
        roles = [
            {
                "role": row.name,
                "version": row.version,
                "expires": row.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "threshold": row.threshold,
                "keys": row.keys,
                "here": row.here,
            }
            for row in rows
        ]
        lists = {"list": known.listed.seq, "urgent": None if known.urgent is None else known.urgent.seq}
        print(json.dumps({"roles": roles, "ended": ended, **lists}))
    else:
        for row in rows:
            left = (row.expires - now).total_seconds() / 3_600
            when = f"{left / 24:.0f} days" if left > 72 else f"{left:.0f} hours"
            print(
                f"{row.name:<12} version {row.version:<5} {'ENDED' if left < 0 else f'{when} left':<14} "
                f"{row.threshold} of {row.keys} keys, {row.here} here"
            )
        _tell(known)
    return Exit.TRUST if ended else Exit.PASSED


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error

"""Options that say which log is believed: a policy file, or one key."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from locara.errors import UsageError

if TYPE_CHECKING:
    from locara.trust.log_policy import LogPolicy


def add_policy(parser: argparse.ArgumentParser) -> None:
    """--policy or --key."""
    parser.add_argument(
        "--policy", metavar="FILE", type=Path, help="logs, witnesses and quorum that are believed"
    )
    parser.add_argument(
        "--key",
        metavar="NAME+ID+KEY",
        help="in place of a policy: the key of one log, and no witness is asked for",
    )


def policy_of(args: argparse.Namespace) -> LogPolicy:
    """The policy that the options name. Raises UsageError, LogRefused."""
    from locara.trust.kept_files import read_file
    from locara.trust.log_policy import MAX_POLICY, LogPolicy
    from locara.trust.log_refusal import LogRefused
    from locara.trust.note_keys import VerifierKey

    if (args.policy is None) == (args.key is None):
        raise UsageError(
            "name a --policy file, or the --key of a log", fix="without one nothing can be believed"
        )
    if args.key is not None:
        return LogPolicy.of(VerifierKey.parse(args.key))
    raw = read_file(args.policy, MAX_POLICY, code="policy_malformed")
    if raw is None:
        raise LogRefused(f"there is no policy at {args.policy}", code="policy_malformed")
    try:
        policy = LogPolicy.parse(raw)
    except LogRefused as error:
        raise LogRefused(f"{args.policy}: {error.message}", code=error.code) from error
    if not policy.logs:
        raise LogRefused(f"{args.policy} names no log", code="policy_malformed")
    return policy

"""`locara-registry trust`: the keys and certificates of an instance. One file per action: `trust_<action>.py`."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Final, cast

from locara.cli.parser import Parser
from locara.cli.verbs import Verb
from locara_registry.home import default_root

summary = "make, renew or look at the keys and certificates of an instance"

_ACTIONS: Final = ("init", "rotate", "status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per action."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    for name in _ACTIONS:
        action = cast("Verb", importlib.import_module(f"locara_registry.cli.trust_{name}"))
        sub = actions.add_parser(name, help=action.summary, description=action.summary)
        sub.add_argument(
            "--home",
            type=Path,
            default=default_root(),
            metavar="DIR",
            help="folder of the instance (default: $LOCARA_REGISTRY_HOME, else your data folder)",
        )
        action.add_arguments(sub)
        sub.set_defaults(action=action)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    return cast("Verb", args.action).run(args)

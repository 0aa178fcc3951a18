"""`locara-registry trust status`: which keys an instance has."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse

from locara.cli.exits import Exit

summary = "say which keys are in use"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """None beside the home."""


def run(args: argparse.Namespace) -> int:
    """0; raises TrustError (exit code 5) when there is no instance or a key is not to be trusted."""
    from locara_registry.home import Home
    from locara_registry.trust.keys import key_id

    home = Home(args.home)
    home.exists()
    for name in home.keys.names():
        print(f"{name:<12} {key_id(home.keys.open(name).public_key()).hex()}")
    return Exit.PASSED

"""``python -m locara_verify verify|replay …``: the verbs without the rest of the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from locara_verify import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse ``arguments`` and run the verb they name."""
    parser = argparse.ArgumentParser(prog="locara-verify", description="Verify a Locara app.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, verb in (("verify", cli.verify), ("replay", cli.replay)):
        sub = verbs.add_parser(name, help=verb.summary, description=verb.summary)
        verb.add_arguments(sub)
        sub.set_defaults(verb=verb)
    args = parser.parse_args(arguments)
    return int(args.verb.run(args))


if __name__ == "__main__":
    sys.exit(main())

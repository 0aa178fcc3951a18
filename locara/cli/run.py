"""`locara run`: start an app in its sandbox, with its window or with its frames on stdin and stdout."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from locara.errors import UsageError

summary = "run an app inside its sandbox"

_EPILOG = """examples:
  locara run apps/docvault                 open the app in its window
  locara run acme/notes                    one that was installed (locara install)
  locara run --headless apps/docvault
  locara run --headless apps/docvault --pick ~/letters.pdf --pick ~/contracts
  locara run --headless apps/docvault --data /tmp/trial    keep its data away from your own
  locara run --headless apps/docvault --accept-consent     agree to what it asks for, here and now

An app starts only when you agreed to what its manifest asks for: with `locara consent give APP`, or with
--accept-consent, which is your answer as much as typing yes. An app cannot give that answer. An update that
asks for more needs a new one, and what it adds sleeps for 7 days.

The window is drawn by a process of its own, without network and without files. The first time it shows what the
app asks for, and fetches the models that are missing.

Frames (--headless): 4 bytes of length (big-endian), then one JSON object: {"id":1,"cmd":"app.info","args":{}}.
The app ends when its window is closed, or when stdin ends. Ctrl-C ends it at once, with exit code 130.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """APP, --headless, --pick, --remember, --data, --accept-consent."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "app",
        metavar="APP",
        type=Path,
        nargs="?",
        default=Path(),
        help="folder of the app (it holds locara.json; default: here), or publisher/name of an installed one",
    )
    parser.add_argument(
        "--headless", action="store_true", help="serve frames on stdin and stdout, without a window"
    )
    parser.add_argument(
        "--pick",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="what the person picks when the app asks, once for each --pick, in this order",
    )
    parser.add_argument(
        "--remember",
        action="store_true",
        help="what is picked may be found again at later starts, where the app asks for that",
    )
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder for the app's data (default: your own)"
    )
    parser.add_argument(
        "--accept-consent",
        action="store_true",
        help="your yes to all that the app asks for; it is kept as your answer",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until stdin ends. The exit code is the runtime's, 130 after Ctrl-C."""
    from locara.cli.installed_app import named

    args.app = named(args.app)
    if not args.headless:
        return _windowed(args)
    if sys.stdin.isatty():
        raise UsageError(
            "stdin is a terminal, and --headless speaks binary frames on it",
            fix="start it from a program: NodeTransport of @locara/sdk, or locara.runtime.launch in Python",
        )
    from locara.models.cache import ModelCache, default_root
    from locara.models.users import remember
    from locara.runtime.consent import NoConsent, StatedConsent
    from locara.runtime.launch import run_headless
    from locara.sandbox.picker import ScriptedPicker

    remember(ModelCache(default_root()), args.app)  # so that its models are not collected
    consent = StatedConsent() if args.accept_consent else NoConsent()
    picker = ScriptedPicker([[path] for path in args.pick], remembers=args.remember)
    return run_headless(args.app, consent=consent, picker=picker, data=args.data)


def _windowed(args: argparse.Namespace) -> int:
    if args.pick or args.remember:
        raise UsageError(
            "--pick and --remember answer for a person who is not there; a window has a file dialog",
            fix="add --headless",
        )
    from locara.cli.model_files import inspect
    from locara.models.cache import ModelCache, default_root
    from locara.models.users import remember
    from locara.runtime.consent import StatedConsent
    from locara.ui.run import run_windowed

    remember(ModelCache(default_root()), args.app)  # so that its models are not collected
    consent = StatedConsent() if args.accept_consent else None
    return run_windowed(args.app, consent=consent, data=args.data, inspect=inspect)

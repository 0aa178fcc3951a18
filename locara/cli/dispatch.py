"""Find the verb, run it, and turn whatever happens into an exit code and a clear line."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import os
import sys
from typing import Final

from locara import __version__
from locara.cli import verbs
from locara.cli.exits import Exit, exit_of
from locara.cli.parser import Parser, closest
from locara.cli.terminal import bold, print_error
from locara.errors import LocaraError, UsageError

_EXAMPLES: Final = """examples:
  locara verify --strict apps/docvault     attack an app's real runtime and say what held
  locara run --headless apps/docvault      serve the app's frames on stdin and stdout
  locara explain fs.user-selected          what a capability opens
  locara doctor                            what this machine can enforce
"""


def run(args: list[str]) -> int:
    """Run the command line and return its exit code. No traceback ever reaches the person."""
    try:
        code = _dispatch(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.PASSED
    except LocaraError as error:
        print_error(error.diagnostics())
        return exit_of(error)
    except SystemExit as leaving:  # argparse after --help
        return int(leaving.code or 0)
    except Exception as error:
        return _crash(error)
    return code


def _dispatch(args: list[str]) -> int:
    if not args or args[0] in {"-h", "--help", "help"}:
        if len(args) > 1 and args[0] == "help":
            return _verb(args[1], ["--help"])
        print(_help(), end="")
        return Exit.PASSED if args else Exit.USAGE
    if args[0] == "--version":
        raise UsageError(
            f"--version takes --json and nothing else, not {args[-1]}", fix="see `locara --help`"
        )
    if args[0].startswith("-"):
        raise UsageError(
            f"{args[0]} is not an option of locara", fix="the verb comes first: see `locara --help`"
        )
    return _verb(args[0], args[1:])


def _help() -> str:
    width = max(map(len, verbs.names()))
    lines = [f"  {name:<{width}}  {verbs.summary(name)}" for name in verbs.names()]
    return (
        f"{bold('locara')}: fully local apps whose powers are declared, enforced and proven\n\n"
        "usage: locara VERB [options]\n       locara --version [--json]\n\nverbs:\n"
        + "\n".join(lines)
        + f"\n\n{_EXAMPLES}\n`locara VERB --help` shows the options of one verb.\n"
    )


def _verb(name: str, args: list[str]) -> int:
    verb = verbs.load(name)
    if verb is None:
        raise UsageError(
            f"there is no verb {name!r}", fix=closest(name, verbs.names(), "see `locara --help`")
        )
    parser = Parser(prog=f"locara {name}", description=verb.summary)
    verb.add_arguments(parser)
    options, unknown = parser.parse_known_args(args)
    if unknown:
        fix = closest(unknown[0].partition("=")[0], parser.options(), f"see `locara {name} --help`")
        raise UsageError(f"`locara {name}` does not know {unknown[0]!r}", fix=fix)
    return verb.run(options)


def _crash(error: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="locara-crash-", suffix=".txt", delete=False) as report:
        report.write(f"locara {__version__}, Python {sys.version}, {sys.platform}\n\n")
        report.writelines(traceback.format_exception(error))
    print_error(
        f"something inside locara went wrong ({type(error).__name__})\n"
        f"help: this is a defect of locara, not of your app; the details are in {report.name}"
    )
    return Exit.INTERNAL

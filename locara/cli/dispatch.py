"""Find the verb, run it, and turn whatever happens into an exit code and a clear line."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import os
import sys
from typing import Protocol

from locara import __version__
from locara.cli import interrupt, verbs
from locara.cli.exits import Exit, exit_of
from locara.cli.parser import Parser, closest
from locara.cli.terminal import bold, print_error
from locara.errors import LocaraError, UsageError
from locara.records import dataclass


class Verbs(Protocol):
    """What a program can do; a module with these functions is one."""

    def names(self) -> tuple[str, ...]:
        """Every verb there is, sorted."""

    def summary(self, name: str) -> str:
        """The one line that --help shows for a verb."""

    def load(self, name: str) -> verbs.Verb | None:
        """The verb of that name, or None."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command line: what it is called, what it is for, and its verbs, none of which is imported to list them."""

    name: str
    purpose: str
    examples: str
    verbs: Verbs


LOCARA = Program(
    name="locara",
    purpose="fully local apps whose powers are declared, enforced and proven",
    examples="""  locara verify --strict apps/docvault     attack an app's real runtime and say what held
  locara run --headless apps/docvault      serve the app's frames on stdin and stdout
  locara explain fs.user-selected          what a capability opens
  locara doctor                            what this machine can enforce
""",
    verbs=verbs,
)


def run(args: list[str], program: Program = LOCARA) -> int:
    """Run a command line and return its exit code. No traceback ever reaches the person."""
    try:
        code = _dispatch(program, args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.PASSED
    except SystemExit as leaving:  # argparse after --help
        return int(leaving.code or 0)
    except Exception as error:
        return _failed(program, error)
    return code


def _failed(program: Program, error: Exception) -> int:
    if interrupt.came():  # an interrupt became this error on its way
        return Exit.INTERRUPTED
    if not isinstance(error, LocaraError):
        return _crash(program, error)
    print_error(error.diagnostics())
    return exit_of(error)


def _dispatch(program: Program, args: list[str]) -> int:
    name = program.name
    if not args or args[0] in {"-h", "--help", "help"}:
        if len(args) > 1 and args[0] == "help":
            return _verb(program, args[1], ["--help"])
        print(_help(program), end="")
        return Exit.PASSED if args else Exit.USAGE
    if args[0] == "--version":
        raise UsageError(
            f"--version takes --json and nothing else, not {args[-1]}", fix=f"see `{name} --help`"
        )
    if args[0].startswith("-"):
        raise UsageError(
            f"{args[0]} is not an option of {name}", fix=f"the verb comes first: see `{name} --help`"
        )
    return _verb(program, args[0], args[1:])


def _help(program: Program) -> str:
    name = program.name
    width = max(map(len, program.verbs.names()))
    lines = [f"  {verb:<{width}}  {program.verbs.summary(verb)}" for verb in program.verbs.names()]
    return (
        f"{bold(name)}: {program.purpose}\n\n"
        f"usage: {name} VERB [options]\n       {name} --version [--json]\n\nverbs:\n"
        + "\n".join(lines)
        + f"\n\nexamples:\n{program.examples}\n`{name} VERB --help` shows the options of one verb.\n"
    )


def _verb(program: Program, name: str, args: list[str]) -> int:
    verb = program.verbs.load(name)
    if verb is None:
        raise UsageError(
            f"there is no verb {name!r}",
            fix=closest(name, program.verbs.names(), f"see `{program.name} --help`"),
        )
    parser = Parser(prog=f"{program.name} {name}", description=verb.summary)
    verb.add_arguments(parser)
    options, unknown = parser.parse_known_args(args)
    if unknown and not unknown[0].startswith("-") and not parser.has_commands:
        # An optional word counts as absent once an option comes before it.
        options, unknown = parser.parse_known_intermixed_args(args)
    if unknown and not unknown[0].startswith("-"):
        fix = f"where an option takes several values, repeat it or join them with commas; see `{parser.prog} --help`"
        raise UsageError(f"{unknown[0]!r} is one argument too many for `{parser.prog}`", fix=fix)
    if unknown:
        fix = closest(unknown[0].partition("=")[0], parser.options(), f"see `{parser.prog} --help`")
        raise UsageError(f"`{parser.prog}` does not know {unknown[0]!r}", fix=fix)
    return verb.run(options)


def _crash(program: Program, error: Exception) -> int:
    import tempfile
    import traceback

    name = program.name
    with tempfile.NamedTemporaryFile("w", prefix=f"{name}-crash-", suffix=".txt", delete=False) as report:
        report.write(f"{name} {__version__}, Python {sys.version}, {sys.platform}\n\n")
        report.writelines(traceback.format_exception(error))
    print_error(
        f"something inside {name} went wrong ({type(error).__name__})\n"
        f"help: this is a defect of {name}, not of your app; the details are in {report.name}"
    )
    return Exit.INTERNAL

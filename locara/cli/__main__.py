"""`locara`: parse the command line, run one verb, turn whatever happens into an exit code and a clear line."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final, NoReturn

from locara import __version__
from locara.cli import verbs
from locara.cli.exits import Exit, exit_of
from locara.cli.terminal import bold, print_error
from locara.errors import LocaraError, UsageError

_EXAMPLES: Final = """examples:
  locara verify --strict apps/docvault     attack an app's real runtime and say what held
  locara run --headless apps/docvault      serve the app's frames on stdin and stdout
  locara explain fs.user-selected          what a capability opens
  locara doctor                            what this machine can enforce
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UsageErrors with a suggestion, and which knows no abbreviations."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError in place of printing and leaving."""
        raise UsageError(message, fix=f"see `{self.prog} --help`")

    def options(self) -> tuple[str, ...]:
        """Every option string that this parser knows."""
        return tuple(self._option_string_actions)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code. No traceback ever reaches the person."""
    args = sys.argv[1:] if argv is None else argv
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
    except Exception as error:  # noqa: BLE001  the last place where anything unexpected can be told
        return _crash(error)
    return code


def _dispatch(args: list[str]) -> int:
    if not args or args[0] in {"-h", "--help", "help"}:
        if len(args) > 1 and args[0] == "help":
            return _verb(args[1], ["--help"])
        print(_help(), end="")
        return Exit.PASSED if args else Exit.USAGE
    if args[0] in {"-V", "--version"}:
        return _version(args[1:])
    if args[0].startswith("-"):
        raise UsageError(f"{args[0]} is not an option of locara", fix="the verb comes first: see `locara --help`")
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


def _version(args: list[str]) -> int:
    if args == ["--json"]:
        import json
        import platform

        facts = {
            "locara": __version__,
            "python": platform.python_version(),
            "platform": sys.platform,
            "machine": platform.machine(),
        }
        print(json.dumps(facts))
        return Exit.PASSED
    if args:
        raise UsageError(f"--version takes --json and nothing else, not {args[0]}", fix="see `locara --help`")
    print(f"locara {__version__}")
    return Exit.PASSED


def _verb(name: str, args: list[str]) -> int:
    verb = verbs.load(name)
    if verb is None:
        raise UsageError(f"there is no verb {name!r}", fix=_closest(name, verbs.names(), "see `locara --help`"))
    parser = Parser(prog=f"locara {name}", description=verb.summary)
    verb.add_arguments(parser)
    options, unknown = parser.parse_known_args(args)
    if unknown:
        fix = _closest(unknown[0].partition("=")[0], parser.options(), f"see `locara {name} --help`")
        raise UsageError(f"`locara {name}` does not know {unknown[0]!r}", fix=fix)
    return verb.run(options)


def _closest(word: str, known: tuple[str, ...], otherwise: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}? {otherwise}" if near else otherwise


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


if __name__ == "__main__":
    sys.exit(main())

"""`locara completion`: a script that completes verbs, options and their values in bash, zsh or fish."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse

from locara.cli.exits import Exit
from locara.records import dataclass

summary = "print a script that completes locara's verbs and options in your shell"

_EPILOG = """examples:
  source <(locara completion bash)                              this shell; or put the line into ~/.bashrc
  locara completion zsh > ~/.zfunc/_locara                      a folder of your fpath
  locara completion fish > ~/.config/fish/completions/locara.fish

The script starts no program of its own; print it again after an update.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What one verb understands: its summary, its options, the values of each that has a closed list, and the
    values of its first argument when that has one."""

    summary: str
    options: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    first: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """SHELL."""
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    known = _known()
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[args.shell](known), end="")
    return Exit.PASSED


def _known() -> dict[str, Known]:
    from locara.cli import verbs
    from locara.cli.parser import Parser

    found = {}
    for name in verbs.names():
        verb = verbs.load(name)
        if verb is None:
            continue
        parser = Parser(prog=f"locara {name}")
        verb.add_arguments(parser)
        actions = parser._actions
        values = {
            option: tuple(map(str, action.choices))
            for action in actions
            if action.choices is not None
            for option in action.option_strings
        }
        first = [action for action in actions if not action.option_strings][:1]
        choices = tuple(map(str, first[0].choices)) if first and first[0].choices is not None else ()
        if name == "init":
            from locara.cli.init import TEMPLATES

            choices = tuple(TEMPLATES)
        found[name] = Known(verb.summary, parser.options(), values, choices)
    return found


_BASH = """# bash completion of locara
_locara() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "%(verbs)s --version --help" -- "$word"))
    return
  fi
  case "$verb $before" in
%(values)s  esac
  local options= first=
  case "$verb" in
%(options)s  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *)
      if [ "$COMP_CWORD" -eq 2 ] && [ -n "$first" ]; then
        COMPREPLY=($(compgen -W "$first" -- "$word"))
      else
        COMPREPLY=($(compgen -f -- "$word"))
      fi
      ;;
  esac
}
complete -o filenames -F _locara locara
"""


def _bash(known: dict[str, Known]) -> str:
    values = "".join(
        f'    "{name} {option}") COMPREPLY=($(compgen -W "{" ".join(choices)}" -- "$word")); return ;;\n'
        for name, verb in known.items()
        for option, choices in verb.values.items()
    )
    options = "".join(
        f'    {name}) options="{" ".join(verb.options)}" first="{" ".join(verb.first)}" ;;\n'
        for name, verb in known.items()
    )
    return _BASH % {"verbs": " ".join(known), "values": values, "options": options}


def _zsh(known: dict[str, Known]) -> str:
    lines = ["#compdef locara", "_locara() {", "  if (( CURRENT == 2 )); then", "    local -a verbs=("]
    lines += [f"      {_quoted(f'{name}:{verb.summary}')}" for name, verb in known.items()]
    lines += [
        "    )",
        "    _describe verb verbs",
        "    return",
        "  fi",
        '  case "$words[2] $words[CURRENT-1]" in',
    ]
    for name, verb in known.items():
        for option, choices in verb.values.items():
            lines.append(f'    "{name} {option}") compadd -- {" ".join(choices)}; return ;;')
    lines += ["  esac", '  case "$words[2]" in']
    for name, verb in known.items():
        first = (
            f"if (( CURRENT == 3 )); then compadd -- {' '.join(verb.first)}; return; fi"
            if verb.first
            else ":"
        )
        offer = f"if [[ $PREFIX == -* ]]; then compadd -- {' '.join(verb.options)}; return; fi"
        lines.append(f"    {name}) {offer}; {first} ;;")
    lines += ["  esac", "  _files", "}", '_locara "$@"', ""]
    return "\n".join(lines)


def _fish(known: dict[str, Known]) -> str:
    lines = ["# fish completion of locara"]
    for name, verb in known.items():
        lines.append(f"complete -c locara -n __fish_use_subcommand -f -a {name} -d {_quoted(verb.summary)}")
    for name, verb in known.items():
        used = f"-n {_quoted(f'__fish_seen_subcommand_from {name}')}"
        if verb.first:
            lines.append(f"complete -c locara {used} -a {_quoted(' '.join(verb.first))}")
        for option in verb.options:
            kind = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
            values = verb.values.get(option)
            chosen = f" -x -a {_quoted(' '.join(values))}" if values else ""
            lines.append(f"complete -c locara {used} {kind}{chosen}")
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    """The text in single quotes as all three shells read them; a quote in it becomes a typographic one."""
    return "'" + text.replace("\\", "/").replace("'", "’") + "'"

"""`locara-registry`: the entry point of the operator's command line."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import sys

from locara_registry import __version__

_EXAMPLES = """  locara-registry trust init --home ./registry-home     keys, certificates and the trusted root
  locara-registry trust status --home ./registry-home   what is in use, and what must be renewed when
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code. No traceback ever reaches the person."""
    args = sys.argv[1:] if argv is None else argv
    if args in (["--version"], ["-V"]):
        print(f"locara-registry {__version__}")
        return 0
    if args == ["--version", "--json"]:
        print(f'{{"locara-registry": "{__version__}"}}')
        return 0
    try:
        from locara.cli import interrupt

        interrupt.listen()
        from locara.cli.dispatch import Program, run
        from locara_registry.cli import verbs

        purpose = "the service that signs, logs, publishes and revokes apps"
        code = run(args, Program("locara-registry", purpose, _EXAMPLES, verbs))
    except KeyboardInterrupt:  # during the imports, too
        code = 130
    if code == 130:
        from locara.cli.interrupt import interrupted

        return interrupted()
    return code


if __name__ == "__main__":
    sys.exit(main())

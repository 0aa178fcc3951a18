"""`locara`: the entry point. It imports next to nothing, so that `--version` and a shell's completion are
instant."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import os
import sys

from locara import __version__


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code. No traceback ever reaches the person."""
    args = sys.argv[1:] if argv is None else argv
    if args in (["--version"], ["-V"]):
        print(f"locara {__version__}")
        return 0
    if args == ["--version", "--json"]:
        return _version_json()
    # Whatever the shell allows: nothing that a verb writes may be changed by others of this machine.
    os.umask(os.umask(0o022) | 0o022)
    try:
        from locara.cli import interrupt

        interrupt.listen()
        from locara.cli.dispatch import run

        code = run(args)
    except KeyboardInterrupt:  # during the imports, too
        code = 130
    if code == 130:
        from locara.cli.interrupt import interrupted

        return interrupted()
    return code


def _version_json() -> int:
    import json
    import platform

    facts = {
        "locara": __version__,
        "python": platform.python_version(),
        "platform": sys.platform,
        "machine": platform.machine(),
    }
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())

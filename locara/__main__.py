"""`python -m locara` is the `locara` command."""

from __future__ import annotations

import os
import sys


def leave_out_working_folder() -> None:
    """Take the folder one happens to stand in off the import path, where `python -m` put it first.

    That folder may be the app that is being judged. Nothing in it is ever imported, neither as a module of
    the standard library's name nor as a verb by an entry point. An explicit PYTHONPATH stays as it is.

    What Python itself looks up before this runs is the name `locara`: in a folder that has a package of that name,
    `python -m locara` is that package. The command `locara` and `python -P -m locara` never look there.
    """
    if sys.flags.safe_path or not sys.path:
        return
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib would be imported while the folder is still on the path
    except FileNotFoundError:
        here = ""
    if sys.path[0] in {"", here}:
        del sys.path[0]


if __name__ == "__main__":
    leave_out_working_folder()
    from locara.cli.__main__ import main

    sys.exit(main())

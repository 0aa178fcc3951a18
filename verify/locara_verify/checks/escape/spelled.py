"""LC203 where a name is written with something about it: it opens the file of exactly that name, or nothing.

What is decided on is the text as it came. Whoever takes a scheme, a query, an escape or a quotation mark off behind the
decision opens another file than the one that was decided on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from locara.errors import LocaraError
from locara.runtime.trees import LocalTree, Refused
from locara.sandbox.broker import ScriptedPicker, Services
from locara_verify.checks.escape.outside import FORGERY, Answer, Case, granted, talking

PLAIN: Final = "a.txt"
WRITTEN: Final = (
    *(f"{before}{PLAIN}" for before in (
        "file:", "FILE:", "file:%2f", "data:", "locara:", "app:", "blob:", "view-source:", "$", "-", "@", "=", "\\",
        "~", ".\\", " ", "\ufeff", "\u200b", "%61%2e",
    )),
    *(f"{PLAIN}{behind}" for behind in (
        "?x", "#x", ";x", "%00", "%20", " ", ".", ":$DATA", "~", "!", "\u200b", "\u202e", ".part", ",v",
    )),
    f'"{PLAIN}"', f"'{PLAIN}'", f"<{PLAIN}>", f"({PLAIN})", "a%2etxt", "a%2Etxt", "&#97;.txt", "\\x61.txt", "A.TXT",
    "\uff41.txt", "a\uff0etxt", "a..txt", "a.txt.txt",
)  # fmt: skip


def spelled(case: Case) -> str | None:
    """Each name with its own file there, and without. What did not work although it must, or None."""
    folder = case.ctx.fresh_dir("spelled")
    (folder / PLAIN).write_bytes(PLAIN.encode())
    with talking(granted(case.ctx, "read-write"), Services(picker=ScriptedPicker([[folder]]))) as peer:
        handle = peer.pick("directory", "read").reply["handles"][0]["handle"]
        tree = LocalTree(folder)
        ways: dict[str, Callable[[str], bytes | None]] = {
            "the broker": lambda name: _or_nothing(
                peer.ask(op="open", handle=handle, path=name, mode="read")
            ),
            "the app's folder": lambda name: _read(tree, name),
        }
        for way, read in ways.items():
            if read(PLAIN) != PLAIN.encode():
                return f"a file is read by its name ({way})"
            for name in WRITTEN:
                got = read(name)
                case.judge(FORGERY, got is not None, "a name opens another file", f"{way}: {name!a}")
        for name in WRITTEN:
            (folder / name).write_bytes(name.encode())
        for way, read in ways.items():
            for name in (PLAIN, *WRITTEN):
                got = read(name)
                told = f"{way}: {name!a} gives {got!r}"
                case.judge(FORGERY, got not in {None, name.encode()}, "a name opens another file", told)
    return None


def _or_nothing(answer: Answer) -> bytes | None:
    return answer.data if answer.ok else None


def _read(tree: LocalTree, name: str) -> bytes | None:
    try:
        fd = tree.open_read(name)
    except (LocaraError, Refused, OSError, ValueError):
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read()

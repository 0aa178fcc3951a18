"""The control: pywebview as it comes, with one object for the page to call. Run on its own by the system's Python.

argv: a folder with pywebview's packages, a folder of pages, a file for what was called, and how the page comes: `http` by
its built-in server (its default for a file), `csp` by an application that sends our policy with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import webview


class Deep:
    def reach(self, text: str = "") -> str:
        note(f"deep {text}")
        return "deep"


class Api:
    def __init__(self) -> None:
        self._hidden = Deep()

    def told(self, text: str = "") -> str:
        note(f"told {text}")
        return text

    def stream(self, count: int) -> int:
        for number in range(count):
            webview.windows[0].run_js(f"window.got({number})")
        return count

    def _private(self, text: str = "") -> str:
        note(f"private {text}")
        return "private"


def note(text: str) -> None:
    with Path(sys.argv[3]).open("a") as file:
        file.write(text + "\n")


def served(folder: Path, policy: str):
    def app(environ, start):
        name = environ["PATH_INFO"].strip("/") or "index.html"
        kind = {"js": "text/javascript", "html": "text/html"}.get(name.rsplit(".", 1)[-1], "text/plain")
        start("200 OK", [("Content-Type", kind), ("Content-Security-Policy", policy)])
        return [(folder / name).read_bytes()]

    return app


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    page = served(folder, sys.argv[5]) if sys.argv[4] == "csp" else str(folder / "index.html")
    webview.create_window("stock", page, js_api=Api())
    webview.start()

"""What is said of the sources of an app while they are edited: by the verifier, where it is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, cast

from locara.cli.interrupt import heed
from locara.cli.verbs import load

GROUP: Final = "locara.sources"
_CHECKOUT: Final = "locara_verify.checks.analyser.advice"
Advice = Callable[[Path], tuple[str, ...]]


class Sources:
    """Reads an app's sources again and again, and tells what is new."""

    def __init__(self, app: Path, say: Callable[[str], None]) -> None:
        self._app = app
        self._say = say
        self._known: tuple[str, ...] = ()
        self._advice = _advice()

    def look(self) -> None:
        """Say what is wrong when it is not what was said last. Advice never ends a session."""
        if self._advice is None:
            return
        try:
            found = self._advice(self._app)
        except Exception as error:
            heed()
            found = (f"the sources were not read: {type(error).__name__}: {error}",)
        if found == self._known:
            return
        for line in found or ("the sources use what locara.json declares",):
            self._say(line)
        self._known = found


def _advice() -> Advice | None:
    for point in entry_points(group=GROUP):
        return cast("Advice", point.load())
    # A clone has no installed entry points; asking for a verb of the verifier finds it beside this package.
    if load("verify") is None:
        return None
    return cast("Advice", importlib.import_module(_CHECKOUT).advice)

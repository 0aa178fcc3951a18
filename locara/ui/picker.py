"""The file picker of a windowed app: the system's own dialogs, in processes of the person's, outside every sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from locara.core.text import escape
from locara.sandbox.picker import CANCELLED, Answer, Ask
from locara.ui.drops import Dropped
from locara.ui.plan import PYTHON

_DIALOGS: Final = Path(__file__).parent / "webkit"
_MAX_ANSWER: Final = 1 << 20
_MAX_SHOWN: Final = 41_000
"""No path that the system opens is longer when it is spelled out, so none is cut where a person decides."""


class DialogPicker:
    """Asks with a file dialog that names the app and what it will be able to do with what is picked.

    ``dropped`` is what was dropped on the app's window: of that the person is asked with its names alone.
    """

    def __init__(
        self, app_name: str, environ: Mapping[str, str] = os.environ, dropped: Dropped | None = None
    ) -> None:
        self._app_name = app_name
        self._environ = dict(environ)
        self.dropped = Dropped() if dropped is None else dropped

    def pick(self, ask: Ask) -> Answer:
        """The person's answer; cancelled, too, when no dialog could be shown or its answer is none."""
        if ask.kind == "dropped":
            return self._hand_over(ask)
        try:
            answer = self._show("dialog.py", {"app": self._app_name, **asdict(ask)})
            chosen, remember = answer["paths"], answer["remember"] is True
            if not isinstance(chosen, list):
                return CANCELLED
        except (ValueError, KeyError, TypeError):
            return CANCELLED
        paths = (Path(path) for path in chosen if isinstance(path, str) and path.startswith("/"))
        return Answer(tuple(paths), ask.remember and remember)

    def _hand_over(self, ask: Ask) -> Answer:
        paths = self.dropped.take()
        if not paths:
            return CANCELLED
        shown = [escape(str(path), _MAX_SHOWN) for path in paths]
        try:
            agreed = self._show(
                "drop_dialog.py", {"app": self._app_name, "paths": shown, "recursive": ask.recursive}
            )
        except ValueError:
            return CANCELLED
        return Answer(paths) if agreed is True else CANCELLED

    def _show(self, dialog: str, request: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what JSON holds
        """What a dialog answers. ValueError when it was not shown, or its answer is none."""
        # Isolated: neither the folder one stands in nor a variable decides which modules the dialog loads.
        done = subprocess.run(
            [PYTHON, "-I", str(_DIALOGS / dialog)],
            env=self._environ,
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0 or len(done.stdout) > _MAX_ANSWER:
            raise ValueError("the dialog gave no answer")
        return json.loads(done.stdout)

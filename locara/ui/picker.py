"""The file picker of a windowed app: the system's own dialog, in a process of the person's, outside every sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from locara.sandbox.picker import CANCELLED, Answer, Ask
from locara.ui.plan import PYTHON

_DIALOG: Final = Path(__file__).parent / "webkit" / "dialog.py"
_MAX_ANSWER: Final = 1 << 20


class DialogPicker:
    """Asks with a file dialog that names the app and what it will be able to do with what is picked."""

    def __init__(self, app_name: str, environ: Mapping[str, str] = os.environ) -> None:
        self._app_name = app_name
        self._environ = dict(environ)

    def pick(self, ask: Ask) -> Answer:
        """The person's answer; cancelled, too, when no dialog could be shown or its answer is none."""
        request = json.dumps({"app": self._app_name, **asdict(ask)})
        # Isolated: neither the folder one stands in nor a variable decides which modules the dialog loads.
        done = subprocess.run(
            [PYTHON, "-I", str(_DIALOG), request],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0 or len(done.stdout) > _MAX_ANSWER:
            return CANCELLED
        try:
            answer = json.loads(done.stdout)
            chosen, remember = answer["paths"], answer["remember"] is True
        except (ValueError, KeyError, TypeError):
            return CANCELLED
        paths = (Path(path) for path in chosen if isinstance(path, str) and path.startswith("/"))
        return Answer(tuple(paths), ask.remember and remember)

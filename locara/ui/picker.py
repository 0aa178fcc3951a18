"""The file picker of a windowed app: the system's own dialog, in a process of the person's, outside every sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from locara.sandbox.broker_wire import PickAccess, PickKind
from locara.ui.plan import PYTHON

_DIALOG: Final = Path(__file__).parent / "webkit" / "dialog.py"
_MAX_ANSWER: Final = 1 << 20


class DialogPicker:
    """Asks with a file dialog that names the app and what it will be able to do with what is picked."""

    def __init__(self, app_name: str, environ: Mapping[str, str] = os.environ) -> None:
        self._app_name = app_name
        self._environ = dict(environ)

    def pick(self, kind: PickKind, access: PickAccess, *, multiple: bool) -> list[Path]:
        """The chosen absolute paths; empty when the person cancelled or no dialog could be shown."""
        request = json.dumps(
            {"app": self._app_name, "kind": kind, "access": access, "multiple": bool(multiple)}
        )
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
            return []
        try:
            chosen = json.loads(done.stdout)
        except ValueError:
            return []
        return [Path(path) for path in chosen if isinstance(path, str) and path.startswith("/")]

"""An app by the name it was installed under, where there is no folder of that name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from locara.core.fields import APP_ID_PATTERN

_APP: Final = re.compile(APP_ID_PATTERN)


def named(app: Path) -> Path:
    """The folder that is meant: this one, or that of the installed app ``publisher/name``.

    A folder that exists is never taken for a name. Raises StartError when the app was not installed whole.
    """
    if app.exists() or not _APP.fullmatch(str(app)):
        return app
    from locara.runtime.installed import Shelf, app_of  # noqa: PLC0415 - most apps are named by their folder
    from locara.runtime.state import StateFolder, default_state_root  # noqa: PLC0415

    return app_of(StateFolder(default_state_root()), Shelf.default(), str(app)) or app

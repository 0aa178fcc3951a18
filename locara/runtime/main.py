"""The module that the sandbox starts."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType


def no_plugins() -> None:
    """Pydantic, where a call loads it, finds no plug-in and does not look for one.

    A plug-in is whatever is installed: nothing of that belongs into the process that holds the gate. What would look
    for them loads a reader of packages' metadata, too.
    """
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    loader = ModuleType("pydantic.plugin._loader")
    loader.__dict__["get_plugins"] = tuple
    sys.modules[loader.__name__] = loader


def main() -> None:
    """Serve one app on stdin and stdout and end the process with the exit code."""
    no_plugins()
    # Loading makes objects that all stay: to look through them for garbage again and again takes time and finds none.
    gc.disable()
    from locara.runtime.payload import serve  # noqa: PLC0415 - only after the lines above

    gc.freeze()
    gc.enable()
    gc.set_threshold(10_000, 20, 50)  # a call makes many objects, and few that only a search would find again

    code = serve(sys.argv[1:])
    sys.stderr.flush()
    # A worker that waits for a person or for native code must not keep a closed app alive.
    os._exit(code)


if __name__ == "__main__":
    main()

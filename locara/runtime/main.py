"""The module that the sandbox starts."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Serve one app on stdin and stdout and end the process with the exit code."""
    # Plug-ins load whatever is installed; nothing of that belongs into the process that holds the gate.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    from locara.runtime.payload import serve  # noqa: PLC0415 - only after the line above

    code = serve(sys.argv[1:])
    sys.stderr.flush()
    # A worker that waits for a person or for native code must not keep a closed app alive.
    os._exit(code)


if __name__ == "__main__":
    main()

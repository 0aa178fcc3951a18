"""Running the desktop's own programs: named by absolute path, never by a shell, with the session's environment
and nothing else, for a bounded time and with bounded output.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Final

from locara.records import dataclass

SECONDS: Final = 5.0
_COMPLAINT: Final = 4_096
_PASSED: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "BROWSER"}
)
_PASSED_FAMILIES: Final = ("LC_", "XDG_", "DBUS_SESSION_BUS_", "PULSE_", "PIPEWIRE_")


def session_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The part of the person's environment that names their session. Loader, interpreter and proxy settings of
    the shell that started Locara stay out of it.
    """
    found = os.environ if environ is None else environ
    return {
        name: value for name, value in found.items() if name in _PASSED or name.startswith(_PASSED_FAMILIES)
    }


def find(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The absolute path of a program of the session, None when there is none."""
    path = session_environment(environ).get("PATH", os.defpath)
    found = shutil.which(name, path=path)
    return found if found and found.startswith("/") else None


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended: whether well, and the beginning of its output and of its complaints."""

    well: bool
    out: bytes
    complaint: bytes


def run(
    command: Sequence[str],
    *,
    text: bytes | None = None,
    most: int = 0,
    environ: Mapping[str, str] | None = None,
) -> Done:
    """Run a program to its end; of its output the first ``most + 1`` bytes are kept.

    Its output goes to a file, so that a program that leaves a child behind (xclip serves the clipboard from
    one) is not waited for. A program that cannot be started or takes too long did not end well.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as bad:
        given.write(text or b"")
        given.seek(0)
        try:
            done = subprocess.run(
                list(command),
                stdin=given,
                stdout=out,
                stderr=bad,
                env=session_environment(environ),
                cwd="/",
                timeout=SECONDS,
                check=False,
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError):
            return Done(False, b"", b"")
        out.seek(0)
        bad.seek(0)
        return Done(done.returncode == 0, out.read(most + 1), bad.read(_COMPLAINT))


def start(
    command: Sequence[str], *, stdout: int, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that goes on by itself. Raises OSError."""
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        env=session_environment(environ),
        cwd="/",
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program that was started, at once if it does not go by itself."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1.0)
        return
    process.kill()
    process.wait()

"""The window's real launch plan, for the checks: a display that is only a socket, and the app's own page."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from locara.sandbox.plan import LaunchPlan, Source
from locara_verify.checks.sandbox.plans import INSIDE
from locara_verify.context import Context
from locara_verify.target import Target


def no_window(_target: Target) -> str | None:
    """Why this machine shows no windows, None when it does."""
    if not sys.platform.startswith("linux"):
        return f"judges the window of Linux, and this is {sys.platform}"
    from locara.ui.plan import window_missing  # noqa: PLC0415 - only where a window is judged

    missing = window_missing()
    return None if missing is None else f"no window can be shown on this machine: {missing}"


@contextmanager
def window_of(ctx: Context) -> Iterator[LaunchPlan]:
    """The plan of the app's window, with the probes' package shown as well."""
    from locara.ui.display import Display  # noqa: PLC0415 - as above
    from locara.ui.plan import Look, window_plan  # noqa: PLC0415

    manifest = ctx.target.manifest
    if manifest is None:
        raise ValueError("a window's plan needs a valid locara.json")
    page = ctx.fresh_dir("page")
    entry = page / "index.html"
    entry.write_text("<!doctype html><title>a page</title>\n", "utf-8")
    with _display(ctx.fresh_dir("d")) as place:
        display = Display("x11", place, ":0")
        plan = window_plan(ctx.grants, page, Look(manifest.display_name, "index.html"), display, None)
        if plan.identity is not None:
            for path in (page, entry):
                os.chown(path, plan.identity.uid, plan.identity.gid)
        landlock = plan.landlock
        if landlock is not None:
            landlock = landlock._replace(paths=(*landlock.paths, (str(INSIDE), "read")))
        yield replace(
            plan,
            sources=(*plan.sources, Source(INSIDE, str(INSIDE), "dir")),
            import_path=(*plan.import_path, str(INSIDE.parent)),
            landlock=landlock,
        )


@contextmanager
def _display(folder: Path) -> Iterator[Path]:
    """A listening socket where a display server would listen, and beside it that of another one."""
    short = Path(os.path.realpath(folder))
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as other:
        # The path of a socket is short; the folder is named by its descriptor.
        at = os.open(short, os.O_PATH | os.O_DIRECTORY)
        try:
            listener.bind(f"/proc/self/fd/{at}/X0")
            other.bind(f"/proc/self/fd/{at}/X1")
            Path(f"/proc/self/fd/{at}/X1").chmod(0o777)  # open to whoever is shown the folder
            short.chmod(0o755)
        finally:
            os.close(at)
        listener.listen(4)
        other.listen(4)
        yield short / "X0"

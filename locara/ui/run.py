"""`locara run APP`: the person's answer, the models, the runtime, the window; and the end of all of them together."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from locara.errors import LocaraError, SandboxError
from locara.models.cache import ModelCache, default_root
from locara.models.index import LOCAL_NAME, read_index
from locara.models.pin import Pin
from locara.models.profiles import choose, ram_bytes
from locara.models.sources import Found, find_source
from locara.models.web import Web
from locara.runtime.app import AppBundle
from locara.runtime.awake import Admission
from locara.runtime.launch import exit_code, killing, let_end, running
from locara.runtime.registry_index import registry_index
from locara.runtime.state import StateFolder, default_state_root
from locara.ui.display import Display, find_display
from locara.ui.drops import Dropped
from locara.ui.first_run import FirstRun
from locara.ui.look import look_of
from locara.ui.picker import DialogPicker
from locara.ui.placement import keep
from locara.ui.theme import following
from locara.ui.window import Orders, Report, open_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locara.models.cache import Inspect
    from locara.models.index import Index
    from locara.runtime.consent import Consent


def run_windowed(app: Path, *, consent: Consent | None, data: Path | None, inspect: Inspect) -> int:
    """Show an app until its window is closed. Returns the exit code of its runtime.

    ``consent`` answers in place of the person, and ``data`` is a folder for the app's data in place of their own.
    Raises what `locara.runtime.launch.running` raises, and SandboxError ``no_display`` or
    ``window_missing``, before anything of the app runs.
    """
    bundle = AppBundle.open(app)
    display = find_display(os.environ)
    if display.exposure:
        print(f"locara: {display.exposure}", file=sys.stderr)
    page = _page(bundle)
    with FirstRun(bundle.grants, log=2, display=display) as first, _pair() as (ours, theirs):
        dropped = Dropped()
        with running(
            bundle,
            consent=consent or first,
            picker=DialogPicker(bundle.manifest.display_name, dropped=dropped),
            streams=(ours.fileno(), ours.fileno(), 2),
            data=data,
            admitted=lambda admission: bring_models(admission.bundle, first, inspect),
        ) as (process, admission):
            ours.close()
            with killing(process) as signals:
                signals.extend(_show(admission, page, theirs, dropped, display=display, first=first))
                if signals:
                    process.kill()
                # The window's end of the pair is closed, so the runtime reads the end of its input.
                let_end(process)
                code = process.wait()
    return exit_code(code, signals)


def _show(
    admission: Admission,
    page: Path,
    theirs: socket.socket,
    dropped: Dropped,
    *,
    display: Display,
    first: FirstRun,
) -> list[int]:
    """Show the window until it is closed; returns the signals that ended it before that."""
    bundle = admission.bundle
    state = StateFolder(default_state_root())
    look = look_of(bundle, _entry(bundle), state)

    hear = hearing(state, bundle.grants.app_id, dropped, first.close)
    orders = Orders()
    with (
        open_window(
            bundle.grants, page, look, peer=theirs, hear=hear, log=2, display=display, orders=orders
        ) as window,
        following(os.environ, orders.turn),
    ):
        theirs.close()
        with killing(window) as signals:
            window.wait()
    return signals


def hearing(
    state: StateFolder, app_id: str, dropped: Dropped, loaded: Callable[[], None]
) -> Callable[[Report], None]:
    """What `locara run` does with what a window tells: ``loaded`` is called when the app's own page is there, and what
    is news to the person is a line on stderr."""

    def hear(report: Report) -> None:
        if report.event == "size":
            with suppress(LocaraError):  # where a window stood is not worth ending an app for
                keep(state, app_id, report)
        elif report.event == "dropped":
            dropped.put(report.uris)
        elif report.event == "loaded":
            loaded()  # the app's own window has taken the place of the first one
        elif report.news:
            print(report.news, file=sys.stderr, flush=True)

    return hear


def _page(bundle: AppBundle) -> Path:
    folder = bundle.path / bundle.manifest.build.out
    entry = bundle.path / bundle.manifest.entry
    if not entry.is_file():
        raise SandboxError(
            f"the page {bundle.manifest.entry} is not built yet",
            code="launch_failed",
            fix="build it first: `locara dev` does, and `npm run build` in the app's folder",
        )
    return folder


def _entry(bundle: AppBundle) -> str:
    return str(Path(bundle.manifest.entry).relative_to(bundle.manifest.build.out))


def bring_models(bundle: AppBundle, first: FirstRun, inspect: Inspect) -> None:
    """Fetch the pinned models that this machine uses and does not have, in the first-run window."""
    cache, web = ModelCache(default_root()), Web()
    needed = [pin for pin in choose(bundle.manifest, ram_bytes()).models if cache.blob(pin.digest) is None]
    if not needed:
        return
    wanted = _sources(bundle, needed)
    if not first.get_models(cache, wanted, web=web, inspect=inspect):
        raise SandboxError(
            "the models were not all fetched",
            code="launch_failed",
            fix="start the app again to go on; what has arrived is kept",
        )


def _sources(bundle: AppBundle, pins: list[Pin]) -> list[Found]:
    """Where they come from: what lies beside the app, then the registry that this machine follows."""
    local = bundle.path / LOCAL_NAME
    indexes = [read_index(str(local))] if local.is_file() else []
    return [find_source(pin, chain(indexes, _followed())) for pin in pins]


def _followed() -> Iterator[Index]:
    found = registry_index()  # read only where nothing before it named the model
    if found is not None:
        yield found


@contextmanager
def _pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs

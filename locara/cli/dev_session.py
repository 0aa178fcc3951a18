"""One session of `locara dev`: the app's runtime, the files that are watched, and what a change does."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from locara.cli.interrupt import heed
from locara.cli.terminal import print_error, printable
from locara.errors import LocaraError
from locara.records import dataclass

if TYPE_CHECKING:
    from locara.cli.dev_link import Pages
    from locara.cli.dev_sources import Sources
    from locara.core.grant import Grants
    from locara.runtime.app import AppBundle
    from locara.runtime.launch import RunningApp
    from locara.sandbox.picker import Picker

_POLL_SECONDS: Final = 0.25
_MAX_FILES: Final = 20_000

Seen = dict[str, tuple[int, int, int]]


class Front(Protocol):
    """Where a person sees the page: a browser's tab or the app's own window."""

    def show(self, bundle: AppBundle) -> None:
        """Serve this app's page as it is built now, before pages are told to load it anew."""


def say(text: str) -> None:
    """One line of what happens, on stderr: stdout holds the address alone."""
    print(printable(text), file=sys.stderr, flush=True)


def page_of(bundle: AppBundle) -> tuple[Path, str]:
    """The folder of the built page, and the entry in it."""
    out = bundle.path.resolve() / bundle.manifest.build.out
    entry = bundle.path.resolve() / bundle.manifest.entry
    if not entry.is_file():
        say(f"{bundle.manifest.entry} is not there yet: build the page")
    return out, str(entry.relative_to(out)) if entry.is_relative_to(out) else entry.name


class Runtime:
    """The app's runtime of this session, started again when what it is made of changes."""

    def __init__(self, pages: Pages, *, data: Path, state: Path, picker: Picker) -> None:
        self.pages = pages
        self.bundle: AppBundle | None = None
        self._data = data
        self._state = state
        self._picker = picker
        self._count = 0

    def start(self, bundle: AppBundle) -> None:
        """Start it. Raises what `locara.runtime.launch.start` raises."""
        from locara.models.cache import ModelCache, default_root
        from locara.runtime.consent import StatedConsent
        from locara.runtime.launch import start
        from locara.runtime.user_folders import default_user_roots
        from locara.sandbox.desktop.session import session_desktop

        # Each start is a first one, so that what an edit adds works at once and not after the cool-down.
        self._count += 1
        running = start(
            bundle,
            home=self._data,
            cache=ModelCache(default_root()),
            picker=self._picker,
            user_roots=default_user_roots(),
            state=self._state / str(self._count),
            consent=StatedConsent(),
            desktop=session_desktop(),
        )
        self.bundle = bundle
        self.pages.attach(running, self._ended)

    def stop(self) -> None:
        """End it, if it runs."""
        running = self.pages.detach()
        if running is not None:
            running.close()

    def _ended(self, running: RunningApp) -> None:
        if self.pages.detach_if(running):
            running.close()
            say(
                f"the runtime ended; it starts again when locara.json or db/ changes (see {running.stderr_path})"
            )
            self.pages.tell({"closed": "the runtime has ended"})

    def restart(self, path: Path) -> bool:
        """Read the app again and start what it is now. False, with the reasons told, when it cannot be."""
        from locara.runtime.app import AppBundle

        try:
            bundle = AppBundle.open(path)
        except LocaraError as error:
            print_error(error.diagnostics())
            say("the runtime goes on as it was")
            return False
        before = self.bundle
        self.stop()
        try:
            self.start(bundle)
        except LocaraError as error:
            print_error(error.diagnostics())
            self.pages.tell({"closed": "the runtime did not start again"})
            return False
        if before is not None:
            _tell_grants(before.grants, bundle.grants)
        say("started again")
        return True


def _tell_grants(old: Grants, new: Grants) -> None:
    from locara.core.changes import gains

    for mark, found in (("+ may now", gains(old, new)), ("- no longer may", gains(new, old))):
        for gain in found:
            say(f"  {mark} {gain.sentence}")


@dataclass(frozen=True, slots=True)
class Session:
    """An app under development: ``known`` is what its sources and its built page were when it was started."""

    app: Path
    runtime: Runtime
    known: tuple[Seen, Seen]
    sources: Sources

    def watch(self, front: Front, ended: threading.Event) -> None:
        """Look at the files again and again until ``ended``: a change from what is known is acted on when it has
        come to rest."""
        self.sources.look()
        source, page = self.known
        while not ended.wait(_POLL_SECONDS):
            heed()
            now_source, now_page = self._now()
            if (now_source, now_page) == (source, page):
                continue
            while not ended.wait(_POLL_SECONDS):
                heed()
                later = self._now()
                if later == (now_source, now_page):
                    break
                now_source, now_page = later
            if now_source != source and self.runtime.restart(self.app):
                now_page = built(self.runtime)
            if now_page != page:
                say("the page changed")
            source, page = now_source, now_page
            if self.runtime.bundle:
                front.show(self.runtime.bundle)
            self.runtime.pages.tell({"reload": True})
            self.sources.look()

    def _now(self) -> tuple[Seen, Seen]:
        return sources_of(folder_of(self.app)), built(self.runtime)


def folder_of(app: Path) -> Path:
    """The app's folder, named by itself or by its manifest."""
    return app.parent if app.name == "locara.json" else app


def sources_of(folder: Path) -> Seen:
    """What the runtime is made of: locara.json and db/."""
    return seen([folder / "locara.json", folder / "db"])


def built(runtime: Runtime) -> Seen:
    """What the page is made of: the folder that the build writes."""
    return {} if runtime.bundle is None else seen([_out(runtime.bundle)])


def _out(bundle: AppBundle) -> Path:
    return bundle.path / bundle.manifest.build.out


def seen(places: Sequence[Path]) -> Seen:
    """Every file in these places with its time of change, size and inode; what vanishes meanwhile is left out."""
    found: Seen = {}
    waiting = [str(place) for place in places]
    while waiting and len(found) < _MAX_FILES:
        path = waiting.pop()
        try:
            status = os.lstat(path)
            found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
            if (status.st_mode & 0o170000) == 0o040000:
                waiting += [entry.path for entry in os.scandir(path)]
        except OSError:
            continue
    return found

"""`locara dev`: an app in its real sandbox, its page in an ordinary browser, both renewed when files change."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from locara.cli.terminal import bold, print_error, printable
from locara.errors import LocaraError, UsageError

if TYPE_CHECKING:
    from types import FrameType

    from locara.cli.dev_link import Pages
    from locara.cli.dev_server import Bridge
    from locara.cli.dev_sources import Sources
    from locara.core.grant import Grants
    from locara.runtime.app import AppBundle
    from locara.runtime.launch import RunningApp
    from locara.sandbox.picker import Answer, Ask

summary = "run an app in its sandbox with its page in your browser, renewed as you edit"

_EPILOG = """examples:
  locara dev my-app
  locara dev my-app --pick ~/letters --pick ~/one.pdf    what the file picker answers, by kind, again and again
  locara dev my-app --port 4870 --data /tmp/trial
  cd my-app && locara dev --window                       the window that people see; Ctrl+R loads the page again

The sandbox is the one of `locara run`. The page is served on 127.0.0.1 alone, under an address that holds a
token of this session. A change of the built page reloads it; a change of locara.json or db/ starts the
runtime again and says what the app may now do and no longer. Building the page (`npm run build`) stays yours.
Each time the sources are read as `locara verify` reads them (LC051 to LC053): a call that locara.json does not
open is named with its file and line.

By starting it you agree to what locara.json asks for, also after each change, for this session alone. Its
data is kept apart from your own, in $XDG_DATA_HOME/Locara/dev. Ctrl-C ends all of it (exit code 130).
"""
_POLL_SECONDS: Final = 0.25
_MAX_FILES: Final = 20_000

Seen = dict[str, tuple[int, int, int]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """APP, --window, --port, --pick, --data."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "app",
        metavar="APP",
        type=Path,
        nargs="?",
        default=Path(),
        help="folder of the app (it holds locara.json; default: here)",
    )
    parser.add_argument(
        "--window", action="store_true", help="show the page in the app's own window instead of your browser"
    )
    parser.add_argument(
        "--port", metavar="N", type=int, default=0, help="port on 127.0.0.1 (default: a free one)"
    )
    parser.add_argument(
        "--pick", metavar="PATH", type=Path, action="append", default=[], help="what the picker answers"
    )
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder for the data of this and later sessions"
    )


class RepeatingPicker:
    """Answers each pick with the next of the given paths that is of the kind asked for, again and again."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = [path.absolute() for path in paths]

    def pick(self, ask: Ask) -> Answer:
        """The next path of that kind, all of them for multiple; none when there is none."""
        from locara.sandbox.picker import Answer

        fits = Path.is_dir if ask.kind == "directory" else Path.is_file
        fitting = [path for path in self._paths if fits(path)]
        if ask.multiple or not fitting:
            return Answer(tuple(fitting), ask.remember)
        self._paths.remove(fitting[0])
        self._paths.append(fitting[0])
        return Answer((fitting[0],), ask.remember)


def run(args: argparse.Namespace) -> int:
    """Until Ctrl-C. Raises what start raises when the first start fails."""
    from locara.runtime.app import AppBundle
    from locara.runtime.app_home import default_apps_root

    if args.window:
        return _windowed(args, args.data or default_apps_root().parent / "dev")
    if not 0 <= args.port <= 65_535:
        raise UsageError(f"{args.port} is not a port", fix="0 to 65535; 0 takes a free one")
    # What is watched is what was there before anything was read: no edit falls between reading and watching.
    before = _sources(_folder(args.app))
    bundle = AppBundle.open(args.app)
    data = args.data or default_apps_root().parent / "dev"
    with ExitStack() as stack:
        _serve(stack, bundle, before, data, args)
    return 0


def _windowed(args: argparse.Namespace, data: Path) -> int:
    """The app's own window, with the data and the answer of a session of development."""
    from locara.cli.dev_folder import dev_folder
    from locara.cli.model_files import inspect
    from locara.runtime.consent import StatedConsent
    from locara.ui.run import Choices, run_windowed

    picker = RepeatingPicker(args.pick) if args.pick else None
    with dev_folder() as folder:
        choices = Choices(consent=StatedConsent(), picker=picker, data=data, state=folder / "state")
        return run_windowed(args.app, choices, inspect=inspect)


def _serve(stack: ExitStack, bundle: AppBundle, before: Seen, data: Path, args: argparse.Namespace) -> None:
    from locara.cli.dev_folder import dev_folder
    from locara.cli.dev_link import Pages
    from locara.cli.dev_server import Bridge
    from locara.cli.dev_sources import Sources

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + signal.SIGTERM)

    stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, leave))
    # An answer given here is for this session: it is not the person's answer of `locara run`.
    state = stack.enter_context(dev_folder()) / "state"
    state.mkdir(mode=0o700)
    pages = Pages()
    runtime = Runtime(pages, data=data, state=state, picker=RepeatingPicker(args.pick))
    stack.callback(runtime.stop)
    runtime.start(bundle)
    built = _built(runtime)
    out, entry = _page(bundle)
    try:
        server = Bridge(args.port, token=secrets.token_hex(24), pages=pages, out=out, entry=entry)
    except OSError as error:
        raise UsageError(
            f"port {args.port} cannot be used: {error.strerror}", fix="leave --port out"
        ) from error
    stack.callback(server.server_close)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    stack.callback(server.shutdown)
    sources = Sources(_folder(args.app), say)
    sources.look()
    print(f"{bold(printable(bundle.manifest.display_name))}  {server.url}", flush=True)
    _watch(args.app, runtime, server, (before, built), sources)


def _page(bundle: AppBundle) -> tuple[Path, str]:
    """The folder of the built page, and the entry in it."""
    out = bundle.path.resolve() / bundle.manifest.build.out
    entry = bundle.path.resolve() / bundle.manifest.entry
    if not entry.is_file():
        say(f"{bundle.manifest.entry} is not there yet: build the page")
    return out, str(entry.relative_to(out)) if entry.is_relative_to(out) else entry.name


def say(text: str) -> None:
    """One line of what happens, on stderr: stdout holds the address alone."""
    print(printable(text), file=sys.stderr, flush=True)


class Runtime:
    """The app's runtime of this session, started again when what it is made of changes."""

    def __init__(self, pages: Pages, *, data: Path, state: Path, picker: RepeatingPicker) -> None:
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


def _watch(app: Path, runtime: Runtime, server: Bridge, known: tuple[Seen, Seen], sources: Sources) -> None:
    """Look at the files again and again: a change from what is known is acted on when it has come to rest."""
    folder = _folder(app)
    pause = threading.Event()
    source, page = known
    while True:
        pause.wait(_POLL_SECONDS)
        now_source, now_page = _sources(folder), _built(runtime)
        if (now_source, now_page) == (source, page):
            continue
        while True:
            pause.wait(_POLL_SECONDS)
            later = (_sources(folder), _built(runtime))
            if later == (now_source, now_page):
                break
            now_source, now_page = later
        if now_source != source and runtime.restart(app) and runtime.bundle:
            server.out, server.entry = _page(runtime.bundle)
            now_page = _built(runtime)
        if now_page != page:
            say("the page changed")
        source, page = now_source, now_page
        runtime.pages.tell({"reload": True})
        sources.look()


def _folder(app: Path) -> Path:
    """The app's folder, named by itself or by its manifest."""
    return app.parent if app.name == "locara.json" else app


def _sources(folder: Path) -> Seen:
    """What the runtime is made of: locara.json and db/."""
    return seen([folder / "locara.json", folder / "db"])


def _built(runtime: Runtime) -> Seen:
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

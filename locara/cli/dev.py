"""`locara dev`: an app in its real sandbox, in its window or in a browser, both renewed when files change."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import secrets
import signal
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from locara.cli.terminal import bold, printable
from locara.errors import SandboxError, UsageError

if TYPE_CHECKING:
    from types import FrameType

    from locara.cli.dev_server import Bridge
    from locara.cli.dev_session import Seen, Session
    from locara.runtime.app import AppBundle
    from locara.sandbox.picker import Answer, Ask, Picker
    from locara.ui.display import Display
    from locara.ui.drops import Dropped

summary = "run an app in its sandbox, in its window or your browser, renewed as you edit"

_EPILOG = """examples:
  cd my-app && locara dev
  locara dev my-app --pick ~/letters --pick ~/one.pdf    what the file picker answers, by kind, again and again
  locara dev my-app --browser --data /tmp/trial          an address instead of the window
  locara dev my-app --port 4870

Where there is a screen and WebKitGTK, the page is shown in the app's own window, and closing it ends the session.
Elsewhere, or with --browser or --port, it is served on 127.0.0.1 alone, under an address that holds a token of
this session; one line says why there is no window.

The sandbox is the one of `locara run`. A change of the built page reloads it; a change of locara.json or db/ starts
the runtime again and says what the app may now do and no longer. Building the page (`npm run build`) stays yours.
Each time the sources are read as `locara verify` reads them (LC051 to LC053): a call that locara.json does not
open is named with its file and line.

By starting it you agree to what locara.json asks for, also after each change, for this session alone. Its
data is kept apart from your own, in $XDG_DATA_HOME/Locara/dev. Ctrl-C ends all of it (exit code 130).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """APP, --window, --browser, --port, --pick, --data."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "app",
        metavar="APP",
        type=Path,
        nargs="?",
        default=Path(),
        help="folder of the app (it holds locara.json; default: here)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--window", action="store_true", help="the app's own window, and an error where there can be none"
    )
    where.add_argument(
        "--browser", "--no-window", action="store_true", help="print an address for your browser, no window"
    )
    where.add_argument(
        "--port", metavar="N", type=int, help="like --browser, on this port of 127.0.0.1 (0 takes a free one)"
    )
    parser.add_argument(
        "--pick",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="what the picker answers; without it a window shows the system's dialog",
    )
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder for the data of this and later sessions"
    )


class RepeatingPicker:
    """Answers each pick with the next of the given paths that is of the kind asked for, again and again."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = [path.absolute() for path in paths]

    def pick(self, ask: Ask) -> Answer:
        """The next path of that kind, all of them for multiple; none when there is none. Nothing is dropped."""
        from locara.sandbox.picker import CANCELLED, Answer

        if ask.kind == "dropped":
            return CANCELLED
        fits = Path.is_dir if ask.kind == "directory" else Path.is_file
        fitting = [path for path in self._paths if fits(path)]
        if ask.multiple or not fitting:
            return Answer(tuple(fitting), ask.remember)
        self._paths.remove(fitting[0])
        self._paths.append(fitting[0])
        return Answer((fitting[0],), ask.remember)


def run(args: argparse.Namespace) -> int:
    """Until the window is closed (0), or until Ctrl-C. Raises what start raises when the first start fails."""
    from locara.cli.dev_session import folder_of, sources_of
    from locara.runtime.app import AppBundle

    if args.port is not None and not 0 <= args.port <= 65_535:
        raise UsageError(f"{args.port} is not a port", fix="0 to 65535; 0 takes a free one")
    # What is watched is what was there before anything was read: no edit falls between reading and watching.
    before = sources_of(folder_of(args.app))
    bundle = AppBundle.open(args.app)
    display = None if args.browser or args.port is not None else _display(forced=args.window)
    with ExitStack() as stack:
        _serve(stack, bundle, before, display, args)
    return 0


def _display(*, forced: bool) -> Display | None:
    """Where a window can be shown. None, and one line that says why, where it cannot and need not."""
    from locara.cli.dev_session import say
    from locara.cli.dev_window import usable_display

    try:
        return usable_display()
    except SandboxError as error:
        if forced:
            raise SandboxError(error.message, code=error.code, fix=_way_out(error)) from error
        say(f"no window here: {error.message}. Open the address in a browser, or {_way_out(error)}")
        return None


def _way_out(error: SandboxError) -> str:
    if error.code == "no_display":
        return "start it inside a desktop session"
    return "install WebKitGTK (Debian, Ubuntu: apt install python3-gi gir1.2-webkit2-4.1 gir1.2-gtk-3.0)"


def _serve(
    stack: ExitStack, bundle: AppBundle, before: Seen, display: Display | None, args: argparse.Namespace
) -> None:
    from locara.cli.dev_folder import dev_folder
    from locara.cli.dev_link import Pages
    from locara.cli.dev_session import Runtime, Session, built, folder_of, say
    from locara.cli.dev_sources import Sources
    from locara.runtime.app_home import default_apps_root
    from locara.ui.drops import Dropped

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + signal.SIGTERM)

    stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, leave))
    # An answer given here is for this session: it is not the person's answer of `locara run`.
    folder = stack.enter_context(dev_folder())
    state = folder / "state"
    state.mkdir(mode=0o700)
    if display is not None:
        _bring_models(bundle, display)
    data = args.data or default_apps_root().parent / "dev"
    pages = Pages()
    dropped = Dropped()
    picker = _picker(bundle, display, args.pick, dropped)
    runtime = Runtime(pages, data=data, state=state, picker=picker)
    stack.callback(runtime.stop)
    runtime.start(bundle)
    session = Session(args.app, runtime, (before, built(runtime)), Sources(folder_of(args.app), say))
    if display is not None and not _in_window(
        session, bundle, display, folder / "page", dropped, forced=args.window
    ):
        return
    _in_browser(stack, session, bundle, args.port or 0)


def _picker(bundle: AppBundle, display: Display | None, paths: list[Path], dropped: Dropped) -> Picker:
    from locara.ui.picker import DialogPicker

    if paths or display is None:
        return RepeatingPicker(paths)
    return DialogPicker(bundle.manifest.display_name, dropped=dropped)


def _bring_models(bundle: AppBundle, display: Display) -> None:
    """Fetch the models that are missing, with a bar in a window, as the first start of `locara run` does."""
    from locara.cli.model_files import inspect
    from locara.ui.first_run import FirstRun
    from locara.ui.run import bring_models

    with FirstRun(bundle.grants, log=2, display=display) as first:
        bring_models(bundle, first, inspect)


def _in_window(
    session: Session, bundle: AppBundle, display: Display, page: Path, dropped: Dropped, *, forced: bool
) -> bool:
    """Show the window until it is closed. True when the display took none and a browser is to be used instead."""
    from locara.cli.dev_session import say
    from locara.cli.dev_window import WindowFront

    if display.exposure:
        say(f"locara: {display.exposure}")
    ended = threading.Event()
    front = WindowFront(session.runtime.pages, page, display, ended, dropped)
    front.show(bundle)
    with front.open():
        say(
            f"{bold(printable(bundle.manifest.display_name))}  in its window; --browser prints an address instead"
        )
        session.watch(front, ended)
    if front.has_no_display and forced:
        raise SandboxError("the display did not take a window", code="no_display", fix="use --browser")
    if front.has_no_display:
        say("no window here: the display did not take one. Open the address in a browser")
    return front.has_no_display


class _BrowserFront:
    """The server of the address, which serves the page from where it is built."""

    def __init__(self, server: Bridge) -> None:
        self._server = server

    def show(self, bundle: AppBundle) -> None:
        """Serve this app's page."""
        from locara.cli.dev_session import page_of

        self._server.out, self._server.entry = page_of(bundle)


def _in_browser(stack: ExitStack, session: Session, bundle: AppBundle, port: int) -> None:
    """Serve the page at an address until the session is ended."""
    from locara.cli.dev_server import Bridge
    from locara.cli.dev_session import page_of

    out, entry = page_of(bundle)
    try:
        server = Bridge(port, token=secrets.token_hex(24), pages=session.runtime.pages, out=out, entry=entry)
    except OSError as error:
        raise UsageError(f"port {port} cannot be used: {error.strerror}", fix="leave --port out") from error
    stack.callback(server.server_close)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    stack.callback(server.shutdown)
    print(f"{bold(printable(bundle.manifest.display_name))}  {server.url}", flush=True)
    session.watch(_BrowserFront(server), threading.Event())

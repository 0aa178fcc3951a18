"""The window itself: a WebKit view with everything taken away that leads anywhere but to its one peer.

Runs inside a sandbox of its own, without network and without files. It holds no policy about capabilities:
whatever the page asks for goes to the peer, which decides.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from typing import Any, Final

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
gi.require_version("Soup", "3.0")
from gi.repository import Gdk, GLib, Gtk, WebKit2  # noqa: E402 - versions come first

from locara.ui.webkit import files, menu, orders, place  # noqa: E402
from locara.ui.webkit.bridge import DELIVER, HANDLER, ORIGIN, Bridge  # noqa: E402
from locara.ui.webkit.drops import Drops  # noqa: E402
from locara.ui.webkit.link import Link  # noqa: E402
from locara.ui.webkit.off import FEATURES_OFF, SWITCHED_OFF  # noqa: E402
from locara.ui.webkit.reports import Reports  # noqa: E402
from locara.ui.webkit.responses import finish  # noqa: E402

_BATCH: Final = 1 << 20
_SETTLE_MS: Final = 400
# Under Wayland a program is not told where its windows stand, and does not place them.
_KNOWS_PLACE: Final = os.environ.get("GDK_BACKEND") == "x11"


class Host:
    """One window with one page. ``config`` is what the launcher says: title, entry, size, at, dark, about."""

    def __init__(self, config: dict[str, Any], reports: Reports) -> None:
        self._config = config
        self._reports = reports
        self._bridge = Bridge()
        self._incoming: deque[bytes] = deque()
        self._size_timer = 0
        self._told: dict[str, Any] = {}
        _be(dark=bool(config.get("dark")))
        self._content = WebKit2.UserContentManager()
        self._content.connect(f"script-message-received::{HANDLER}", self._on_message)
        self._content.register_script_message_handler(HANDLER)
        self._view = self._make_view()
        self._drops = Drops(self._view, reports.dropped)
        self._window = self._make_window()
        self._link = Link(0, self._incoming.append, lambda: GLib.idle_add(self._ended), watched=True)
        GLib.io_add_watch(
            self._link.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self._on_frames
        )
        control = reports.socket.fileno()
        GLib.io_add_watch(control, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self._on_orders)

    def show(self) -> None:
        """Show the window and load the page."""
        self._window.show_all()
        self._window.stack.set_visible_child_name("page")
        self._renew()
        self._view.load_uri(ORIGIN + self._config["entry"])

    def _make_view(self) -> Any:
        context = WebKit2.WebContext.new_ephemeral()
        context.register_uri_scheme("locara", self._serve)
        security = context.get_security_manager()
        security.register_uri_scheme_as_secure("locara")
        security.register_uri_scheme_as_cors_enabled("locara")
        context.connect("download-started", lambda _context, download: download.cancel())
        view = WebKit2.WebView(web_context=context, user_content_manager=self._content)
        settings = view.get_settings()
        for name in SWITCHED_OFF:
            if settings.find_property(name) is not None:
                settings.set_property(name, False)
        for feature in _features():
            if feature.get_identifier() in FEATURES_OFF:
                settings.set_feature_enabled(feature, False)
        settings.set_property("hardware-acceleration-policy", WebKit2.HardwareAccelerationPolicy.NEVER)
        settings.set_property("enable-write-console-messages-to-stdout", True)
        view.connect("decide-policy", self._decide)
        view.connect("permission-request", self._refuse_permission)
        view.connect("create", self._refuse_window)
        view.connect("context-menu", menu.trim)
        view.connect("load-changed", self._on_load)
        view.connect("web-process-terminated", self._on_crash)
        return view

    def _make_window(self) -> Any:
        window = menu.AppWindow(
            self._view,
            title=self._config["title"],
            about=self._config.get("about") or {},
            reload_page=self._reload,
        )
        areas = _areas()
        wanted = self._config.get("size") or [1000, 720]
        size = place.size_within((int(wanted[0]), int(wanted[1])), areas)
        window.set_default_size(*size)
        at = self._config.get("at")
        kept = place.place_within((int(at[0]), int(at[1])), size[0], areas) if at and _KNOWS_PLACE else None
        if kept is not None:
            window.move(*kept)
        if self._config.get("maximized"):
            window.maximize()
        window.connect("size-allocate", self._on_change)
        window.connect("configure-event", self._on_change)
        window.connect("window-state-event", self._on_change)
        window.connect("delete-event", self._on_close)
        return window

    # -- what the page may load ---------------------------------------------------------------------------

    def _serve(self, request: Any) -> None:
        served = files.serve(self._config["folder"], request.get_uri(), self._config["entry"])
        finish(request, served)

    def _decide(self, _view: Any, decision: Any, kind: Any) -> bool:
        if kind == WebKit2.PolicyDecisionType.RESPONSE:
            if decision.is_mime_type_supported():
                return False
            decision.ignore()
            return True
        action = decision.get_navigation_action()
        uri = action.get_request().get_uri() or ""
        if kind == WebKit2.PolicyDecisionType.NAVIGATION_ACTION and uri.startswith(ORIGIN):
            return False
        self._reports.say("blocked", what=kind.value_nick, uri=uri)
        decision.ignore()
        return True

    def _refuse_permission(self, _view: Any, request: Any) -> bool:
        self._reports.say("permission", what=type(request).__name__)
        request.deny()
        return True

    def _refuse_window(self, _view: Any, action: Any) -> None:
        self._reports.say("blocked", what="new-window", uri=action.get_request().get_uri() or "")

    # -- frames -------------------------------------------------------------------------------------------

    def _on_message(self, _manager: Any, result: Any) -> None:
        value = result.get_js_value()
        frame = self._bridge.frame_of(value.to_string() if value.is_string() else None)
        if frame is None:
            self._reports.say("alarm", what="a message without the token")
        elif not self._link.send(frame):
            self._reports.say("alarm", what="a frame too large, or too many at once")
            self._deliver((), "the window could not pass on what this page sent")

    def _on_frames(self, _fd: int, _condition: Any) -> bool:
        """What has come is handed over in one turn, so that many small frames cost as little as one."""
        again = self._link.take()
        while self._incoming:
            batch: list[bytes] = []
            size = 0
            while self._incoming and size < _BATCH:
                batch.append(self._incoming.popleft())
                size += len(batch[-1])
            self._deliver(batch, "")
        return again

    def _deliver(self, batch: list[bytes] | tuple[()], reason: str) -> None:
        arguments = {
            "key": GLib.Variant("s", self._bridge.token),
            "frames": GLib.Variant("s", (b"[" + b",".join(batch) + b"]").decode("utf-8", "replace")),
            "reason": GLib.Variant("s", reason),
        }
        self._view.call_async_javascript_function(
            DELIVER, -1, GLib.Variant("a{sv}", arguments), None, None, None, None
        )

    def _ended(self) -> bool:
        if self._window.closing:
            return False
        self._deliver((), "the app has ended")
        self._window.tell("This app has ended. What it stored is safe.", None)
        return False

    # -- the page's life ----------------------------------------------------------------------------------

    def _renew(self) -> None:
        """A new document gets a new token; the one of the document before opens nothing any more."""
        self._bridge = Bridge()
        self._content.remove_all_scripts()
        top, start = WebKit2.UserContentInjectedFrames.TOP_FRAME, WebKit2.UserScriptInjectionTime.START
        self._content.add_script(
            WebKit2.UserScript.new(self._bridge.script, top, start, [ORIGIN + "*"], None)
        )

    def _reload(self) -> None:
        self._window.stack.set_visible_child_name("page")
        self._renew()
        self._view.load_uri(ORIGIN + self._config["entry"])

    def _on_orders(self, _fd: int, _condition: Any) -> bool:
        found, more = orders.take(self._reports.socket)
        for order in found:
            if order.name == "reload":
                self._config["entry"] = order.text
                self._window.renew(order.about)
                self._reload()
            elif order.name == "notice":
                self._window.tell(order.text, None)
            else:
                _be(dark=order.name == "dark")
        return more

    def _on_load(self, _view: Any, event: Any) -> None:
        if event == WebKit2.LoadEvent.FINISHED:
            self._reports.say("loaded")

    def _on_crash(self, _view: Any, reason: Any) -> None:
        self._reports.say("crashed", what=reason.value_nick)
        self._window.tell("The page of this app stopped working. Nothing it stored is lost.", "Load it again")

    # -- the window ---------------------------------------------------------------------------------------

    def _on_change(self, *_event: Any) -> bool:
        if self._facts() == self._told:
            return False
        if self._size_timer:
            GLib.source_remove(self._size_timer)
        self._size_timer = GLib.timeout_add(_SETTLE_MS, self._tell_size)
        return False

    def _facts(self) -> dict[str, Any]:
        width, height = self._window.get_size()
        facts = {"width": width, "height": height, "maximized": bool(self._window.is_maximized())}
        if _KNOWS_PLACE:
            facts["x"], facts["y"] = self._window.get_position()
        return facts

    def _tell_size(self) -> bool:
        self._size_timer = 0
        self._told = self._facts()
        self._reports.say("size", **self._told)
        return False

    def _on_close(self, _window: Any, _event: Any) -> bool:
        self._window.closing = True
        if self._size_timer:
            GLib.source_remove(self._size_timer)
            self._tell_size()
        self._reports.say("closed")
        Gtk.main_quit()
        return False


def _be(*, dark: bool) -> None:
    """Dark or light: the window's own frame, and what the page is told of the person's preference."""
    settings = Gtk.Settings.get_default()
    if settings is not None:
        settings.set_property("gtk-application-prefer-dark-theme", dark)


def _features() -> list[Any]:
    """What the engine can be told to leave out; nothing where it is too old to be told."""
    if not hasattr(WebKit2.Settings, "get_all_features"):
        return []
    found = WebKit2.Settings.get_all_features()
    return [found.get(number) for number in range(found.get_length())]


def _areas() -> list[place.Area]:
    """Every screen of this moment."""
    display = Gdk.Display.get_default()
    found = [display.get_monitor(number).get_workarea() for number in range(display.get_n_monitors())]
    return [(area.x, area.y, area.width, area.height) for area in found]


def main() -> None:
    """Show one window until it is closed. 0 then; 3 when there is no display."""
    config = json.loads(sys.argv[1])
    reports = Reports(int(os.environ["LOCARA_BROKER_FD"]))
    if Gdk.Display.get_default() is None:
        reports.say("no-display")
        sys.stdout.flush()
        os._exit(3)
    Host(config, reports).show()
    Gtk.main()
    os._exit(0)


if __name__ == "__main__":
    main()

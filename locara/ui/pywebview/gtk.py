"""The locks on pywebview's GTK window: its handler goes, our scheme and channel come, and nothing else is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gi.repository import GLib, WebKit2
from webview.platforms import gtk

from locara.ui.pywebview.host import Host
from locara.ui.webkit import menu
from locara.ui.webkit.bridge import DELIVER, HANDLER, ORIGIN
from locara.ui.webkit.drops import Drops
from locara.ui.webkit.off import SWITCHED_OFF
from locara.ui.webkit.responses import finish

_STOCK: Final = "jsBridge"
_EMPTY: Final = "about:blank"
platform: Any = gtk  # its parts are put out of their places


def lock(host: Host) -> None:
    """Every window that pywebview makes from now on is locked. ImportError without a display."""

    class Locked(platform.BrowserView):  # type: ignore[misc] # found at run time
        """A window of pywebview whose view carries the one channel."""

        def __init__(self, window: Any) -> None:
            super().__init__(window)
            _lock_view(self, host)

        def on_js_bridge_call(self, manager: Any, message: Any) -> None:
            """Nothing of pywebview's own channel is heard."""

        def on_load_finish(self, webview: Any, status: Any) -> None:
            """No code of pywebview is put into a page."""
            webview.set_opacity(1.0)
            if status == WebKit2.LoadEvent.FINISHED and (webview.get_uri() or "").startswith(ORIGIN):
                host.reports.say("loaded")

        def on_navigation(self, webview: Any, decision: Any, decision_type: Any) -> bool:
            """Our decision, and none of pywebview's."""
            return _decide(host, decision, decision_type)

        def on_drag_data(self, *_args: Any) -> bool:
            """A path of the person's is not for a page."""
            return False

    platform.BrowserView = Locked


def _lock_view(browser: Any, host: Host) -> None:
    view, content = browser.webview, browser.manager
    context = view.get_context()
    content.unregister_script_message_handler(_STOCK)
    content.connect(
        f"script-message-received::{HANDLER}", lambda _manager, result: host.message(_text(result))
    )
    content.register_script_message_handler(HANDLER)
    context.register_uri_scheme("locara", lambda request: _serve(host, request))
    security = context.get_security_manager()
    security.register_uri_scheme_as_secure("locara")
    security.register_uri_scheme_as_cors_enabled("locara")
    context.connect("download-started", lambda _context, download: download.cancel())
    settings = view.get_settings()
    for name in SWITCHED_OFF:
        if settings.find_property(name) is not None:
            settings.set_property(name, False)
    Drops(view, host.reports.dropped)
    settings.set_property("hardware-acceleration-policy", WebKit2.HardwareAccelerationPolicy.NEVER)
    view.connect("create", lambda _view, action: _no_window(host, action))
    view.connect("permission-request", lambda _view, request: _no_permission(host, request))
    view.connect("context-menu", menu.trim)
    screen = _View(view, content)

    def crashed(_view: Any, why: Any) -> None:
        host.crashed(why.value_nick)
        screen.load(host)

    view.connect("web-process-terminated", crashed)
    host.attach(screen, _later)
    screen.load(host)


class _View:
    """The view as the host uses it."""

    def __init__(self, view: Any, content: Any) -> None:
        self._view = view
        self._content = content

    def load(self, host: Host) -> None:
        self._view.load_uri(host.start)

    def deliver(self, token: str, frames: str, reason: str) -> None:
        given = {"key": token, "frames": frames, "reason": reason}
        arguments = {key: GLib.Variant("s", value) for key, value in given.items()}
        self._view.call_async_javascript_function(
            DELIVER, -1, GLib.Variant("a{sv}", arguments), None, None, None, None
        )

    def renew(self, script: str) -> None:
        self._content.remove_all_scripts()
        top, start = WebKit2.UserContentInjectedFrames.TOP_FRAME, WebKit2.UserScriptInjectionTime.START
        self._content.add_script(WebKit2.UserScript.new(script, top, start, [ORIGIN + "*"], None))

    def close(self) -> None:
        self._view.get_toplevel().close()


def _text(result: Any) -> str | None:
    value = result.get_js_value()
    return str(value.to_string()) if value.is_string() else None


def _later(work: Callable[[], None]) -> None:
    def once() -> bool:
        work()
        return False

    GLib.idle_add(once, priority=GLib.PRIORITY_DEFAULT)


def _serve(host: Host, request: Any) -> None:
    finish(request, host.serve(request.get_uri()))


def _decide(host: Host, decision: Any, kind: Any) -> bool:
    if kind == WebKit2.PolicyDecisionType.RESPONSE:
        if decision.is_mime_type_supported():
            return False
        decision.ignore()
        return True
    uri = decision.get_navigation_action().get_request().get_uri() or ""
    if uri == _EMPTY:  # pywebview begins with it, and it leads nowhere
        decision.ignore()
        return True
    here = kind == WebKit2.PolicyDecisionType.NAVIGATION_ACTION
    if host.may_go(uri, what=kind.value_nick, new_window=not here):
        return False
    decision.ignore()
    return True


def _no_window(host: Host, action: Any) -> None:
    host.reports.say("blocked", what="new-window", uri=action.get_request().get_uri() or "")


def _no_permission(host: Host, request: Any) -> bool:
    host.reports.say("permission", what=type(request).__name__)
    request.deny()
    return True

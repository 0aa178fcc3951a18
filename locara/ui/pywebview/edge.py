"""The locks on pywebview's Windows window (WebView2). Written from the documentation of both; not run on Windows yet.

WebView2 knows our scheme only when the environment is made with it, which pywebview does itself. The page is served at
a host that no name server has instead, and every request is answered here or refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from System import Action
from System.IO import MemoryStream
from webview.platforms import edgechromium

from locara.ui.pywebview.host import Host
from locara.ui.webkit.bridge import DELIVER, ORIGIN

HERE: Final = "https://app.locara.invalid/"
_PERMISSION_DENY: Final = 2
platform: Any = edgechromium  # its parts are put out of their places


def lock(host: Host) -> None:
    """Every view that pywebview makes from now on is locked."""

    class Locked(platform.EdgeChrome):  # type: ignore[misc] # found at run time
        def on_webview_ready(self, sender: Any, args: Any) -> None:
            if not args.IsSuccess:
                host.reports.say("no-display")
                return
            core = sender.CoreWebView2
            settings = core.Settings
            settings.AreHostObjectsAllowed = False
            settings.AreDevToolsEnabled = False
            settings.AreDefaultContextMenusEnabled = False
            settings.AreBrowserAcceleratorKeysEnabled = False
            settings.IsStatusBarEnabled = False
            settings.IsPasswordAutosaveEnabled = False
            settings.IsGeneralAutofillEnabled = False
            core.AddWebResourceRequestedFilter("*", platform.CoreWebView2WebResourceContext.All)
            core.WebResourceRequested += lambda _core, request: _answer(host, core, request)
            core.NavigationStarting += lambda _core, starting: _starting(host, starting)
            core.FrameNavigationStarting += lambda _core, starting: setattr(starting, "Cancel", True)
            core.NewWindowRequested += lambda _core, asked: _no_window(host, asked)
            core.PermissionRequested += lambda _core, asked: _no_permission(host, asked)
            core.DownloadStarting += lambda _core, download: setattr(download, "Cancel", True)
            core.LaunchingExternalUriScheme += lambda _core, launching: setattr(launching, "Cancel", True)
            screen = _View(core)
            core.ProcessFailed += lambda _core, failed: _failed(host, core, failed)
            host.attach(screen, lambda work: self.webview.BeginInvoke(Action(work)))
            core.Navigate(_here(host.start))

        def on_script_notify(self, _sender: Any, args: Any) -> None:
            # Frames have events of their own in WebView2, which nobody here hears; the source is checked all the same.
            ours = str(args.Source).startswith(HERE)
            try:
                text = args.TryGetWebMessageAsString() if ours else None
            except Exception:  # a message that is no text
                text = None
            host.message(text)

        def on_navigation_completed(self, sender: Any, _args: Any) -> None:
            if str(sender.Source).startswith(HERE):
                host.reports.say("loaded")

        def on_new_window_request(self, _sender: Any, args: Any) -> None:
            _no_window(host, args)

    platform.EdgeChrome = Locked


def _here(uri: str) -> str:
    return HERE + uri.removeprefix(ORIGIN)


def _ours(uri: str) -> str:
    """An address of the page as the host knows it; what is elsewhere stays as it is."""
    return ORIGIN + uri.removeprefix(HERE) if uri.startswith(HERE) else uri


def _answer(host: Host, core: Any, request: Any) -> None:
    served = host.serve(_ours(str(request.Request.Uri)))
    make = core.Environment.CreateWebResourceResponse
    if served is None:
        request.Response = make(None, 403, "Refused", "")
        return
    headers = "\r\n".join(f"{name}: {value}" for name, value in served.headers)
    request.Response = make(MemoryStream(served.data), 200, "OK", headers)


def _starting(host: Host, starting: Any) -> None:
    starting.Cancel = not host.may_go(_ours(str(starting.Uri)), what="navigation")


def _no_window(host: Host, asked: Any) -> None:
    asked.Handled = True
    host.reports.say("blocked", what="new-window", uri=str(asked.Uri))


def _no_permission(host: Host, asked: Any) -> None:
    asked.State = _PERMISSION_DENY
    host.reports.say("permission", what=str(asked.PermissionKind))


def _failed(host: Host, core: Any, failed: Any) -> None:
    host.crashed(str(failed.ProcessFailedKind))
    core.Navigate(_here(host.start))


class _View:
    """The view as the host uses it."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self._script = ""

    def deliver(self, token: str, frames: str, reason: str) -> None:
        key, texts, why = (json.dumps(text) for text in (token, frames, reason))
        self._core.ExecuteScriptAsync(f"((key, frames, reason) => {{ {DELIVER} }})({key}, {texts}, {why})")

    def renew(self, script: str) -> None:
        if self._script:
            self._core.RemoveScriptToExecuteOnDocumentCreated(self._script)
        own = (
            f"if (window === window.top && location.origin === {json.dumps(HERE.rstrip('/'))}) {{ {script} }}"
        )
        added: Callable[[str], Any] = self._core.AddScriptToExecuteOnDocumentCreatedAsync
        self._script = str(added(own).Result)

    def close(self) -> None:
        self._core.Stop()

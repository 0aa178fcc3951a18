"""The locks on pywebview's macOS window. Written from Apple's and pywebview's documentation; not run on a Mac yet.

WKWebView takes scheme handlers with its configuration only, so they are put in where pywebview makes the view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import Foundation
import objc
import WebKit
from PyObjCTools import AppHelper
from webview.platforms import cocoa

from locara.ui.pywebview.host import Host
from locara.ui.webkit.bridge import DELIVER, HANDLER, ORIGIN

_STOCK: Final = ("jsBridge", "browserDelegate")
_CANCEL, _ALLOW = 0, 1
platform: Any = cocoa  # its parts are put out of their places


def lock(host: Host) -> None:
    """Every window that pywebview makes from now on is locked."""
    handler = _Receiver.alloc().initWithHost_(host)
    server = _Server.alloc().initWithHost_(host)
    stock_view = platform.BrowserView.WebKitHost

    class LockedView(stock_view):  # type: ignore[misc, valid-type] # found at run time
        def initWithFrame_configuration_(self, frame: Any, config: Any) -> Any:
            config.setURLSchemeHandler_forURLScheme_(server, "locara")
            config.preferences().setJavaScriptCanOpenWindowsAutomatically_(False)
            return objc.super(LockedView, self).initWithFrame_configuration_(frame, config)

    class LockedDelegate(platform.BrowserView.BrowserDelegate):  # type: ignore[misc] # found at run time
        def webView_createWebViewWithConfiguration_forNavigationAction_windowFeatures_(
            self, webview: Any, config: Any, action: Any, features: Any
        ) -> None:
            host.reports.say("blocked", what="new-window", uri=_uri(action))

        def webView_decidePolicyForNavigationAction_decisionHandler_(
            self, webview: Any, action: Any, decide: Any
        ) -> None:
            target = action.targetFrame()
            main = target is not None and target.isMainFrame()
            stays = (
                main and not action.shouldPerformDownload() and host.may_go(_uri(action), what="navigation")
            )
            decide(_ALLOW if stays else _CANCEL)

        def webView_decidePolicyForNavigationResponse_decisionHandler_(
            self, webview: Any, response: Any, decide: Any
        ) -> None:
            decide(_ALLOW if response.canShowMIMEType() else _CANCEL)

        def webView_requestMediaCapturePermissionForOrigin_initiatedByFrame_type_decisionHandler_(
            self, webview: Any, origin: Any, frame: Any, kind: Any, decide: Any
        ) -> None:
            host.reports.say("permission", what="media")
            decide(getattr(WebKit, "WKPermissionDecisionDeny", 2))

        def webView_runOpenPanelWithParameters_initiatedByFrame_completionHandler_(
            self, webview: Any, parameters: Any, frame: Any, done: Any
        ) -> None:
            done(None)  # files come through the runtime's own picker

        def webView_didFinishNavigation_(self, webview: Any, navigation: Any) -> None:
            if str(webview.URL() or "").startswith(ORIGIN):
                host.reports.say("loaded")

        def webViewWebContentProcessDidTerminate_(self, webview: Any) -> None:
            host.crashed("content process")
            _load(webview, host.start)

    class Locked(platform.BrowserView):  # type: ignore[misc] # found at run time
        WebKitHost = LockedView
        BrowserDelegate = LockedDelegate

        def __init__(self, window: Any) -> None:
            super().__init__(window)
            content = self.webview.configuration().userContentController()
            for name in _STOCK:
                content.removeScriptMessageHandlerForName_(name)
            content.addScriptMessageHandler_name_(handler, HANDLER)
            host.attach(_View(self.webview, content), _later)
            _load(self.webview, host.start)

    # Its methods name the class by its module, and so find these parts.
    platform.BrowserView.WebKitHost = LockedView
    platform.BrowserView.BrowserDelegate = LockedDelegate
    platform.inject_pywebview = lambda *_args: None
    platform.BrowserView = Locked


class _Receiver(Foundation.NSObject):  # type: ignore[misc]
    """Hears the one channel: the main frame of our origin, and nobody else."""

    def initWithHost_(self, host: Host) -> Any:
        self = objc.super(_Receiver, self).init()
        self.host = host
        return self

    def userContentController_didReceiveScriptMessage_(self, _content: Any, message: Any) -> None:
        frame = message.frameInfo()
        origin = frame.securityOrigin()
        ours = frame.isMainFrame() and (str(origin.protocol()), str(origin.host())) == ("locara", "app")
        body = message.body()
        self.host.message(str(body) if ours and isinstance(body, str) else None)


class _Server(Foundation.NSObject):  # type: ignore[misc]
    """Answers `locara://app/`."""

    def initWithHost_(self, host: Host) -> Any:
        self = objc.super(_Server, self).init()
        self.host = host
        return self

    def webView_startURLSchemeTask_(self, _view: Any, task: Any) -> None:
        url = task.request().URL()
        served = self.host.serve(str(url.absoluteString()))
        if served is None:
            error = Foundation.NSError.errorWithDomain_code_userInfo_("locara", 404, None)
            task.didFailWithError_(error)
            return
        response = Foundation.NSHTTPURLResponse.alloc().initWithURL_statusCode_HTTPVersion_headerFields_(
            url, 200, "HTTP/1.1", {**dict(served.headers), "Content-Length": str(len(served.data))}
        )
        task.didReceiveResponse_(response)
        task.didReceiveData_(Foundation.NSData.dataWithBytes_length_(served.data, len(served.data)))
        task.didFinish()

    def webView_stopURLSchemeTask_(self, _view: Any, _task: Any) -> None:
        """An answer is given at once and whole, so there is nothing to stop."""


class _View:
    """The view as the host uses it."""

    def __init__(self, view: Any, content: Any) -> None:
        self._view = view
        self._content = content

    def deliver(self, token: str, frames: str, reason: str) -> None:
        self._view.callAsyncJavaScript_arguments_inFrame_inContentWorld_completionHandler_(
            DELIVER,
            {"key": token, "frames": frames, "reason": reason},
            None,  # the main frame
            WebKit.WKContentWorld.pageWorld(),
            None,
        )

    def renew(self, script: str) -> None:
        self._content.removeAllUserScripts()
        own = f'if (location.protocol === "locara:" && location.host === "app") {{ {script} }}'
        injected = WebKit.WKUserScript.alloc().initWithSource_injectionTime_forMainFrameOnly_(
            own, WebKit.WKUserScriptInjectionTimeAtDocumentStart, True
        )
        self._content.addUserScript_(injected)

    def close(self) -> None:
        self._view.window().close()


def _later(work: Callable[[], None]) -> None:
    AppHelper.callAfter(work)


def _load(view: Any, uri: str) -> None:
    view.loadRequest_(Foundation.NSURLRequest.requestWithURL_(Foundation.NSURL.URLWithString_(uri)))


def _uri(action: Any) -> str:
    return str(action.request().URL().absoluteString())

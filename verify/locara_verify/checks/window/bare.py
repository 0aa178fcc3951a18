"""The product's own view without its sandbox, run on its own by the system's Python; says how its engine is set.

What the sandbox takes away is there: the network, files, variables. So whatever a page reaches here, the view let it
reach. Arguments: what the launcher tells a window, and where the product is imported from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

PREFIX = "settings: "
ANSWERS = "answers: "
OWN = "locara://app/index.html"
AWAY = (
    "about:blank", "data:text/html,x", "blob:null/x", "file:///etc/hostname", "locara://other/", "locara:///index.html",
    "webkit://gpu", "javascript:void(location='about:blank')",
)  # fmt: skip
"""Places that need no network and are none of the page's own."""
_FURTHER = (
    "http://127.0.0.1:9/",
    "https://app/",
    "locara://app",
    "locara://app.example/",
    "LOCARA://app@x/",
    "",
)
KEEPS = "keeps-what-it-was-shown"
NAMED = "is-called-what-its-page-says"
ASKS = "asks"
"""The title of a page that has asked for everything by itself: now a person clicks, of which a browser takes more."""
_MOST_ASKS = 40
_told: dict[str, bool] = {}


def main() -> None:
    """Show the window until it is killed."""
    sys.path.insert(0, sys.argv.pop(2))
    from locara.ui.webkit import host  # noqa: PLC0415 - the path comes first

    from gi.repository import GLib  # noqa: PLC0415 - the host has said which versions  # isort: skip

    print(
        f"\n{ANSWERS}{json.dumps([*_wrong_ways(host), *_wrong_rights(host), *_old_tokens(host)])}", flush=True
    )
    GLib.timeout_add(500, _tell)
    GLib.timeout_add(50, _click)
    host.main()


class _Stub:
    """Answers each question with what it was told to, or with itself, and remembers which it was asked. It passes for
    an object of the engine's class ``kind``."""

    def __init__(self, kind: Any = None, **answers: Any) -> None:  # noqa: ANN401 - the engine has no types here
        self.kind, self.answers, self.asked = kind, answers, set[str]()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # noqa: ANN401 - as above
        return self.kind or _Stub

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        def answer(*_given: object, **_named: object) -> Any:  # noqa: ANN401 - as above
            self.asked.add(name)
            return self.answers.get(name, self)

        return answer


def _wrong_ways(host: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Answers to the question where a page may go that depend on more than the address: on a click, a form, a
    redirect. Only the page's own address is let through, and only in its own window."""
    kinds, engine = host.WebKit2.PolicyDecisionType, host.WebKit2.NavigationType
    ways = [engine(number) for number in range(6)]
    window: Any = _Stub()
    window._reports = _Stub()
    for kind, way, told in product((kinds.NAVIGATION_ACTION, kinds.NEW_WINDOW_ACTION), ways, (False, True)):
        for place in (OWN, *AWAY, *_FURTHER):
            facts: dict[str, Any] = dict.fromkeys(
                ("is_user_gesture", "is_redirect", "is_for_main_frame", "get_frame_name"), told
            )
            facts |= {"get_mouse_button": int(told), "get_modifiers": int(told), "get_navigation_type": way}
            action = _Stub(get_request=_Stub(get_uri=place), **facts)
            decision = _Stub(get_navigation_action=action)
            goes = not host.Host._decide(window, None, decision, kind) or "ignore" not in decision.asked
            if goes != (place == OWN and kind == kinds.NAVIGATION_ACTION) or "use" in decision.asked:
                yield f"{kind.value_nick} by {way.value_nick} to {place or 'nowhere'}"


def _wrong_rights(host: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Kinds of permission that an engine can ask for and that are not denied."""
    window: Any = _Stub()
    window._reports = _Stub()
    for name in dir(host.WebKit2):
        if name.endswith("PermissionRequest"):
            request = _Stub(getattr(host.WebKit2, name))
            answered = host.Host._refuse_permission(window, None, request)
            if not answered or "deny" not in request.asked or "allow" in request.asked:
                yield name


def _old_tokens(host: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Whether a document has the token of the one before it."""
    window: Any = _Stub()
    window._bridge, window._content = host.Bridge(), _Stub()
    tokens = [window._bridge.token]
    for _ in range(2):
        host.Host._renew(window)
        tokens.append(window._bridge.token)
    if len({*tokens}) != len(tokens):
        yield "the token of the document before"


def _click() -> bool:
    """Ask for everything again as if each time a person had clicked: the engine believes this of its own window."""
    for view in _views():
        if view.get_title() == ASKS:
            for number in range(_MOST_ASKS):
                view.call_async_javascript_function(
                    f"window.__ask({number})", -1, None, None, None, None, None
                )
            return False
    return True


def _views() -> list[Any]:
    from gi.repository import Gtk, WebKit2  # noqa: PLC0415 - as above

    def views(widget: Any) -> list[Any]:  # noqa: ANN401 - widgets have no types here
        if isinstance(widget, WebKit2.WebView):
            return [widget]
        return [found for one in _children(widget) for found in views(one)]

    return [view for window in Gtk.Window.list_toplevels() for view in views(window)]


def _tell() -> bool:
    """How each view is set, whenever it is another way than it was told last."""
    for view in _views():
        settings = view.get_settings()
        values = {spec.name: settings.get_property(spec.name) for spec in settings.list_properties()}
        flags = {name: value for name, value in values.items() if isinstance(value, bool)}
        flags[KEEPS] = not view.is_ephemeral()
        flags[NAMED] = bool(view.get_title()) and view.get_toplevel().get_title() == view.get_title()
        if flags != _told:
            _told.update(flags)
            print(f"\n{PREFIX}{json.dumps(flags)}", flush=True)
    return True


def _children(widget: Any) -> list[Any]:  # noqa: ANN401 - as above
    from gi.repository import Gtk  # noqa: PLC0415 - as above

    return list(widget.get_children()) if isinstance(widget, Gtk.Container) else []


if __name__ == "__main__":
    main()

"""The product's own view without its sandbox, run on its own by the system's Python; says how its engine is set.

What the sandbox takes away is there: the network, files, variables. So whatever a page reaches here, the view let it
reach. Arguments: what the launcher tells a window, and where the product is imported from.
"""

from __future__ import annotations

import json
import sys
from typing import Any

PREFIX = "settings: "
KEEPS = "keeps-what-it-was-shown"
ASKS = "asks"
"""The title of a page that has asked for everything by itself: now a person clicks, of which a browser takes more."""
_MOST_ASKS = 40


def main() -> None:
    """Show the window until it is killed."""
    sys.path.insert(0, sys.argv.pop(2))
    from locara.ui.webkit import host  # noqa: PLC0415 - the path comes first

    from gi.repository import GLib  # noqa: PLC0415 - the host has said which versions  # isort: skip

    GLib.timeout_add(1_000, _tell)
    GLib.timeout_add(50, _click)
    host.main()


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
    found = _views()
    for view in found:
        settings = view.get_settings()
        values = {spec.name: settings.get_property(spec.name) for spec in settings.list_properties()}
        flags = {name: value for name, value in values.items() if isinstance(value, bool)}
        flags[KEEPS] = not view.is_ephemeral()
        print(f"\n{PREFIX}{json.dumps(flags)}", flush=True)
    return not found


def _children(widget: Any) -> list[Any]:  # noqa: ANN401 - as above
    from gi.repository import Gtk  # noqa: PLC0415 - as above

    return list(widget.get_children()) if isinstance(widget, Gtk.Container) else []


if __name__ == "__main__":
    main()

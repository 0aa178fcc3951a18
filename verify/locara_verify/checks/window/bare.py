"""The product's own view without its sandbox, run on its own by the system's Python; says how its engine is set.

What the sandbox takes away is there: the network, files, variables. So whatever a page reaches here, the view let it
reach. Arguments: what the launcher tells a window, and where the product is imported from.
"""

from __future__ import annotations

import json
import sys
from typing import Any

PREFIX = "settings: "


def main() -> None:
    """Show the window until it is killed."""
    sys.path.insert(0, sys.argv.pop(2))
    from locara.ui.webkit import host  # noqa: PLC0415 - the path comes first

    from gi.repository import GLib  # noqa: PLC0415 - the host has said which versions  # isort: skip

    GLib.timeout_add(1_000, _tell)
    host.main()


def _tell() -> bool:
    from gi.repository import Gtk, WebKit2  # noqa: PLC0415 - as above

    def views(widget: Any) -> list[Any]:  # noqa: ANN401 - widgets have no types here
        if isinstance(widget, WebKit2.WebView):
            return [widget]
        return [found for one in _children(widget) for found in views(one)]

    found = [view for window in Gtk.Window.list_toplevels() for view in views(window)]
    for view in found:
        settings = view.get_settings()
        values = {spec.name: settings.get_property(spec.name) for spec in settings.list_properties()}
        flags = {name: value for name, value in values.items() if isinstance(value, bool)}
        print(f"\n{PREFIX}{json.dumps(flags)}", flush=True)
    return not found


def _children(widget: Any) -> list[Any]:  # noqa: ANN401 - as above
    from gi.repository import Gtk  # noqa: PLC0415 - as above

    return list(widget.get_children()) if isinstance(widget, Gtk.Container) else []


if __name__ == "__main__":
    main()

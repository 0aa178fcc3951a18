"""Asks whether what was dropped may be handed over, run on its own by the system's Python: prints true or false."""

from __future__ import annotations

import json
import sys
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk, Pango  # noqa: E402 - versions come first

_MOST_CHARS = 1 << 20

_TALLEST = 320


def ask(request: dict[str, Any]) -> bool:
    """Show one dialog; only its button hands anything over."""
    paths: list[str] = request["paths"]
    inside = " and what lies in dropped folders" if request["recursive"] else ""
    what = "what you dropped" if len(paths) == 1 else f"the {len(paths)} things that you dropped"
    words = f"{request['app']} will be able to read {what}{inside}, until it is closed:"
    dialog = Gtk.Dialog(title=f"Dropped on {request['app']}")
    dialog.add_buttons("Cancel", Gtk.ResponseType.CANCEL, "Hand over", Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    dialog.set_keep_above(True)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin=12)
    box.pack_start(Gtk.Label(label=words, xalign=0.0, wrap=True), False, False, 0)
    box.pack_start(_list_of(paths), True, True, 0)
    dialog.get_content_area().pack_start(box, True, True, 0)
    dialog.set_default_size(520, -1)
    dialog.show_all()
    return bool(dialog.run() == Gtk.ResponseType.OK)


def _list_of(paths: list[str]) -> Any:
    """Every one of them, whole: what is out of sight is scrolled to, and nothing is handed over that is not named."""
    names = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
    for path in paths:
        label = Gtk.Label(
            label=path, xalign=0.0, wrap=True, wrap_mode=Pango.WrapMode.WORD_CHAR, max_width_chars=70
        )
        names.pack_start(label, False, False, 0)
    scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, overlay_scrolling=False)
    scrolled.set_propagate_natural_height(True)
    scrolled.set_max_content_height(_TALLEST)
    scrolled.add(names)
    return scrolled


if __name__ == "__main__":
    print(json.dumps(ask(json.loads(sys.stdin.read(_MOST_CHARS)))))

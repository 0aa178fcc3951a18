"""Asks whether what was dropped may be handed over, run on its own by the system's Python: prints true or false."""

from __future__ import annotations

import json
import sys
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk, Pango  # noqa: E402 - versions come first

_SHOWN = 8


def ask(request: dict[str, Any]) -> bool:
    """Show one dialog; only its button hands anything over."""
    paths = request["paths"]
    inside = " and what lies in dropped folders" if request["recursive"] else ""
    words = f"{request['app']} will be able to read what you dropped{inside}, until it is closed:"
    dialog = Gtk.Dialog(title=f"Dropped on {request['app']}")
    dialog.add_buttons("Cancel", Gtk.ResponseType.CANCEL, "Hand over", Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    dialog.set_keep_above(True)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin=12)
    box.pack_start(Gtk.Label(label=words, xalign=0.0, wrap=True), False, False, 0)
    for path in paths[:_SHOWN]:
        box.pack_start(
            Gtk.Label(label=path, xalign=0.0, ellipsize=Pango.EllipsizeMode.START, max_width_chars=70),
            False,
            False,
            0,
        )
    if len(paths) > _SHOWN:
        box.pack_start(Gtk.Label(label=f"and {len(paths) - _SHOWN} more", xalign=0.0), False, False, 0)
    dialog.get_content_area().pack_start(box, True, True, 0)
    dialog.set_default_size(520, -1)
    dialog.show_all()
    return bool(dialog.run() == Gtk.ResponseType.OK)


if __name__ == "__main__":
    print(json.dumps(ask(json.loads(sys.argv[1]))))

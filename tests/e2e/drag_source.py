"""A program that something can be dragged out of its corner of the screen, run by the system's Python: TYPE DATA ..."""

from __future__ import annotations

import sys
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402 - versions come first

SIZE = 120


def main(offered: dict[str, str]) -> None:
    window = Gtk.Window(title="Files", type=Gtk.WindowType.POPUP)
    window.set_default_size(SIZE, SIZE)
    box = Gtk.EventBox()
    box.add(Gtk.Label(label="drag me"))
    targets = [Gtk.TargetEntry.new(kind, 0, 0) for kind in offered]
    box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, targets, Gdk.DragAction.COPY)

    def give(_box: object, _context: object, selection: Any, *_rest: object) -> None:
        target = selection.get_target()
        selection.set(target, 8, offered[target.name()].encode())

    box.connect("drag-data-get", give)
    box.connect("drag-end", lambda *_: print("end", flush=True))
    window.add(box)
    window.move(0, 0)
    window.show_all()
    print("ready", flush=True)
    Gtk.main()


if __name__ == "__main__":
    main(dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True)))

"""The product's own dialogs with a person in front of them, run on its own by the system's Python.

Input is a list of cases: which dialog, its request, what the person picks and ticks, and how they end it. Output is,
for each, what stood in the dialog and what it said of the answer. The argument is the folder of the dialogs.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

_LOOK_MS = 10
_LOOKS = 400


def main() -> None:
    """One dialog after the other."""
    sys.path.insert(0, sys.argv[1])
    shown: dict[str, Callable[[dict[str, Any]], object]] = {
        "pick": importlib.import_module("dialog").choose,
        "drop": importlib.import_module("drop_dialog").ask,
    }
    told = []
    for case in json.load(sys.stdin):
        seen: dict[str, Any] = {}
        _person(case, seen)
        seen["said"] = shown[case["dialog"]](case["request"])
        told.append(seen)
        _clear()
    print(json.dumps(told))


def _person(case: dict[str, Any], seen: dict[str, Any]) -> None:
    """Look at the dialog when it is there, do what the case says, and end it."""
    from gi.repository import GLib, Gtk  # noqa: PLC0415 - the dialogs have said which versions

    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        open_ = [
            one for one in Gtk.Window.list_toplevels() if isinstance(one, Gtk.Dialog) and one.get_visible()
        ]
        if not open_:
            return looks < _LOOKS
        box = open_[0]
        picks = case.get("picks")
        if (
            picks
            and isinstance(box, Gtk.FileChooserDialog)
            and picks not in box.get_filenames()
            and looks < _LOOKS
        ):
            if looks % 20 == 1:
                box.select_filename(picks)
            return True
        parts = _parts(box)
        ticks = [one for one in parts if isinstance(one, Gtk.CheckButton) and one.get_mapped()]
        seen["words"] = [one.get_text() for one in parts if isinstance(one, Gtk.Label) and one.get_mapped()]
        seen["ticked"] = [one.get_active() for one in ticks]
        for one in ticks:
            one.set_active(bool(case.get("ticks")))
        if case["ends"] == "CLOSE":
            box.close()
        else:
            box.response(getattr(Gtk.ResponseType, case["ends"]))
        return False

    GLib.timeout_add(_LOOK_MS, look)


def _clear() -> None:
    """Take the dialog away that was ended, so that the next is the only one."""
    from gi.repository import Gtk  # noqa: PLC0415 - as above

    for one in [each for each in Gtk.Window.list_toplevels() if isinstance(each, Gtk.Dialog)]:
        one.destroy()
    while Gtk.events_pending():
        Gtk.main_iteration()


def _parts(widget: Any) -> list[Any]:  # noqa: ANN401 - widgets have no types here
    from gi.repository import Gtk  # noqa: PLC0415 - as above

    below = widget.get_children() if isinstance(widget, Gtk.Container) else []
    return [widget, *(found for one in below for found in _parts(one))]


if __name__ == "__main__":
    main()

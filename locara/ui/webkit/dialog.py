"""The file dialog, run on its own by the system's Python: prints the chosen paths as a JSON list."""

from __future__ import annotations

import json
import sys
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402 - versions come first

_MOST_CHARS = 1 << 20

_USES = {"read": "read", "read-write": "read and change"}
_SIZE = (860, 560)


def choose(request: dict[str, Any]) -> dict[str, Any]:
    """Show one dialog and return what was chosen; nothing when it was cancelled."""
    folder = request["kind"] == "directory"
    action = Gtk.FileChooserAction.SELECT_FOLDER if folder else Gtk.FileChooserAction.OPEN
    inside = "folder, with all that is in it," if request["recursive"] else "folder, without its folders,"
    what = inside if folder else "files"
    use = _USES.get(request["access"], "read")
    sentence = f"{request['app']} will be able to {use} the {what} that you pick."
    title = f"Pick {'a folder' if folder else 'files'} for {request['app']}"
    dialog = Gtk.FileChooserDialog(title=title, action=action)
    # In the dialog itself: a title bar is the window manager's, and may not be there.
    words = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, margin=6)
    words.pack_start(Gtk.Label(label=sentence, xalign=0.0, wrap=True), False, False, 0)
    again = Gtk.CheckButton(label="It may find this again when it is started later (locara grants lists it)")
    if request["remember"]:
        words.pack_start(again, False, False, 0)
    words.show_all()
    dialog.set_extra_widget(words)
    dialog.add_buttons("Cancel", Gtk.ResponseType.CANCEL, "Pick", Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    dialog.set_select_multiple(bool(request["multiple"]))
    dialog.set_local_only(True)
    # GTK begins with a list of recent files, which is empty for most people and offers no folder to pick.
    dialog.set_current_folder(GLib.get_home_dir())
    dialog.set_default_size(*_SIZE)
    picked = dialog.run() == Gtk.ResponseType.OK
    paths = list(dialog.get_filenames()) if picked else []
    return {"paths": paths, "remember": bool(request["remember"] and again.get_active())}


if __name__ == "__main__":
    print(json.dumps(choose(json.loads(sys.stdin.read(_MOST_CHARS)))))

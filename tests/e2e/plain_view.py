"""A WebKit view with nothing taken away: what a page can do without protection. Ends by itself."""

from __future__ import annotations

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import GLib, Gtk, WebKit2  # noqa: E402

view = WebKit2.WebView()
view.get_settings().set_property("allow-universal-access-from-file-urls", True)
view.get_settings().set_property("javascript-can-open-windows-automatically", True)
view.connect("create", lambda opener, _action: WebKit2.WebView.new_with_related_view(opener))
window = Gtk.Window()
window.add(view)
window.show_all()
view.load_uri(f"file://{sys.argv[1]}/index.html")
GLib.timeout_add_seconds(8, Gtk.main_quit)
Gtk.main()

"""The control: WebKit views with nothing taken away, run on their own by the system's Python. Ends by itself."""

from __future__ import annotations

import sys


def main() -> None:
    """Show the page in each folder of ``argv[2:]``, in a view and a window of its own, for ``argv[1]`` seconds."""
    import gi  # noqa: PLC0415 - the system's Python has it, the verifier's has not

    gi.require_version("Gtk", "3.0")
    gi.require_version("WebKit2", "4.1")
    from gi.repository import GLib, Gtk, WebKit2  # noqa: PLC0415 - versions come first

    for folder in sys.argv[2:]:
        view = WebKit2.WebView()
        settings = view.get_settings()
        settings.set_property("allow-universal-access-from-file-urls", True)
        settings.set_property("javascript-can-open-windows-automatically", True)
        # How a page is drawn is no way anywhere, and the product's own view draws it like this.
        settings.set_property("hardware-acceleration-policy", WebKit2.HardwareAccelerationPolicy.NEVER)
        view.connect("create", lambda opener, _action: WebKit2.WebView.new_with_related_view(opener))
        window = Gtk.Window()
        window.add(view)
        window.show_all()
        view.load_uri(f"file://{folder}/index.html")
    GLib.timeout_add_seconds(int(sys.argv[1]), Gtk.main_quit)
    Gtk.main()


if __name__ == "__main__":
    main()

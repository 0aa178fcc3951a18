"""The frame around the page: title, the menu with what the app may do, keys, and what is said when it stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gdk, Gtk, WebKit2  # noqa: E402 - versions come first

_KEPT: Final = frozenset(
    {
        WebKit2.ContextMenuAction.COPY,
        WebKit2.ContextMenuAction.CUT,
        WebKit2.ContextMenuAction.PASTE,
        WebKit2.ContextMenuAction.DELETE,
        WebKit2.ContextMenuAction.SELECT_ALL,
    }
)
_ZOOM: Final = (0.5, 3.0)


def trim(_view: Any, context_menu: Any, *_rest: Any) -> bool:
    """Leave the entries that edit text; those that open, download or inspect go. True hides an empty menu."""
    for item in list(context_menu.get_items()):
        if item.get_stock_action() not in _KEPT:
            context_menu.remove(item)
    return bool(context_menu.get_n_items() == 0)


class AppWindow(Gtk.Window):  # type: ignore[misc] # gi has no types
    """A window with a header bar. ``about`` holds ``may``, ``may_not`` and ``models``, as lists of lines."""

    def __init__(
        self, view: Any, *, title: str, about: Mapping[str, Sequence[str]], reload_page: Callable[[], None]
    ) -> None:
        super().__init__(title=title)
        self.closing = False
        self._view = view
        self._about = about
        self._reload_page = reload_page
        self.stack = Gtk.Stack()
        self.stack.add_named(view, "page")
        self.stack.add_named(self._make_notice(), "notice")
        self.add(self.stack)
        self.set_titlebar(self._make_header(title))
        self.connect("key-press-event", self._on_key)

    def renew(self, about: Mapping[str, Sequence[str]]) -> None:
        """Tell this from now on when the menu is asked what the app may do."""
        self._about = about

    def tell(self, text: str, action: str | None) -> None:
        """Show a sentence in place of the page; ``action`` names the button that loads the page again."""
        self._notice_text.set_text(text)
        self._notice_button.set_visible(action is not None)
        self._notice_button.set_label(action or "")
        self.stack.set_visible_child_name("notice")

    def _make_notice(self) -> Any:
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=16, valign=Gtk.Align.CENTER)
        self._notice_text = Gtk.Label(wrap=True, justify=Gtk.Justification.CENTER, max_width_chars=50)
        self._notice_button = Gtk.Button(halign=Gtk.Align.CENTER, no_show_all=True)
        self._notice_button.connect("clicked", lambda _button: self._reload_page())
        box.add(self._notice_text)
        box.add(self._notice_button)
        return box

    def _make_header(self, title: str) -> Any:
        header = Gtk.HeaderBar(title=title, show_close_button=True)
        menu = Gtk.Menu()
        entries: list[tuple[str, Callable[[], None]]] = [
            ("Reload", self._reload_page),
            ("Larger text", lambda: self._zoom(1.1)),
            ("Smaller text", lambda: self._zoom(1 / 1.1)),
            ("Close", self.close),
        ]
        if self._about:
            entries.insert(0, ("What this app may do", self._show_about))
        for label, action in entries:
            item = Gtk.MenuItem(label=label)
            item.connect("activate", lambda _item, act=action: act())
            menu.append(item)
        menu.show_all()
        button = Gtk.MenuButton(popup=menu, image=Gtk.Image.new_from_icon_name("open-menu-symbolic", 1))
        button.get_accessible().set_name("Menu")
        header.pack_end(button)
        return header

    def _show_about(self) -> None:
        dialog = Gtk.Dialog(title="What this app may do", transient_for=self, modal=True)
        dialog.set_default_size(520, 480)
        scrolled = Gtk.ScrolledWindow(expand=True)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin=18)
        headings = (("may", "It may"), ("models", "Models"), ("may_not", "It may not"))
        for key, heading in headings:
            lines = self._about.get(key) or ()
            if not lines:
                continue
            label = Gtk.Label(xalign=0.0, margin_top=10)
            label.set_markup(f"<b>{heading}</b>")
            box.add(label)
            for line in lines:
                box.add(Gtk.Label(label=f"•  {line}", xalign=0.0, wrap=True, selectable=True))
        scrolled.add(box)
        dialog.get_content_area().add(scrolled)
        dialog.add_button("Close", Gtk.ResponseType.CLOSE)
        dialog.connect("response", lambda shown, _answer: shown.destroy())
        dialog.show_all()

    def _zoom(self, factor: float) -> None:
        low, high = _ZOOM
        self._view.set_zoom_level(min(high, max(low, self._view.get_zoom_level() * factor)))

    def _on_key(self, _window: Any, event: Any) -> bool:
        if not event.state & Gdk.ModifierType.CONTROL_MASK:
            return False
        keys: dict[str, Callable[[], None]] = {
            "w": self.close,
            "q": self.close,
            "r": self._reload_page,
            "plus": lambda: self._zoom(1.1),
            "equal": lambda: self._zoom(1.1),
            "minus": lambda: self._zoom(1 / 1.1),
            "0": lambda: self._view.set_zoom_level(1.0),
        }
        action = keys.get(Gdk.keyval_name(event.keyval) or "")
        if action is None:
            return False
        action()
        return True

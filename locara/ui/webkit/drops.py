"""Files that a person drops on the page: their addresses go to the launcher, and nothing of them to the page.

The page hears of a drop as any page does, without content and without paths. What this process says of one is not
believed outside: the person is asked there, and the files are judged as a pick is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GObject, Gtk  # noqa: E402 - versions come first

_DATA: Final = "drag-data-received"
_URIS: Final = "text/uri-list"
_BITS: Final = 8
_SHOWN: Final = b"about:files\r\n"
"""What a page is told that was dragged, whatever it was. It leads nowhere."""


class Drops:
    """Stands between what is dragged over a view and its engine. ``tell`` is given the addresses of what is dropped."""

    _is_passing = False

    def __init__(self, view: Any, tell: Callable[[list[str]], None]) -> None:
        self._tell = tell
        self._over: tuple[Any, list[str]] = (None, [])
        self._engine = _held_back(view)
        if not self._engine:  # an engine of another make: nothing is dropped rather than too much shown
            view.drag_dest_unset()
            return
        view.connect(_DATA, self._on_data)
        view.connect("drag-drop", self._on_drop)

    def _on_data(self, view: Any, context: Any, *of_it: Any) -> None:
        """What is dragged has come in one of its forms. The engine counts the forms that it waits for, so each is
        passed on. A file manager says the same paths as text and as links, and the engine makes a link of an address:
        a page would read them, so it is passed on that something is there, and not what."""
        if self._is_passing:
            return
        x, y, data, info, time = of_it
        target = data.get_target()
        if _is_foreign(context):
            is_list = target.name() == _URIS
            if is_list:
                self._over = (context, list(data.get_uris() or []))
            data = data.copy()
            data.set(target, _BITS, _SHOWN if is_list else b"")
        self._is_passing = True
        for handler in self._engine:
            view.handler_unblock(handler)
        try:
            view.emit(_DATA, context, x, y, data, info, time)
        finally:
            for handler in self._engine:
                view.handler_block(handler)
            self._is_passing = False

    def _on_drop(self, _view: Any, context: Any, *_rest: Any) -> bool:
        (owner, found), self._over = self._over, (None, [])
        if found and owner == context and _is_foreign(context):
            self._tell(found)
        return False  # the page is told of it as well


def _is_foreign(context: Any) -> bool:
    """Whether addresses come out of another program: what a page lets be dragged out of itself can name any file."""
    offered = (target.name() for target in context.list_targets())
    return Gtk.drag_get_source_widget(context) is None and _URIS in offered


def _held_back(view: Any) -> list[int]:
    """The handlers of what is dragged that the view came with, from now on without effect until they are let go."""
    signal = GObject.signal_lookup(_DATA, Gtk.Widget)
    those = GObject.SignalMatchType.ID | GObject.SignalMatchType.UNBLOCKED
    found: list[int] = []
    while handler := GObject.signal_handler_find(view, those, signal, 0, None, None, None):
        view.handler_block(handler)
        found.append(int(handler))
    return found

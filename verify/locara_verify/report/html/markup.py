"""Markup that cannot be broken by what it shows: every text is escaped once, where it becomes markup."""

from __future__ import annotations

import html
from collections.abc import Iterable

from locara_verify.report.text import visible

_VOID = frozenset({"meta", "link", "br", "col", "path", "rect", "line", "circle"})
"""Elements written without a closing tag; those of SVG close themselves."""


class Markup(str):
    """Text that is markup already. Anything else is escaped by ``element``."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """``text`` as markup: hidden characters made visible, the rest escaped."""
    return Markup(html.escape(visible(text, limit=20_000)))


def joined(parts: Iterable[str]) -> Markup:
    """``parts`` one after the other, each escaped unless it is markup."""
    return Markup("".join(part if isinstance(part, Markup) else escaped(part) for part in parts))


def element(tag: str, /, *content: str, **attributes: str | float | None) -> Markup:
    """``<tag …>content</tag>``. In attribute names ``_`` means ``-``, and a trailing one is dropped.

    An attribute that is None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(visible(_text(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{joined(content)}</{tag}>")


def items(tag: str, texts: Iterable[str], **attributes: str) -> Markup:
    """A list (``ul``, ``ol``) of ``texts``."""
    return element(tag, *(element("li", text) for text in texts), **attributes)


def table(head: Iterable[str], rows: Iterable[Iterable[str]], caption: str) -> Markup:
    """A table with a caption for screen readers; the first cell of a row is its header."""
    header = element("tr", *(element("th", cell, scope="col") for cell in head))
    body = []
    for first, *rest in rows:
        body.append(element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest)))
    return element(
        "div",
        element("table", element("caption", caption), element("thead", header), element("tbody", *body)),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")

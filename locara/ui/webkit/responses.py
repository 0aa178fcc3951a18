"""What WebKit is answered when the page asks for one of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gi.repository import Gio, GLib, Soup, WebKit2

if TYPE_CHECKING:
    from locara.ui.webkit.files import Served


def finish(request: Any, served: Served | None) -> None:
    """Answer a request of the app's own scheme with this file and its headers, or that there is none."""
    if served is None:
        request.finish_error(GLib.Error("there is no such file in this app"))
        return
    stream = Gio.MemoryInputStream.new_from_bytes(GLib.Bytes.new(served.data))
    response = WebKit2.URISchemeResponse.new(stream, len(served.data))
    response.set_content_type(served.media_type)
    headers = Soup.MessageHeaders.new(Soup.MessageHeadersType.RESPONSE)
    for name, value in served.headers:
        headers.append(name, value)
    response.set_http_headers(headers)
    request.finish_with_response(response)

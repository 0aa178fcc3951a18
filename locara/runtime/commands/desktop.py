"""clipboard.*, notify.show and shell.openExternal: the person's desktop, by the broker. What is copied, shown or
opened is not written into any log; that it happened is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from locara.core.pages import page_of
from locara.core.request import ClipboardRequest, NotifyRequest, OpenExternalRequest
from locara.errors import CallError
from locara.runtime.arguments import Args, Field, NoArgs
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session
from locara.sandbox.desktop.ports import MAX_BADGE, MAX_BODY, MAX_CLIPBOARD, MAX_TITLE


class WriteArgs(Args):
    """text: at most 1 MiB as UTF-8, without NUL."""

    text: Annotated[str, Field(max_length=MAX_CLIPBOARD)]


class ShowArgs(Args):
    """modes: how attention is called for; title and body for alert, badge (a count) for badge."""

    modes: Annotated[list[Literal["alert", "badge", "sound"]], Field(min_length=1, max_length=3)]
    title: Annotated[str, Field(max_length=MAX_TITLE)] = ""
    body: Annotated[str, Field(max_length=MAX_BODY)] = ""
    badge: Annotated[int | None, Field(ge=0, le=MAX_BADGE)] = None


class OpenArgs(Args):
    """url: https only, without credentials and port."""

    url: Annotated[str, Field(max_length=2_048)]


@command("clipboard.read", lane=Lane.DESKTOP)
def read(session: Session, call: Call, _args: NoArgs) -> Mapping[str, Any]:
    """`{text}`; empty when nothing is there, or no text."""
    session.gate.require(ClipboardRequest("read"), cmd=call.cmd)
    try:
        return {"text": session.broker.read_clipboard().decode("utf-8")}
    except UnicodeDecodeError as error:
        raise CallError("the clipboard holds no text", code="io_error") from error


@command("clipboard.write", args=WriteArgs, lane=Lane.DESKTOP)
def write(session: Session, call: Call, args: WriteArgs) -> Mapping[str, Any]:
    """`{}`; the text is on the clipboard until something else is copied."""
    text = args.text.encode("utf-8")
    if len(text) > MAX_CLIPBOARD:
        raise CallError(f"at most {MAX_CLIPBOARD} bytes of text", code="too_large")
    session.gate.require(ClipboardRequest("write"), cmd=call.cmd)
    session.broker.write_clipboard(text)
    return {}


@command("notify.show", args=ShowArgs, lane=Lane.DESKTOP)
def show(session: Session, call: Call, args: ShowArgs) -> Mapping[str, Any]:
    """`{}`. Each mode needs its own grant. Text is shown as it is, never as markup.

    alert shows title and body, sound sounds (by itself, or with the alert), badge puts a count on the app's
    icon where the dock has such a thing. At most ten in a minute: then limit_exceeded.
    """
    modes = tuple(dict.fromkeys(args.modes))
    if ("badge" in modes) != (args.badge is not None):
        raise CallError("badge is a count, and goes with the mode badge", code="bad_request")
    for mode in modes:
        session.gate.require(NotifyRequest(mode), cmd=call.cmd)
    session.broker.notify(modes, args.title, args.body, args.badge)
    return {}


@command("shell.openExternal", args=OpenArgs, lane=Lane.DESKTOP)
def open_external(session: Session, call: Call, args: OpenArgs) -> Mapping[str, Any]:
    """`{}`; the page is handed to the person's browser. At most three in ten seconds: then limit_exceeded."""
    page = page_of(args.url)
    if page is None:
        raise CallError(
            "url is https://host/path without credentials, port or control characters",
            code="bad_request",
            fix="write other characters percent-encoded and host names in punycode",
        )
    session.gate.require(OpenExternalRequest(page.host), cmd=call.cmd)
    session.broker.open_external(page.address)
    return {}

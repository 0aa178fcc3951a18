"""net.fetch: one https request to a host that the manifest allows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Final

from locara.core.request import NetRequest
from locara.errors import CallError
from locara.runtime import fetch
from locara.runtime.arguments import Args, Field
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session

_DEFAULT_BODY: Final = 8 * 1024 * 1024
_PROXY_CODES: Final = {"not_found": "the host has no address", "busy": "too many connections are open"}


class FetchArgs(Args):
    """url https only; body base64; maxBytes caps the answer's body."""

    url: Annotated[str, Field(max_length=8_192)]
    method: str = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    max_bytes: Annotated[int, Field(ge=1, le=fetch.MAX_BODY)] = _DEFAULT_BODY


@command("net.fetch", args=FetchArgs, lane=Lane.NET)
def net_fetch(session: Session, call: Call, args: FetchArgs) -> Mapping[str, Any]:
    """`{status, headers: [[name, value]], body}` with the body in base64. A redirect is returned, never
    followed."""
    url = fetch.Url.parse(args.url)
    request = NetRequest(url.host, url.port)
    session.gate.require(request, cmd=call.cmd)
    if args.method not in fetch.METHODS:
        raise CallError(f"method is one of {', '.join(sorted(fetch.METHODS))}", code="bad_request")
    fetch.check_headers(args.headers)
    try:
        answer = fetch.fetch(
            url,
            method=args.method,
            headers=args.headers,
            body=_body(args.body),
            max_bytes=args.max_bytes,
            cancelled=call.cancelled,
        )
    except fetch.ProxyRefused as refused:
        if refused.code in {"capability_denied", "address_refused"}:
            session.gate.refuse(
                request,
                cmd=call.cmd,
                because=f"{url.host} is not a public address, or the proxy does not allow it",
                fix="ask for a host that is declared and has a public address",
            )
        message = _PROXY_CODES.get(refused.code, "the host cannot be reached")
        code = refused.code if refused.code in {"not_found", "busy"} else "io_error"
        raise CallError(f"{url.host}: {message}", code=code) from refused
    return {
        "status": answer.status,
        "headers": [list(field) for field in answer.headers],
        "body": base64.b64encode(answer.body).decode("ascii"),
    }


def _body(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CallError("body is not base64", code="bad_request") from error

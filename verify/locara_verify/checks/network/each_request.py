"""LC322, call by call: one request for each, made of what was given and of nothing that was there before.

What a server asks to be remembered, tried again, unpacked or joined is asked here, all of it; what comes next is
compared field by field with what the call alone says.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.caller import Caller
from locara_verify.checks.network.ground import Server, answer

RULE: Final = "LC322"
METHODS: Final = ("GET", "POST", "PUT", "DELETE")
FIXED: Final = (("accept-encoding", "identity"), ("connection", "close"))
GIVEN: Final = {"X-A": "a\tb", "Accept": "*/*", "X-Empty": "", "x-b": "~ !"}
# Whatever makes a browser come back otherwise than it came.
KEPT: Final = (
    "Set-Cookie: who=you; Path=/; Max-Age=9999",
    "Set-Cookie: wide=you; Domain=granted.example; Path=/; Secure",
    'ETag: "marked"',
    "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT",
    "Cache-Control: public, max-age=9999, immutable",
    "Strict-Transport-Security: max-age=9999; includeSubDomains; preload",
    'Alt-Svc: h2="other.example:443"; ma=9999',
    "Accept-CH: Sec-CH-UA-Platform, Sec-CH-UA-Arch, Device-Memory",
    "Critical-CH: Sec-CH-UA-Platform",
    "Link: <https://other.example/>; rel=preconnect, </next>; rel=preload",
    'Authentication-Info: nextnonce="marked"',
    'Report-To: {"group":"a","max_age":9999,"endpoints":[{"url":"https://other.example/"}]}',
    'NEL: {"report_to":"a","max_age":9999,"success_fraction":1}',
    "Keep-Alive: timeout=99, max=99",
    "Set-Cookie2: who=you",
    "Expires: Fri, 01 Jan 2100 00:00:00 GMT",
    "Refresh: 0; url=/next",
    "Content-Location: /next",
    'WWW-Authenticate: Basic realm="marked"',
    "DPoP-Nonce: marked",
)
_TOLD: Final = answer(200, body=b"x" * 40)
# Where clients of other kinds send once more, whatever the method.
AT_ONCE: Final = {"nothing": b"", "half a line": _TOLD[:9]}
# What a server sends that has taken a request.
BROKEN: Final = {
    "no answer": b"SSH-2.0-x\r\n\r\n", "half the fields": _TOLD[:30], "half a body": _TOLD[:-7],
    "who are you": answer(401, 'WWW-Authenticate: Basic realm="a"'), "too slow": answer(408, "X-A: b"),
    "misdirected": answer(421), "too early": answer(425), "too often": answer(429, "Retry-After: 0"),
    "later": answer(503, "Retry-After: 0"),
}  # fmt: skip
LARGE: Final = bytes(2 << 20)
MOST: Final = 100_000
PACKED: Final = {
    **dict.fromkeys(("gzip", "x-gzip", "GZIP"), gzip.compress(LARGE)), "deflate": zlib.compress(LARGE),
    "deflate, gzip": gzip.compress(zlib.compress(LARGE)), "bzip2": bz2.compress(LARGE),
    "xz": lzma.compress(LARGE, preset=0), "identity": b"as it is",
}  # fmt: skip

Json = Any


def each_request(tally: Tally, one: Caller, pair: list[Server], hosts: tuple[str, str]) -> None:
    """Calls to two granted hosts of one domain, whose servers ask for all of it."""
    nothing_kept(tally, one, pair, hosts)
    once(tally, one, pair[0], hosts[0])
    not_unpacked(tally, one, pair[0], hosts[0])
    for server in pair:
        server.answers = lambda _request: answer(200, body=b"ordinary")
        server.seen.clear()


def nothing_kept(tally: Tally, one: Caller, pair: list[Server], hosts: tuple[str, str]) -> None:
    """After an answer that asks to be remembered: the same host, the other, and the same once more."""
    for status in (200, 304, 401):
        head = "\r\n".join([f"HTTP/1.1 {status} X", *KEPT, "Content-Length: 2", "", "ok"]).encode()
        for server in pair:
            server.answers = lambda _request, head=head: head  # type: ignore[misc]
        for at in (0, 0, 1, 0):
            _unmarked(tally, one, (pair[at], pair[1 - at]), hosts[at])


def _unmarked(tally: Tally, one: Caller, servers: tuple[Server, Server], host: str) -> None:
    """One call to the first of two servers."""
    asked, other = servers
    before, dialled = len(other.seen), len(one.dialled)
    code, _ = one.told(url=f"https://{host}/a?b", method="GET", headers=GIVEN)
    seen, new = asked.seen, len(one.dialled) - dialled
    wrong = code or ("" if len(seen) == 1 else f"{len(seen)} requests") or strange(seen[0], host)
    wrong = wrong or ("" if new == 1 else f"{new} connections")
    wrong = wrong or ("" if len(other.seen) == before else "the other host was asked, too")
    said = "what a server said before changed a request, or the runtime adds to it"
    tally.expect(RULE, not wrong, said, f"{host}: {wrong}")
    seen.clear()


def strange(request: bytes, host: str, given: Mapping[str, str] = GIVEN) -> str:
    """What of a GET was neither given nor is the same for everybody; "" when nothing is."""
    head, _, body = request.partition(b"\r\n\r\n")
    fields = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:]]
    found = sorted((name.lower(), value) for name, _, value in fields)
    due = sorted([*FIXED, ("host", host), *((name.lower(), value) for name, value in given.items())])
    if found == due and not body:
        return ""
    return f"{sorted({*found} ^ {*due})}, {len(body)} bytes more"


def once(tally: Tally, one: Caller, server: Server, host: str) -> None:
    """A call is one request, whatever becomes of it: what may be done twice only the app knows."""
    cases = [(what, told, method) for what, told in AT_ONCE.items() for method in METHODS]
    cases += [(what, told, "GET") for what, told in BROKEN.items()]
    for what, told, method in cases:
        server.seen.clear()
        server.answers = lambda _request, told=told: told  # type: ignore[misc]
        dialled = len(one.dialled)
        code, _ = one.told(url=f"https://{host}/", method=method, headers={"Authorization": "Bearer x"})
        came, new = len(server.seen), len(one.dialled) - dialled
        because = f"{method}, answered with {what}: {code or 'answered'}; {came} requests, {new} connections"
        tally.expect(RULE, came == new == 1, "a call is not one request", because)


def not_unpacked(tally: Tally, one: Caller, server: Server, host: str) -> None:
    """An answer that comes packed, though it was asked not to, is no larger than the app takes."""
    for coding, body in PACKED.items():
        sent = answer(200, f"Content-Encoding: {coding}", body=body)
        server.answers = lambda _request, sent=sent: sent  # type: ignore[misc]
        code, told = one.told(url=f"https://{host}/", method="GET", headers={}, maxBytes=MOST)
        got = base64.b64decode(told.get("body", ""))
        held = not code and got == body
        tally.expect(
            RULE,
            held,
            "an answer is larger than the app takes",
            f"{coding}: {code or len(got)}, and {MOST} is most",
        )


def always_as_before(
    tally: Tally, host: Server, clients: Mapping[str, Callable[[], object]], *, rule: str
) -> None:
    """The same request again, by what is kept in the process and by what is new: no server knows it again."""
    host.answers = lambda _request: answer(200, *KEPT, body=b"{}")
    for what, ask in clients.items():
        host.seen.clear()
        for _ in range(3):
            ask()
        told = f"{what}: {len(host.seen)} requests, {sorted({*host.seen})[-1:]!r}"[:400]
        held = len(host.seen) == 3 and len({*host.seen}) == 1
        tally.expect(rule, held, "a server knows who asks it again", told)

"""LC322, call by call: one request for each, made of what was given and of nothing that was there before.

What a server asks to be remembered, tried again, unpacked or joined is asked here, all of it; what comes next is
compared field by field with what the call alone says.
"""

from __future__ import annotations

import base64
import gzip
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
)
AGAIN: Final = (
    (401, 'WWW-Authenticate: Basic realm="a"'), (408, "X-A: b"), (421, "X-A: b"), (503, "Retry-After: 0"),
)  # fmt: skip
CUT: Final = (
    b"Content-Length: 99\r\n\r\ncut", b"Content-Length: 99\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3\r\ncut\r\n",
)  # fmt: skip
LARGE: Final = bytes(2 << 20)
MOST: Final = 100_000
PACKED: Final = {
    "gzip": gzip.compress(LARGE), "x-gzip": gzip.compress(LARGE), "deflate": zlib.compress(LARGE),
}  # fmt: skip

Json = Any


def each_request(tally: Tally, one: Caller, pair: list[Server], hosts: tuple[str, str]) -> None:
    """Calls to two granted hosts of one domain, whose servers ask for all of it."""
    for server in pair:
        server.says_end = True  # what is missing then only its length can tell
    nothing_kept(tally, one, pair, hosts)
    once(tally, one, pair[0], hosts[0])
    not_unpacked(tally, one, pair[0], hosts[0])
    for server in pair:
        server.answers = lambda _request: answer(200, body=b"ordinary")
        server.says_end = False
        server.seen.clear()


def nothing_kept(tally: Tally, one: Caller, pair: list[Server], hosts: tuple[str, str]) -> None:
    """After an answer that asks to be remembered: the same host, the other, and the same once more."""
    head = "\r\n".join(["HTTP/1.1 200 X", *KEPT, "Content-Length: 2", "", "ok"]).encode()
    for server in pair:
        server.answers = lambda _request: head
    for at in (0, 0, 1, 0):
        other = len(pair[1 - at].seen)
        dialled = len(one.dialled)
        code, _ = one.told(url=f"https://{hosts[at]}/a?b", method="GET", headers=GIVEN)
        seen, new = pair[at].seen, len(one.dialled) - dialled
        wrong = code or ("" if len(seen) == 1 else f"{len(seen)} requests") or strange(seen[0], hosts[at])
        wrong = wrong or ("" if new == 1 else f"{new} connections")
        wrong = wrong or ("" if len(pair[1 - at].seen) == other else "the other host was asked, too")
        said = "what a server said before changed a request, or the runtime adds to it"
        tally.expect(RULE, not wrong, said, f"{hosts[at]}: {wrong}")
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
    server.answers = lambda _request: b""
    for method in METHODS:
        _sent_once(tally, one, server, (host, method), "ends without an answer")
    for cut in CUT:
        server.answers = lambda _request, cut=cut: b"HTTP/1.1 200 X\r\n" + cut  # type: ignore[misc]
        code = _sent_once(tally, one, server, (host, "GET"), f"ends within its answer ({cut!r})")
        tally.expect(RULE, bool(code), "an answer that was cut is told as a whole one", repr(cut))
    for status, field in AGAIN:
        server.answers = lambda _request, status=status, field=field: answer(status, field)  # type: ignore[misc]
        _sent_once(tally, one, server, (host, "GET"), f"answers {status}")


def _sent_once(tally: Tally, one: Caller, server: Server, asked: tuple[str, str], what: str) -> str:
    host, method = asked
    server.seen.clear()
    code, _ = one.told(url=f"https://{host}/", method=method, headers={})
    came = len(server.seen)
    told = f"{method}, the server {what}: {came} requests ({code or 'answered'})"
    tally.expect(RULE, came == 1, "a call is not one request", told)
    return code


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

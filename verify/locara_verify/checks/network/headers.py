"""LC322: nothing that a frontend can write into a request changes where it goes or how it is framed."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.in_process import environment
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.caller import Caller, caller
from locara_verify.checks.network.each_request import each_request
from locara_verify.checks.network.ground import LOCAL, Server, servers
from locara_verify.context import Context

RULE: Final = "LC322"
NAME: Final = "header-injection"
GRANTED: Final = "api.granted.example"
OTHER: Final = "other.example"
OWN: Final = frozenset({b"host: api.granted.example", b"connection: close", b"accept-encoding: identity"})
"""All that a GET says by itself: it tells nothing about the app, the person or the machine."""
PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")

BREAKS: Final = (
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u560a",
    "\u010a",
    "\r\n ",
    "\n\t",
)
SMUGGLED: Final = (
    f"Host: {OTHER}",
    "X-Smuggled: 1",
    "Content-Length: 0",
    "",
    f"GET / HTTP/1.1\r\nHost: {OTHER}\r\n\r\n",
)
ENDPOINTS: Final = (
    "Host", "Connection", "Keep-Alive", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect",
    "Proxy-Authorization", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Foo",
)  # fmt: skip
FORWARDED: Final = (
    "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Host", "X-Upstream", "X-Target-URL",
    "X-Locara-Proxy", "Locara-Code", "Location", "Destination", "Alt-Used", ":authority", ":path",
    "X-HTTP-Method-Override",
)  # fmt: skip
FIELDS: Final = (
    "proxy", "host", "endpoint", "baseUrl", "base_url", "resolve", "connectTo", "address", "verify", "insecure", "ca",
    "caFile", "follow", "redirect", "unixSocket", "socketPath", "dispatcher", "agent", "__proto__",
)  # fmt: skip
METHODS: Final = ("CONNECT", "TRACE", "TRACK", "PRI", "get", "Get", "GET ", " GET", "", "GET\t", "PROPFIND")

Json = Any


@dataclass(frozen=True, slots=True)
class Attack:
    """The arguments of one call, and whether it must be refused whatever is sent."""

    what: str
    args: Mapping[str, Json] = field(default_factory=dict)
    refuse: bool = True


def spellings(name: str) -> tuple[str, ...]:
    """A field name as careless comparisons would let it pass."""
    return (
        name,
        name.lower(),
        name.upper(),
        name.swapcase(),
        f"{name} ",
        f" {name}",
        f"{name}\t",
        f"{name}:",
        f"\0{name}",
    )


def attacks(rng: random.Random) -> Iterator[Attack]:
    """Line breaks at every place of a request, fields of the runtime's own, odd methods, and unknown arguments."""
    for brk in BREAKS:
        for more in SMUGGLED:
            text = brk + more
            places = ({"X-A": f"a{text}"}, {"X-A": text}, {f"X-A{text}": "a"}, {f"X-A: a{text}": "b"})
            for headers in places:
                yield Attack(f"{brk!r} in a field", {"headers": headers})
            yield Attack(f"{brk!r} in the method", {"method": f"GET{text}"})
            yield Attack(f"{brk!r} in the method", {"method": f"GET / HTTP/1.1{text}"})
            for where in (f"/{text}", f"/?{text}", f" HTTP/1.1{text}"):
                yield Attack(f"{brk!r} in the address", {"url": f"https://{GRANTED}{where}"})
    for name in ENDPOINTS:
        for spelt in spellings(name):
            value = rng.choice((OTHER, "close, x", "chunked", "0", "100-continue", "7, 7"))
            yield Attack(f"the field {spelt!r}", {"headers": {spelt: value}})
    for method in METHODS:
        yield Attack(f"the method {method!r}", {"method": method})
    for name in FIELDS:
        given: Json = rng.choice((f"https://{OTHER}/", OTHER, True, {"host": OTHER}))
        yield Attack(f"the argument {name}", {name: given})
    yield Attack("too many fields", {"headers": {f"X-{number}": "a" for number in range(200)}})
    yield Attack("a field given by a list", {"headers": {"X-A": ["a", "b"]}})
    for name in FORWARDED:
        yield Attack(
            f"the field {name}", {"headers": {name: f"https://{OTHER}/"}}, refuse=name.startswith(":")
        )


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Every attack as a call of its own, judged by the bytes that came; with proxy variables set all the while."""
    tally, rng = Tally(), ctx.rng(NAME)
    siblings = (GRANTED, f"more.{GRANTED}")
    with (
        servers(ctx.fresh_dir("siblings"), *siblings) as (pair, authority),
        caller(ctx, dict(zip(siblings, pair, strict=True)), authority, [*siblings]) as one,
    ):
        each_request(tally, one, pair, siblings)
    with (
        socket.create_server((LOCAL, 0)) as decoy,
        servers(ctx.fresh_dir("servers"), GRANTED, OTHER) as (pair, authority),
        environment(
            **dict.fromkeys(PROXIES, f"http://{LOCAL}:{decoy.getsockname()[1]}"), NO_PROXY="", no_proxy=""
        ),
        caller(ctx, {GRANTED: pair[0], OTHER: pair[1]}, authority, [GRANTED]) as one,
    ):
        works(tally, one, pair[0])
        listed = list(attacks(rng))
        for number, attack in enumerate(listed):
            ctx.progress(number, len(listed), attack.what)
            tally.attacks += 1
            attempt(tally, one, pair, attack)
        works(tally, one, pair[0])
        elsewhere = {host for host, _ in one.asked} - {GRANTED} or {*map(str, one.dialled)} - {"443"}
        tally.expect(
            RULE,
            not elsewhere,
            "a request went to another place than its address",
            str(sorted(elsewhere)[:3]),
        )
        tally.expect(
            RULE, not pair[1].seen, "a host that was not granted was sent a request", str(pair[1].seen[:1])
        )
        decoy.settimeout(0)
        tally.expect(
            RULE, not reached(decoy), "a proxy of the environment was used", "its listener was reached"
        )
    return tally.result()


def works(tally: Tally, one: Caller, server: Server) -> None:
    """The allow twin: an ordinary request with ordinary fields and a body arrives as it was written."""
    server.seen.clear()
    code = one.call(
        url=f"https://{GRANTED}/a?b", method="POST", headers={"X-A": "a\tb", "Accept": "*/*"}, body="YWJj"
    )
    right = (
        bool(server.seen) and b"X-A: a\tb\r\n" in server.seen[0] and server.seen[0].endswith(b"\r\n\r\nabc")
    )
    if code or not right:
        tally.undecided(RULE, f"the allow twin failed: an ordinary request does not arrive ({code})")
    server.seen.clear()


def attempt(tally: Tally, one: Caller, pair: list[Server], attack: Attack) -> None:
    """One call. Refused: nothing came. Answered: exactly one request came, framed as the runtime frames it."""
    args = {"url": f"https://{GRANTED}/", "method": "GET", "headers": {}, **attack.args}
    code, seen = one.call(**args), pair[0].seen
    evidence = ascii(dict(attack.args))[:300]
    if attack.refuse:
        held = code == "bad_request" and not seen
        because = f"{code or 'answered'}; {len(seen)} requests came: {seen[:1]!r}"[:400]
        tally.expect(RULE, held, f"{attack.what} was not refused", because, arguments=evidence)
    else:
        fault = "no request came" if len(seen) != 1 else misframed(seen[0], args["headers"])
        tally.expect(RULE, not fault, f"{attack.what} changed the request", fault, arguments=evidence)
    seen.clear()


def misframed(request: bytes, headers: Mapping[str, str]) -> str:
    """What is wrong with the bytes of a GET of ``/`` with these fields; "" when they are what was asked for."""
    head, _, after = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    found = [line.partition(b":")[0].decode("latin-1").lower() for line in lines]
    if first != b"GET / HTTP/1.1":
        return f"the request line is {first!r}"
    if after or b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b"") or b"\0" in head:
        return f"more than one request, or a bare line end: {request[:200]!r}"
    if [line for line in lines if line.lower().startswith(b"host:")] != [f"Host: {GRANTED}".encode()]:
        return f"the host is not the granted one, once: {lines!r}"
    given = {name.lower() for name in headers}
    foreign = [
        line for name, line in zip(found, lines, strict=True) if name not in given and line.lower() not in OWN
    ]
    return f"fields that nobody gave: {foreign}" if foreign or len(found) != len(set(found)) else ""


def reached(listener: socket.socket) -> bool:
    """Whether anybody connected."""
    try:
        listener.accept()[0].close()
    except OSError:
        return False
    return True

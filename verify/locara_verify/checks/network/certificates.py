"""LC302 behind the tunnel: net.fetch speaks to the host that it asked for, by its certificate, and takes no more than
it was told to."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import secrets
import zlib
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.caller import Caller, caller
from locara_verify.checks.network.ground import Server, answer, servers
from locara_verify.context import Context

RULE: Final = "LC302"
NAME: Final = "certificates"
HOST: Final = "a.granted.example"
WITHOUT: Final = "b.granted.example"
_MORE: Final = 300_000
_PACKED: Final = {
    "gzip": gzip.compress(bytes(_MORE)),
    "x-gzip": gzip.compress(bytes(_MORE)),
    "GZIP": gzip.compress(bytes(_MORE)),
    "deflate": zlib.compress(bytes(_MORE)),
    "deflate, gzip": gzip.compress(zlib.compress(bytes(_MORE))),
    "bzip2": bz2.compress(bytes(_MORE)),
    "xz": lzma.compress(bytes(_MORE)),
    "identity": b"as it is",
}
"""Bodies that grow where somebody unpacks them."""
_TOLD: Final = answer(200, body=b"x" * 40)
_BROKEN: Final = {
    "nothing": b"",
    "half a line": _TOLD[:9],
    "no answer": b"SSH-2.0-x\r\n\r\n",
    "half the fields": _TOLD[:30],
    "half a body": _TOLD[:-7],
    "later": answer(503, "Retry-After: 0"),
    "too early": answer(425),
    "misdirected": answer(421),
    "too slow": answer(408, "Connection: close"),
    "who are you": answer(401, 'WWW-Authenticate: Basic realm="x"'),
    "too often": answer(429, "Retry-After: 0"),
}
"""What a server sends that has taken a request."""


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Servers with certificates of somebody else, of another host, of yesterday and none; then answers without end."""
    tally = Tally()
    with (
        servers(ctx.fresh_dir("servers"), HOST) as ((good,), authority),
        servers(ctx.fresh_dir("stranger"), HOST) as ((stranger,), _),
        servers(ctx.fresh_dir("ended"), HOST, ended=True) as ((ended,), ended_authority),
    ):
        hosts = {HOST: good, WITHOUT: good}
        with caller(ctx, hosts, authority, list(hosts)) as one:
            _speaks(tally, one, good, HOST, trusted=True)
            _speaks(tally, one, good, WITHOUT, trusted=False)
            hosts[HOST] = stranger
            _speaks(tally, one, stranger, HOST, trusted=False)
            hosts[HOST] = good
            _takes(tally, one, good)
            _as_sent(tally, one, good)
            _once(tally, one, good)
        with caller(ctx, {HOST: ended}, ended_authority, [HOST]) as one:
            _speaks(tally, one, ended, HOST, trusted=False)
    return tally.result()


def _speaks(tally: Tally, one: Caller, server: Server, host: str, *, trusted: bool) -> None:
    word = f"Bearer {secrets.token_hex(16)}"
    server.seen.clear()
    code = one.call(url=f"https://{host}/", headers={"Authorization": word})
    tally.attacks += 1
    came = any(word.encode() in request for request in server.seen)
    if trusted:
        if code or not came:
            tally.undecided(
                RULE, f"the allow twin failed: a host with a good certificate is not reached ({code})"
            )
        return
    because = f"{host}: {code or 'answered'}; {len(server.seen)} requests came"
    held = not came and not server.seen and code == "io_error"
    tally.expect(RULE, held, "a request went to whoever answers for a host", because)


def _takes(tally: Tally, one: Caller, server: Server) -> None:
    """Bodies of more than the app wants, whatever the server says of their length; and a call that was cancelled."""
    url = f"https://{HOST}/"
    longer = answer(200, body=bytes(_MORE))
    untold = longer.replace(f"Content-Length: {_MORE}\r\n".encode(), b"")
    for told in (longer, untold):
        server.answers = lambda _request, told=told: told  # type: ignore[misc]
        for most in (1, 1_000, _MORE - 1):
            code, found = one.told(url=url, maxBytes=most)
            because = f"{code or 'answered'} with {len(found.get('body', ''))} characters of base64"
            tally.attacks += 1
            tally.expect(
                RULE, code == "too_large", f"more than {most} bytes of an answer were taken", because
            )
        if one.told(url=url, maxBytes=_MORE)[0]:
            tally.undecided(RULE, "the allow twin failed: an answer that fits is not taken")
        tally.attacks += 1
        code = one.told(url=url, cancelled=True, maxBytes=_MORE)[0]
        tally.expect(RULE, code == "cancelled", "a cancelled call took its answer in", code or "answered")


def _as_sent(tally: Tally, one: Caller, server: Server) -> None:
    """A body comes as the server sent it: nothing unpacks it, so that it is no larger than it was on the way."""
    for coding, body in _PACKED.items():
        told = answer(200, f"Content-Encoding: {coding}", "Content-Type: application/gzip", body=body)
        server.answers = lambda _request, told=told: told  # type: ignore[misc]
        code, found = one.told(url=f"https://{HOST}/")
        came = base64.b64decode(found.get("body", ""))
        tally.attacks += 1
        because = f"{coding}: {code or 'answered'}, {len(came)} bytes of {len(body)}"
        tally.expect(RULE, came == body, "a body is another than the server sent", because)


def _once(tally: Tally, one: Caller, server: Server) -> None:
    """One call sends one request, whatever becomes of it: another would change something twice under one record."""
    for what, told in _BROKEN.items():
        for method in ("GET", "POST", "DELETE"):
            server.seen.clear()
            server.answers = lambda _request, told=told: told  # type: ignore[misc]
            before = len(one.dialled)
            code = one.call(url=f"https://{HOST}/", method=method, headers={"Authorization": "Bearer x"})
            sent, dialled = len(server.seen), len(one.dialled) - before
            tally.attacks += 1
            because = (
                f"{method}, answered with {what}: {code or 'answered'}; {sent} requests, {dialled} tunnels"
            )
            tally.expect(RULE, sent == dialled == 1, "one call sends more than one request", because)

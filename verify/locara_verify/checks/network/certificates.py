"""LC302 behind the tunnel: net.fetch speaks to the host that it asked for, by its certificate, and takes no more than
it was told to."""

from __future__ import annotations

import base64
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Final, cast

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.caller import Caller, caller
from locara_verify.checks.network.ground import LOCAL, Server, answer, servers
from locara_verify.context import Context

RULE: Final = "LC302"
NAME: Final = "certificates"
HOST: Final = "a.granted.example"
WITHOUT: Final = "b.granted.example"
_MORE: Final = 300_000


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
            _whole(tally, one, good)
            _given_up(tally, one, good)
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
    for told, server.says_end in ((longer, False), (untold, True)):
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
    server.says_end = False


_BODY: Final = 5_000


def _answers() -> Iterator[tuple[str, bytes, bool]]:
    """What a host sends, and whether it then says, within TLS, that this was all; the whole ones last."""
    head, body = b"HTTP/1.1 200 X\r\nConnection: close\r\n", b"x" * _BODY
    chunks = b"Transfer-Encoding: chunked\r\n\r\n1388\r\n"
    yield "half of its fields", head + b"X-A: 1", False
    yield "its fields and nothing else", head, False
    for most in (0, 1, _BODY - 1):
        for says in (False, True):  # whoever ends TLS for the host may have lost it, too
            yield f"{most} bytes and a length", head + b"Content-Length: 5000\r\n\r\n" + body[:most], says
            yield f"{most} bytes of a chunk", head + chunks + body[:most], says
        yield f"{most} bytes and the end of the connection", head + b"\r\n" + body[:most], False
    for says in (False, True):
        yield "a chunk, and not the last", head + chunks + body + b"\r\n", says
    yield "all bytes and their length", head + b"Content-Length: 5000\r\n\r\n" + body, False
    yield "all chunks", head + chunks + body + b"\r\n0\r\n\r\n", False
    yield "all bytes and its word for it", head + b"\r\n" + body, True


def _whole(tally: Tally, one: Caller, server: Server) -> None:
    """A body that breaks off is none: whoever is on the way can end a connection, and half an answer may say another
    thing than all of it."""
    for what, told, server.says_end in _answers():
        server.answers = lambda _request, told=told: told  # type: ignore[misc]
        code, found = one.told(url=f"https://{HOST}/")
        came = len(base64.b64decode(found.get("body", "")))
        tally.attacks += 1
        because = f"{what}: {code or 'answered'}, {came} bytes"
        if what.startswith("all "):
            if code or came != _BODY:
                tally.undecided(RULE, f"the allow twin failed: a whole body is not taken: {because}")
        else:
            tally.expect(RULE, code == "io_error", "a body that broke off was taken for a whole one", because)
    server.says_end = False


_SLOW: Final = {
    "its answer": b"",
    "its fields": b"HTTP/1.1 200 X\r\n",
    "a body of a length": b"HTTP/1.1 200 X\r\nContent-Length: 90000\r\n\r\n",
    "a body of chunks": b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n15f90\r\n",
    "a body without an end": b"HTTP/1.1 200 X\r\n\r\n",
}
"""What a host sends before it takes its time."""
_PATIENCE: Final = 5.0


def _given_up(tally: Tally, one: Caller, server: Server) -> None:
    """A call that is cancelled ends, wherever a host has it wait, and whether that sends nothing more or a little."""
    for what, begin in _SLOW.items():
        for drips in (True, False) if begin.endswith(b"\r\n\r\n") else (False,):
            ends, over = threading.Event(), threading.Event()

            def slowly(_request: bytes, begin: bytes = begin, drips: bool = drips) -> Iterator[bytes]:
                yield begin
                ends.set()  # noqa: B023 - of this turn
                while not over.wait(0.05):  # noqa: B023
                    yield b"x" * drips

            server.answers = slowly
            _ends(
                tally,
                one,
                ends,
                f"the host has it wait for {what}, {'bit by bit' if drips else 'in silence'}",
            )
            over.set()
    with socket.create_server((LOCAL, 0)) as silent:
        before = dict(one.hosts)
        cast("dict[str, Any]", one.hosts)[HOST] = SimpleNamespace(port=silent.getsockname()[1])
        ends = threading.Event()
        threading.Timer(0.2, ends.set).start()
        _ends(tally, one, ends, "the host never speaks TLS")
        cast("dict[str, Any]", one.hosts).update(before)


def _ends(tally: Tally, one: Caller, ends: threading.Event, what: str) -> None:
    began = time.monotonic()
    code, _ = one.told(url=f"https://{HOST}/", ends=ends)
    took = time.monotonic() - began
    tally.attacks += 1
    held = code == "cancelled" and took < _PATIENCE
    tally.expect(RULE, held, "a cancelled call goes on", f"{what}: {code or 'answered'} after {took:.1f} s")

"""LC770: the line that updates come through: who is asked at all, and what of an answer is believed."""

from __future__ import annotations

import gzip
import socket
import time
from contextlib import suppress
from typing import Any, Final
from unittest.mock import patch

from locara_verify.check import CheckResult, check
from locara_verify.checks.in_process import environment
from locara_verify.checks.plain_server import answer, lies, server
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC770"
NAME: Final = "update-line"
BODY: Final = b"x" * 5_000
PATIENCE: Final = 1.0
FAR_TOO_LONG: Final = 8.0
LIKE_THIS_MACHINE: Final = (
    "registry.local", "a.localhost", "localhost.example", "localhost.localdomain", "registry.lan", "registry.internal",
    "registry.home.arpa", "registry.test", "127.0.0.1.example", "printer", "10.0.0.1", "192.168.1.1", "169.254.0.1",
)  # fmt: skip


@check(NAME, rules=(RULE,), waits=True)
def run(_ctx: Context) -> CheckResult:
    """Whole answers, answers that lie of themselves, and addresses that nobody is asked at."""
    tally = Tally()
    told: list[bytes] = []
    with server(answer(b"200 OK", BODY), told) as port:
        address = f"http://127.0.0.1:{port}/timestamp.json"
        tally.twin(RULE, _fetched(address) == BODY, "a whole answer arrives")
        proxy = f"http://127.0.0.1:{port}/"
        with (
            environment(http_proxy=proxy, HTTP_PROXY=proxy, all_proxy=proxy),
            server(answer(b"200 OK", BODY), []) as other,
        ):
            told.clear()
            whole = _fetched(f"http://127.0.0.1:{other}/x") == BODY
            tally.twin(RULE, whole, "a whole answer arrives, whatever proxy is set")
            tally.judge(RULE, not told, "a proxy of the surroundings hears of updates", f"{told[:1]}")
        for status in (204, 206, 301, 302, 303, 304, 307, 308, 400, 404, 500):
            line = b"%d X\r\nLocation: http://127.0.0.1:%d/" % (status, port)
            with server(answer(line, BODY), []) as sender:
                found = _fetched(f"http://127.0.0.1:{sender}/x")
            tally.judge(RULE, found is None, "what is no whole answer is believed", f"status {status}")
        tally.judge(RULE, not told, "a redirect of an update is followed", f"{told[:1]}")
    packed = {
        f"an answer in {name.decode()}": answer(b"200 OK", gzip.compress(BODY), b"Content-Encoding: " + name)
        for name in (b"gzip", b"deflate", b"br", b"GZIP", b"identity, gzip", b"x")
    }
    for what, talk in {**lies(FAR_TOO_LONG + 2), **packed}.items():
        with server(talk, []) as port:
            begin = time.monotonic()
            found = _fetched(f"http://127.0.0.1:{port}/x")
            took = time.monotonic() - begin
        tally.judge(RULE, found is None, "what is no whole answer is believed", what)
        tally.judge(RULE, took < FAR_TOO_LONG, "an answer without end is waited for", f"{what}: {took:.1f} s")
    _unasked(tally)
    return tally.result()


def _fetched(url: str) -> bytes | None:
    """What a new client gets, None where it refuses."""
    from tuf.api.exceptions import DownloadError  # noqa: PLC0415 - slow to load

    from locara.trust.repository.fetcher import Fetcher  # noqa: PLC0415 - slow to load

    fetcher = Fetcher(silence=PATIENCE, seconds=PATIENCE)
    try:
        return b"".join(fetcher.fetch(url))
    except DownloadError:
        return None
    finally:
        fetcher.close()


def _unasked(tally: Tally) -> None:
    """Without TLS only this machine's own address is asked: at its others somebody listens, and hears nothing."""
    for host in ("127.0.0.2", "127.1.2.3"):
        told: list[bytes] = []
        with server(answer(b"200 OK", BODY), told, host) as port:
            found = _fetched(f"http://{host}:{port}/x")
            tally.judge(RULE, found is None and not told, "an update is asked for without TLS", host)
    _named(tally)
    for url in ("ftp://127.0.0.1/x", "file:///etc/passwd", "HTTP2://127.0.0.1/x", "data:,x", "//127.0.0.1/x"):
        tally.judge(RULE, _fetched(url) is None, "an update comes from what is no web server", url)


def _named(tally: Tally) -> None:
    """Names that are no names of this machine, whatever they are like; a name server says that they lead here."""
    from locara.trust.repository.address import checked_address  # noqa: PLC0415 - slow to load
    from locara.trust.repository.refused import UpdateRefused  # noqa: PLC0415 - as above

    real, told = socket.getaddrinfo, list[bytes]()

    def here(_host: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as of the system
        return real("127.0.0.1", *more, **named)

    with server(answer(b"200 OK", BODY), told) as port, patch.object(socket, "getaddrinfo", here):
        for name in LIKE_THIS_MACHINE:
            url = f"http://{name}:{port}/"
            found, taken = _fetched(f"{url}x"), False
            with suppress(UpdateRefused):
                checked_address(url)
                taken = True
            because = f"{name}: {'followed' if taken else 'not followed'}, {len(told)} requests"
            held = found is None and not taken and not told
            tally.judge(RULE, held, "an update is asked for without TLS", because)
            told.clear()

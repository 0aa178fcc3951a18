"""LC757: a log on a web server that lies about more than its entries: without end, without pause, from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from locara.trust.log_source import WebSource, source_of
from locara_verify.checks.in_process import environment
from locara_verify.checks.log.trial import Trial
from locara_verify.checks.plain_server import Talk, answer, lies, server

RULE: Final = "LC757"
MOST: Final = 1_000
UNREADABLE: Final = "source_unreadable"
_PATIENCE: Final = 1.0
_FAR_TOO_LONG: Final = 6.0
NO_ADDRESSES: Final = (
    "ftp://log.test/", "file:///etc/", "HTTP//x://", "https://", "https:///x", "https://person@log.test/",
    "https://person:word@log.test/", "https://log.test/?a", "https://log.test/#a", "https://log.test:x/",
    "https://log.test:99999/", "https://log.test/ a", "https://log.test/\n", "https://log.test\\@other.test/",
    "javascript://log.test/", "https://log.test/\u2028",
)  # fmt: skip


def over_the_web(trial: Trial, folder: Path) -> None:
    """Addresses first; then servers, each asked for one file of at most MOST bytes."""
    for text in NO_ADDRESSES:
        trial.refused(RULE, f"the address {text!a}", UNREADABLE, lambda text=text: source_of(text))  # type: ignore[misc]
    trial.refused(RULE, "a folder that is not there", UNREADABLE, lambda: source_of(str(folder / "none")))
    told: list[bytes] = []
    good = answer(b"200 OK", b"x" * MOST)
    with _server(good, told) as address:
        trial.believed(RULE, "a file as large as may be", lambda: _is(_read(address), b"x" * MOST))
        trial.believed(RULE, "the address of a log", lambda: source_of(address))
        with (
            environment(http_proxy=address, HTTP_PROXY=address, all_proxy=address),
            _server(good) as other,
        ):
            told.clear()
            trial.believed(RULE, "a file, whatever proxy is set", lambda: _is(_read(other), b"x" * MOST))
        trial.holds(RULE, "a proxy of the surroundings hears of the log", f"{told[:1]}", fault=bool(told))
        for status in (301, 302, 303, 307, 308):
            moved = b"%d X\r\nLocation: %s" % (status, address.encode() + b"checkpoint")
            with _server(answer(moved, b"")) as sender:
                trial.refused(RULE, f"a redirect of {status}", UNREADABLE, lambda at=sender: _read(at))  # type: ignore[misc]
        trial.holds(RULE, "a redirect of a log was followed", f"{told[:1]}", fault=bool(told))
    wrong = {
        "one byte more than may be": answer(b"200 OK", b"x" * (MOST + 1)),
        "a stream of more than may be": lambda line: line.sendall(
            b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9_000_000
        ),
        "an error": answer(b"500 X", b"x"),
        "a part": answer(b"206 X", b"x"),
    }
    for what, talk in {**lies(_FAR_TOO_LONG + 2), **wrong}.items():
        with _server(talk) as address:
            begin = time.monotonic()
            trial.refused(RULE, what, UNREADABLE, lambda at=address: _read(at))  # type: ignore[misc]
            took = time.monotonic() - begin
            trial.holds(RULE, f"{what} holds up whoever asks", f"{took:.1f} s", fault=took > _FAR_TOO_LONG)
    with _server(answer(b"404 X", b"y" * MOST * 40)) as address:
        trial.believed(RULE, "a file that is not there", lambda: _is(_read(address), None))


def _read(address: str) -> bytes | None:
    return WebSource(address, seconds=_PATIENCE).read("checkpoint", MOST)


def _is(found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError(f"{found!a:.80} and not {wanted!a:.80}")


@contextmanager
def _server(talk: Talk, told: list[bytes] | None = None) -> Iterator[str]:
    """The address of a log at such a server."""
    with server(talk, told) as port:
        yield f"http://127.0.0.1:{port}/"

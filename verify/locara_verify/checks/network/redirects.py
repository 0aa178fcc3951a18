"""LC321: a redirect moves no request of an app, and carries no secret for anybody who follows one."""

from __future__ import annotations

import base64
import http.client
import random
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.in_process import environment
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.caller import Caller, caller
from locara_verify.checks.network.each_request import always_as_before
from locara_verify.checks.network.ground import LOCAL, Server, answer, servers
from locara_verify.context import Context

RULE: Final = "LC321"
NAME: Final = "redirects"
APP: Final = ("a.granted.example", "b.granted.example", "sub.a.granted.example", "evil.example")
GRANTED: Final = APP[:3]
STATUSES: Final = (300, 301, 302, 303, 307, 308)

# All that a request for models, updates or a log says, and in which words: the same for everybody.
ORDINARY: Final = {
    "host": rb"[!-~]+",
    "user-agent": rb"locara/[0-9][0-9A-Za-z.+-]{0,40}",
    "accept-encoding": rb"identity",
    "connection": rb"close",
    "accept": rb"application/json",
    "content-type": rb"application/json",
    "content-length": rb"[0-9]+",
    "range": rb"bytes=[0-9]+-",
    "if-range": rb"[ -~]{1,300}",
}

Hops = Mapping[str, bytes]


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Chains of redirects for net.fetch, for the supply of models and for the updates."""
    tally, rng = Tally(), ctx.rng(NAME)
    with (
        servers(ctx.fresh_dir("servers"), *APP) as (hosts, authority),
        caller(ctx, dict(zip(APP, hosts, strict=True)), authority, list(GRANTED)) as one,
    ):
        of_the_app(tally, one, hosts, rng)
    word = secrets.token_hex(16)
    home = person(ctx, word)
    with (
        servers(ctx.fresh_dir("servers"), "localhost", LOCAL) as (hosts, authority),
        environment(SSL_CERT_FILE=str(authority), HOME=str(home), NETRC=str(home / ".netrc"), HF_TOKEN=word),
    ):
        of_the_models(tally, hosts, word)
        of_the_updates(tally, hosts, word)
        of_the_logs(tally, hosts, word)
        again(tally, hosts[0])
    return tally.result()


def person(ctx: Context, word: str) -> Path:
    """A home whose netrc holds a password for every host."""
    home = ctx.fresh_dir("home")
    (home / ".netrc").write_text(
        "".join(f"machine {name} login me password {word}\n" for name in ("localhost", LOCAL))
    )
    (home / ".netrc").chmod(0o600)
    return home


def leads(status: int, location: str) -> Callable[[bytes], bytes]:
    """Answers of a server that sends everybody on, with a cookie to remember."""
    return lambda _request: answer(
        status, f"Location: {location}", "Set-Cookie: who=you", f"Refresh: 0; url={location}"
    )


def of_the_app(tally: Tally, one: Caller, hosts: list[Server], rng: random.Random) -> None:
    """net.fetch returns every redirect: one request at the first host, with its secrets, and none at any other."""
    first, others = hosts[0], hosts[1:]
    word = f"Bearer {secrets.token_hex(16)}"
    sent = {"Authorization": word, "Cookie": f"s={word}", "X-Api-Key": word, "X-Own-Secret": word}
    aims = [
        f"{scheme}{name}{rest}"
        for name in APP
        for scheme in ("https://", "http://", "//")
        for rest in ("/", ":8443/x")
    ]
    aims += [
        "/again",
        "again",
        "?q",
        "",
        "https://user:word@b.granted.example/",
        "file:///etc/passwd",
        "data:,x",
        "\\\\evil.example\\",
    ]
    for status in STATUSES:
        for aim in rng.sample(aims, len(aims)):
            for host in hosts:
                host.seen.clear()
                host.answers = leads(status, f"https://{rng.choice(APP)}/")
            first.answers = leads(status, aim)
            method = rng.choice(("GET", "POST", "PUT"))
            code, told = one.told(
                url=f"https://{APP[0]}/", method=method, headers=sent, body=base64.b64encode(b"x").decode()
            )
            tally.attacks += 1
            moved = [host.name for host in others if host.seen or host.plain]
            once = len(first.seen) == 1 and first.seen[0].count(word.encode()) == len(sent)
            because = f"{status} to {aim!r}: {code or told.get('status')}; {len(first.seen)} requests, and at {moved}"
            tally.expect(RULE, once and not moved, "net.fetch followed a redirect", because)
            tally.expect(
                RULE, told.get("status") == status, "a redirect was not returned as it came", because
            )
    asked = sorted({host for host, _ in one.asked} - {APP[0]})
    tally.expect(RULE, not asked, "a redirect made a name be resolved", str(asked))
    others[0].answers = lambda _request: answer(200, body=b"twin")
    others[0].seen.clear()
    code, told = one.told(url=f"https://{APP[1]}/", method="GET", headers={"Authorization": word})
    if code or told.get("status") != 200 or not others[0].seen or word.encode() not in others[0].seen[0]:
        tally.undecided(
            RULE, f"the allow twin failed: a secret does not reach the host it is sent to ({code})"
        )


def of_the_models(tally: Tally, hosts: list[Server], word: str) -> None:
    """Models may be redirected over https; nobody on the way learns more than the path."""
    here, there = hosts
    chains: dict[str, tuple[Hops, Hops, bool]] = {
        "A to B": ({"/": answer(302, f"Location: {there.url('/end')}", "Set-Cookie: who=you")}, {}, True),
        "A to B to A": (
            {"/": answer(307, f"Location: {there.url('/on')}", "Set-Cookie: who=you")},
            {"/on": answer(308, f"Location: {here.url('/end')}", "Set-Cookie: who=you")},
            True,
        ),
        "down to http": ({"/": answer(302, f"Location: http://{LOCAL}:{there.port}/end")}, {}, False),
        "down to a path of http": (
            {"/": answer(301, f"Location: HTTP://{LOCAL}:{there.port}/end")},
            {},
            False,
        ),
        "with the scheme left out": (
            {"/": answer(302, f"Location: {there.url('/end').removeprefix('https:')}")},
            {},
            True,
        ),
        "with a password": (
            {"/": answer(302, f"Location: https://me:{word}@{LOCAL}:{there.port}/end")},
            {},
            False,
        ),
        "with a name": ({"/": answer(302, f"Location: https://me@{LOCAL}:{there.port}/end")}, {}, False),
        "with an empty name": ({"/": answer(302, f"Location: https://@{LOCAL}:{there.port}/end")}, {}, False),
        "with a password, and the scheme left out": (
            {"/": answer(302, f"Location: //me:{word}@{LOCAL}:{there.port}/end")},
            {},
            False,
        ),
        "A to B, down to http": (
            {"/": answer(302, f"Location: {there.url('/on')}")},
            {"/on": answer(302, f"Location: http://{LOCAL}:{here.port}/end")},
            False,
        ),
        "given twice": (
            {"/": answer(302, f"Location: {here.url('/end')}", f"Location: {there.url('/end')}")},
            {},
            False,
        ),
        "to a file": ({"/": answer(302, "Location: file:///etc/passwd")}, {}, False),
    }
    for what, (first, second, arrives) in chains.items():
        clear(hosts)
        here.answers, there.answers = by_path(first), by_path(second)
        status = ask(here.url())
        tally.attacks += 1
        ended = any(request.split(b" ")[1:2] == [b"/end"] for host in hosts for request in host.seen)
        if arrives and (status != 200 or not ended):
            tally.undecided(
                RULE, f"the allow twin failed: a model redirected {what} does not arrive ({status})"
            )
        because = f"{what}: status {status}; the end was {'reached' if ended else 'not reached'}"
        tally.expect(
            RULE,
            arrives or (status != 200 and not ended),
            "a redirect that must be refused was followed",
            because,
        )
        quiet(tally, hosts, word, what)
    how_far(tally, hosts)
    with_a_body(tally, hosts, word)


def how_far(tally: Tally, hosts: list[Server]) -> None:
    """Five redirects are followed and no more. Every way has an end, so that a client without one gets there."""
    for what, ends in (("from host to host", hosts), ("at one host", hosts[:1] * 2)):
        for hops in (5, 6, 7, 40):
            clear(hosts)
            for host, other in zip(ends, reversed(ends), strict=True):
                host.answers = by_path(_steps(other, hops))
            status = ask(hosts[0].url("/0"))
            asked = sum(len(host.seen) for host in hosts)
            tally.attacks += 1
            if hops == 5 and status != 200:
                tally.undecided(RULE, f"the allow twin failed: five redirects {what}: {status}")
            tally.expect(
                RULE,
                hops == 5 or (status != 200 and asked <= 6),
                "redirects are followed without an end, or for longer than five times",
                f"{hops} {what}: status {status} after {asked} requests",
            )


def _steps(other: Server, hops: int) -> Hops:
    """From each number to the next one at the other host; the last one is there."""
    return {f"/{step}": answer(302, f"Location: {other.url(f'/{step + 1}')}") for step in range(hops)}


def with_a_body(tally: Tally, hosts: list[Server], word: str) -> None:
    """What is sent with a body: the method and the body at the next step, by RFC 9110, and never at another host."""
    here, there = hosts
    for status in STATUSES[1:]:
        for what, aim, to in (
            ("the same host", here, here.url("/end")),
            ("another host", there, there.url("/end")),
            ("another port", there, f"https://{here.name}:{there.port}/end"),
        ):
            clear(hosts)
            way = by_path({"/": answer(status, f"Location: {to}", "Set-Cookie: who=you")})
            here.answers, there.answers = way, by_path({})
            said = ask(here.url(), body=word.encode())
            keeps = status in (307, 308)
            sent = [request for host in hosts for request in host.seen if b" /end " in request[:40]]
            first = f"POST /end|{word}" if keeps else "GET /end|"
            wanted = [] if keeps and aim is there else [first]
            got = [_line_and_body(request) for request in sent]
            because = f"{status} to {what}: {said}, {got}"
            tally.attacks += 1
            leaks = any(word.encode() in request for request in there.seen)
            tally.expect(RULE, not leaks, "a body was sent on to another host", because)
            tally.expect(RULE, got == wanted, "a redirect changed what is sent in a way it must not", because)


def _line_and_body(request: bytes) -> str:
    """The method and the path of a request, and its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    return f"{head.partition(b' HTTP/')[0].decode('latin-1')}|{body.decode('latin-1')}"


def of_the_updates(tally: Tally, hosts: list[Server], word: str) -> None:
    """Updates follow no redirect at all."""
    from tuf.api.exceptions import DownloadError  # noqa: PLC0415 - loads the framework

    from locara.trust.repository.fetcher import Fetcher  # noqa: PLC0415

    here, there = hosts
    for status in (*STATUSES, 200):
        for aim in (there.url("/end"), f"http://{LOCAL}:{there.port}/end"):
            clear(hosts)
            here.answers = leads(status, aim)
            fetcher = Fetcher(silence=10.0)
            try:
                got = b"".join(fetcher.fetch(here.url("/1.root.json")))
                taken = status != 200 or got != b""
            except DownloadError:
                taken = False
            finally:
                fetcher.close()
            tally.attacks += 1
            held = not taken and not there.seen and not there.plain and len(here.seen) == 1
            because = f"{status} to {aim}: {len(here.seen)} requests, then {len(there.seen)} at the other"
            tally.expect(RULE, held, "an update followed a redirect", because)
            quiet(tally, hosts, word, f"an update, {status}")


def of_the_logs(tally: Tally, hosts: list[Server], word: str) -> None:
    """Files of a log are read from the one server that was named, whatever it answers."""
    from locara.trust.log_refusal import LogRefused  # noqa: PLC0415 - loads the framework
    from locara.trust.log_source import WebSource  # noqa: PLC0415

    here, there = hosts
    for status in (*STATUSES, 200):
        for aim in (there.url("/end"), f"http://{LOCAL}:{there.port}/end"):
            clear(hosts)
            here.answers = leads(status, aim)
            try:
                got = WebSource(here.url("/log"), seconds=10.0).read("checkpoint", 1_000)
            except LogRefused as error:
                got = error.code.encode()
            tally.attacks += 1
            due = b"" if status == 200 else b"source_unreadable"
            held = got == due and not there.seen and not there.plain and len(here.seen) == 1
            because = (
                f"{status} to {aim}: {got!r}, {len(here.seen)} requests, then {len(there.seen)} at the other"
            )
            tally.expect(RULE, held, "a log is read from another server", because)
            quiet(tally, hosts, word, f"a log, {status}")


def again(tally: Tally, here: Server) -> None:
    """Each client of this machine asks for the same thing three times."""
    from locara.models.web import Url, Web  # noqa: PLC0415 - loads the framework
    from locara.trust.log_source import WebSource  # noqa: PLC0415
    from locara.trust.repository.fetcher import Fetcher  # noqa: PLC0415

    web, fetcher, log = Web(timeout=10.0), Fetcher(silence=10.0), WebSource(here.url("/log"), seconds=10.0)

    def model() -> bytes:
        with web.ask(Url.parse(here.url("/model"))) as found:
            return found.read_all(1_000)

    clients: dict[str, Callable[[], object]] = {
        "a model": model,
        "an update": lambda: b"".join(fetcher.fetch(here.url("/timestamp.json"))),
        "a log": lambda: log.read("checkpoint", 1_000),
    }
    try:
        always_as_before(tally, here, clients, rule=RULE)
    finally:
        fetcher.close()


def clear(hosts: list[Server]) -> None:
    """Forget what came."""
    for host in hosts:
        host.seen.clear()
        host.plain = 0


def by_path(hops: Hops) -> Callable[[bytes], bytes]:
    """Answers by path; whatever else is asked for is there."""

    def one(request: bytes) -> bytes:
        path = request.partition(b" ")[2].partition(b" ")[0].decode("latin-1")
        return hops.get(path, answer(200, body=b"the end"))

    return one


def ask(url: str, body: bytes | None = None) -> int | str:
    """The status that the model supply ends with, or the code of its refusal."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.models.web import Url, Web  # noqa: PLC0415

    try:
        with Web(timeout=10.0).ask(Url.parse(url), method="POST" if body else "GET", body=body) as found:
            found.read_all(1_000)
            return found.status
    except ModelError as error:
        return error.code
    except http.client.HTTPException as error:
        return type(error).__name__


def quiet(tally: Tally, hosts: list[Server], word: str, what: str, *, rule: str = RULE) -> None:
    """No request holds the person's password, nor a field or a word that says who they are or where they come from."""
    for host in hosts:
        for request in host.seen:
            lines = [line.partition(b":") for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
            told = sorted(name.decode("latin-1") for name, _, value in lines if not _ordinary(name, value))
            secret = word.encode() in request or base64.b64encode(f"me:{word}".encode()) in request
            because = f"{what}, at {host.name}: {told}: {request[:200]!r}"
            tally.expect(rule, not told and not secret, "a request says who the person is", because)


def _ordinary(name: bytes, value: bytes) -> bool:
    """Whether a field is one that everybody's requests have, with nothing in it that is somebody's own."""
    known = ORDINARY.get(name.decode("latin-1").lower())
    return known is not None and re.fullmatch(known, value.strip()) is not None

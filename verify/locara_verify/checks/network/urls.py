"""LC320: every reader of one web address goes to the same place, and the policy decides about that place."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import random
import re
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.ground import LOCAL
from locara_verify.context import Context
from locara_verify.oracle import addresses as reading
from locara_verify.oracle import names, policy
from locara_verify.oracle.addresses import Place
from locara_verify.strategies import addresses, hosts

if TYPE_CHECKING:
    from locara.core.grant import Grants

RULE: Final = "LC320"
NAME: Final = "url-differential"
ADDRESSES_PER_GRANT: Final = 60
LEAST_ADDRESSES: Final = 3_000
LEAST: Final = 0.03  # of addresses that are allowed; below it the run proved one side only

_AFTER_HOST: Final = re.compile("^[a-z]+://[^/?#]*", re.IGNORECASE)

Json = Any
T = TypeVar("T")


@check(NAME, rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Generated grants, generated addresses near them, and every reader there is on each."""
    tally, rng = Tally(), ctx.rng(NAME)
    total = max(LEAST_ADDRESSES, ctx.profile.fuzz_examples)
    asked = passed = 0
    document, grants, patterns = granted(ctx, rng)
    name = patterns[0].removeprefix("*.")
    for text in (*addresses.each(name), *addresses.coded(name)):
        read(tally, document, grants, text)
    coded_twins(tally)
    if ctx.profile.profile != "quick":
        in_the_clear(tally)
    while asked < total:
        document, grants, patterns = granted(ctx, rng)
        for _ in range(ADDRESSES_PER_GRANT):
            asked += 1
            passed += read(tally, document, grants, addresses.address(rng, patterns))
        ctx.progress(asked, total, "addresses")
    for _ in range(total // 4):
        written(tally, addresses.pattern(rng))
    if passed < LEAST * asked:
        tally.undecided(RULE, f"the allow twin failed: {passed} of {asked} addresses were allowed")
    return tally.result()


def read(tally: Tally, document: Mapping[str, Json], grants: Grants, text: str) -> bool:
    """One address by every reader; whether net.fetch would go there."""
    opened(tally, text)
    supplied(tally, text)
    trusted(tally, text)
    return fetched(tally, document, grants, text)


def granted(ctx: Context, rng: random.Random) -> tuple[dict[str, Json], Grants, list[str]]:
    """The target's manifest with hosts and ports of its own, as JSON and compiled, and the patterns."""
    from locara.core.compile import compile_grants  # noqa: PLC0415 - loads the framework
    from locara.core.manifest import parse_manifest  # noqa: PLC0415 - loads the framework

    patterns = sorted({hosts.pattern(rng) for _ in range(rng.randint(1, 3))})
    document: dict[str, Json] = json.loads(ctx.target.manifest_bytes)
    ports = rng.choice(([443], [443, 8443], [8443]))
    document["capabilities"]["net"] = rng.choice(
        ({"allowed_hosts": patterns}, {"allowed_hosts": patterns, "allowed_ports": ports}, True)
    )
    return document, compile_grants(parse_manifest(json.dumps(document).encode())), patterns


def fetched(tally: Tally, document: Mapping[str, Json], grants: Grants, text: str) -> bool:
    """net.fetch: what its own reader and the decision make of an address, against the strict reading and the judge."""
    from locara.core.decision import decide  # noqa: PLC0415 - loads the framework
    from locara.core.request import NetRequest  # noqa: PLC0415 - loads the framework
    from locara.errors import CallError  # noqa: PLC0415 - loads the framework
    from locara.runtime.fetch import Url  # noqa: PLC0415 - loads the framework

    try:
        url = Url.parse(text)
        ours = (url.host, url.port) if decide(grants, NetRequest(url.host, url.port)).allowed else None
    except CallError:
        ours = None
    place = reading.strict(text)
    theirs = None
    if place and policy.judge(document, {"kind": "net", "host": place.host, "port": place.port}).allowed:
        theirs = (place.host, place.port)
    because = f"net.fetch goes to {ours}, the independent reading to {theirs}"
    tally.expect(
        RULE, ours == theirs, "an address is read or decided in two ways", because, address=told(text)
    )
    if ours is not None:
        same_place(tally, "net.fetch", text, Place("https", *ours))
        same_words(tally, "net.fetch", text, url.target)
        on_the_line(tally, text, *ours)
    return ours is not None


def opened(tally: Tally, text: str) -> None:
    """shell.openExternal: the browser, which reads generously, must go to the host that was judged."""
    from locara.core.pages import page_of  # noqa: PLC0415 - loads the framework

    page = page_of(text)
    if page is not None:
        for address in (text, page.address):
            same_place(tally, "shell.openExternal", address, Place("https", page.host, 443))
        same_words(
            tally, "shell.openExternal", text, page.address.partition("://")[2].partition(page.host)[2]
        )
        # Programs decode before they write a header, a log or a command line.
        controls = sorted({byte for byte in unquote_to_bytes(text) if byte < 0x20 or byte == 0x7F})
        told_of = f"the browser would be handed the bytes {controls}"
        message = "a page holds a control character in percent form"
        tally.expect(RULE, not controls, message, told_of, address=told(text))


def coded_twins(tally: Tally) -> None:
    """Ordinary characters in percent form are opened."""
    from locara.core.pages import page_of  # noqa: PLC0415 - loads the framework

    for rest in ("/a%20b", "/%c3%a4", "/?a=%2f%3A", "/#%7E", "/%80"):
        if page_of(f"https://a.test{rest}") is None:
            tally.undecided(RULE, f"the allow twin failed: a page whose path is {rest}")


def supplied(tally: Tally, text: str) -> None:
    """The supply of models: what its reader accepts means one place."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.models.web import Url  # noqa: PLC0415 - loads the framework

    url = accepted(tally, "the model supply", Url.parse, ModelError, text)
    if url is not None:
        same_place(tally, "the model supply", text, Place("https", url.host, url.port))
        same_words(tally, "the model supply", text, url.target)


def trusted(tally: Tally, text: str) -> None:
    """The addresses of a repository and of a log: what is accepted means one place to all who read it later."""
    from locara.trust.log_refusal import LogRefused  # noqa: PLC0415 - loads the framework
    from locara.trust.log_source import check_address  # noqa: PLC0415 - loads the framework
    from locara.trust.repository.address import checked_address  # noqa: PLC0415 - loads the framework
    from locara.trust.repository.refused import UpdateRefused  # noqa: PLC0415 - loads the framework

    def logged(given: str) -> str:
        check_address(given)
        return given

    repository, log = "the address of a repository", "the address of a log"
    for who, told_again in (
        (repository, accepted(tally, repository, checked_address, UpdateRefused, text)),
        (log, accepted(tally, log, logged, LogRefused, text)),
    ):
        if told_again is not None:
            same_place(tally, who, text, standard(told_again))


def in_the_clear(tally: Tally) -> None:
    """Updates without https come from this machine alone: others on the line would see what is fetched."""
    from tuf.api.exceptions import DownloadError  # noqa: PLC0415 - loads slowly

    from locara.trust.repository.address import checked_address  # noqa: PLC0415 - loads the framework
    from locara.trust.repository.fetcher import Fetcher  # noqa: PLC0415
    from locara.trust.repository.refused import UpdateRefused  # noqa: PLC0415

    near = (
        f"{name}{rest}"
        for name in ("localhost", LOCAL)
        for rest in (".evil.test", "evil.test", ".", "0", "%00")
    )
    names = (
        "a.test",
        "xlocalhost",
        "127.0.0.2",
        "127.1",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "10.0.0.1",
        "[::2]",
        "[::ffff:127.0.0.1]",
        *near,
    )
    asked: list[object] = []

    def resolved(host: object, *_more: object, **_named: object) -> None:
        asked.append(host)
        raise OSError("nobody is there")

    real, socket.create_connection = socket.create_connection, resolved  # type: ignore[assignment]
    try:
        for name, here in (
            *((name, False) for name in names),
            ("localhost", True),
            (LOCAL, True),
            ("[::1]", True),
        ):
            text = f"http://{name}:8080/repository"
            try:
                taken = checked_address(text) == f"{text}/"
            except UpdateRefused:
                taken = False
            with contextlib.suppress(DownloadError, ValueError):
                b"".join(Fetcher(silence=1.0).fetch(f"{text}/1.root.json"))
            because = f"{'taken' if taken else 'refused'}; connections: {asked}"
            if here and not (taken and asked):
                tally.undecided(RULE, f"the allow twin failed: {text}: {because}")
            if not here:
                told_of = "updates are fetched in the clear from another machine"
                tally.expect(RULE, not taken and not asked, told_of, because, address=text)
            asked.clear()
    finally:
        socket.create_connection = real


def accepted(
    tally: Tally, who: str, read: Callable[[str], T], refusal: type[Exception], text: str
) -> T | None:
    """What a reader made of an address, None where it refused it. Anything else that it raises is a finding."""
    try:
        return read(text)
    except refusal:
        return None
    except Exception as error:
        because = f"{type(error).__name__} and no refusal"
        tally.expect(RULE, False, f"{who} is read without a judgement", because, address=told(text))
        return None


def same_place(tally: Tally, who: str, text: str, place: Place | None) -> None:
    """The standard library and a browser go where the product goes."""
    for name, found in (("urllib", standard(text)), ("a browser", reading.browser(text))):
        tally.expect(
            RULE,
            place is not None and canonical(found) == canonical(place),
            f"{who} and {name} read one address differently",
            f"{who}: {place}, {name}: {found}",
            address=told(text),
        )


def same_words(tally: Tally, who: str, text: str, sent: str) -> None:
    """What follows the host is sent as it was given, letter by letter: nobody decodes it on the way."""
    rest = _AFTER_HOST.sub("", text)
    path = rest if who == "shell.openExternal" else rest.partition("#")[0]
    given = path if path.startswith("/") else f"/{path}"
    because = f"given {given[:100]!a}, sent {sent[:100]!a}"
    message = f"{who} sends another path than it was given"
    tally.expect(RULE, sent == given, message, because, address=told(text))


def canonical(place: Place | None) -> Place | None:
    """The same place with an address by number in its one short form."""
    if place is None or ":" not in place.host:
        return place
    try:
        number = int(ipaddress.IPv6Address(place.host))
    except ValueError:
        return place
    return Place(place.scheme, str(ipaddress.IPv6Address(number)), place.port)


def standard(text: str) -> Place | None:
    """The reading of the standard library; None where it refuses, or sees a user name."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if host is None or "@" in parts.netloc:
        return None
    return Place(parts.scheme, host, reading.DEFAULT_PORTS.get(parts.scheme, 443) if port is None else port)


def on_the_line(tally: Tally, text: str, host: str, port: int) -> None:
    """The HTTP client and the proxy outside take the very host and port that were decided."""
    from locara.sandbox.proxy import parse_connect  # noqa: PLC0415 - loads the framework

    client = http.client.HTTPConnection(host, port)
    try:
        proxied: tuple[str, int] | None = parse_connect(
            f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode("ascii")
        )
    except Exception:  # whatever it raises, it went nowhere
        proxied = None
    for name, found in (("the HTTP client", (client.host, client.port)), ("the proxy", proxied)):
        because = f"decided: {(host, port)}, {name}: {found}"
        tally.expect(
            RULE,
            found == (host, port),
            f"{name} goes elsewhere than was decided",
            because,
            address=told(text),
        )


def written(tally: Tally, pattern: str) -> None:
    """A pattern is enforced as it is written, or refused: no sign in it means anything to a matcher."""
    from locara.core.hosts import HostSet, is_pattern  # noqa: PLC0415 - loads the framework
    from locara.core.ports import ALL_PORTS  # noqa: PLC0415 - loads the framework

    accepted = is_pattern(pattern)
    because = f"the product {'takes' if accepted else 'refuses'} it"
    right = accepted == names.is_host_pattern(pattern)
    tally.expect(RULE, right, "a pattern of hosts is not one, or is refused", because, pattern=told(pattern))
    try:
        scope = HostSet.of([pattern], ALL_PORTS)
    except ValueError:
        return
    base = pattern.removeprefix("*.")
    for host in (base, f"a.{base}", f"x{base}", f"{base}.evil.test", base.replace(".", "x", 1), "evil.test"):
        covered, meant = scope.covers(host, 443), names.is_host(host) and names.host_matches(pattern, host)
        because = f"covers {host!r}: {covered}, as written: {meant}"
        tally.expect(
            RULE,
            covered == meant,
            "a pattern reaches other hosts than it says",
            because,
            pattern=told(pattern),
        )


def told(text: str) -> str:
    """The text as evidence: every character visible."""
    return ascii(text[:300])

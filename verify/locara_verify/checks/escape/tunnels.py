"""LC302 at the proxy itself: code inside the sandbox may leave the runtime's own checks out and speak to it.

The real proxy runs in this process with a recording name server and a recording dialler, so every tunnel that
would have been opened is seen and no packet leaves. Addresses are generated from the registries of special
purpose, of which the product's list is independent.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import random
import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.records import dataclass
from locara.sandbox.proxy import Proxy
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.oracle import policy

POLICY: Final = "LC302"
GRANTED: Final = "api.granted.example"
NET: Final = {"allowed_hosts": [GRANTED, "*.wild.example"], "allowed_ports": [443, 8443]}
PUBLIC: Final = ("93.184.216.34", "2606:4700::1111")
SILENT: Final = ((), PUBLIC[:1], PUBLIC)
"""Which of the public addresses do not answer: none, the first, all."""
SPECIAL: Final = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32"),
    *("::/128", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32"),
    *("2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "2002::/16", "3fff::/20"),
    *("5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
)
_REPLY_BYTES: Final = 4_096
_SECONDS: Final = 20.0
_END_SECONDS: Final = 4.0  # less than a proxy waits for the end of a head
MOST_TUNNELS: Final = 64
CROWDS: Final = (2, 8, 16, 64, 400)


def special_addresses(rng: random.Random) -> Iterator[str]:
    """First, last and some address of every network that is no app's business, and odd spellings of some."""
    for text in SPECIAL:
        network = ipaddress.ip_network(text)
        size = network.num_addresses
        for offset in {0, size - 1, rng.randrange(size)}:
            yield str(network[offset])
    yield from (
        "::ffff:127.0.0.1",
        "fe80::1%lo",
        "2606:4700::1%lo",
        "2606:4700::1%1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "010.0.0.1",
        "localhost",
        "",
    )


@dataclass(slots=True)
class World:
    """What the proxy is given in place of the network; it remembers what it was asked."""

    answers: list[Sequence[str] | None] = field(default_factory=list)
    silent: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str, _port: int) -> Sequence[str]:
        """The next answer; the last one again and again. None: the name server fails."""
        self.asked.append(host)
        found = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if found is None:
            raise OSError("no answer")
        return found

    def dial(self, address: str, port: int) -> socket.socket:
        """A connection whose far end has said goodbye; none to an address that is silent, nor to what is none."""
        self.dialled.append((address, port))
        if address in self.silent:
            raise TimeoutError
        near, far = socket.socketpair()
        far.close()
        return near


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One CONNECT: the status that was answered, the names resolved and the addresses dialled."""

    status: str
    asked: tuple[str, ...]
    dialled: tuple[tuple[str, int], ...]


@contextlib.contextmanager
def proxying(grants: Grants, world: World) -> Iterator[tuple[str, int]]:
    """Where a proxy listens that has these grants and this world."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        proxy = Proxy(grants, listener, resolver=world.resolve, dial=world.dial)
        proxy.begin()
        try:
            yield listener.getsockname()
        finally:
            proxy.close()


def connect(
    grants: Grants, target: str, *answers: Sequence[str] | None, silent: Sequence[str] = ()
) -> Tunnel:
    """Ask a fresh proxy for one tunnel."""
    world = World(list(answers), frozenset(silent))
    with proxying(grants, world) as place:
        status = _ask(place, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    return Tunnel(status, tuple(world.asked), tuple(world.dialled))


def _ask(place: tuple[str, int], head: bytes, seconds: float = _SECONDS) -> str:
    """The status that a proxy answers with; empty when it answers with nothing."""
    with socket.create_connection(place, timeout=seconds) as client:
        try:
            client.sendall(head)
            reply = client.recv(_REPLY_BYTES)
        except OSError:
            return ""
    return reply.split(b" ")[1].decode("ascii", "replace") if b" " in reply else ""


def granted(ctx: Context, net: Any) -> tuple[dict[str, Any], Grants]:  # noqa: ANN401 - a manifest's JSON
    """The target's manifest with another network grant, as JSON and compiled."""
    document: dict[str, Any] = json.loads(ctx.target.manifest_bytes)
    document["capabilities"]["net"] = net
    return document, compile_grants(parse_manifest(json.dumps(document).encode()))


def targets(rng: random.Random) -> list[tuple[str, int]]:
    """Hosts and ports in the grant, beside it, and unlike any host."""
    hosts = [
        GRANTED,
        "a.wild.example",
        "b.a.wild.example",
        "wild.example",
        "xwild.example",
        "granted.example",
    ]
    hosts += [
        f"{GRANTED}.evil.test",
        f"{GRANTED}.",
        "a.wild.example.evil.test",
        "intranet",
        "127.0.0.1",
        "[::1]",
    ]
    hosts += [f"x{GRANTED}", "*.wild.example", ".wild.example", "-.wild.example", "other.example"]
    pairs = [(host, port) for host in hosts for port in (443, 8443, 80, 444)]
    rng.shuffle(pairs)
    return pairs


@check("escape-tunnels", rules=(POLICY,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Hosts against the second judge, then addresses, mixed answers, and a name that changes its mind."""
    rng, findings, tried = ctx.rng("escape-tunnels"), [], 0
    for net in (False, NET):
        document, grants = granted(ctx, net)
        for host, port in targets(rng):
            allowed = policy.judge(document, {"kind": "net", "host": host, "port": port}).allowed
            tunnel = connect(grants, f"{host}:{port}", PUBLIC[:1])
            tried += 1
            if bool(tunnel.dialled or tunnel.asked) != allowed:
                what = "carries what is not granted" if not allowed else "refuses what is granted"
                findings.append(
                    _finding(f"the proxy {what}", f"{host}:{port} under {json.dumps(net)}", tunnel)
                )
    _, grants = granted(ctx, NET)
    for address in special_addresses(rng):
        for answer in ([address], [PUBLIC[0], address], [address, PUBLIC[0]], [PUBLIC[1], address]):
            tunnel = connect(grants, f"{GRANTED}:443", answer)
            tried += 1
            if tunnel.dialled:
                findings.append(
                    _finding("the proxy leaves for an address that is not public", str(answer), tunnel)
                )
    findings += [*crowds(grants), *unreachable(grants), *straight()]
    tried += 3 * len(CROWDS) + len(SILENT)
    tunnel = connect(grants, f"{GRANTED}:443", PUBLIC[:1], ["127.0.0.1"])
    if tunnel.dialled != ((PUBLIC[0], 443),) or len(tunnel.asked) != 1:
        because = "a name is resolved once, and the address that was judged is the one that is dialled"
        findings.append(_finding("the proxy looks a name up again", because, tunnel))
    for silent in (None, ()):
        tunnel = connect(grants, f"{GRANTED}:443", silent)
        tried += 1
        if tunnel.dialled or tunnel.status == "200":
            findings.append(_finding("the proxy dials what has no address", str(silent), tunnel))
        if tunnel.asked != (GRANTED,):
            findings.append(
                _finding("the proxy asks for another name where one is not known", str(silent), tunnel)
            )
    for message, because in (*heads(grants), *places(grants)):
        findings.append(Finding(POLICY, message, because=because))
    tried += 12
    ordinary = connect(grants, f"{GRANTED}:443", PUBLIC[1:])
    works = ordinary.status == "200" and ordinary.dialled == ((PUBLIC[1], 443),)
    twin = (
        {} if works else {POLICY: f"the allow twin failed: a granted host at a public address ({ordinary})"}
    )
    return CheckResult(
        findings=tuple(findings[:5]), attempts={POLICY: tried + 1}, attacks=tried + 1, inconclusive=twin
    )


def straight() -> Iterator[Finding]:
    """The proxy's own way to an address is straight, whatever the launcher's variables say of other proxies."""
    from locara.sandbox.proxy import direct_dial  # noqa: PLC0415 - only here without the proxy

    names = [f"{name}_PROXY" for name in ("ALL", "HTTPS", "HTTP", "SOCKS", "TCP", "LOCARA")]
    before = dict(os.environ)
    with socket.create_server(("127.0.0.1", 0)) as aim, socket.create_server(("127.0.0.1", 0)) as other:
        aim.settimeout(_END_SECONDS)
        for name in (*names, *map(str.lower, names)):
            os.environ[name] = f"http://127.0.0.1:{other.getsockname()[1]}"
        try:
            with direct_dial("127.0.0.1", aim.getsockname()[1]):
                met = select.select([aim, other], [], [], _END_SECONDS)[0]
        finally:
            os.environ.clear()
            os.environ.update(before)
        if met != [aim]:
            yield Finding(POLICY, "a variable says where a tunnel goes", because="another server was dialled")


def crowds(grants: Grants) -> Iterator[Finding]:
    """One private address among so many public ones that a list of them may be cut."""
    for many in CROWDS:
        public = [f"93.184.{number // 250}.{number % 250 + 1}" for number in range(many)]
        for place in (0, many // 2, many):
            tunnel = connect(grants, f"{GRANTED}:443", [*public[:place], "127.0.0.1", *public[place:]])
            if tunnel.dialled:
                told = f"place {place} of {many + 1}"
                yield _finding("one private address among public ones was passed over", told, tunnel)


def unreachable(grants: Grants) -> Iterator[Finding]:
    """Addresses that do not answer: the others of the one look-up are tried, each once, and then nothing else is."""
    for silent in SILENT:
        tunnel = connect(grants, f"{GRANTED}:443", PUBLIC, ["127.0.0.1"], silent=silent)
        due = tuple((address, 443) for address in PUBLIC[: len(silent) + 1])
        status = "502" if len(silent) == len(PUBLIC) else "200"
        if (tunnel.dialled, tunnel.asked, tunnel.status) != (due, (GRANTED,), status):
            yield _finding("the proxy goes another way where an address is silent", f"{silent}", tunnel)


def heads(grants: Grants) -> Iterator[tuple[str, str]]:
    """Heads that are no request for a tunnel, or never end: what was dialled for them, and what stays unanswered."""
    world = World([PUBLIC[:1]])
    line, host = f"{GRANTED}:443", f"Host: {GRANTED}\r\n"
    odd = [f"{method} {line} HTTP/1.1\r\n{host}\r\n" for method in ("GET", "POST", "connect", "OPTIONS")]
    odd += [
        f"CONNECT {line} HTTP/1.1\r\n{host}X: {'x' * 20_000}\r\n\r\n",
        f"CONNECT {line} HTTP/2\r\n{host}\r\n",
    ]
    odd += [f"CONNECT {line}\r\n{host}\r\n", f"CONNECT  {line} HTTP/1.1\r\n\r\n"]
    with proxying(grants, world) as place:
        for head in odd:
            status = _ask(place, head.encode())
            if world.dialled or status == "200":
                yield "the proxy takes what is no request for a tunnel", f"{head[:60]!r} answered {status}"
                return
        begin = time.monotonic()
        status = _ask(place, f"CONNECT {line} HTTP/1.1\r\n".encode() + b"X: y\r\n" * 40_000, _END_SECONDS)
        if not status and time.monotonic() - begin >= _END_SECONDS:
            yield "the proxy takes in a head without end", "240,000 bytes, and no answer"


def places(grants: Grants) -> Iterator[tuple[str, str]]:
    """More tunnels than there may be are refused at once; each that is refused or ends gives its place back."""
    world = World([PUBLIC[:1]])
    with proxying(grants, world) as place:
        with contextlib.ExitStack() as held:
            open_ = [held.enter_context(socket.create_connection(place)) for _ in range(MOST_TUNNELS + 16)]
            poll = select.poll()
            for client in open_:
                poll.register(client, select.POLLIN)
            end = time.monotonic() + _END_SECONDS
            while (refused := len(poll.poll(100))) < len(open_) - MOST_TUNNELS and time.monotonic() < end:
                pass
        if refused < len(open_) - MOST_TUNNELS:
            yield "an app opens as many tunnels as it likes", f"{len(open_) - refused} are held open"
            return
        end = time.monotonic() + _END_SECONDS
        ordinary = f"CONNECT {GRANTED}:443 HTTP/1.1\r\n\r\n".encode()
        while (status := _ask(place, ordinary)) != "200" and time.monotonic() < end:
            time.sleep(0.02)
        for _ in range(MOST_TUNNELS + 2):
            _ask(place, b"CONNECT other.example:443 HTTP/1.1\r\n\r\n")
        last = _ask(place, ordinary)
        if (status, last) != ("200", "200"):
            yield (
                "a tunnel that was refused or ended keeps its place",
                f"a granted one was answered {status}, {last}",
            )


def _finding(message: str, because: str, tunnel: Tunnel) -> Finding:
    dialled = [f"{address} port {port}" for address, port in tunnel.dialled]
    evidence: dict[str, Any] = {"status": tunnel.status, "resolved": list(tunnel.asked), "dialled": dialled}
    return Finding(POLICY, message, because=because, evidence=evidence)

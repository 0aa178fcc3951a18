"""LC301 and LC302: nothing reaches a socket without a grant, and with one only the granted hosts do."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import open_arena
from locara_verify.checks.escape.entry_points import entry_points, everywhere
from locara_verify.checks.escape.link import Reply
from locara_verify.checks.escape.live import Trial, conduct, share
from locara_verify.checks.escape.paths import ordinary_use
from locara_verify.checks.escape.processes import family, network_of
from locara_verify.context import Context
from locara_verify.oracle import sinks as sink
from locara_verify.strategies import hosts

SOCKETS: Final = "LC301"
POLICY: Final = "LC302"
GRANTED: Final = "api.granted.example"
WILD: Final = "*.wild.example"
PRIVATE: Final = (
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",  # noqa: S104 - an attack
)
REFUSED: Final = frozenset({"capability_denied", "bad_request", "bad_frame"})

Json = Any


def addresses(sinks: sink.Sinks, rng: random.Random) -> Iterator[str]:
    """Without end: ways to write the address of a sink, and names that are no business of the app's."""
    tcp, outer = sinks.sinks["tcp"], sinks.sinks.get("tcp-outer")
    near = [f"127.0.0.1:{tcp.port}", f"localhost:{tcp.port}", f"[::1]:{tcp.port}", f"127.1:{tcp.port}",
    f"2130706433:{tcp.port}",
            f"0x7f000001:{tcp.port}", f"[::ffff:127.0.0.1]:{tcp.port}", f"0.0.0.0:{tcp.port}"]  # fmt: skip
    near += [f"{outer.address}:{outer.port}"] if outer else []
    unix = sinks.sinks["unix-path"].address
    plain = [f"udp://127.0.0.1:{sinks.sinks['udp'].port}", f"unix:{unix}", f"unix://{unix}", unix,
    sinks.sinks["unix-abstract"].address,
             f"dns://127.0.0.1:{sinks.sinks['dns'].port}/x.example"]  # fmt: skip
    yield from plain
    for place in near:
        yield from hosts.urls(place)
        yield place
    while True:
        yield rng.choice(
            (
                rng.choice(near),
                rng.choice(hosts.urls(rng.choice(near))),
                hosts.hostile(rng),
                f"https://{hosts.hostile(rng)}/",
            )
        )


@check("escape-network", rules=(SOCKETS, POLICY, "LC406"), needs=frozenset({"live"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Attack the target; then a variant of it that may reach two hosts, at the edges of that grant."""
    with sink.open_sinks(ctx.fresh_dir("sinks")) as sinks, open_arena(ctx) as arena:
        return conduct(Trial(arena, (SOCKETS, POLICY)), lambda trial: attack(trial, sinks))


def attack(trial: Trial, sinks: sink.Sinks) -> None:
    """Addresses everywhere, then the network command itself, then what the processes hold."""
    arena, rng = trial.arena, trial.arena.ctx.rng("escape-network")
    works, what = ordinary_use(arena)
    trial.twin(SOCKETS, works, what)
    pairs, source = everywhere(entry_points(arena)), addresses(sinks, rng)
    count = share(arena.ctx, 0.08)
    for number in range(count if pairs else 0):
        point, place = pairs[number % len(pairs)]
        arena.link.ask(point.command, point.with_text(place, next(source)))
        trial.tried(SOCKETS)
        arena.ctx.progress(number, count, "addresses")
    if "net.fetch" not in arena.commands:
        attack_absent(trial, share(arena.ctx, 0.03), source)
        watch(trial)
    attack_edges(trial, sinks)
    reached = {name: hits for name, hits in sinks.hits().items() if hits}
    if reached:
        trial.fail(SOCKETS, "the app reached a socket of this host", f"hits: {reached}")


def attack_absent(trial: Trial, count: int, source: Iterator[str]) -> None:
    """Without a grant the network command does not exist, for any address."""
    for _ in range(count):
        reply = trial.arena.link.ask("net.fetch", {"url": next(source), "method": "GET", "headers": {}})
        for rule in (SOCKETS, POLICY):
            trial.tried(rule)
        if reply.code not in ("unknown_command", "bad_frame"):
            trial.fail(
                POLICY, "a network command exists without a grant", f"net.fetch answered {reply.code or 'ok'}"
            )
    reply = trial.arena.link.ask("net.fetch", {"url": "https://example.com/", "method": "GET", "headers": {}})
    told = reply.error.get("capability") == "net" and '"net"' in str(reply.error.get("fix", ""))
    trial.twin(POLICY, told, "the answer names the capability net and the line that would open it")


class Resolver:
    """Answers of a name server that belongs to the attacker; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, str] = {}

    def __call__(self, host: str, _port: int) -> list[str]:
        """The prepared address of a host; without one the name does not exist."""
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("no such name")
        return [self.answers[host]]


def attack_edges(outer: Trial, sinks: sink.Sinks) -> None:
    """Run the app with a grant of two hosts and try everything near them, under a hostile name server."""
    ctx, resolver = outer.arena.ctx, Resolver()
    port = sinks.sinks["tcp"].port

    def grant(document: dict[str, Json]) -> None:
        document["capabilities"]["net"] = {"allowed_hosts": [GRANTED, WILD], "allowed_ports": [443, port]}

    with open_arena(ctx, app=ctx.variant("net", grant, page=False), pick=False, resolver=resolver) as arena:
        trial = Trial(arena, (POLICY,))
        conduct(trial, lambda inner: near_the_grant(inner, resolver, port))
        outer.findings += trial.findings
        outer.tried(POLICY, trial.attempts.get(POLICY, 0))
        outer.inconclusive.update(trial.inconclusive)
        outer.arena.link.attacks += arena.link.attacks


def near_the_grant(trial: Trial, resolver: Resolver, port: int) -> None:
    """Hosts, ports, schemes and addresses at the edge of the grant. The name server's memory is the judge."""
    rng = trial.arena.ctx.rng("escape-network-edges")
    for host in (GRANTED, "a.wild.example", "b.a.wild.example"):
        reply = fetch(trial, f"https://{host}/")
        passed = reply.code == "not_found" and host in resolver.asked
        trial.twin(POLICY, passed, f"{host} passes the policy and reaches the name server ({reply.code})")
    resolver.asked.clear()
    edges = (
        "granted.example",
        "wild.example",
        f"{GRANTED}.evil.test",
        "notapi.granted.example",
        "xwild.example",
        "a.wild.example.evil.test",
    )
    tries = [url for edge in edges for url in hosts.urls(edge)]
    tries += [f"https://{GRANTED}:{bad}/" for bad in (80, 444, 8443, port + 1, 1, 65535, 0, 65536)]
    rng.shuffle(tries)
    for url in tries[: share(trial.arena.ctx, 0.04)]:
        reply = fetch(trial, url)
        if reply.ok or reply.code not in REFUSED:
            trial.fail(
                POLICY,
                "a host beside the grant was not refused",
                f"net.fetch answered {reply.code or 'ok'}",
                url,
            )
    beside = sorted(
        {host for host in resolver.asked if host != GRANTED and not host.endswith(".wild.example")}
    )
    if beside:
        trial.fail(
            POLICY, "a host beside the grant was resolved", f"the name server was asked for {beside[:3]}"
        )
    for address in PRIVATE:
        resolver.answers[GRANTED] = address
        for number in (443, port):
            reply = fetch(trial, f"https://{GRANTED}:{number}/")
            if reply.ok or reply.code != "capability_denied":
                trial.fail(
                    POLICY, "a granted name led to a private address", f"{address}: {reply.code or 'ok'}"
                )


def fetch(trial: Trial, url: str) -> Reply:
    """One attempt."""
    trial.tried(POLICY)
    return trial.arena.link.ask("net.fetch", {"url": url, "method": "GET", "headers": {}})


def watch(trial: Trial) -> None:
    """The kernel's own view: another network namespace, only a silent loopback, no socket of an internet
    family."""
    arena = trial.arena
    own, seen = network_of(os.getpid()).namespace, 0
    for pid in family(arena.app.pid):
        try:
            network = network_of(pid)
        except OSError:
            continue
        if network.namespace == own:
            continue  # the launcher's side of the sandbox: no app code runs there
        seen += 1
        trial.tried(SOCKETS)
        if network.interfaces != ("lo",) or network.packets or network.sockets:
            detail = f"{network.interfaces}, {network.packets} packets, {network.sockets[:2]}"
            trial.fail(SOCKETS, "the app's network is not empty", detail)
    if not seen:
        trial.fail(
            SOCKETS,
            "the app runs in the network of the host",
            "none of its processes has a namespace of its own",
        )

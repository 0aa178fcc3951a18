"""LC801: the app's own work, start to end, while the kernel's packet counters are read from outside."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import Arena, open_arena
from locara_verify.checks.escape.live import Trial, conduct
from locara_verify.checks.escape.processes import Network, family, network_of
from locara_verify.checks.offline.outward import outward
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.oracle import sinks as sink
from locara_verify.oracle.canaries import CanaryError

RULE: Final = "LC801"
PASSAGES: Final = (
    "The garden gate is painted green and opens on the left side.",
    "Invoices are sent on the first Monday of the month.",
    "The library closes at six, on Fridays at four.",
)

Json = Any


def without_network(target: Any) -> str | None:  # noqa: ANN401 - a Target, imported lazily by the engine
    """The rule has no place where the manifest asks for the network."""
    manifest = target.manifest
    granted = manifest is not None and manifest.capabilities.net is not False
    return "the manifest grants the network; LC302 judges what is reached" if granted else None


@check("offline-packets", rules=(RULE, "LC406"), needs=frozenset({"live", "models"}), applies=without_network)
def run(ctx: Context) -> CheckResult:
    """Run the app's work inside counting sinks; a packet anywhere is a finding."""
    prove_counters()
    prove_outward()
    with sink.open_sinks(ctx.fresh_dir("sinks")) as sinks, outward() as told, open_arena(ctx) as arena:
        trial = Trial(arena, (RULE,))
        result = conduct(trial, lambda trial: attack(trial, sinks))
    asked = [
        Finding(RULE, "the launcher asked something of the network while the app worked", because=one)
        for one in told[:3]
    ]
    return replace(result, findings=(*result.findings, *asked))


def prove_outward() -> None:
    """Show that a name that is looked up here, and an address that is connected to, are noticed. Raises CanaryError."""
    with outward() as told, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        socket.getaddrinfo("127.0.0.1", 9, type=socket.SOCK_DGRAM)
        one.connect(("127.0.0.1", 9))
    if len(told) < 2:
        raise CanaryError(f"what this process asks of the network is not noticed: {told}")


def prove_counters() -> None:
    """The positive control: in this unsandboxed process a socket is seen, and a packet is counted."""
    before = network_of(os.getpid())
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        sender.sendto(b"x", receiver.getsockname())
        receiver.recv(1)
        during = network_of(os.getpid())
        # By its own port: sockets of other processes come and go meanwhile.
        local = f"0100007F:{receiver.getsockname()[1]:04X}"
    if during.packets <= before.packets or not any(local in row for row in during.sockets):
        raise CanaryError("a packet of an ordinary process is not seen in the kernel's counters")


def attack(trial: Trial, sinks: sink.Sinks) -> None:
    """Do the work, look at every process of the app after each step, and at the sinks at the end."""
    arena = trial.arena
    own = network_of(os.getpid()).namespace
    worked = 0
    for number, (what, works) in enumerate(work(arena)):
        trial.twin(RULE, works, what)
        worked += works
        looked = look(trial, own)
        if not looked:
            trial.fail(RULE, "the app runs in the network of the host", f"after {what}")
        arena.ctx.progress(number, 8, what)
    trial.tried(RULE)
    reached = {name: hits for name, hits in sinks.hits().items() if hits}
    if reached:
        trial.fail(RULE, "the app reached a socket of this host while it worked", f"hits: {reached}")
    trial.notes.append(f"offline: {worked} steps of work, no packet, no socket")


def look(trial: Trial, own: str) -> int:
    """Judge the network of each sandboxed process; how many there were."""
    looked = 0
    for pid in family(trial.arena.app.pid):
        try:
            network = network_of(pid)
        except OSError:
            continue
        if network.namespace == own:
            continue
        looked += 1
        trial.tried(RULE)
        wrong = problem(network)
        if wrong:
            trial.fail(RULE, "the app touched the network while it worked", wrong)
    return looked


def problem(network: Network) -> str | None:
    """What is wrong with the network of a process that must have none."""
    if network.interfaces != ("lo",):
        return f"it has the interfaces {', '.join(network.interfaces)}"
    if network.packets:
        return f"{network.packets} packets were counted"
    return f"it holds a socket: {network.sockets[0]}" if network.sockets else None


def work(arena: Arena) -> Iterator[tuple[str, bool]]:
    """The app's work as far as its manifest opens it: import, store, embed, search, chat. Each step says if
    it worked."""
    link, models = arena.link, [pin.split("@")[0] for pin in arena.capabilities.get("models", [])]
    if "folder" in arena.handles:
        reply = link.ask(
            "fs.read", {"root": arena.handles["folder"], "path": "ordinary.txt", "encoding": "utf8"}
        )
        yield "reading a picked document", reply.ok
    made = link.ask(
        "db.exec",
        {"sql": "CREATE TABLE IF NOT EXISTS offline_probe (id INTEGER PRIMARY KEY, body TEXT, v BLOB)"},
    )
    yield "making a table", made.ok
    if "embed.create" in arena.commands:
        yield "embedding passages", any(embed(arena, name) for name in models)
    stored = link.ask(
        "db.exec", {"sql": "INSERT INTO offline_probe (body) VALUES (?)", "params": [PASSAGES[0]]}
    )
    yield "storing a passage", stored.ok
    found = link.ask(
        "db.query", {"sql": "SELECT body FROM offline_probe WHERE body LIKE ?", "params": ["%green%"]}
    )
    yield "searching the store", found.ok and len(found.result["rows"]) == 1
    if "llm.chat" in arena.commands:
        yield "asking a model", any(chat(arena, name) for name in models)
    yield "keeping a setting", link.ask("settings.set", {"key": "theme", "value": "dark"}).ok


def embed(arena: Arena, model: str) -> bool:
    """Whether a model embeds the passages (a chat model does not)."""
    reply = arena.link.ask("embed.create", {"model": model, "texts": list(PASSAGES)}, timeout=120)
    return reply.ok and len(reply.result["vectors"]) == len(PASSAGES)


def chat(arena: Arena, model: str) -> bool:
    """Whether a model answers a short question about a passage."""
    messages = [{"role": "user", "content": f"{PASSAGES[0]}\n\nWhat colour is the gate?"}]
    reply = arena.link.ask("llm.chat", {"model": model, "messages": messages, "maxTokens": 8}, timeout=120)
    return reply.ok and isinstance(reply.result["content"], str)

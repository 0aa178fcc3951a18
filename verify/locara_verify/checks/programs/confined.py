"""LC521: a program beside an app reaches nothing. LC525: no app starts one that its manifest does not open."""

from __future__ import annotations

import json
import socket
import sysconfig
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any, Final

from locara.errors import CapabilityDenied, LocaraError, SandboxError
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.programs.stage import has_programs
from locara_verify.checks.sandbox.control import controls
from locara_verify.checks.sandbox.inside import files, kernel, network, processes  # noqa: F401 - they register
from locara_verify.checks.sandbox.inside.registry import probes
from locara_verify.checks.sandbox.outside import Outside, outside
from locara_verify.checks.sandbox.plans import INSIDE, ProbeError
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.programs.launch import Launch
    from locara.sandbox.launcher import LaunchPlan

REACH: Final = "LC521"
UNDECLARED: Final = "LC525"
PAYLOAD: Final = "inside.program"
PROBES: Final = (
    "read_outside_secret", "read_via_dotdot", "read_via_symlink", "read_host_passwd", "read_machine_id",
    "write_outside", "truncate_outside", "unlink_outside", "chmod_outside", "stat_outside", "list_outside",
    "list_root", "write_system", "write_framework", "shm_file", "dev_shm_write", "inherited_fd",
    "tcp_loopback", "tcp_bind", "udp_loopback", "udp_bind", "abstract_unix", "path_unix", "datagram_unix",
    "make_unix_socket", "netlink", "resolve_name", "shared_memory", "message_queue", "env_secret",
    "init_environ", "victim_environ", "victim_cmdline", "victim_mem", "see_victim", "kill_victim",
    "ptrace_victim", "process_vm_readv", "unshare_user", "unshare_net", "io_uring", "keyctl_session", "add_key",
)  # fmt: skip
MAY: Final[Mapping[str, frozenset[str]]] = {
    "ocr": frozenset(),
    "pdf": frozenset(),
    "speech": frozenset({"thread"}),
}
"""What a program needs of its own and is left."""
_FOLDERS: Final = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
_OWN: Final = tuple(
    path for top in _FOLDERS if Path(path := f"{top}/{sysconfig.get_config_var('MULTIARCH')}").is_dir()
)
_PROGRAM: Final = (*(_OWN or _FOLDERS), "/etc/ld.so.cache", "/program", "/program-data")
KEEPS: Final[Mapping[str, tuple[str, ...]]] = {"ocr": _PROGRAM, "pdf": (), "speech": _PROGRAM}
"""What of the files that its sandbox shows stays open to each: to a reader of ours none."""
_NONE: Final[Mapping[str, int]] = {
    "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": 32, "RLIMIT_CORE": 0, "RLIMIT_MEMLOCK": 0, "RLIMIT_MSGQUEUE": 0,
}  # fmt: skip
BOUNDS: Final[Mapping[str, Mapping[str, int]]] = {
    "ocr": {**_NONE, "RLIMIT_CPU": 90, "RLIMIT_AS": 1_536 << 20},
    "pdf": {**_NONE, "RLIMIT_CPU": 45, "RLIMIT_AS": 1_024 << 20},
    "speech": {**_NONE, "RLIMIT_CPU": 45, "RLIMIT_AS": 512 << 20},
}
"""How much a program may have at most, in seconds, bytes and files: the limit itself, and what it could raise it to."""
_SECONDS: Final = 60.0


OPTIONS: Final[dict[str, dict[str, JSON]]] = {
    "ocr": {"languages": ["eng"], "layout": "auto", "dpi": None},
    "pdf": {"work": "text", "first": 1, "count": 1},
    "speech": {"voice": "en-us", "rate": 165, "pitch": 50},
}
"""Options of an ordinary call of each program, as the broker is given them."""


def launches() -> Iterator[tuple[str, Launch]]:
    """One ordinary call of each program. Raises CallError when one is not installed."""
    from locara.programs.starter import LAUNCHES  # noqa: PLC0415 - loads the framework

    yield from ((name, LAUNCHES[name](options)) for name, options in OPTIONS.items())


def probe_plan(launch: Launch) -> LaunchPlan:
    """The program's own plan, with the probes' code shown and readable until it is confined."""
    from locara.programs.plan import program_plan  # noqa: PLC0415
    from locara.sandbox.launcher import Source  # noqa: PLC0415

    plan = program_plan(launch)
    policy = plan.landlock
    return replace(
        plan,
        sources=(*plan.sources, Source(INSIDE, str(INSIDE), "dir")),
        import_path=(*plan.import_path, str(INSIDE.parent)),
        landlock=policy and policy._replace(paths=(*policy.paths, (str(INSIDE), "read"))),
    )


def tried(plan: LaunchPlan, there: Outside) -> dict[str, Any]:
    """What the stand-in of a program answers. Raises SandboxError, ProbeError."""
    from locara.sandbox.launcher import Payload, start  # noqa: PLC0415

    there.reset()
    config = json.loads(plan.payload.args[0])
    request: dict[str, Any] = {"world": there.world(inside=True), "probes": list(PROBES), "config": config}
    request["limits"] = [*BOUNDS["pdf"]]
    plan = replace(plan, payload=Payload(PAYLOAD, (json.dumps(request),)))
    with start(plan, stdout=PIPE, stderr=PIPE) as process:
        guard = threading.Timer(_SECONDS, process.kill)
        guard.start()
        try:
            output = b"" if process.stdout is None else process.stdout.read()
        finally:
            guard.cancel()
    head, _, rest = output.partition(b"\n")
    try:
        return {**json.loads(head), "exec": "open" if rest.strip() else "held"}
    except ValueError as error:
        raise ProbeError("the stand-in ended without an answer") from error


@check("programs.confined", rules=(REACH,), needs=frozenset({"kernel"}), applies=has_programs)
def confined(ctx: Context) -> CheckResult:
    """Probes inside each program's sandbox, with controls outside it and a moment before it closes."""
    tally = Tally()
    known, shown = probes(), 0
    for done, (name, launch) in enumerate(launches()):
        ctx.progress(done, 3, name)
        plan = probe_plan(launch)
        with outside(plan.identity) as there:
            found = controls(plan, there, PROBES)
            try:
                answer = tried(plan, there)
            except (SandboxError, ProbeError) as error:
                tally.undecided(REACH, f"{name}: {error}")
                continue
            hits, changes = there.canaries.take(), there.changes()
        for probe, outcome in answer["results"].items():
            proven = any(control.outcomes.get(probe) == "open" for control in found)
            if known[probe].essential and not proven:
                tally.undecided(REACH, f"the control of {probe} failed")
            shown += proven
            tally.expect(
                REACH, outcome != "open", f"{name}: from inside the program {probe} succeeded", probe=probe
            )
        for canary, count in hits.items():
            tally.expect(REACH, count == 0, f"{name}: the {canary} canary was reached", f"{count} times")
        for change in changes:
            tally.expect(REACH, False, f"{name}: something outside changed: {change}")
        own(tally, name, answer, launch.interpreter)
    tally.attacks = shown
    return tally.result()


def own(tally: Tally, name: str, answer: Mapping[str, Any], loader: str) -> None:
    """What the confined process can still do itself: nothing of what worked a moment before. ``loader`` is what the
    kernel starts a program with, under each of its names."""
    tally.expect(REACH, not answer["faults"], f"{name}: a layer was not confirmed", str(answer["faults"]))
    tally.expect(REACH, answer["exec"] == "held", f"{name}: the program became another one")
    for what, outcome in answer["after"].items():
        if answer["before"][what] != "open":
            tally.undecided(REACH, f"{name}: {what} did not work before either: {answer['before'][what]}")
            continue
        wanted = what in MAY[name]
        if wanted and outcome != "open":
            tally.undecided(REACH, f"{name}: {what} must be left to it and was not: {outcome}")
        tally.expect(
            REACH, wanted or outcome != "open", f"{name}: the program can still do {what}", attempt=what
        )
    if not answer["opened"]:
        tally.undecided(REACH, f"{name}: no file opened before either")
    kept = [
        path for path in answer["kept"] if not (loader and Path(path).resolve() == Path(loader).resolve())
    ]
    more = [path for path in kept if not {path, *map(str, Path(path).parents)}.intersection(KEEPS[name])]
    tally.expect(REACH, not more, f"{name}: the program still opens what is not its own", str(more[:5]))
    for limit, most in BOUNDS[name].items():
        found = answer["limits"][limit]
        # No limit at all is told as -1.
        held = all(0 <= value <= most for value in found)
        tally.expect(REACH, held, f"{name}: {limit} is not what it must be", f"{found}, at most {most}")


@check(
    "programs.undeclared", rules=(UNDECLARED,), needs=frozenset({"live"}), applies=has_programs, quick=True
)
def undeclared(ctx: Context) -> CheckResult:
    """The broker alone: it is asked for every program on behalf of apps that do not declare it."""
    from locara.core.compile import compile_grants  # noqa: PLC0415 - loads the framework
    from locara.core.manifest import parse_manifest  # noqa: PLC0415
    from locara_verify.strategies import manifests  # noqa: PLC0415

    tally = Tally()
    opening = {"ocr": ("image-to-text", "ocr"), "pdf": ("image-to-text", "ocr")}
    opening |= dict.fromkeys(("speech", "voices"), ("text-to-speech", "audio.synthesize"))
    rng = ctx.rng("programs")
    for number in range(max(40, ctx.profile.fuzz_examples // 50)):
        value = manifests.valid(rng)
        grants = compile_grants(parse_manifest(manifests.dump(rng, value)))
        able = {*value.get("modalities", ()), *value.get("tooling", ())}
        for name, words in opening.items():
            asked, began, answer = asks(grants, name)
            tally.attacks += 1
            wanted = bool(able.intersection(words))
            tally.expect(
                UNDECLARED,
                began == wanted and (answer == "ok") == wanted,
                f"the broker {'started' if began else 'refused'} {name} for an app that declares {sorted(able)}",
                answer,
                program=name,
            )
            told = f"what this machine has of {name} was {'told to' if asked else 'kept from'} an app"
            because = f"it declares {sorted(able)}: {answer}"
            tally.expect(UNDECLARED, asked == wanted, told, because, program=name)
        ctx.progress(number, 40, "manifests")
    return tally.result()


def asks(grants: Any, name: str) -> tuple[bool, bool, str]:  # noqa: ANN401 - Grants
    """Whether a broker with these Grants tells of a program and starts it when the inside asks, and what it answers.
    One call does not wait for the other: each has to be refused by itself."""
    from locara.sandbox.broker import Broker, Services  # noqa: PLC0415
    from locara.sandbox.broker_client import BrokerClient  # noqa: PLC0415

    counted = Counted()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    broker = Broker(grants, ours, Services(programs=counted))
    broker.begin()
    client = BrokerClient(theirs)
    answer = "ok"
    try:
        for ask in (
            lambda: client.facts(name),
            lambda: socket.socket(fileno=client.program(name, {})).close(),
        ):
            try:
                ask()
            except CapabilityDenied as error:
                answer = error.code
            except LocaraError as error:
                answer = f"{error.code}: {error.message}"
    finally:
        client.close()
        broker.close()
    return bool(counted.asked), bool(counted.names), answer


class Counted:
    """Programs that are only counted."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.asked: list[str] = []

    def facts(self, name: str) -> Mapping[str, Any]:
        """Known, and counted."""
        self.asked.append(name)
        return {}

    def begin(self, name: str, options: Mapping[str, Any]) -> int:
        """Count it and give a stream that is at its end."""
        self.names.append(name)
        ours, theirs = socket.socketpair()
        theirs.close()
        return ours.detach()

    def close(self) -> None:
        """Nothing runs."""

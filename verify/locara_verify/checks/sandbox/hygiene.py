"""LC104: nothing of the launcher comes along. Its environment and descriptors are dirtied first, then read
back.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from locara.errors import SandboxError
from locara.sandbox import launcher
from locara.sandbox.launcher import LaunchPlan, Payload, Source, start
from locara.sandbox.linux.bwrap import SANDBOX_UID
from locara_verify.check import CheckResult, check
from locara_verify.checks.descriptors import open_count
from locara_verify.checks.escape.processes import family
from locara_verify.checks.in_process import environment
from locara_verify.checks.sandbox.control import controls
from locara_verify.checks.sandbox.layers import waiting
from locara_verify.checks.sandbox.outside import ENV_NAME, Outside, outside
from locara_verify.checks.sandbox.plans import app_part, app_plan, run_probes
from locara_verify.checks.waiting import happens
from locara_verify.context import Context
from locara_verify.finding import JSON, Finding

POISON: Final = {
    "PYTHONPATH": "/tmp/locara-poison",  # noqa: S108 - a value that must not arrive
    "PYTHONSTARTUP": "/tmp/locara-poison.py",  # noqa: S108
    "PYTHONBREAKPOINT": "os.system",
    "LD_LIBRARY_PATH": "/tmp/locara-poison",  # noqa: S108
    "GIO_EXTRA_MODULES": "/tmp/locara-poison",  # noqa: S108
    "NODE_OPTIONS": "--require /tmp/locara-poison",
    "DYLD_INSERT_LIBRARIES": "/tmp/locara-poison",  # noqa: S108
    "SSH_AUTH_SOCK": "/tmp/locara-poison",  # noqa: S108
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/tmp/locara-poison",
    "XDG_RUNTIME_DIR": "/tmp/locara-poison",  # noqa: S108
    **dict.fromkeys(
        ("LOCARA_DEBUG", "LOCARA_ENTRY", "LOCARA_PROXY", "WEBKIT_INSPECTOR_SERVER"), "locara-poison"
    ),
    **dict.fromkeys(("TZ", "LANGUAGE", "LC_ALL", "GTK_MODULES", "HTTPS_PROXY", "TMP"), "locara-poison"),
}
_KEPT_AT_HOME: Final = (
    ".fonts", ".local/share/fonts", ".config/fontconfig", ".cache/fontconfig", ".themes",
    ".icons", ".config/gtk-3.0", ".local/share/themes", ".local/share/icons", ".local/share/mime",
    ".config/dconf", ".config/locara", ".locara", ".cache/mesa_shader_cache", ".local/lib/python3",
    ".local/share/glib-2.0", ".pki/nssdb", ".config/pulse", ".local/share/webkitgtk", ".cache/webkitgtk",
    ".config/enchant", ".local/share/hunspell", ".ssl", ".aws",
)  # fmt: skip
_NAMED_AT_HOME: Final = {
    "XDG_CONFIG_HOME": ".config", "XDG_CACHE_HOME": ".cache", "XDG_DATA_DIRS": ".local/share",
    "GTK_PATH": ".themes", "FONTCONFIG_PATH": ".config/fontconfig", "SSL_CERT_DIR": ".ssl",
}  # fmt: skip
"""What programs keep in a home, and the variables that name some of it."""
_NOBODY: Final = 65534
_GONE_SECONDS: Final = 5.0
_STREAMS: Final = ("stdin", "stdout", "stderr")


@contextmanager
def dirty() -> Iterator[None]:
    """A launcher as careless as it can be: hostile variables, and open descriptors marked inheritable."""
    with contextlib.ExitStack() as stack:
        for path in ("/", "/etc/passwd"):
            fd = os.open(path, os.O_RDONLY)
            stack.callback(os.close, fd)
            os.set_inheritable(fd, True)
        left, right = socket.socketpair()
        stack.enter_context(left)
        stack.enter_context(right)
        left.set_inheritable(True)
        stack.enter_context(environment(**POISON))
        yield


@check("sandbox.hygiene", rules=("LC104",), needs=frozenset({"kernel"}), quick=True)
def run(ctx: Context) -> CheckResult:
    """Start from a dirty launcher and compare what the payload sees with what the plan says."""
    plan = app_plan(ctx)
    with outside(plan.identity) as there:
        control = controls(plan, there, ["env_secret", "inherited_fd"])[0]
        with dirty():
            inside = run_probes(
                plan, there, ["env_secret", "inherited_fd", "init_environ"], part=app_part(ctx)
            )
            outer = [*_outer_process(plan, there), *carried(plan.environment, app_plan(ctx).environment)]
        with full_home(ctx.fresh_dir("home")):
            outer += shown_of_home(plan.sources, app_plan(ctx).sources)
        with contextlib.chdir(ctx.fresh_dir("elsewhere")):
            outer += [
                f"{path} is on the import path, by where the launcher stands"
                for path in set(app_plan(ctx).import_path) ^ set(plan.import_path)
            ]
    faults = [*judge(inside.facts, plan), *outer, *_folders(plan), *_left_open(plan)]
    faults += [
        f"the probe {name} succeeded" for name, outcome in inside.outcomes.items() if outcome == "open"
    ]
    unproven = [name for name, outcome in control.outcomes.items() if outcome != "open"]
    return CheckResult(
        findings=tuple(_finding(fault, inside.facts) for fault in faults),
        attempts={"LC104": 15 + len(_STREAMS) + len(_FAILS) + len(inside.outcomes)},
        probes=15 + len(_STREAMS) + len(_FAILS) + len(inside.outcomes),
        inconclusive={"LC104": f"the control of {', '.join(unproven)} failed"} if unproven else {},
    )


def carried(clean: Mapping[str, str], careless: Mapping[str, str]) -> list[str]:
    """Variables of a plan that are other ones when it is made by a careless launcher."""
    names = sorted(name for name in clean.keys() | careless.keys() if clean.get(name) != careless.get(name))
    return [f"the launcher's variables say what {name} is inside" for name in names]


@contextmanager
def full_home(home: Path) -> Iterator[None]:
    """During the block the person has a home with all that programs keep there, and variables that say so."""
    for name in _KEPT_AT_HOME:
        (home / name).mkdir(parents=True)
        (home / name / "canary").write_text("a canary of the person's own", "utf-8")
    named = {name: str(home / place) for name, place in _NAMED_AT_HOME.items()}
    with environment(HOME=str(home), **named):
        yield


def shown_of_home(bare: Sequence[Source], homely: Sequence[Source]) -> list[str]:
    """Places that a plan shows because they are in the home of this moment."""
    places = {(str(source.path), source.dest) for source in bare}
    more = {(str(source.path), source.dest) for source in homely} - places
    home = Path.home()
    inside = sorted(dest for path, dest in more if Path(path).is_relative_to(home))
    return [f"what is in the person's home is shown inside: {dest}" for dest in inside]


def judge(facts: Mapping[str, Any], plan: LaunchPlan) -> list[str]:
    """What a payload sees that it should not, or does not see that it should."""
    faults = []
    environment = dict(facts["environment"])
    broker = environment.pop("LOCARA_BROKER_FD", "")
    names = sorted(
        n
        for n in environment.keys() | plan.environment.keys()
        if environment.get(n) != plan.environment.get(n)
    )
    if names:
        faults.append(f"the environment differs from the plan in {', '.join(names)}")
    fds = {int(number): target for number, target in facts["fds"]}
    allowed = {0, 1, 2, int(broker)} if broker.isdecimal() else {0, 1, 2}
    faults += [f"descriptor {number} is open on {fds[number]}" for number in sorted(fds.keys() - allowed)]
    if not broker.isdecimal() or not fds.get(int(broker), "").startswith("socket:"):
        faults.append("the broker's descriptor is not a socket")
    for kind in ("uids", "gids"):
        if set(facts[kind]) != {SANDBOX_UID}:
            faults.append(f"{kind} are {facts[kind]}")
    if not set(facts["groups"]) <= {SANDBOX_UID, _NOBODY}:
        faults.append(f"groups are {facts['groups']}")
    if facts["core_limit"] != [0, 0]:
        faults.append("core files are possible")
    if facts["isolated"] != [1, 1, 1] or facts["site_loaded"]:
        faults.append("the interpreter is not isolated from site files and variables")
    prefixes = (*plan.import_path, sys.base_prefix, sys.base_exec_prefix)
    faults += [f"{entry} is on the import path" for entry in facts["path"] if not _below(entry, prefixes)]
    if facts["cwd"] != "/":
        faults.append(f"the working directory is {facts['cwd']}")
    if facts["host_name"] == os.uname().nodename:
        faults.append("the machine's name is visible")
    if facts["loaded_before"]:
        faults.append("the payload is loaded before the layers are closed")
    if facts["session"] == 0:
        faults.append("the launcher's session is shared")
    return faults


def _below(entry: str, prefixes: tuple[str, ...]) -> bool:
    return any(Path(entry).is_relative_to(prefix) for prefix in prefixes)


def _outer_process(plan: LaunchPlan, there: Outside) -> list[str]:
    """bubblewrap itself stays alive beside the app: it must carry neither the secret nor the person's
    paths.
    """
    before = listening()
    with waiting(plan) as process:
        heard = listening() - before
        environ = Path(f"/proc/{process.pid}/environ")
        carried = environ.read_bytes() if os.access(environ, os.R_OK) else b""
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
    faults = []
    if there.secret_value.encode() in carried or ENV_NAME.encode() in carried or b"locara-poison" in carried:
        faults.append("the process beside the app carries the launcher's environment")
    if heard:
        faults.append(f"beside the app something listens that did not before: {', '.join(sorted(heard))}")
    data = next(str(source.path) for source in plan.sources if source.dest == "/data").encode()
    if any(data in word for word in words):
        faults.append("the app's data directory is on a command line")
    return faults


def listening() -> set[str]:
    """Where this process listens on the machine: TCP and UDP of both kinds, and sockets with and without a file."""
    mine, found = set[str](), set[str]()
    for fd in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names alone
        with contextlib.suppress(OSError):
            mine.add(os.readlink(f"/proc/self/fd/{fd}"))  # noqa: PTH115 - as it is told
    for table in ("tcp", "tcp6", "udp", "udp6", "unix"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/self/net/{table}").read_text("utf-8", "replace").splitlines()[1:]:
                words = line.split()
                listens, inode = (
                    (words[3] == "00010000" or len(words) > 7, words[6])
                    if table == "unix"
                    else (words[3] in ("0A", "07"), words[9])
                )
                if listens and f"socket:[{inode}]" in mine:
                    found.add(f"{table} {words[-1] if table == 'unix' else words[1]}")
    return found


def _folders(plan: LaunchPlan) -> list[str]:
    """A folder on a standard stream would be a way to all that lies above it: such a start is refused."""
    faults = []
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in _STREAMS:
            try:
                process = start(replace(plan, payload=Payload("inside.wait")), **{name: folder})  # type: ignore[arg-type]
            except SandboxError as error:
                # Noticed from inside is late: what is inside had it by then.
                if error.code != "launch_failed" or "directory" not in error.message:
                    faults.append(
                        f"a folder for its {name} was not refused before the start: {error.message}"
                    )
                continue
            process.kill()
            process.close()
            faults.append(f"a sandbox was started with a folder for its {name}")
    finally:
        os.close(folder)
    return faults


def _absent(plan: LaunchPlan) -> LaunchPlan:
    """The last of what is shown is not there."""
    return replace(plan, sources=(*plan.sources, Source(Path("/nonexistent/folder"), "/nowhere", "dir")))


def _no_folder(plan: LaunchPlan) -> LaunchPlan:
    """The last of what is shown is a file, where a folder must be."""
    return replace(plan, sources=(*plan.sources, Source(Path("/etc/hostname"), "/nowhere", "dir")))


def _unprovable(plan: LaunchPlan) -> LaunchPlan:
    """A layer is asked for that nobody proves."""
    return replace(plan, required=plan.required | {"nobody's"})


def _no_interpreter(plan: LaunchPlan) -> LaunchPlan:
    """Nothing can be started inside."""
    return replace(plan, interpreter="/nonexistent/python")


def _itself(plan: LaunchPlan) -> LaunchPlan:
    """Nothing is wrong with the plan."""
    return plan


_FAILS: Final[tuple[tuple[Callable[[LaunchPlan], LaunchPlan], str], ...]] = (
    (_absent, ""),
    (_no_folder, ""),
    (_unprovable, ""),
    (_no_interpreter, ""),
    (_itself, "/nonexistent/bwrap"),
    (_itself, "/etc/hostname"),
)
"""Plans that cannot be started, each for its own reason, and what stands in place of bubblewrap."""


def _left_open(plan: LaunchPlan) -> list[str]:
    """A start that fails at each step: as many descriptors are open as before, and nothing of it runs."""
    faults: list[str] = []
    kept, written = os.pipe()  # what runs inside all the same waits for the end of its input
    try:
        for edit, program in _FAILS:
            wrong = replace(edit(plan), payload=Payload("inside.wait"))
            faults += [f"{fault}: {edit.__doc__} {program}" for fault in _failed(wrong, program, kept)]
    finally:
        os.close(kept)
        os.close(written)
    return faults


def _failed(plan: LaunchPlan, program: str, stdin: int) -> Iterator[str]:
    """What is left of a start that must fail."""
    before, children = open_count(), set(family(os.getpid()))
    with _in_place_of_bubblewrap(program):
        try:
            process = start(plan, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except SandboxError:
            pass
        else:
            process.kill()
            process.close()
            yield "a start that must fail did not"
    if open_count() > before:
        yield f"a start that failed left {open_count() - before} descriptors open"
    if not happens(lambda: not set(family(os.getpid())) - children, _GONE_SECONDS):
        yield "a start that failed left a process running"


@contextmanager
def _in_place_of_bubblewrap(program: str) -> Iterator[None]:
    """During the block the launcher starts this program, where it is named."""
    before = vars(launcher)["find_bwrap"]
    if program:
        vars(launcher)["find_bwrap"] = lambda: program
    try:
        yield
    finally:
        vars(launcher)["find_bwrap"] = before


def _finding(message: str, facts: Mapping[str, Any]) -> Finding:
    evidence: dict[str, JSON] = {"fds": facts["fds"], "variables": sorted(facts["environment"])}
    return Finding(
        "LC104", message, because="read back by a program inside, after a careless start", evidence=evidence
    )

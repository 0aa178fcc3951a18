"""Start an app inside the full sandbox: `start(build_plan(spec))`. No layer is optional and nothing falls
back.

`start` returns only after the first program inside has read every required layer back from the kernel and
said so.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from types import TracebackType
from typing import IO, Any, Final, Protocol, Self

from locara.errors import SandboxError
from locara.records import dataclass
from locara.sandbox.broker import Broker, Services
from locara.sandbox.host import explain_failure, find_bwrap
from locara.sandbox.linux import bwrap, identity, readback
from locara.sandbox.plan import ALL_LAYERS, LaunchPlan, LaunchSpec, Payload, Source, build_plan
from locara.sandbox.profile import PROXY_PORT, SCRATCH
from locara.sandbox.sources import OpenSource, close_sources, open_sources, prepare_data

__all__ = [
    "ALL_LAYERS",
    "LaunchPlan",
    "LaunchSpec",
    "Payload",
    "Process",
    "Services",
    "Source",
    "build_plan",
    "start",
]

Stream = int | IO[Any] | None
READY_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 5.0
_FIRST: Final = """\
import json, sys
before = sys.path[:]
sys.path[:0] = json.loads(sys.argv[1])["import_path"]
from locara.sandbox.linux.stage2 import main
sys.path[:] = before
main()
"""
"""The first lines inside: they take `stage2` as it was compiled, and leave the import path to it."""


class Outside(Protocol):
    """What answers a sandbox from outside, over the pair it inherited."""

    @property
    def background(self) -> str:
        """How long the app may go on when its input has ended: `none`, `passive` or `active`."""

    def begin(self) -> None:
        """Start, on a thread of its own."""

    def close(self) -> None:
        """Stop and let go of the pair. Idempotent."""


@dataclass(slots=True)
class Process:
    """A running sandbox. `report` is what the kernel confirmed inside; `broker` serves it until it ends."""

    popen: subprocess.Popen[bytes]
    report: Mapping[str, Any]
    broker: Outside
    _ended: threading.Event

    @property
    def pid(self) -> int:
        """The outer process; killing it kills everything inside."""
        return self.popen.pid

    @property
    def stdin(self) -> IO[bytes] | None:
        """The pipe to the payload, when one was asked for."""
        return self.popen.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        """The pipe from the payload, when one was asked for."""
        return self.popen.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        """The pipe of diagnostics, when one was asked for."""
        return self.popen.stderr

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self.popen.returncode if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code. subprocess.TimeoutExpired after `timeout` seconds."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.popen.args, timeout or 0.0)
        return int(self.popen.returncode)

    def kill(self) -> None:
        """End everything inside at once."""
        if not self._ended.is_set():
            self.popen.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Close the pipes, give the payload a moment to end by itself, then kill it. Idempotent."""
        _close_quietly(self.popen.stdin)
        if not self._ended.wait(_CLOSE_SECONDS):
            self.kill()
            self._ended.wait()
        for pipe in (self.popen.stdout, self.popen.stderr):
            _close_quietly(pipe)
        self.broker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()
        self.close()


def _close_quietly(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        try:
            pipe.close()
        except OSError:
            return  # the reader is gone; nothing is lost that anybody could still read


@dataclass(slots=True)
class _Supervisor:
    """One thread per app. It owns the private mount namespace, and bubblewrap dies with it, not with its
    caller.
    """

    spawn: Callable[[], subprocess.Popen[bytes]]
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    popen: subprocess.Popen[bytes] | None = None
    error: BaseException | None = None

    def run(self) -> None:
        try:
            self.popen = self.spawn()
        except BaseException as error:
            self.error = error
            return
        finally:
            self.started.set()
        self.popen.wait()
        self.ended.set()

    def begin(self) -> subprocess.Popen[bytes]:
        threading.Thread(target=self.run, name="locara-sandbox", daemon=True).start()
        self.started.wait()
        if self.error is not None:
            raise self.error
        if self.popen is None:
            raise SandboxError("the sandbox was not started", code="launch_failed")
        return self.popen


def start(
    plan: LaunchPlan,
    *,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
    services: Services | None = None,
    outside: Callable[[socket.socket], Outside] | None = None,
) -> Process:
    """Start the plan's payload. Streams are as for subprocess.Popen; `services` answer the broker (default:
    nothing); `outside` makes something else than a broker out of our end of the pair.

    Raises SandboxError: bwrap_missing, userns_denied, landlock_unsupported, layer_missing, readback_failed,
    launch_failed. Nothing of the app has run when it raises.
    """
    _refuse_root(plan)
    _refuse_directories((stdin, stdout, stderr))
    program = find_bwrap()
    prepare_data(plan.sources, plan.identity)
    opened = open_sources(plan.sources)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor = _Supervisor(lambda: _spawn(plan, program, opened, theirs, (stdin, stdout, stderr)))
    try:
        popen = supervisor.begin()
    except OSError as error:
        ours.close()
        raise SandboxError(f"bubblewrap did not start: {error.strerror}", code="launch_failed") from error
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        close_sources(opened)
    try:
        report, listener = _await_ready(plan, ours, supervisor)
    except BaseException:
        popen.kill()
        supervisor.ended.wait()
        for pipe in (popen.stdin, popen.stdout, popen.stderr):
            _close_quietly(pipe)
        ours.close()
        raise
    broker: Outside = (
        Broker(plan.grants, ours, services or Services(), listener) if outside is None else outside(ours)
    )
    broker.begin()
    return Process(popen, report, broker, supervisor.ended)


def _refuse_root(plan: LaunchPlan) -> None:
    if os.getuid() == 0 and plan.identity is None and "identity" in plan.required:
        raise SandboxError("a sandbox is never started by real root", code="launch_failed")


def _refuse_directories(streams: Iterable[Stream]) -> None:
    # A directory on a standard stream would be a way out: openat(0, "..").
    for stream in streams:
        if stream is None or (isinstance(stream, int) and stream < 0):
            continue
        fd = stream if isinstance(stream, int) else stream.fileno()
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise SandboxError("a standard stream cannot be a directory", code="launch_failed")


def _memfd(name: str, content: bytes) -> int:
    fd = os.memfd_create(name)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _spawn(
    plan: LaunchPlan,
    program: str,
    opened: list[OpenSource],
    theirs: socket.socket,
    streams: tuple[Stream, ...],
) -> subprocess.Popen[bytes]:
    """Runs in the supervisor's thread, whose mount namespace root may change without touching anybody
    else's.
    """
    fds = [source.fd for source in opened]
    staged = identity.stage(fds) if os.getuid() == 0 else None
    mounts = [
        bwrap.Mount(
            o.source.dest,
            o.source.writable,
            o.fd if staged is None else None,
            None if staged is None else staged[at],
        )
        for at, o in enumerate(opened)
    ]
    sentinel = _memfd("sentinel", b"sentinel")
    filter_fd = None if plan.seccomp is None else _memfd("seccomp", plan.seccomp)
    environment = {**plan.environment, "LOCARA_BROKER_FD": str(theirs.fileno())}
    options = bwrap.arguments(
        mounts,
        plan.links,
        environment,
        namespaces=bwrap.Namespaces(
            plan.unshare_net,
            plan.unshare_pid,
            plan.unshare_ipc,
            plan.unshare_uts,
            plan.drop_capabilities,
            plan.disable_userns,
            plan.new_session,
        ),
        clear_env=plan.clear_env,
        sentinel_fd=sentinel,
        seccomp_fd=filter_fd,
        scratch=SCRATCH,
        scratch_bytes=plan.scratch_bytes,
    )
    # Options travel by descriptor: a command line is world-readable, in here and on the host.
    options_fd = _memfd("options", b"".join(option.encode() + b"\0" for option in options))
    inherited = [sentinel, options_fd, theirs.fileno(), *plan.inherit_fds]
    inherited += [] if filter_fd is None else [filter_fd]
    inherited += fds if staged is None else []
    command = [
        program,
        "--args",
        str(options_fd),
        "--",
        plan.interpreter,
        "-I",
        "-S",
        "-B",
        "-c",
        _FIRST,
    ]
    command.append(json.dumps(_stage2_config(plan, opened, environment, theirs.fileno())))
    who: dict[str, Any] = {}
    if plan.identity is not None:
        who = {"user": plan.identity.uid, "group": plan.identity.gid, "extra_groups": []}
    try:
        return subprocess.Popen(
            command,
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            pass_fds=inherited,
            env={"LANG": "C.UTF-8"} if plan.clear_env else None,
            cwd="/",
            **who,
        )
    finally:
        for fd in (sentinel, options_fd, filter_fd):
            if fd is not None:
                os.close(fd)


def _stage2_config(
    plan: LaunchPlan, opened: list[OpenSource], environment: Mapping[str, str], broker_fd: int
) -> dict[str, Any]:
    policy = None
    if plan.landlock is not None:
        shown = {o.source.dest for o in opened} | {s.dest for s in plan.sources if not s.optional}
        absent = {s.dest for s in plan.sources} - shown
        paths = [[path, access] for path, access in plan.landlock.paths if path not in absent]
        policy = {"paths": paths, "connect_ports": list(plan.landlock.connect_ports)}
    return {
        "import_path": list(plan.import_path),
        "payload": plan.payload.module,
        "args": list(plan.payload.args),
        "binds": [[o.source.dest, o.device, o.inode, o.source.writable] for o in opened],
        "environment": dict(environment),
        "host_namespaces": readback.namespace_ids(),
        "landlock": policy,
        "exec_filter": plan.exec_filter,
        "required": sorted(plan.required),
        "broker_fd": broker_fd,
        "proxy_port": PROXY_PORT if plan.net == "proxy" else 0,
    }


def _await_ready(
    plan: LaunchPlan, ours: socket.socket, supervisor: _Supervisor
) -> tuple[Mapping[str, Any], socket.socket | None]:
    ours.settimeout(READY_SECONDS)
    try:
        data, fds, _, _ = socket.recv_fds(ours, 65536, 1)
    except TimeoutError as error:
        raise SandboxError("the sandbox did not report in time", code="launch_failed") from error
    except OSError as error:
        raise SandboxError(
            f"the sandbox's report was lost: {error.strerror}", code="launch_failed"
        ) from error
    ours.settimeout(None)
    listener = socket.socket(fileno=fds[0]) if fds else None
    if not data:
        supervisor.ended.wait(_CLOSE_SECONDS)
        raise explain_failure()
    message = json.loads(data)
    if "ready" in message and (listener is not None) == (plan.net == "proxy"):
        # What it left out was not looked at: that is no confirmation.
        unproven = plan.required - set(message["ready"].get("proven", ()))
        if not unproven:
            return message["ready"], listener
        message = {"refused": {layer: ["it was not read back"] for layer in unproven}}
    if listener is not None:
        listener.close()
    refused = message.get("refused", {"stage2": ["an unexpected report"]})
    detail = "; ".join(f"{layer}: {', '.join(texts)}" for layer, texts in sorted(refused.items()))
    raise SandboxError(f"the kernel does not confirm the sandbox: {detail}", code="readback_failed")

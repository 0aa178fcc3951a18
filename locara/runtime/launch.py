"""Starting an app from outside: the sandbox, the broker's answers, and a client that speaks its frames.

Everything a test may want to choose (clock, DNS answers, the picker's answers, cache, data folder) is an
argument here and nowhere else: no environment variable and no file of the app can set it.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import field, replace
from pathlib import Path
from subprocess import TimeoutExpired
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from locara.core.digest import Digest
from locara.core.grant import widening
from locara.errors import UsageError
from locara.models.cache import ModelCache, default_root, not_cached
from locara.models.profiles import choose, ram_bytes
from locara.programs.starter import Starter
from locara.records import dataclass
from locara.runtime.app import AppBundle
from locara.runtime.app_home import AppHome, shared_root
from locara.runtime.awake import AWAKE_NAME, Admission, awake_file
from locara.runtime.background import PASSIVE_SECONDS
from locara.runtime.client import Client, ConnectionLost, error_of
from locara.runtime.consent import Consent
from locara.runtime.lifecycle import admit
from locara.runtime.manifest_file import MANIFEST_NAME
from locara.runtime.private_places import PrivatePlaces
from locara.runtime.recall import recalled
from locara.runtime.remembered import PickMemory
from locara.runtime.shared_folders import open_folders
from locara.runtime.state import START_CODES, StartError, StateFolder, default_state_root
from locara.runtime.user_folders import default_user_roots
from locara.sandbox.broker import Picker
from locara.sandbox.desktop.ports import Desktop
from locara.sandbox.desktop.session import session_desktop
from locara.sandbox.launcher import LaunchPlan, LaunchSpec, Payload, Process, Services, Source, build_plan
from locara.sandbox.launcher import start as start_sandbox
from locara.sandbox.profile import APP, ROOTS
from locara.tools.cache import ToolCache
from locara.tools.cache import default_root as tools_root
from locara.tools.cache import not_cached as tool_not_cached

if TYPE_CHECKING:
    from locara.sandbox.proxy import Resolver

PAYLOAD: Final = "locara.runtime.main"
START_SECONDS: Final = 60.0
_DEATH_SECONDS: Final = 10.0
_STAY_SECONDS: Final = 60.0  # the input of a pipe can end long before its last frame was answered
_LEAVE_SECONDS: Final = 15.0  # more than a runtime takes to cancel and close in order
_LOG_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class RunningApp:
    """An app that is running in its sandbox and has answered once. Closing it ends everything it started."""

    bundle: AppBundle
    home: AppHome
    process: Process
    client: Client
    watch: ExitStack = field(default_factory=ExitStack)

    @property
    def pid(self) -> int:
        """The outer process of the sandbox; killing it kills all of it."""
        return self.process.pid

    @property
    def stderr_path(self) -> Path:
        """Where the runtime's stderr goes."""
        return self.home.runtime_log

    def leave(self) -> int:
        """The person closed the window: end the input and wait until the app has ended. Returns its exit code.

        An app that was not granted to go on, and did not ask for it, is ended by force if it stays.
        """
        self.client.end_input()
        goes_on = self.process.broker.background != "none"
        try:
            return self.process.wait(PASSIVE_SECONDS + _LEAVE_SECONDS if goes_on else _LEAVE_SECONDS)
        except TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def close(self) -> None:
        """End the input, let the runtime shut down in order, then take the rest away. Idempotent."""
        self.watch.close()
        self.client.end_input()
        self.process.close()
        self.client.close()

    def kill(self) -> None:
        """Kill the sandbox at once, as a power cut would, and return when nothing of it runs any more."""
        self.process.kill()
        self.process.wait()
        # The outer process is gone before the inner ones; the end of their output says that they are, too.
        self.client.drain(_DEATH_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def launch_plan(
    bundle: AppBundle,
    *,
    home: AppHome,
    cache: ModelCache,
    user_roots: Mapping[str, Path],
    clock: float | None = None,
    tools: ToolCache | None = None,
    shared: Mapping[str, Path] | None = None,
) -> LaunchPlan:
    """The sandbox that this app's Grants describe, on this host. Raises ModelError or ToolError when a
    pinned model or tool is missing. tools is the tool cache; None is the person's own. shared are the shared
    folders that every side declares, by id; None is none."""
    # What was read, shown and agreed to here is what the runtime inside must find.
    args = ["--manifest", str(bundle.manifest.digest)]
    if clock is not None:
        args += ["--clock", repr(float(clock))]
    return build_plan(
        LaunchSpec(
            grants=bundle.grants,
            manifest_path=bundle.path / MANIFEST_NAME,
            app_dir=bundle.path,
            data_dir=home.path,
            payload=Payload(PAYLOAD, tuple(args)),
            models=_blobs(bundle, cache),
            user_roots=dict(user_roots),
            tools=_tool_folders(bundle, tools or ToolCache(tools_root())),
            shared_folders=dict(shared or {}),
            app_parts=("db", bundle.manifest.build.out),
        )
    )


def _blobs(bundle: AppBundle, cache: ModelCache) -> dict[Digest, Path]:
    """The files of the pinned models. Those of profiles for other machines may be missing."""
    needed = {pin.digest for pin in choose(bundle.manifest, ram_bytes()).models}
    found: dict[Digest, Path] = {}
    for digest in bundle.grants.models.values():
        path = cache.blob(digest)
        if path is not None:
            found[digest] = path
        elif digest in needed:
            raise not_cached(digest)
    return found


def _tool_folders(bundle: AppBundle, cache: ToolCache) -> dict[Digest, Path]:
    found: dict[Digest, Path] = {}
    for digest in bundle.grants.tools.values():
        path = cache.folder(digest)
        if path is None:
            raise tool_not_cached(digest)
        found[digest] = path
    return found


def start(
    bundle: AppBundle,
    *,
    home: Path,
    cache: ModelCache,
    picker: Picker,
    user_roots: Mapping[str, Path],
    state: Path,
    consent: Consent,
    resolver: Resolver | None = None,
    clock: float | None = None,
    plan: LaunchPlan | None = None,
    tools: ToolCache | None = None,
    tell: Callable[[str], None] | None = None,
    desktop: Desktop | None = None,
    person: Path | None = None,
) -> RunningApp:
    """Start an app and return when it answers.

    home is the folder below which apps keep their data; state the folder of the person's decisions, which no
    app may reach; consent asks the person where they have not agreed yet, before anything of the app runs.
    clock is the time, in seconds since 1970, that it is taken to be at the start; plan a launch plan to use
    in place of the app's own (the verifier's variants); tools a tool cache in place of the person's own. desktop
    is what answers for clipboard, notifications, browser and devices; None is a desktop without any of them.
    person is their home folder, whose private places are never handed over; None is that of who runs this.
    What the app shares with others lies in `shared_root(home)`. tell is told what the list of revocations says
    about the app, now and while it runs; None writes it to stderr. Raises StartError when it may not start,
    SandboxError when a layer is missing, ModelError when a pinned model is, and CallError with the runtime's own
    words when it refused to start.
    """
    place, folder = AppHome.of(bundle.grants, root=home), StateFolder(state)
    now = time.time() if clock is None else clock
    sizes = model_sizes(bundle, cache)
    admission = admit(bundle, state=folder, consent=consent, now=now, model_sizes=sizes)
    if plan is None:
        plan = launch_plan(
            admission.bundle,
            home=place,
            cache=cache,
            user_roots=user_roots,
            clock=clock,
            tools=tools,
            shared=open_folders(admission.bundle.grants, folder, root=shared_root(home), now=now),
        )
    with awake_file(folder, admission) as awake:
        private = PrivatePlaces.of(state, home, cache.root, home=person)
        services = _services(picker, folder, bundle, private, desktop=desktop, resolver=resolver)
        process, client = _begin(_guarded(plan, admission, folder, awake), place, services)
    running = RunningApp(admission.bundle, place, process, client)
    try:
        running.watch.enter_context(_recalled(folder, bundle, admission, process, tell))
        _greet(running)
    except BaseException:
        running.kill()
        running.close()
        raise
    return running


def _begin(plan: LaunchPlan, place: AppHome, services: Services) -> tuple[Process, Client]:
    """The sandbox of a plan, its stderr in the app's log, and a client at its other two streams."""
    log = _open_log(place)
    to_app, from_app = os.pipe(), os.pipe()
    try:
        process = start_sandbox(plan, stdin=to_app[0], stdout=from_app[1], stderr=log, services=services)
    except BaseException:
        os.close(to_app[1])
        os.close(from_app[0])
        raise
    finally:
        for fd in (to_app[0], from_app[1], log):
            os.close(fd)
    return process, Client(read_fd=from_app[0], write_fd=to_app[1])


def model_sizes(bundle: AppBundle, cache: ModelCache) -> dict[str, int]:
    """The bytes of each pinned model that is in the cache, by its id."""
    found = ((name, cache.blob(digest)) for name, digest in bundle.grants.models.items())
    return {name: path.stat().st_size for name, path in found if path is not None}


def _guarded(
    plan: LaunchPlan, admission: Admission, folder: StateFolder, awake: tuple[Path, Digest]
) -> LaunchPlan:
    """The plan with what is awake, once it shows the app nothing of the person's decisions and gives no power that
    is not."""
    given = (source for source in plan.sources if source.writable or source.dest.startswith(f"{ROOTS}/"))
    folder.keep_away_from(source.path for source in given)
    if widening(admission.bundle.grants, plan.grants):
        raise StartError("this launch plan gives powers that are not awake", code="state_exposed")
    return with_awake(plan, awake)


def with_awake(plan: LaunchPlan, awake: tuple[Path, Digest]) -> LaunchPlan:
    """The plan with the file that tells the runtime inside what is awake (`awake_file`): without it none starts."""
    path, digest = awake
    dest = f"{APP}/{AWAKE_NAME}"
    policy = plan.landlock
    if policy is not None:
        policy = policy._replace(paths=(*policy.paths, (dest, "read")))
    return replace(
        plan,
        sources=(*plan.sources, Source(path, dest, "file")),
        landlock=policy,
        payload=replace(plan.payload, args=(*plan.payload.args, "--awake", str(digest))),
    )


def _make_parent(place: AppHome) -> None:
    """Make the folder that holds the apps' data. Raises UsageError when it cannot be made."""
    try:
        place.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"the data folder {place.path.parent} cannot be made: {error.strerror}",
            fix="name a folder that can be written",
        ) from error


def _open_log(place: AppHome) -> int:
    _make_parent(place)
    try:
        return os.open(place.runtime_log, _LOG_FLAGS, 0o600)
    except OSError as error:
        raise UsageError(f"the log {place.runtime_log} cannot be written: {error.strerror}") from error


def _services(
    picker: Picker,
    folder: StateFolder,
    bundle: AppBundle,
    private: PrivatePlaces,
    *,
    desktop: Desktop | None,
    resolver: Resolver | None = None,
) -> Services:
    services = Services(
        picker=picker,
        judge=private.judge,
        memory=PickMemory(folder, bundle.grants.app_id, bundle.manifest.digest, private),
        desktop=desktop or Desktop(),
        programs=Starter(),
    )
    return services if resolver is None else replace(services, resolver=resolver)


def _greet(running: RunningApp) -> None:
    """Wait for the first answer. A runtime that refuses to start says why in one frame without an id."""
    try:
        running.client.call("app.info", timeout=START_SECONDS)
    except ConnectionLost as error:
        reason = running.client.left_over()
        if reason is not None and reason.get("refused") in START_CODES:
            told = error_of(reason)
            raise StartError(told.message, code=str(reason["refused"]), fix=told.fix) from None
        if reason is not None:
            raise error_of(reason) from None
        raise ConnectionLost(
            "the runtime ended before it answered", code="io_error", fix=f"see {running.stderr_path}"
        ) from error


def run_headless(
    app: Path,
    *,
    consent: Consent,
    picker: Picker,
    data: Path | None = None,
    state: Path | None = None,
) -> int:
    """Serve an app's frames on this process's stdin and stdout until stdin ends. Returns the exit code.

    SIGINT and SIGTERM end the sandbox at once: 130 and 143. Raises what start raises before anything runs.
    """
    with (
        running(AppBundle.open(app), consent=consent, picker=picker, data=data, state=state) as (process, _),
        killing(process) as signals,
    ):
        threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
        code = process.wait()
    return exit_code(code, signals)


def exit_code(code: int, signals: Sequence[int] = ()) -> int:
    """The exit code of a sandbox as a shell knows it: 128 and the number when a signal ended it."""
    if signals:
        return 128 + signals[0]
    return code if code >= 0 else 128 - code


def _recalled(
    folder: StateFolder,
    bundle: AppBundle,
    admission: Admission,
    process: Process,
    tell: Callable[[str], None] | None,
) -> AbstractContextManager[None]:
    """Say what the start had to say, and watch the lists while the app runs."""
    say = _say if tell is None else tell
    for notice in admission.notices:
        say(notice)
    return recalled(folder, bundle.grants, kill=process.kill, tell=say)


def _say(text: str) -> None:
    print(f"locara: {text}", file=sys.stderr, flush=True)


def _end_with_input(process: Process) -> None:
    """End an app by force that stays long after its input ended, unless it was granted to go on without it.

    The end of a pipe or a socket shows without reading from it; other inputs are left to the runtime.
    """
    poll = select.poll()
    poll.register(0, select.POLLHUP | getattr(select, "POLLRDHUP", 0))
    if not stat.S_ISFIFO(os.fstat(0).st_mode) and not stat.S_ISSOCK(os.fstat(0).st_mode):
        return
    poll.poll()
    let_end(process)


def let_end(process: Process) -> None:
    """Wait for an app whose input ended, as long as it was granted to go on; then end it by force."""
    goes_on = process.broker.background != "none"
    try:
        process.wait(_STAY_SECONDS + (PASSIVE_SECONDS if goes_on else 0))
    except TimeoutExpired:
        process.kill()


@contextmanager
def running(
    bundle: AppBundle,
    *,
    consent: Consent,
    picker: Picker,
    streams: tuple[int, int, int] = (0, 1, 2),
    data: Path | None = None,
    state: Path | None = None,
    admitted: Callable[[Admission], None] = lambda admission: None,
) -> Iterator[tuple[Process, Admission]]:
    """An app admitted and running while the block runs, its frames on the first two of ``streams``.

    ``admitted`` is called between the person's answer and the start, to bring what the app needs.
    ``data`` and ``state`` are the folders of apps' data and of the person's decisions, their own when None.
    Raises what `start` raises before anything of the app runs.
    """
    cache = ModelCache(default_root())
    place = AppHome.of(bundle.grants, root=data)
    folder = StateFolder(default_state_root() if state is None else state)
    sizes = model_sizes(bundle, cache)
    now = time.time()
    admission = admit(bundle, state=folder, consent=consent, now=now, model_sizes=sizes)
    admitted(admission)
    shared = open_folders(admission.bundle.grants, folder, root=shared_root(data), now=now)
    plan = launch_plan(
        admission.bundle, home=place, cache=cache, user_roots=default_user_roots(), shared=shared
    )
    _make_parent(place)
    private = PrivatePlaces.of(folder.path, place.path.parent, cache.root)
    services = _services(picker, folder, bundle, private, desktop=session_desktop())
    stdin, stdout, stderr = streams
    with awake_file(folder, admission) as awake:
        guarded = _guarded(plan, admission, folder, awake)
        process = start_sandbox(guarded, stdin=stdin, stdout=stdout, stderr=stderr, services=services)
    with process, _recalled(folder, bundle, admission, process, None):
        yield process, admission


@contextmanager
def killing(process: Process) -> Iterator[list[int]]:
    """While the block runs, SIGINT and SIGTERM kill the sandbox; yields the list of the signals that came."""
    came: list[int] = []

    def kill(number: int, _frame: object) -> None:
        came.append(number)
        process.kill()

    before = {number: signal.signal(number, kill) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

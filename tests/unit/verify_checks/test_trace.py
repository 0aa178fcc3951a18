"""The trace of system calls, of real processes."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.runtime.openat2 import open_beneath
from locara.sandbox.linux.syscalls import NUMBERS
from locara_verify.oracle.trace import calls, judge, kernel, watch
from locara_verify.oracle.trace.judge import BROKER, RUNTIME, Request, judged
from locara_verify.oracle.trace.lookups import NOWHERE, Seen, id_of
from locara_verify.oracle.trace.watch import STAND_IN, Trace, TraceError, tracing

traced = pytest.mark.skipif(watch.refused() is not None, reason=str(watch.refused()))
ANYBODY = -1


class Child:
    """A child that does its acts one by one, each when it is told to."""

    alive: ClassVar[set[int]] = set()

    def __init__(self, *acts: Callable[[], object]) -> None:
        told, self.tell = os.pipe()
        self.done, say = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            kernel.let_trace(ANYBODY)
            os.write(say, b".")
            for act in acts:
                os.read(told, 1)
                with contextlib.suppress(OSError):
                    act()
                os.write(say, b".")
            os._exit(0)
        self.alive.add(self.pid)
        os.close(told)
        os.close(say)
        os.read(self.done, 1)

    def act(self) -> None:
        os.write(self.tell, b".")
        assert os.read(self.done, 1) == b"."

    def end(self) -> int:
        os.close(self.tell)
        os.close(self.done)
        self.alive.discard(self.pid)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    """Where a test fails, its children would stay, stopped perhaps, with all that they hold open."""
    yield
    while Child.alive:
        pid = Child.alive.pop()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("a")
    (tmp_path / "in/link").symlink_to("../out/a.txt")
    (tmp_path / "in/sub").mkdir()
    return tmp_path / "in", tmp_path / "out"


@contextmanager
def following(child: Child, inside: Path) -> Iterator[Trace]:
    with tracing() as trace:
        trace.begin({id_of(inside.stat()): "in"}, processes=[(child.pid, "child")])
        yield trace


def seen_of(inside: Path, *acts: Callable[[], object]) -> list[Seen]:
    """What is seen of the acts; each is a request of its own."""
    child = Child(*acts)
    with following(child, inside) as trace:
        for number in range(len(acts)):
            trace.mark(number)
            child.act()
        found = trace.finish()
    assert child.end() == 0
    return found


def opened(path: Path, flags: int = os.O_RDONLY) -> Callable[[], object]:
    return lambda: os.close(os.open(path, flags))


@traced
def test_an_open_is_known_by_what_was_opened(folders: tuple[Path, Path]) -> None:
    inside, outside = folders
    acts = (
        opened(inside / "a.txt"), opened(outside / "a.txt", os.O_RDWR), opened(inside / "link"),
        opened(inside / "sub/../a.txt", os.O_PATH), opened(inside / "new", os.O_WRONLY | os.O_CREAT),
        opened(inside / "sub"), opened(inside / "absent"), opened(outside / "absent/x"),
    )  # fmt: skip
    found = seen_of(inside, *acts)
    assert [one.mark for one in found] == list(range(len(acts)))
    mine, theirs = id_of((inside / "a.txt").stat()), id_of((outside / "a.txt").stat())
    assert [(one.place, one.thing, one.access, one.error) for one in found] == [
        ("in", mine, "r", 0), (NOWHERE, theirs, "w", 0), (NOWHERE, theirs, "r", 0), ("in", mine, "", 0),
        ("in", id_of((inside / "new").stat()), "w", 0), ("in", id_of((inside / "sub").stat()), "r", 0),
        ("in", (0, 0), "r", 2), (NOWHERE, (0, 0), "r", 2),
    ]  # fmt: skip


@traced
def test_names_that_change_are_placed_by_their_folders(folders: tuple[Path, Path]) -> None:
    inside, outside = folders

    def at_folder() -> None:
        fd = os.open(inside, os.O_PATH)
        os.mkdir("made", dir_fd=fd)
        os.rename("made", "sub/moved", src_dir_fd=fd, dst_dir_fd=fd)

    found = seen_of(
        inside,
        lambda: (inside / "a.txt").rename(outside / "b.txt"),
        at_folder,
        lambda: (outside / "made").symlink_to("anything"),
        lambda: (inside / "link").chmod(0o600),
        lambda: os.utime(inside / "sub"),
        lambda: os.truncate(outside / "b.txt", 0),
    )
    changes = [one for one in found if one.kind == calls.CHANGE]
    assert [(one.mark, one.place) for one in changes] == [
        (0, "in"), (0, NOWHERE), (1, "in"), (1, "in"), (1, "in"), (2, NOWHERE), (3, "in"), (4, "in"), (5, NOWHERE),
    ]  # fmt: skip
    assert all(one.access == "w" for one in changes)


@traced
def test_threads_and_children_are_followed_and_programs_are_seen(folders: tuple[Path, Path]) -> None:
    inside, outside = folders

    def in_thread() -> None:
        thread = threading.Thread(target=opened(outside / "a.txt"))
        thread.start()
        thread.join()

    def in_child() -> None:
        pid = os.fork()
        if pid == 0:
            opened(outside / "a.txt")()
            os._exit(0)
        os.waitpid(pid, 0)

    def program() -> None:
        subprocess.run(["/bin/sh", "-c", ": < a.txt"], cwd=outside, check=True)

    found = seen_of(inside, in_thread, in_child, program)
    theirs = id_of((outside / "a.txt").stat())
    opens = [one for one in found if one.thing == theirs]
    assert [one.mark for one in opens] == [0, 1, 2]
    assert {one.role for one in found} == {"child"}
    assert not [one for one in found if one.kind == calls.RUN and one.mark == 0]
    assert "/bin/sh" in [one.path for one in found if one.name == "execve"]


@traced
def test_links_are_told_apart_from_what_the_kernel_confines(folders: tuple[Path, Path]) -> None:
    inside, _ = folders
    root = os.open(inside, os.O_PATH)
    acts = (
        lambda: os.close(open_beneath(root, "a.txt", os.O_RDONLY)),
        lambda: open_beneath(root, "link", os.O_RDONLY),
        lambda: os.close(os.open("a.txt", os.O_RDONLY, dir_fd=root)),
        lambda: os.close(os.open("a.txt", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=root)),
        lambda: os.stat("link", dir_fd=root),
        lambda: os.stat("link", dir_fd=root, follow_symlinks=False),
    )
    found = seen_of(inside, *acts)
    os.close(root)
    assert [(one.follows, one.confined, bool(one.error)) for one in found] == [
        (False, True, False), (False, True, True), (True, False, False), (False, False, False), (True, False, False),
        (False, False, False),
    ]  # fmt: skip


@traced
def test_a_descriptor_opened_again_is_where_it_was_found_for_the_same_request(
    folders: tuple[Path, Path],
) -> None:
    inside, _ = folders
    held: list[int] = []

    def both() -> None:
        held.append(os.open(inside / "a.txt", os.O_PATH))
        again()

    def again() -> None:
        os.close(os.open(f"/proc/self/fd/{held[0]}", os.O_RDWR))

    found = seen_of(inside, both, again)
    assert [(one.place, one.access, one.follows) for one in found] == [
        ("in", "", True), ("in", "w", False), (NOWHERE, "w", False),
    ]  # fmt: skip


@traced
def test_sockets_and_powers_are_seen_and_answers_are_not(folders: tuple[Path, Path]) -> None:
    inside, _ = folders
    one, other = socket.socketpair()

    def reach() -> None:
        with socket.socket(socket.AF_UNIX) as reaching:
            reaching.connect(str(inside / "nobody"))

    found = seen_of(inside, lambda: one.send(b"x"), reach, lambda: os.kill(os.getpid(), 0))
    one.close()
    other.close()
    assert [(item.mark, item.name, item.kind) for item in found] == [
        (1, "socket", calls.SOCKET), (1, "connect", calls.SOCKET), (2, "kill", calls.POWER),
    ]  # fmt: skip


@traced
def test_a_pipe_is_no_file(folders: tuple[Path, Path]) -> None:
    inside, _ = folders
    os.mkfifo(inside / "pipe")
    found = seen_of(
        inside, opened(inside / "pipe", os.O_RDONLY | os.O_NONBLOCK), opened(inside / "pipe", os.O_PATH)
    )
    assert [(one.place, one.special) for one in found] == [("in", True), ("in", False)]


@traced
def test_what_an_open_and_a_change_are_like(folders: tuple[Path, Path]) -> None:
    inside, _ = folders
    (inside / "first").write_text("x")
    (inside / "second").hardlink_to(inside / "first")
    (inside / "other").symlink_to("first")

    def write(name: str) -> Callable[[], object]:
        return lambda: (inside / name).write_text("y")

    def over_a_link() -> None:
        (inside / "a.txt").rename(inside / "other")

    def over_a_second_name() -> None:
        (inside / "third").hardlink_to(inside / "second")
        (inside / "closed").rename(inside / "third")

    def truncated() -> None:
        os.truncate(os.open(inside / "second", os.O_WRONLY | os.O_NONBLOCK), 0)

    made = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    acts = (
        write("a.txt"), write("second"), truncated, lambda: os.close(os.open(inside / "open", made, 0o622)),
        lambda: os.close(os.open(inside / "closed", made, 0o644)), lambda: (inside / "b").mkdir(0o775),
        lambda: (inside / "c").mkdir(0o755), over_a_link, opened(inside / "second", os.O_RDONLY | os.O_NONBLOCK),
        (inside / "first").unlink, over_a_second_name,
    )  # fmt: skip
    found = seen_of(inside, *acts)
    for trait, marks in {"waits": {0, 1}, "for_others": {0, 1, 3, 5}, "alias": {1, 2, 7, 10}}.items():
        assert {one.mark for one in found if getattr(one, trait)} == marks, trait


@traced
def test_a_child_that_dies_ends_nothing_else(folders: tuple[Path, Path]) -> None:
    inside, outside = folders
    dies, lives = Child(opened(outside / "a.txt")), Child(opened(inside / "a.txt"))
    with tracing() as trace:
        trace.begin({id_of(inside.stat()): "in"}, processes=[(dies.pid, "one"), (lives.pid, "other")])
        dies.act()
        os.kill(dies.pid, signal.SIGKILL)
        assert dies.end() in (0, -signal.SIGKILL)
        lives.act()
        found = trace.finish()
    assert lives.end() == 0
    assert [(one.role, one.place) for one in found] == [("one", NOWHERE), ("other", "in")]


@traced
@pytest.mark.parametrize("how", ["finished", "left", "killed"])
def test_whatever_ends_a_trace_the_traced_go_on_by_themselves(folders: tuple[Path, Path], how: str) -> None:
    inside, _ = folders
    child = Child(*[opened(inside / "a.txt")] * 2)
    with following(child, inside) as trace:
        child.act()
        if how == "finished":
            assert trace.finish()
        elif how == "killed":
            os.kill(trace.pid, signal.SIGKILL)
    until(lambda: status(child.pid)["TracerPid"].strip() == "0")
    assert status(child.pid)["State"].strip()[0] not in "tT"
    child.act()
    assert child.end() == 0


@traced
def test_a_stopped_process_stays_stopped_until_it_is_continued(folders: tuple[Path, Path]) -> None:
    inside, _ = folders
    child = Child(opened(inside / "a.txt"))
    with following(child, inside) as trace:
        os.kill(child.pid, signal.SIGSTOP)
        until(lambda: "stop" in status(child.pid)["State"])
        os.write(child.tell, b".")
        time.sleep(0.02)
        assert "stop" in status(child.pid)["State"]
        os.kill(child.pid, signal.SIGCONT)
        assert os.read(child.done, 1) == b"."
        assert [one.place for one in trace.finish()] == ["in"]
    assert child.end() == 0


@traced
def test_one_thread_of_the_own_process_can_be_traced(folders: tuple[Path, Path]) -> None:
    inside, outside = folders
    with tracing() as trace:
        go, ended = threading.Event(), threading.Event()

        def work() -> None:
            go.wait()
            opened(inside / "a.txt")()
            ended.set()

        thread = threading.Thread(target=work)
        thread.start()
        trace.begin({id_of(inside.stat()): "in"}, threads=[(thread.native_id or 0, BROKER)])
        opened(outside / "a.txt")()  # of the main thread, which is not traced
        go.set()
        assert ended.wait(30)
        thread.join()
        assert [(one.role, one.place) for one in trace.finish()] == [(BROKER, "in")]


@traced
def test_the_stand_in_does_what_must_be_seen(folders: tuple[Path, Path]) -> None:
    inside, outside = folders
    child = Child(opened(inside / "a.txt"))
    with tracing() as trace:
        places = {id_of(inside.stat()): "in"}
        trace.begin(places, processes=[(child.pid, "child")], stand_in=outside / "a.txt")
        child.act()
        until(lambda: not Path(f"/proc/{trace.pid}/task/{trace.pid}/children").read_text().strip())
        found = [one for one in trace.finish() if one.role == STAND_IN]
    assert child.end() == 0
    assert id_of((outside / "a.txt").stat()) in [one.thing for one in found]
    assert {"connect", "execve"} <= {one.name for one in found}
    assert all(judged(one, None) for one in found)


@traced
def test_what_cannot_be_traced_is_an_error_at_once() -> None:
    with tracing() as trace, pytest.raises(TraceError, match="refused"):
        trace.begin({}, threads=[(os.getpid(), "no thread of another"), (2**22 + 1, "nobody")])
    with tracing() as trace:
        os.kill(trace.pid, signal.SIGKILL)
        with pytest.raises(TraceError):
            trace.begin({})
            trace.finish()


def test_a_host_without_tracing_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = watch.refused.__wrapped__
    scope = tmp_path / "scope"
    scope.write_text("3\n")
    monkeypatch.setattr(watch, "_YAMA", scope)
    assert "ptrace_scope is 3" in (refused() or "")

    def forbidden(_pid: int) -> None:
        raise PermissionError(1, "no")

    scope.write_text("1\n")
    monkeypatch.setattr(watch, "_try", forbidden)
    assert "EPERM" in (refused() or "")
    monkeypatch.setattr(watch.platform, "machine", lambda: "pdp11")
    assert "pdp11" in (refused() or "")
    monkeypatch.setattr(watch.sys, "platform", "darwin")
    assert "darwin" in (refused() or "")


def test_no_number_is_used_twice() -> None:
    for column in (1, 2):
        numbers = [row[column] for row in calls.TABLE if row[column] is not None]
        assert len(numbers) == len(set(numbers))
    assert ctypes.sizeof(ctypes.c_long) == 8


def test_the_numbers_are_those_of_the_filter() -> None:
    mine = {call.name: (x86_64, aarch64) for call, x86_64, aarch64 in calls.TABLE}
    both = mine.keys() & NUMBERS.keys()
    assert len(both) > 25
    assert {name: mine[name] for name in both} == {name: NUMBERS[name] for name in both}


@pytest.mark.parametrize(
    ("column", "header"),
    [(1, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (2, "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_are_those_of_the_kernels_headers(column: int, header: str) -> None:
    if not Path(header).is_file():
        pytest.skip("the kernel's headers are not here")
    told = {}
    for line in Path(header).read_text().splitlines():
        words = line.split()
        if words[:1] == ["#define"] and len(words) > 2 and words[1].startswith("__NR") and words[2].isdigit():
            told[words[1].partition("_")[2].partition("_")[2].partition("_")[2]] = int(words[2])
    assert len(told) > 200
    known = {row[0].name: row[column] for row in calls.TABLE if row[column] is not None}
    names = {name: "fstatat" if name == "newfstatat" and column == 2 else name for name in known}
    assert {name: told.get(names[name], number) for name, number in known.items()} == known


KINDS = (calls.OPEN, calls.LOOK, calls.CHANGE, calls.HELD, calls.WRITTEN)
PLACES = ("a", "b", "audit", "picked before", "proc", NOWHERE)
SEEN = st.builds(
    Seen,
    mark=st.just(0),
    role=st.sampled_from((RUNTIME, BROKER, STAND_IN)),
    name=st.just("openat"),
    kind=st.sampled_from(KINDS),
    place=st.sampled_from(PLACES),
    path=st.sampled_from(("x", "/proc/meminfo")),
    access=st.sampled_from(("", "r", "w")),
    thing=st.just((1, 2)),
    error=st.sampled_from((0, 2)),
    follows=st.booleans(),
    confined=st.booleans(),
    special=st.booleans(),
    waits=st.booleans(),
    for_others=st.booleans(),
    alias=st.booleans(),
)
USES = st.dictionaries(st.sampled_from(("a", "b")), st.sampled_from(("r", "w")), max_size=2)


@given(SEEN, USES, USES)
@settings(max_examples=400, deadline=None)
def test_a_wider_request_lets_no_less_pass(seen: Seen, uses: dict[str, str], more: dict[str, str]) -> None:
    wider = {place: max(uses.get(place, "r"), more.get(place, "r")) for place in uses.keys() | more.keys()}
    held = (
        seen.confined and seen.place not in uses
    )  # by the kernel: that says nothing about a place that is used
    if judged(seen, Request("", uses)) is None and not held:
        assert judged(seen, Request("", wider)) is None


@given(SEEN, st.sampled_from(("r", "w")))
@settings(max_examples=400, deadline=None)
def test_only_what_may_be_written_is_opened_for_writing(seen: Seen, access: str) -> None:
    passes = judged(seen._replace(place="a"), Request("", {"a": access})) is None
    assert not (passes and seen.access == "w" and access == "r" and seen.kind != calls.WRITTEN)
    plain = Seen(
        0, BROKER, "openat2", calls.OPEN, "a", "x", seen.access, (1, 2), 0, follows=False, confined=True
    )
    assert (judged(plain, Request("", {"a": access}, "x")) is None) == (seen.access != "w" or access == "w")


@pytest.mark.parametrize(
    ("path", "asked", "passes"),
    [
        *(
            ("b", "a/b", True),
            ("a/b", "a/b", True),
            ("a", "a/b", True),
            ("b.txt", "b", False),
            ("", "a", True),
        ),
        *(
            ("a/.0123456789abcdef.part", "a/b", True),
            (".locara-" + "0" * 24, "b", True),
            (".b.part", "b", False),
        ),
        *(
            (".0123.part", "b", False),
            ("b~", "b", False),
            (".usage", "", False),
            ("/proc/self/fd/7", "b", True),
        ),
    ],
)
def test_no_file_beside_the_one_that_is_asked_for_is_used(path: str, asked: str, passes: bool) -> None:
    for kind in (calls.OPEN, calls.CHANGE):
        seen = Seen(0, RUNTIME, "openat2", kind, "a", path, "w", (1, 2), 0, follows=False, confined=True)
        assert (judged(seen, Request("", {"a": "w"}, asked)) is None) == passes
    folder = Seen(0, RUNTIME, "openat2", calls.OPEN, "a", path, "r", (1, 2), 0, follows=False, confined=True)
    assert judged(folder._replace(folder=True), Request("", {"a": "r"}, asked)) is None


@given(SEEN)
@settings(max_examples=400, deadline=None)
def test_a_request_that_names_nothing_lets_a_role_use_its_own_places_alone(seen: Seen) -> None:
    own = judge.OWN.get(seen.role, {}).get(seen.place)
    numbers = (seen.role, seen.place, seen.path, seen.access) == (RUNTIME, "proc", "/proc/meminfo", "r")
    written = seen.kind == calls.WRITTEN and not seen.alias  # to what was opened before
    allowed = own == "w" or (own == "r" and seen.access != "w") or numbers or written
    assert (judged(seen, None) is None) == allowed


@pytest.mark.parametrize("kind", [calls.SOCKET, calls.RUN, calls.POWER])
@pytest.mark.parametrize("error", [0, 1])
def test_powers_are_faults_whether_they_work_or_not(kind: str, error: int) -> None:
    seen = Seen(0, RUNTIME, "x", kind, "a", "", "", (0, 0), error, follows=False, confined=False)
    fault = judged(seen, Request("", {"a": "w"}))
    assert fault is not None
    assert not fault.files


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.partition(":")[::2] for line in lines)

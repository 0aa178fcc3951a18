"""LC202, LC203 and LC207 at the broker itself: code inside the sandbox may leave the runtime's checks out.

The real broker runs in this process at one end of its socket pair and is sent what a runtime that was taken
over would send. The judge is the folder that was picked and the one beside it, byte for byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.records import dataclass
from locara.runtime import openat2
from locara.sandbox.broker import Broker, ScriptedPicker, Services
from locara.sandbox.desktop.ports import Desktop
from locara.sandbox.linux import kernel_calls
from locara_verify.check import CheckResult, check
from locara_verify.checks.names import guessable
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each

LINKS: Final = "LC202"
FORGERY: Final = "LC203"
WIDENING: Final = "LC207"
SECRET: Final = b"a canary that lies outside of what was picked"
GIVEN: Final[tuple[bool | str, ...]] = (False, "read", "read-write")
PICKS: Final = ("read", "read-write")
PLAIN: Final = ("a.txt", "sub/b.txt", "new.txt", "sub", "")
ASTRAY: Final = (
    *(
        "out",
        "out/canary",
        "same",
        "folder/b.txt",
        "../outside/canary",
        "..",
        "sub/../../outside/canary",
        "twin",
    ),
    *("/etc/passwd", "sub/up/canary", "pipe", "dangling"),
)
ODD: Final = ("a:b", "back\\slash", "nul.txt", "COM1 .txt", "end.", "blank ", "\u202etxt.b", "line\u2028end")
"""Names of files that are there and that no portable path has."""
_WRITES: Final = ("create", "append", "replace")
_DATAGRAM: Final = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of the broker; ``data`` is what its descriptor, if any, lets read, and ``put`` whether it took a
    byte."""

    reply: dict[str, Any]
    data: bytes = b""
    put: bool = False

    @property
    def ok(self) -> bool:
        """Whether the broker did it."""
        return self.reply.get("ok") is True


class Peer:
    """The inside of the sandbox, as far as the broker can tell."""

    def __init__(self, sock: socket.socket, broker: Broker) -> None:
        self._sock = sock
        self._broker = broker

    @property
    def background(self) -> str:
        """What the broker lets the app go on as: none, passive or active."""
        return self._broker.background

    def offer(self, ask: str, take: str, text: bytes) -> Answer:
        """Write text into the place that the operation ``ask`` gives, and have ``take`` read it from there."""
        self._sock.sendall(json.dumps({"op": ask}).encode())
        data, fds, _, _ = socket.recv_fds(self._sock, _DATAGRAM, 4)
        for fd in fds:
            with os.fdopen(fd, "wb") as file:
                file.write(text)
        return self.ask(op=take, offer=json.loads(data).get("offer", ""))

    def ask(self, **message: Any) -> Answer:  # noqa: ANN401 - anything a JSON object can hold
        """Send one request, use the descriptor that comes back, close it."""
        reply, fds = self._exchange(message)
        read, put = b"", False
        for fd in fds:
            with contextlib.suppress(OSError):
                read += os.read(fd, 1_000)
            with contextlib.suppress(OSError):
                put = os.write(fd, b"!") == 1
            os.close(fd)
        return Answer(reply, read, put)

    def hold(self, held: contextlib.ExitStack, **message: Any) -> Answer:  # noqa: ANN401 - as above
        """Send one request; the descriptor that comes back stays open, unread, until ``held`` ends."""
        reply, fds = self._exchange(message)
        for fd in fds:
            held.callback(os.close, fd)
        return Answer(reply)

    def send(self, data: bytes) -> Answer:
        """Send one datagram as it is."""
        self._sock.sendall(data)
        return Answer(json.loads(self._sock.recv(_DATAGRAM)))

    def _exchange(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], list[int]]:
        self._sock.sendall(json.dumps(message).encode())
        data, fds, _, _ = socket.recv_fds(self._sock, _DATAGRAM, 4)
        return json.loads(data), fds

    def pick(self, kind: str, access: str) -> Answer:
        """Ask the person."""
        return self.ask(op="pick", kind=kind, access=access, multiple=False, recursive=True)


@contextlib.contextmanager
def serving(grants: Grants, *picks: Path, desktop: Desktop | None = None) -> Iterator[Peer]:
    """A broker for these grants and this desktop, and a person who picks these, in this order."""
    picker = ScriptedPicker([[path] for path in picks])
    with talking(grants, Services(picker=picker, desktop=desktop or Desktop())) as peer:
        yield peer


@contextlib.contextmanager
def talking(grants: Grants, services: Services) -> Iterator[Peer]:
    """The inside of a sandbox whose broker has these grants and this outside."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    broker = Broker(grants, ours, services)
    broker.begin()
    theirs.settimeout(20)
    try:
        with theirs:
            yield Peer(theirs, broker)
    finally:
        broker.close()


def folders(ctx: Context) -> tuple[Path, Path]:
    """A folder to pick with every kind of way out of it, and what must not be reached beside it."""
    top = ctx.fresh_dir("broker")
    picked, outside = top / "picked", top / "outside"
    for folder in (picked, picked / "sub", outside):
        folder.mkdir()
    (outside / "canary").write_bytes(SECRET)
    (outside / "other").write_bytes(SECRET)
    (picked / "a.txt").write_bytes(b"a")
    (picked / "sub/b.txt").write_bytes(b"b")
    for name in ODD:
        (picked / name).write_bytes(b"odd")
    links = {
        "out": "../outside",
        "same": "a.txt",
        "folder": "sub",
        "sub/up": "../../outside",
        "dangling": "none",
    }
    for name, target in links.items():
        (picked / name).symlink_to(target)
    os.link(outside / "other", picked / "twin")
    os.mkfifo(picked / "pipe")
    return picked, outside


def shape(folder: Path) -> str:
    """A digest of a tree: names, kinds, targets of links, bytes of files."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        body = str(path.readlink()).encode() if path.is_symlink() else b""
        body = path.read_bytes() if path.is_file() and not path.is_symlink() else body
        state.update(repr((str(path.relative_to(folder)), path.lstat().st_mode, body)).encode())
    return state.hexdigest()


def granted(ctx: Context, given: bool | str) -> Grants:
    """The target's grants with another one for what is picked."""
    document: dict[str, Any] = json.loads(ctx.target.manifest_bytes)
    document["capabilities"]["fs.user-selected"] = given
    return compile_grants(parse_manifest(json.dumps(document).encode()))


@dataclass(slots=True)
class Case:
    """One grant and one way of picking; what was found under them."""

    ctx: Context
    given: bool | str
    access: str
    findings: list[Finding]
    tried: dict[str, int]

    @property
    def reads(self) -> bool:
        """Whether the folder can be picked so at all."""
        return self.given == "read-write" or (self.given == "read" and self.access == "read")

    @property
    def writes(self) -> bool:
        """Whether what is in the folder may be changed."""
        return self.given == "read-write" and self.access == "read-write"

    def judge(self, rule: str, fault: bool, message: str, because: str) -> None:
        """Count an attempt, and record what it showed."""
        self.tried[rule] = self.tried.get(rule, 0) + 1
        if fault:
            where = f"granted {json.dumps(self.given)}, picked for {self.access}: {because}"
            self.findings.append(Finding(rule, message, because=where))


@check("escape-outside", rules=(LINKS, FORGERY, WIDENING), quick=True)
def run(ctx: Context) -> CheckResult:
    """Every grant with every way of picking: what the broker then opens, writes, lists and hands out."""
    findings: list[Finding] = []
    tried: dict[str, int] = {}
    broken: dict[str, str] = {}
    for given, access in itertools.product(GIVEN, PICKS):
        case = Case(ctx, given, access, findings, tried)
        works = attack(case)
        if works is not None:
            broken = dict.fromkeys((LINKS, FORGERY, WIDENING), f"the allow twin failed: {works}")
    guess(Case(ctx, "read", "read", findings, tried))
    resolve(Case(ctx, "read", "read", findings, tried))
    pick_links(Case(ctx, "read", "read", findings, tried))
    works = second_names(Case(ctx, "read-write", "read-write", findings, tried))
    if works is not None:
        broken.setdefault(LINKS, f"the allow twin failed: {works}")
    return CheckResult(
        findings=first_of_each(findings), attempts=tried, attacks=sum(tried.values()), inconclusive=broken
    )


def attack(case: Case) -> str | None:
    """Pick a folder and try everything with it. What did not work although it must, or None."""
    picked, outside = folders(case.ctx)
    before, around = shape(picked), shape(outside)
    with serving(granted(case.ctx, case.given), picked) as peer:
        chosen = peer.pick("directory", case.access)
        case.judge(
            WIDENING,
            chosen.ok and not case.reads,
            "the broker let something be picked without a grant",
            str(chosen),
        )
        if not chosen.ok:
            return f"nothing could be picked ({chosen.reply})" if case.reads else None
        handle = chosen.reply["handles"][0]["handle"]
        go_astray(case, peer, handle)
        case.judge(LINKS, shape(outside) != around, "what lies beside a picked folder changed", "tree digest")
        # Whoever may write has a folder of its own by now; whoever may not has changed nothing.
        for path in () if case.writes else PLAIN:
            for mode in _WRITES:
                answer = peer.ask(op="open", handle=handle, path=path, mode=mode)
                case.judge(
                    WIDENING, answer.ok or answer.put, "a handle for reading was opened for writing", mode
                )
            for operation in ("mkdir", "remove"):
                answer = peer.ask(op=operation, handle=handle, path=path or "x")
                case.judge(WIDENING, answer.ok, "a handle for reading changed a folder", operation)
        case.judge(
            WIDENING,
            not case.writes and shape(picked) != before,
            "a folder picked for reading changed",
            "tree digest",
        )
        return ordinary(case, peer, handle)


def go_astray(case: Case, peer: Peer, handle: str) -> None:
    """Paths that lead through links, out of the folder, or to no regular file."""
    listed = peer.ask(op="list", handle=handle, path="")
    names = {entry["name"] for entry in listed.reply.get("entries", ())}
    odd = sorted(names & {"out", "same", "folder", "dangling", "pipe"})
    case.judge(LINKS, bool(odd), "a listing tells of links and special files", str(odd))
    for path in (*ASTRAY, *ODD):
        for mode in ("read", *_WRITES):
            if path == "twin" and mode in ("read", "replace"):
                continue  # its bytes are in the folder, whatever else they are called; replacing gives new ones
            answer = peer.ask(op="open", handle=handle, path=path, mode=mode)
            token = answer.reply.get("commit")
            if isinstance(token, str):
                peer.ask(op="abort", commit=token)
            fault = answer.ok or SECRET in answer.data or answer.put
            case.judge(
                LINKS, fault, "the broker opened what a link or a way out leads to", f"{mode} {path!r}"
            )
        for operation in ("stat", "list", *(("remove",) if path not in {"twin"} else ())):
            if path == "twin":
                continue
            answer = peer.ask(op=operation, handle=handle, path=path)
            case.judge(LINKS, answer.ok, "the broker followed a link or a way out", f"{operation} {path!r}")


def ordinary(case: Case, peer: Peer, handle: str) -> str | None:
    """What such a handle is for."""
    read = peer.ask(op="open", handle=handle, path="a.txt", mode="read")
    if read.data != b"a":
        return f"a picked file could not be read ({read.reply})"
    if case.writes and not peer.ask(op="open", handle=handle, path="new.txt", mode="create").put:
        return "a file in a picked folder could not be written"
    return None


def resolve(case: Case) -> None:
    """The two functions that resolve a path for the runtime and for the broker, without any rule of text before
    them: the kernel alone has to refuse."""
    picked, _ = folders(case.ctx)
    (picked / "magic").symlink_to("/proc/self/root")
    top = os.open(picked, os.O_PATH | os.O_DIRECTORY)
    try:
        for who, opens in (("runtime", openat2.open_beneath), ("broker", kernel_calls.open_beneath)):
            for path in (
                *(path for path in ASTRAY if path not in {"twin", "pipe"}),
                "magic",
                "magic/etc",
                "sub/..",
            ):
                try:
                    os.close(opens(top, path, os.O_RDONLY | os.O_NONBLOCK))
                except OSError:
                    led = False
                else:
                    led = path != "sub/.."  # stays below the folder
                case.judge(
                    LINKS, led, f"path resolution of the {who} followed a link or left its folder", path
                )
            os.close(opens(top, "a.txt", os.O_RDONLY))
    finally:
        os.close(top)


def guess(case: Case) -> None:
    """Handles are drawn anew each time: no place of them stays, whoever asks and however often."""
    picked, _ = folders(case.ctx)
    keys = []
    for _ in range(2):
        with serving(granted(case.ctx, "read"), *[picked / "a.txt"] * 16) as peer:
            keys += [peer.pick("file", "read").reply["handles"][0]["handle"] for _ in range(16)]
            for other in keys[:8]:
                if len(keys) > 16:
                    answer = peer.ask(op="open", handle=other, path="", mode="read")
                    case.judge(FORGERY, answer.ok, "a handle of another session opens something", "replayed")
    guessed = guessable(keys)
    case.judge(FORGERY, guessed is not None, "handles can be guessed", str(guessed))


def pick_links(case: Case) -> None:
    """The person picks a link: what it points to is not what they were shown."""
    picked, outside = folders(case.ctx)
    (picked / "note").symlink_to(outside / "canary")
    for name, kind in (
        ("out", "directory"),
        ("same", "file"),
        ("note", "file"),
        ("pipe", "file"),
        ("dangling", "file"),
    ):
        with serving(granted(case.ctx, "read"), picked / name) as peer:
            case.judge(LINKS, peer.pick(kind, "read").ok, "a link or a special file was picked", name)


def second_names(case: Case) -> str | None:
    """A file that is picked itself: where it has a second name elsewhere, no mode writes through it."""
    for mode in _WRITES:
        picked, outside = folders(case.ctx)
        before, size = shape(outside), (picked / "twin").stat().st_size
        with serving(granted(case.ctx, case.given), picked / "twin", picked / "a.txt") as peer:
            handles = [peer.pick("file", case.access).reply["handles"][0]["handle"] for _ in range(2)]
            for more in (0, 10 * size):
                answer = peer.ask(op="open", handle=handles[0], path="", mode=mode, size=more)
                case.judge(
                    LINKS,
                    answer.ok or answer.put or shape(outside) != before,
                    "a picked file was written through its second name",
                    f"{mode}, with {more} bytes announced",
                )
            works = peer.ask(op="open", handle=handles[1], path="", mode=mode).put
        if works == (mode == "create"):
            return f"{mode} of a picked file with one name: {works}"
    return None

"""LC433: hostile pages in the app's real window, on a screen of their own, judged by sinks outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.waiting import happens
from locara_verify.checks.window.bare import ANSWERS, AWAY, KEEPS, NAMED, PREFIX
from locara_verify.checks.window.page import SURE, WAYS, groups, write_page
from locara_verify.checks.window.plans import no_window
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.target import Target

if TYPE_CHECKING:
    from locara.ui.display import Display
    from locara_verify.oracle.sinks import Sinks

CLOSED: Final = (
    "enable-developer-extras", "disable-web-security", "allow-file-access-from-file-urls",
    "allow-universal-access-from-file-urls", "allow-top-navigation-to-data-urls", "enable-dns-prefetching",
    "javascript-can-open-windows-automatically", "javascript-can-access-clipboard", "enable-media-stream",
    "enable-webrtc", "enable-mock-capture-devices", "enable-webgl", "enable-encrypted-media", KEEPS,
    NAMED,
)  # fmt: skip
"""What is off in every window: tools of developers, ways to files, to devices and to other windows, among them its
title, which every program of an X11 session reads."""

_BARE: Final = Path(__file__).with_name("bare.py")
_PLAIN: Final = Path(__file__).with_name("plain_view.py")
_CONTROL_SECONDS: Final = 40
_PAGE_SECONDS: Final = 60.0
_SETTLE: Final = 1.0


def no_screen(target: Target) -> str | None:
    """Why no window can be opened here, None when one can."""
    reason = no_window(target)
    if reason is None and shutil.which("Xvfb") is None:
        return "no screen to open a window on: Xvfb is not installed"
    return reason


@check("window.live", rules=("LC433",), waits=True, needs=frozenset({"kernel"}), applies=no_screen)
def run(ctx: Context) -> CheckResult:
    """The control first, then a page that tries everything, in the window and in its view alone."""
    from locara_verify.oracle.sinks import open_sinks  # noqa: PLC0415 - only live checks open sockets

    findings: list[Finding] = []
    reasons: list[str] = []
    with screen() as display, open_sinks(ctx.fresh_dir("sinks")) as sinks:
        missing = SURE - _control(ctx, display)
        if missing:
            reasons.append(f"without protection these ways did not work either: {', '.join(sorted(missing))}")
        for number, (where, opened) in enumerate(
            (("in its sandbox", _window), ("without its sandbox", _bare))
        ):
            ctx.progress(number, 2, f"the window {where}")
            told = _show(ctx, display, sinks, where, opened)
            findings += told[0]
            reasons += told[1]
    tried = 2 * len(WAYS) + len(AWAY) + len(CLOSED)
    return CheckResult(
        findings=tuple(findings),
        attempts={"LC433": tried},
        attacks=tried,
        inconclusive={"LC433": "; ".join(reasons)} if reasons and not findings else {},
    )


@dataclass(slots=True)
class _Seen:
    """What a window that is open let be seen: the calls of its page, and what its engine says of itself."""

    commands: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, bool] | None:
        """How the engine is set, None where it did not say."""
        told = [line for line in self.output if line.startswith(PREFIX)]
        return dict(json.loads(told[-1].removeprefix(PREFIX))) if told else None

    @property
    def answers(self) -> list[str] | None:
        """Questions of the engine that the view answers wrongly, None where it did not say."""
        told = [line for line in self.output if line.startswith(ANSWERS)]
        return list(json.loads(told[-1].removeprefix(ANSWERS))) if told else None


Opened = Callable[
    [Context, "Display", Path, socket.socket, _Seen], AbstractContextManager[Callable[[], bool]]
]
"""A window with this page and this end of its frame socket; the value says whether it is still there."""


@contextmanager
def _window(
    ctx: Context, display: Display, page: Path, peer: socket.socket, _seen: _Seen
) -> Iterator[Callable[[], bool]]:
    """The window as every app has it."""
    from locara.ui.plan import Look  # noqa: PLC0415 - only this check opens windows
    from locara.ui.window import Report, open_window  # noqa: PLC0415

    def hear(_report: Report) -> None:
        """What a window says of itself decides nothing."""

    look, log = Look("A hostile page", "index.html"), os.open(os.devnull, os.O_WRONLY)
    try:
        with open_window(ctx.grants, page, look, peer=peer, hear=hear, log=log, display=display) as window:
            yield lambda: window.poll() is None
            window.kill()
    finally:
        os.close(log)


@contextmanager
def _bare(
    ctx: Context, display: Display, page: Path, peer: socket.socket, seen: _Seen
) -> Iterator[Callable[[], bool]]:
    """The same view with the network and the files of this machine."""
    import locara  # noqa: PLC0415 - as above

    config = json.dumps({"title": "A hostile page", "entry": "index.html", "folder": str(page)})
    product = str(Path(locara.__file__).resolve().parents[1])
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environ = {"DISPLAY": display.name, "HOME": str(ctx.fresh_dir("home")), "PATH": "/usr/bin:/bin"}
    environ |= {"GDK_BACKEND": "x11", "LOCARA_BROKER_FD": str(theirs.fileno())}
    with control, theirs:
        process = subprocess.Popen(
            ["/usr/bin/python3", "-I", str(_BARE), config, product],
            stdin=peer.fileno(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ, text=True,
            errors="replace", pass_fds=[theirs.fileno()], start_new_session=True,
        )  # fmt: skip
        reader = threading.Thread(target=_lines, args=(process, seen.output), daemon=True)
        reader.start()
        try:
            yield lambda: process.poll() is None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(_PAGE_SECONDS)
            reader.join(_SETTLE)


def _lines(process: subprocess.Popen[str], output: list[str]) -> None:
    if process.stdout is not None:
        output.extend(process.stdout)


def _show(
    ctx: Context, display: Display, sinks: Sinks, where: str, opened: Opened
) -> tuple[list[Finding], list[str]]:
    sinks.clear()
    http, stun = (f"127.0.0.1:{sinks.sinks[kind].port}" for kind in ("tcp", "udp"))
    page = write_page(ctx.fresh_dir("page"), http=http, stun=stun, names=tuple(WAYS))
    _open_to_all(page)
    seen = _Seen()
    commands = seen.commands
    ours, theirs = socket.socketpair()
    with ours, opened(ctx, display, page, theirs, seen) as alive:
        theirs.close()
        threading.Thread(target=_listen, args=(ours, commands), daemon=True).start()
        ended = happens(lambda: "ended" in commands or "left" in commands or not alive(), _PAGE_SECONDS)
        time.sleep(_SETTLE)  # what was on its way arrives
        lives = alive()
    hits = {name: count for name, count in sinks.hits().items() if count}
    last = next((one for one in reversed(commands) if one.startswith("leaving ")), "leaving for nowhere")
    findings = [
        _finding(
            f"a page in the window {where} reached the {name} sink",
            {"sink": name, "hits": count, "last": last},
        )
        for name, count in hits.items()
    ]
    findings += [
        _finding(f"the window {where} passed on a call that was {word}", {"commands": sorted(set(commands))})
        for word in ("forged", "inner")
        if word in commands
    ]
    if "told" in commands:
        findings.append(_finding(f"the window {where} told its page the token of the channel", {}))
    findings += [
        _finding(f"the window {where} let its page have what it asked for: {command}", {})
        for command in commands
        if command.startswith(("granted ", "opened "))
    ]
    if "left" in commands:
        findings.append(_finding(f"the window {where} let its page go elsewhere: {last}", {}))
    if where != "in its sandbox":
        settings, answers = seen.settings, seen.answers
        if (settings is None or answers is None) and not findings:
            return findings, ["the engine did not say how it is set and what it is answered"]
        findings += [_finding(f"the view lets its page have: {wrong}", {}) for wrong in (answers or [])[:5]]
        loose = sorted(name for name in CLOSED if (settings or {}).get(name))
        if loose:
            findings.append(_finding(f"the engine is set more openly than a window may: {loose}", {}))
    if not findings and (not {"began", "watched"} <= {*commands} or not ended or not lives):
        return findings, [f"the page {where} did not run to its end ({', '.join(commands[-3:]) or 'silent'})"]
    return findings, []


def _listen(sock: socket.socket, commands: list[str]) -> None:
    from locara.runtime import frames  # noqa: PLC0415 - as above

    reader = frames.FrameReader(sock.fileno())
    try:
        while (payload := reader.read()) is not None:
            commands.append(str(frames.decode(payload).get("cmd")))
    except Exception:  # whatever a page sends, it does not end the check
        commands.append("broken")


def _finding(message: str, evidence: dict[str, object]) -> Finding:
    return Finding(
        "LC433",
        message,
        because="the sinks outside and the other end of the bridge keep their own record",
        evidence=evidence,  # type: ignore[arg-type]
    )


def _control(ctx: Context, display: Display) -> set[str]:
    """The ways that work in a plain WebKit view of this machine."""
    reached: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.add(self.path.removeprefix("/"))
            self.send_response(204)
            self.end_headers()

        do_POST = do_OPTIONS = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    environ = {"DISPLAY": display.name, "HOME": str(ctx.fresh_dir("home")), "PATH": "/usr/bin:/bin"}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pages = [
            write_page(
                ctx.fresh_dir("plain"),
                http=f"127.0.0.1:{server.server_port}",
                stun="127.0.0.1:9",
                names=names,
            )
            for names in groups()
        ]
        command = ["/usr/bin/python3", "-I", str(_PLAIN), str(_CONTROL_SECONDS), *map(str, pages)]
        process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        happens(lambda: reached >= SURE or process.poll() is not None, _PAGE_SECONDS)
        process.terminate()
        process.wait(_PAGE_SECONDS)
        server.shutdown()
    return reached


def _open_to_all(page: Path) -> None:
    for path in (page, *page.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)


@contextmanager
def screen() -> Iterator[Display]:
    """A screen without a monitor, for the block."""
    from locara.ui.display import find_display  # noqa: PLC0415 - as above

    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-ac"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        yield find_display({"DISPLAY": f":{number}"})
    finally:
        server.terminate()
        server.wait(30)

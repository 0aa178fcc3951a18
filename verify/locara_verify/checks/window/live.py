"""LC433: hostile pages in the app's real window, on a screen of their own, judged by sinks outside."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.window.page import SURE, groups, write_page
from locara_verify.checks.window.plans import no_window
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.target import Target

if TYPE_CHECKING:
    from locara.ui.display import Display
    from locara_verify.oracle.sinks import Sinks

_PLAIN: Final = Path(__file__).with_name("plain_view.py")
_CONTROL_SECONDS: Final = 8
_PAGE_SECONDS: Final = 60.0
_SETTLE: Final = 1.0


def no_screen(target: Target) -> str | None:
    """Why no window can be opened here, None when one can."""
    reason = no_window(target)
    if reason is None and shutil.which("Xvfb") is None:
        return "no screen to open a window on: Xvfb is not installed"
    return reason


@check("window.live", rules=("LC433",), needs=frozenset({"kernel"}), applies=no_screen)
def run(ctx: Context) -> CheckResult:
    """The control first, then each page in the window."""
    from locara_verify.oracle.sinks import open_sinks  # noqa: PLC0415 - only live checks open sockets

    pages = groups()
    findings: list[Finding] = []
    reasons: list[str] = []
    with _screen() as display, open_sinks(ctx.fresh_dir("sinks")) as sinks:
        missing = SURE - _control(ctx, display)
        if missing:
            reasons.append(f"without protection these ways did not work either: {', '.join(sorted(missing))}")
        for number, names in enumerate(pages):
            ctx.progress(number, len(pages), names[0])
            told = _show(ctx, display, sinks, names)
            findings += told[0]
            reasons += told[1]
    tried = sum(map(len, pages))
    return CheckResult(
        findings=tuple(findings),
        attempts={"LC433": tried},
        attacks=tried,
        inconclusive={"LC433": "; ".join(reasons)} if reasons else {},
    )


def _show(
    ctx: Context, display: Display, sinks: Sinks, names: tuple[str, ...]
) -> tuple[list[Finding], list[str]]:
    from locara.ui.plan import Look  # noqa: PLC0415 - only this check opens windows
    from locara.ui.window import Report, open_window  # noqa: PLC0415

    sinks.clear()
    http, stun = (f"127.0.0.1:{sinks.sinks[kind].port}" for kind in ("tcp", "udp"))
    page = write_page(ctx.fresh_dir("page"), http=http, stun=stun, names=names)
    _open_to_all(page)
    commands: list[str] = []
    reports: list[str] = []
    ours, theirs = socket.socketpair()
    log = os.open(os.devnull, os.O_WRONLY)
    look = Look("A hostile page", "index.html")

    def hear(report: Report) -> None:
        reports.append(report.event)

    with (
        ours,
        open_window(ctx.grants, page, look, peer=theirs, hear=hear, log=log, display=display) as window,
    ):
        theirs.close()
        threading.Thread(target=_listen, args=(ours, commands), daemon=True).start()
        ended = _until(lambda: "ended" in commands or (len(names) == 1 and "blocked" in reports))
        time.sleep(_SETTLE)  # what was on its way arrives
        alive = window.poll() is None
        window.kill()
    os.close(log)
    hits = {name: count for name, count in sinks.hits().items() if count}
    findings = [
        _finding(f"a page reached the {name} sink through {', '.join(names)}", {"sink": name, "hits": count})
        for name, count in hits.items()
    ]
    findings += [
        _finding(f"the window passed on a call that was {word}", {"commands": sorted(set(commands))})
        for word in ("forged", "inner")
        if word in commands
    ]
    if "began" not in commands or not ended or not alive:
        return findings, [f"the page of {names[0]} did not run to its end ({', '.join(reports) or 'silent'})"]
    return findings, []


def _until(condition: object) -> bool:
    end = time.monotonic() + _PAGE_SECONDS
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


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
        started = []
        for names in groups():
            page = write_page(
                ctx.fresh_dir("plain"),
                http=f"127.0.0.1:{server.server_port}",
                stun="127.0.0.1:9",
                names=names,
            )
            command = ["/usr/bin/python3", "-I", str(_PLAIN), str(page), str(_CONTROL_SECONDS)]
            started.append(
                subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
        for process in started:
            process.wait(_PAGE_SECONDS)
        server.shutdown()
    return reached


def _open_to_all(page: Path) -> None:
    for path in (page, *page.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)


@contextmanager
def _screen() -> Iterator[Display]:
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

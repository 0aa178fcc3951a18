"""LC203 at the runtime's end of the broker: an answer, and the descriptor beside it, are of the question asked.

Nothing in an answer says whose it is, so the next question waits for it. A descriptor is nobody's but the caller's: one
beside a refusal is closed, and no program that is started gets it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.manifest import parse_manifest
from locara.sandbox.broker import Services
from locara.sandbox.broker_client import BrokerClient
from locara.sandbox.desktop.ports import Desktop
from locara.sandbox.desktop.scripted import HeldClipboard
from locara.sandbox.picker import Answer as Picked
from locara.sandbox.picker import Ask
from locara_verify.checks.descriptors import open_on
from locara_verify.checks.desktop.stage import EVERYTHING
from locara_verify.checks.escape.outside import FORGERY, Answer, Case, Peer, talking

_DATAGRAM: Final = 1 << 20
_MOMENT: Final = 0.03


def passed(case: Case) -> str | None:
    """Two who ask at once, and each kind of answer with a descriptor. What did not work although it must, or None."""
    together, got = _asked_together()
    case.judge(FORGERY, together, "the broker is asked again before it answered", "two threads asked at once")
    for name, value in got.items():
        case.judge(FORGERY, value != name, "an answer is given to another question", f"{name}: {value}")
    for ok in (True, False):
        before = open_on(Path(os.devnull))
        fd = _answered(ok)
        if ok:
            if fd is None:
                return "a descriptor that the broker sent did not arrive"
            case.judge(
                FORGERY, os.get_inheritable(fd), "a descriptor is for every program that is started", ""
            )
            os.close(fd)
        after = open_on(Path(os.devnull))
        told = f"{'a' if ok else 'no'} descriptor was asked for: {after - before} more are open"
        case.judge(FORGERY, after != before, "a descriptor of the broker is kept", told)
    return None


def _asked_together() -> tuple[bool, dict[str, str]]:
    """Whether a second question came while the first had no answer, and what each was answered."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client, got = BrokerClient(ours), dict[str, str]()
    together = False

    def ask(name: str) -> None:
        with contextlib.suppress(Exception):
            got[name] = client.stat(name).kind

    asking = [threading.Thread(target=ask, args=(name,), daemon=True) for name in ("first", "second")]
    theirs.settimeout(10.0)
    with theirs, contextlib.suppress(OSError):
        for one in asking:
            one.start()
        left = len(asking)
        while left:
            asked = [_question(theirs)]
            theirs.settimeout(_MOMENT)
            with contextlib.suppress(TimeoutError):
                asked.append(_question(theirs))
                together = True
            theirs.settimeout(10.0)
            for one in reversed(asked):
                theirs.sendall(
                    json.dumps({"ok": True, "kind": one["handle"], "size": 0, "modified": 0}).encode()
                )
            left -= len(asked)
        for thread in asking:
            thread.join(10.0)
    client.close()
    return together, got


def _question(sock: socket.socket) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(sock.recv(_DATAGRAM))
    return asked


def _answered(ok: bool) -> int | None:
    """The descriptor of a file that was asked for, where the broker answers so and a descriptor lies beside it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client, got = BrokerClient(ours), list[int]()
    with theirs, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor
        answer = {"ok": True} if ok else {"ok": False, "code": "not_found", "message": "no"}
        socket.send_fds(theirs, [json.dumps(answer).encode()], [nothing.fileno()])
        with contextlib.suppress(Exception):
            got.append(client.open("handle"))
    client.close()
    return got[0] if got else None


def apart(case: Case) -> str | None:
    """Two apps whose persons choose at the same time: each gets its own, and nothing that one was given is the other's.

    What did not work although it must, or None.
    """
    document = json.loads(case.ctx.target.manifest_bytes)
    document["capabilities"] |= {**EVERYTHING, "fs.user-selected": "read-write"}
    grants = compile_grants(parse_manifest(json.dumps(document).encode()))
    folders, both = [case.ctx.fresh_dir("apart") for _ in range(2)], threading.Barrier(2)
    for folder in folders:
        (folder / "file").write_bytes(b"old")
    with contextlib.ExitStack() as stack:
        peers = [
            stack.enter_context(
                talking(
                    grants, Services(picker=_Slow(folder, both), desktop=Desktop(clipboard=HeldClipboard()))
                )
            )
            for folder in folders
        ]
        given = dict[int, Answer]()
        asking = [
            threading.Thread(
                target=lambda at=at: given.update({at: peers[at].pick("directory", "read-write")})
            )
            for at in range(2)
        ]
        for one in asking:
            one.start()
        for one in asking:
            one.join(20.0)
        names = [given[at].reply.get("handles", [{}])[0] if at in given else {} for at in range(2)]
        for at, name in enumerate(names):
            if not name:
                return "two apps could not be given a folder at the same time"
            wrong = name.get("name") != folders[at].name
            case.judge(
                FORGERY, wrong, "the answer of one dialog is given to another app", f"{name.get('name')}"
            )
        drafts = [_begun(peer, name["handle"]) for peer, name in zip(peers, names, strict=True)]
        for at, (peer, other) in enumerate(zip(peers, reversed(peers), strict=True)):
            offer = peer.ask(op="clipboard-offer").reply.get("offer", "")
            handle = names[at]["handle"]
            asked: tuple[dict[str, Any], ...] = (
                {"op": "stat", "handle": handle}, {"op": "list", "handle": handle, "path": ""},
                {"op": "release", "handle": handle}, {"op": "commit", "commit": drafts[at]},
                {"op": "abort", "commit": drafts[at]}, {"op": "clipboard-write", "offer": offer},
            )  # fmt: skip
            for message in asked:
                answer = other.ask(**message)
                case.judge(
                    FORGERY, answer.ok, "what one app was given works for another", json.dumps(message)
                )
            kept = peer.ask(op="commit", commit=drafts[at]).ok
            case.judge(FORGERY, not kept, "what another app said ended a draft", f"app {at}")
    return None


class _Slow:
    """A person who answers once both were asked."""

    def __init__(self, folder: Path, both: threading.Barrier) -> None:
        self._folder, self._both = folder, both

    def pick(self, _ask: Ask) -> Picked:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._both.wait(10.0)
        return Picked((self._folder,))


def _begun(peer: Peer, handle: str) -> str:
    return str(peer.ask(op="open", handle=handle, path="file", mode="replace").reply.get("commit", ""))


def dialogs(case: Case) -> str | None:
    """Two dialogs of two apps at once, each a process that answers with what it was asked. As above."""
    from locara.ui import picker  # noqa: PLC0415 - loads the window's part

    shown = case.ctx.fresh_dir("dialogs")
    (shown / "dialog.py").write_text(_DIALOG, "utf-8")
    place, got = "_DIALOGS", dict[str, tuple[Path, ...]]()
    real = getattr(picker, place)
    setattr(picker, place, shown)
    try:
        apps = ("one", "two")
        asking = [
            threading.Thread(
                target=lambda app=app: got.update(
                    {app: picker.DialogPicker(app).pick(Ask("file", "read")).paths}
                )
            )
            for app in apps
        ]
        for one in asking:
            one.start()
        for one in asking:
            one.join(20.0)
    finally:
        setattr(picker, place, real)
    for app in apps:
        told = f"{app}: {got.get(app)}"
        case.judge(FORGERY, got.get(app) != (Path(f"/{app}"),), "a dialog's answer is another app's", told)
    return None


_DIALOG: Final = """import json, pathlib, sys, time
app = json.load(sys.stdin)["app"]
print(json.dumps({"paths": ["/" + app], "remember": False}), flush=True)
here = pathlib.Path(__file__).parent
(here / app).touch()
end = time.monotonic() + 10
while time.monotonic() < end and not all((here / one).exists() for one in ("one", "two")):
    time.sleep(0.005)
"""
"""Ends once both have answered."""

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

from locara.sandbox.broker_client import BrokerClient
from locara_verify.checks.descriptors import open_on
from locara_verify.checks.escape.outside import FORGERY, Case

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

"""The command net.fetch as an app calls it: its arguments, a real gate and log, the real proxy, real TLS.

Only the last step is led astray: names have a public address, and whoever is dialled is a server of this check.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

from locara.records import dataclass
from locara_verify.checks.in_process import environment
from locara_verify.checks.network.ground import LOCAL, Server
from locara_verify.context import Context

PUBLIC: Final = "93.184.216.34"  # an address that a proxy may dial; nothing is ever sent there

Json = Any


@dataclass(slots=True)
class Caller:
    """Calls net.fetch. ``asked`` are the names the proxy resolved, ``dialled`` the ports it dialled."""

    session: Any
    hosts: Mapping[str, Server]
    asked: list[tuple[str, int]] = field(default_factory=list)
    dialled: list[int] = field(default_factory=list)

    def call(self, **args: Json) -> str:
        """ "" when the call was answered, else the code of its refusal."""
        return self.told(**args)[0]

    def told(
        self, *, cancelled: bool = False, ends: threading.Event | None = None, **args: Json
    ) -> tuple[str, dict[str, Json]]:
        """The code ("" for an answer) and the answer; of a call that was cancelled before it began, if it says so, or
        is as soon as ``ends`` is set."""
        from pydantic_core import ValidationError  # noqa: PLC0415 - loads the framework

        from locara.errors import CallError, CapabilityDenied  # noqa: PLC0415
        from locara.runtime.arguments import checked  # noqa: PLC0415
        from locara.runtime.call import Call  # noqa: PLC0415
        from locara.runtime.commands.net import FetchArgs, net_fetch  # noqa: PLC0415

        try:
            given = checked(FetchArgs, args)
        except ValidationError:
            return "bad_request", {}
        call = Call(1, "net.fetch", lambda _event: None)
        if cancelled:
            call.cancelled.set()
        if ends is not None:
            threading.Thread(target=_cancel, args=(call.cancelled, ends), daemon=True).start()
        try:
            return "", dict(net_fetch(self.session, call, given))
        except CapabilityDenied:
            return "capability_denied", {}
        except CallError as error:
            return error.code, {}
        except Exception as error:  # the server answers with internal_error: it was not foreseen
            return f"internal_error ({type(error).__name__})", {}

    def resolve(self, host: str, port: int) -> list[str]:
        """What the proxy is told about a name."""
        self.asked.append((host, port))
        return [PUBLIC]

    def dial(self, _address: str, port: int) -> socket.socket:
        """A connection to the server that stands for the name that was asked last."""
        self.dialled.append(port)
        server = self.hosts[self.asked[-1][0]]
        return socket.create_connection((LOCAL, server.port), timeout=20.0)


def _cancel(flag: threading.Event, when: threading.Event) -> None:
    when.wait()
    flag.set()


@contextlib.contextmanager
def caller(
    ctx: Context, hosts: Mapping[str, Server], authority: Path, granted: list[str]
) -> Iterator[Caller]:
    """net.fetch of the target, with a grant of these hosts on port 443."""
    from locara.core.compile import compile_grants  # noqa: PLC0415 - loads the framework
    from locara.core.manifest import parse_manifest  # noqa: PLC0415
    from locara.runtime.audit import AuditLog  # noqa: PLC0415
    from locara.runtime.gate import Gate  # noqa: PLC0415
    from locara.runtime.session import Session  # noqa: PLC0415
    from locara.sandbox.proxy import Proxy  # noqa: PLC0415

    document: dict[str, Json] = json.loads(ctx.target.manifest_bytes)
    document["capabilities"]["net"] = {"allowed_hosts": granted}
    grants = compile_grants(parse_manifest(json.dumps(document).encode()))
    log = AuditLog.open(ctx.fresh_dir("log") / "log.jsonl", app="acme/caller")
    # net.fetch asks its session for the gate alone.
    one = Caller(cast("Session", SimpleNamespace(gate=Gate(grants, log))), hosts)
    with socket.create_server((LOCAL, 0), backlog=64) as listener:
        proxy = Proxy(grants, listener, resolver=one.resolve, dial=one.dial)
        proxy.begin()
        place = f"{LOCAL}:{listener.getsockname()[1]}"
        try:
            with environment(LOCARA_PROXY=place, LOCARA_CA_FILE=str(authority)):
                yield one
        finally:
            proxy.close()
            log.close()

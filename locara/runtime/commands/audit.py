"""audit.capabilityLog: the app's own record of every decision about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from locara.runtime.arguments import Args, Field
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session

_DEFAULT: Final = 100


class LogArgs(Args):
    """limit: how many of the newest entries."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = _DEFAULT


@command("audit.capabilityLog", args=LogArgs, lane=Lane.FILES)
def capability_log(session: Session, _call: Call, args: LogArgs) -> Mapping[str, Any]:
    """`{entries: [{v, seq, time, app, cmd, capability, request, allowed, because, prev, hash}]}`, oldest
    first."""
    return {"entries": session.audit.tail(args.limit)}

"""tools.invoke: run a pinned tool, with no more than both it and the app may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from locara.core.composition import Composition, compose
from locara.core.request import Request, ToolRequest
from locara.core.scope import AtomScope, request_of
from locara.runtime.arguments import Args, Field
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session

MAX_NAME: Final = 160
MAX_TIMEOUT_MS: Final = 60_000


class InvokeArgs(Args):
    """tool: id or pin; input: any JSON that has the tool's input schema; timeoutMs: less than the tool's own."""

    tool: Annotated[str, Field(max_length=MAX_NAME)]
    input: Any
    timeout_ms: Annotated[int | None, Field(ge=1, le=MAX_TIMEOUT_MS)] = None


@command("tools.invoke", args=InvokeArgs, lane=Lane.TOOL)
def invoke(session: Session, call: Call, args: InvokeArgs) -> Mapping[str, Any]:
    """`{output, usage: {fuel, ms, memoryBytes}}`. Each call starts the tool anew: nothing of another is left."""
    request = ToolRequest(args.tool)
    session.gate.require(request, cmd=call.cmd)
    tool = session.tools.tool(args.tool)
    composed = compose(session.grants, tool.needs)
    _require(session, call, request, composed)
    for needed in _requests(composed):
        session.gate.require(needed, cmd=call.cmd)
    call.check()
    answer = session.tools.invoke(
        tool, args.input, rights=composed.rights, timeout_ms=args.timeout_ms, cancelled=call.cancelled
    )
    usage = answer.usage
    return {
        "output": answer.output,
        "usage": {"fuel": usage.fuel, "ms": usage.ms, "memoryBytes": usage.memory_bytes},
    }


def _require(session: Session, call: Call, request: ToolRequest, composed: Composition) -> None:
    """Refuse, and record, a tool that needs what the app is not granted; the fix is the app's line to add."""
    for missing in composed.missing:
        session.gate.require(missing, cmd=call.cmd)
    if composed.missing_tooling:
        listed = ", ".join(f'"{name}"' for name in composed.missing_tooling)
        session.gate.refuse(
            request,
            cmd=call.cmd,
            because=f"the tool needs the tooling {listed}, which the manifest does not declare",
            fix=f'"tooling": [{listed}]',
        )


def _requests(composed: Composition) -> list[Request]:
    """What the call will be given, one request for each grant: recorded before it happens."""
    found: list[Request] = []
    for grant in composed.rights.grants:
        if isinstance(grant.scope, AtomScope):
            found += [request_of(grant.kind, atom) for atom in sorted(grant.scope.atoms)]
    return found

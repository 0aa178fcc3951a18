"""Tools offered to a model, and the judgement of the calls it writes.

What a model writes is as untrusted as what the frontend sends: a call is text with a name in it until the gate
has allowed that name under the app's Grants. Nothing is run here, and `tools.invoke` decides again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from locara.core.request import ToolRequest
from locara.errors import CallError, CapabilityDenied
from locara.inference.backend import ToolOffer, WrittenCall
from locara.records import dataclass
from locara.runtime.gate import Gate
from locara.runtime.session import Session

if TYPE_CHECKING:
    from locara.tools.manifest import Tool

_ID_CHARS: Final = 9  # the strictest chat templates take nine letters and digits, and nothing else
_MAX_NAME: Final = 160


@dataclass(frozen=True, slots=True)
class Offers:
    """The tools of one llm.chat call, by the name under which the manifest pins them."""

    gate: Gate
    cmd: str
    by_name: Mapping[str, Tool]

    @property
    def tools(self) -> tuple[ToolOffer, ...]:
        """As the model is told of them."""
        return tuple(
            ToolOffer(name, tool.description, tool.input.written) for name, tool in self.by_name.items()
        )

    def named(self, tool: str) -> str:
        """The name of an offered tool that was given by name or by pin. Raises CallError bad_request."""
        name, at, digest = tool.partition("@")
        found = self.by_name.get(name)
        if found is None or (at and digest != str(found.digest)):
            raise CallError("toolChoice names none of the tools that are offered", code="bad_request")
        return name

    def judge(self, calls: Sequence[WrittenCall]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What may go to `tools.invoke`, and what may not with the reason; each judgement is recorded.

        Raises AuditError when one cannot be recorded.
        """
        allowed: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        for call in calls:
            shown: dict[str, Any] = {"id": secrets.token_hex(_ID_CHARS)[:_ID_CHARS], "tool": call.name}
            shown["tool"] = call.name[:_MAX_NAME]
            if call.arguments is not None:
                shown["arguments"] = call.arguments
            why = self._refusal(call)
            if why is None:
                allowed.append(shown)
            else:
                refused.append({**shown, **why})
        return allowed, refused

    def _refusal(self, call: WrittenCall) -> dict[str, str] | None:
        """Why a call may not be run, or None. A name that is not exactly an offered one is none of them."""
        if call.problem is not None or call.arguments is None:
            because = call.problem or "the call has no arguments"
            self.gate.record_refusal(self.cmd, capability="tools", because=f"a written call: {because}")
            return {"code": "bad_request", "because": because}
        request = ToolRequest(call.name)
        try:
            self.gate.require(request, cmd=self.cmd)
            tool = self.by_name.get(call.name)
            if tool is None:
                because = "this llm.chat call did not offer the tool to the model"
                self.gate.refuse(request, cmd=self.cmd, because=because, fix="name it in tools")
        except CapabilityDenied as error:
            return {"code": error.code, "because": error.because, "fix": error.fix}
        problem = tool.input.problem(call.arguments)
        if problem is None:
            return None
        return {
            "code": "bad_request",
            "because": f"the arguments do not have the tool's input schema: {problem}",
        }


def offered(session: Session, tools: Sequence[str], *, cmd: str) -> Offers:
    """The named tools, each allowed by the gate and with its manifest read.

    Raises CapabilityDenied for a tool that the manifest does not pin, ToolError for one that is not there, and
    CallError bad_request for one that is named twice.
    """
    found: dict[str, Tool] = {}
    for tool in tools:
        session.gate.require(ToolRequest(tool), cmd=cmd)
        name = tool.partition("@")[0]
        if name in found:
            raise CallError("a tool is offered once", code="bad_request")
        found[name] = session.tools.tool(tool)
    return Offers(session.gate, cmd, found)

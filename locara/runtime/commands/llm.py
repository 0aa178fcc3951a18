"""llm.chat: text from a pinned local model, whole or as a stream, with tools, reasoning and schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from locara.core.request import ModelRequest
from locara.errors import CallError
from locara.inference.backend import (
    ANY_TOOL,
    ChatBackend,
    ChatRequest,
    Delta,
    Finish,
    Message,
    PastCall,
    Thought,
)
from locara.runtime.arguments import Args, Field
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.offers import Offers, offered
from locara.runtime.paced import PacedText
from locara.runtime.session import Session

ModelName = Annotated[str, Field(min_length=1, max_length=160)]
ToolName = Annotated[str, Field(min_length=1, max_length=160)]
MAX_TOOLS: Final = 32
THINKING: Final = "text-to-text-thinking"
_KINDS: Final[Mapping[type[Delta | Thought], str]] = {Delta: "delta", Thought: "reasoning"}


class PastCallArgs(Args):
    """A tool call of an earlier answer, as it was given."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    tool: ToolName
    arguments: dict[str, Any]


class MessageArgs(Args):
    """One turn of the conversation; toolCallId names the call that a turn of the role tool answers."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: list[PastCallArgs] = Field(default_factory=list)
    tool_call_id: Annotated[str | None, Field(max_length=64)] = None


class ChosenTool(Args):
    """The one tool that the model must call."""

    tool: ToolName


class ChatArgs(Args):
    """What to generate; the ranges of the numbers are checked by the backend, which names the field."""

    model: ModelName
    messages: list[MessageArgs]
    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: list[str] = Field(default_factory=list)
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    tools: Annotated[list[ToolName], Field(max_length=MAX_TOOLS)] = Field(default_factory=list)
    tool_choice: Literal["auto", "none", "required"] | ChosenTool = "auto"
    thinking: bool = False
    stream: bool = False


@command("llm.chat", args=ChatArgs, lane=Lane.MODEL)
def chat(session: Session, call: Call, args: ChatArgs) -> Mapping[str, Any]:
    """`{content, finishReason: stop|length|cancelled, usage: {inputTokens, outputTokens, reasoningTokens,
    msTotal, msFirstToken}}`.

    With stream, events `{type: "delta", text}` come first, at least a few milliseconds apart. With schema,
    content is one JSON value that conforms to it when finishReason is stop. With tools, `toolCalls: [{id, tool,
    arguments}]` are what the model wants to have called and the gate allows, each fit for `tools.invoke`, and
    `refusedCalls: [{id, tool, arguments?, code, because, fix}]` what it may not. With thinking, `reasoning` is
    the trace, and its events are `{type: "reasoning", text}`. Cancelling a running call ends it with what was
    generated and finishReason cancelled.
    """
    session.gate.require(ModelRequest(args.model), cmd=call.cmd)
    if args.thinking and THINKING not in session.grants.modalities:
        session.gate.refuse(
            ModelRequest(args.model),
            cmd=call.cmd,
            because=f"thinking needs the modality {THINKING}, which the manifest does not declare",
            fix=f'"modalities": ["{THINKING}"]',
        )
    offers = offered(session, args.tools, cmd=call.cmd)
    with session.models.chat(args.model) as backend:
        finish = _generate(backend, call, args, _request(args, offers))
    usage = finish.usage
    result: dict[str, Any] = {
        "content": finish.text,
        "finishReason": finish.reason,
        "usage": {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "reasoningTokens": usage.reasoning_tokens,
            "msTotal": usage.ms_total,
            "msFirstToken": usage.ms_first_token,
        },
    }
    if args.thinking:
        result["reasoning"] = finish.reasoning or ""
    if args.tools:
        result["toolCalls"], result["refusedCalls"] = offers.judge(finish.calls)
    return result


def _request(args: ChatArgs, offers: Offers) -> ChatRequest:
    choice = args.tool_choice
    if isinstance(choice, ChosenTool):
        forced: str | None = offers.named(choice.tool)
    else:
        forced = ANY_TOOL if choice == "required" else None
    return ChatRequest(
        messages=tuple(
            Message(
                turn.role,
                turn.content,
                tuple(PastCall(one.id, one.tool, one.arguments) for one in turn.tool_calls),
                turn.tool_call_id,
            )
            for turn in args.messages
        ),
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        seed=args.seed,
        stop=tuple(args.stop),
        schema=args.schema_,
        tools=() if choice == "none" else offers.tools,
        forced=forced,
        thinking=args.thinking,
    )


def _generate(backend: ChatBackend, call: Call, args: ChatArgs, request: ChatRequest) -> Finish:
    """The end of the generation; its pieces were sent where a stream is wanted."""
    with PacedText(lambda kind, text: call.emit({"type": kind, "text": text})) as pieces:
        for event in backend.stream(request, call.cancelled):
            if isinstance(event, Finish):
                return event
            if args.stream:
                pieces.add(_KINDS[type(event)], event.text)
    raise CallError("the model ended without a result", code="model_error")

"""llm.chat: text from a pinned local model, whole or as a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from locara.core.request import ModelRequest
from locara.errors import CallError
from locara.inference.backend import ChatRequest, Delta, Message
from locara.runtime.call import Call
from locara.runtime.commands.registry import Args, Lane, command
from locara.runtime.session import Session

ModelName = Annotated[str, Field(min_length=1, max_length=160)]


class MessageArgs(Args):
    """One turn of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


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
    stream: bool = False


@command("llm.chat", args=ChatArgs, lane=Lane.MODEL)
def chat(session: Session, call: Call, args: ChatArgs) -> Mapping[str, Any]:
    """`{content, finishReason: stop|length|cancelled, usage: {inputTokens, outputTokens, msTotal,
    msFirstToken}}`.

    With stream, events `{type: "delta", text}` come first. With schema, content is one JSON value that
    conforms to it when finishReason is stop. Cancelling a running call ends it with what was generated and
    finishReason cancelled.
    """
    session.gate.require(ModelRequest(args.model), cmd=call.cmd)
    backend = session.models.chat(args.model)
    request = ChatRequest(
        messages=tuple(Message(turn.role, turn.content) for turn in args.messages),
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        seed=args.seed,
        stop=tuple(args.stop),
        schema=args.schema_,
    )
    for event in backend.stream(request, call.cancelled):
        if not isinstance(event, Delta):
            usage = event.usage
            return {
                "content": event.text,
                "finishReason": event.reason,
                "usage": {
                    "inputTokens": usage.input_tokens,
                    "outputTokens": usage.output_tokens,
                    "msTotal": usage.ms_total,
                    "msFirstToken": usage.ms_first_token,
                },
            }
        if args.stream:
            call.emit({"type": "delta", "text": event.text})
    raise CallError("the model ended without a result", code="model_error")

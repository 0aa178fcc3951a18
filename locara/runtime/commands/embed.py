"""embed.create: vectors from a pinned local model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locara.core.request import ModelRequest
from locara.runtime.arguments import Args
from locara.runtime.call import Call
from locara.runtime.commands.llm import ModelName
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session


class EmbedArgs(Args):
    """texts: 1 to 64 of them, each cut to the model's window by nobody: a longer one is refused."""

    model: ModelName
    texts: list[str]


@command("embed.create", args=EmbedArgs, lane=Lane.MODEL)
def create(session: Session, call: Call, args: EmbedArgs) -> Mapping[str, Any]:
    """`{vectors: [[number]], dimensions, usage: {inputTokens}}`: one vector of length 1 for each text, in
    order."""
    session.gate.require(ModelRequest(args.model), cmd=call.cmd)
    with session.models.embedder(args.model) as backend:
        found = backend.embed(args.texts, call.cancelled)
    return {
        "vectors": [list(vector) for vector in found.vectors],
        "dimensions": found.dimensions,
        "usage": {"inputTokens": found.input_tokens},
    }

"""transcribe.*: speech to text with times, from a file or bit by bit, with a pinned local model.

Speech has a lane of its own: a long file does not keep the app from chatting. An open stream is named by a
text nobody can guess, and each call is decided anew.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from locara.core.request import ModelRequest
from locara.errors import CallError, InferenceError
from locara.runtime.arguments import Args, Field
from locara.runtime.call import Call
from locara.runtime.commands.fs import PathArgs, with_tree
from locara.runtime.commands.llm import ModelName
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session

if TYPE_CHECKING:
    from locara.inference.speech import LiveHearing, Segment, Transcript

MAX_STREAMS: Final = 4
MAX_PUSH_BYTES: Final = 2 * 1024 * 1024
_MAX_PUSH_TEXT: Final = (MAX_PUSH_BYTES + 2) // 3 * 4
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
StreamName = Annotated[str, Field(min_length=1, max_length=64)]


class FromFileArgs(PathArgs):
    """A WAV file below a root (see fs.read), the model that hears it, and the language when it is known."""

    model: ModelName
    language: Language | None = None
    stream: bool = False


class OpenArgs(Args):
    """rate: samples a second of what will be pushed."""

    model: ModelName
    language: Language | None = None
    rate: Annotated[int, Field(ge=8_000, le=192_000)] = 16_000


class PushArgs(Args):
    """stream: the name that transcribe.open gave; data: base64 of 16-bit little-endian samples, one channel."""

    stream: StreamName
    data: Annotated[str, Field(max_length=_MAX_PUSH_TEXT)]


class CloseArgs(Args):
    """stream: the name that transcribe.open gave."""

    stream: StreamName


@command("transcribe.fromFile", args=FromFileArgs, lane=Lane.SPEECH)
def from_file(session: Session, call: Call, args: FromFileArgs) -> Mapping[str, Any]:
    """`{segments: [{start, end, text}], text, duration, language, finishReason: stop|cancelled, usage:
    {outputTokens, msTotal}}`, times in seconds.

    With stream, events `{type: "segment", start, end, text}` come as they are heard. Cancelling a running
    call ends it with what was heard and finishReason cancelled. A file that is no sound is bad_request.
    """
    from locara.inference.audio import read_wav  # noqa: PLC0415 - loads numpy
    from locara.inference.speech import transcribe_wav  # noqa: PLC0415

    session.gate.require(ModelRequest(args.model), cmd=call.cmd)
    fd = with_tree(session, call, args, "read", lambda tree: tree.open_read(args.path))
    try:
        wav = read_wav(fd)
        call.check()
        with session.models.speech(args.model) as backend:
            whole = transcribe_wav(
                backend,
                (fd, wav),
                language=args.language,
                emit=lambda segment: (
                    call.emit({"type": "segment", **_shown(segment)}) if args.stream else None
                ),
                cancel=call.cancelled,
            )
    finally:
        os.close(fd)
    return _result(whole)


@command("transcribe.open", args=OpenArgs, lane=Lane.SPEECH)
def open_(session: Session, call: Call, args: OpenArgs) -> Mapping[str, Any]:
    """`{stream}`: the name of a new stream. At most four are open at a time; the next is answered busy."""
    from locara.inference.speech import LiveHearing  # noqa: PLC0415 - loads numpy

    session.gate.require(ModelRequest(args.model), cmd=call.cmd)
    live = session.models.live
    if len(live) >= MAX_STREAMS:
        raise CallError(
            f"at most {MAX_STREAMS} transcriptions are open at a time",
            code="busy",
            fix="end one with transcribe.close",
        )
    name = secrets.token_hex(16)
    with session.models.speech(args.model) as backend:  # from here on the open stream keeps it in memory
        live[name] = (args.model, LiveHearing(backend, args.language, args.rate))
    return {"stream": name}


@command("transcribe.push", args=PushArgs, lane=Lane.SPEECH)
def push(session: Session, call: Call, args: PushArgs) -> Mapping[str, Any]:
    """`{segments: [{start, end, text}]}`: what became certain with this sound, often nothing.

    Sound is heard in pieces of 4 to 10 seconds that end in a pause. A cancelled push ends its stream.
    """
    import numpy as np  # noqa: PLC0415 - slow to load

    hearing = _hearing(session, call, args.stream)
    try:
        data = base64.b64decode(args.data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CallError("data is not base64", code="bad_request") from error
    if len(data) % 2:
        raise CallError("data ends in the middle of a sample", code="bad_request")
    samples = (np.frombuffer(data, "<i2") / 2.0**15).astype(np.float32)
    try:
        return {"segments": [_shown(segment) for segment in hearing.push(samples, call.cancelled)]}
    except InferenceError:
        session.models.live.pop(args.stream, None)
        raise


@command("transcribe.close", args=CloseArgs, lane=Lane.SPEECH)
def close(session: Session, call: Call, args: CloseArgs) -> Mapping[str, Any]:
    """The whole as transcribe.fromFile returns it, and `last`: the segments no push has given yet."""
    hearing = _hearing(session, call, args.stream)
    try:
        last, whole = hearing.finish(call.cancelled)
    finally:
        session.models.live.pop(args.stream, None)
    return {**_result(whole), "last": [_shown(segment) for segment in last]}


def _hearing(session: Session, call: Call, name: str) -> LiveHearing:
    """The open stream of a name, decided again for its model. Raises CallError or CapabilityDenied."""
    found = session.models.live.get(name)
    if found is None:
        raise CallError("no such transcription is open", code="not_found", fix="open one: transcribe.open")
    model, hearing = found
    session.gate.require(ModelRequest(model), cmd=call.cmd)
    return hearing


def _shown(segment: Segment) -> dict[str, Any]:
    return {"start": segment.start, "end": segment.end, "text": segment.text}


def _result(whole: Transcript) -> dict[str, Any]:
    return {
        "segments": [_shown(segment) for segment in whole.segments],
        "text": " ".join(segment.text for segment in whole.segments),
        "duration": round(whole.seconds, 3),
        "language": whole.language,
        "finishReason": whole.reason,
        "usage": {"outputTokens": whole.tokens, "msTotal": whole.ms_total},
    }

"""tts.*: text spoken with a computer voice. espeak-ng, confined; the text is data, whatever it looks like."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from locara.core.skills import SPEAKING
from locara.programs import sound
from locara.programs.sound import PITCHES, RATES
from locara.runtime.arguments import Args, Field, NoArgs
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.programs import because
from locara.runtime.session import Session


class SpeakArgs(Args):
    """voice: an id of tts.voices; rate in words a minute; pitch 0 to 99; format: a WAV file or bare samples."""

    text: Annotated[str, Field(min_length=1, max_length=sound.MAX_TEXT)]
    voice: Annotated[str, Field(min_length=2, max_length=40)] = "en-us"
    rate: Annotated[int, Field(ge=RATES[0], le=RATES[-1])] = 165
    pitch: Annotated[int, Field(ge=PITCHES[0], le=PITCHES[-1])] = 50
    format: Literal["wav", "pcm"] = "wav"


@command("tts.speak", args=SpeakArgs, lane=Lane.PROGRAM)
def speak(session: Session, call: Call, args: SpeakArgs) -> Mapping[str, Any]:
    """`{data, rate, duration, format}`: base64 of 16-bit little-endian samples of one channel, as a WAV file or
    bare; duration in seconds. A voice that is not installed is not_found."""
    session.gate.record_use(call.cmd, capability="modalities", because=because(SPEAKING, session.grants))
    options = {"voice": args.voice, "rate": args.rate, "pitch": args.pitch}
    text = sound.speakable(args.text)
    spoken = sound.read_sound(session.beside.run(call, "speech", options, text, most=sound.MAX_SOUND))
    data = spoken.wav if args.format == "wav" else spoken.samples
    return {
        "data": base64.b64encode(data).decode("ascii"),
        "rate": spoken.rate,
        "duration": round(spoken.seconds, 3),
        "format": args.format,
    }


@command("tts.voices", args=NoArgs, lane=Lane.PROGRAM)
def voices(session: Session, call: Call, _args: NoArgs) -> Mapping[str, Any]:
    """`{voices: [{id, name, gender}]}`, sorted by id."""
    outcome = session.beside.run(call, "voices", {}, b"", most=sound.MAX_VOICES)
    listed = sound.read_voices(outcome)
    return {"voices": [{"id": one.id, "name": one.name, "gender": one.gender} for one in listed]}

"""audio.*: sound of the microphone, or of what the computer plays. Each is a capability of its own."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from locara.core.request import DeviceRequest
from locara.runtime.arguments import Args, Field
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session

MAX_READ: Final = 1024 * 1024
_PATIENCE: Final = 1.0
DeviceHandle = Annotated[str, Field(min_length=1, max_length=64)]


class OpenArgs(Args):
    """source: what is listened to; rate: samples a second; channels: 1 or 2."""

    source: Literal["microphone", "system"]
    rate: Annotated[int, Field(ge=8_000, le=192_000)] = 16_000
    channels: Annotated[int, Field(ge=1, le=2)] = 1


class ReadArgs(Args):
    """handle: of audio.open; atLeastMs: wait for so much sound; maxBytes: give no more than that."""

    handle: DeviceHandle
    at_least_ms: Annotated[int, Field(ge=0, le=10_000)] = 200
    max_bytes: Annotated[int, Field(ge=4, le=MAX_READ)] = MAX_READ


class HandleArgs(Args):
    """handle: of audio.open or camera.open."""

    handle: DeviceHandle


@command("audio.open", args=OpenArgs, lane=Lane.DEVICE)
def open_(session: Session, call: Call, args: OpenArgs) -> Mapping[str, Any]:
    """`{handle, rate, channels, format: "s16le"}`; the person is told that the device is on.

    What is not taken in time is kept up to 8 MiB. At most four devices are on at a time. Without a device the
    answer is device_unavailable.
    """
    device: Literal["microphone", "system-audio"] = (
        "microphone" if args.source == "microphone" else "system-audio"
    )
    session.gate.require(DeviceRequest(device), cmd=call.cmd)
    handle = session.devices.listen(device, rate=args.rate, channels=args.channels)
    return {"handle": handle, "rate": args.rate, "channels": args.channels, "format": "s16le"}


@command("audio.read", args=ReadArgs, lane=Lane.DEVICE)
def read(session: Session, call: Call, args: ReadArgs) -> Mapping[str, Any]:
    """`{data, samples, dropped, ended}`: base64 of 16-bit little-endian samples, channels side by side; `samples`
    and `dropped` count them for each channel.

    Answers once atLeastMs of sound are there, at the latest a second after they should be; ended says that no
    more will come.
    """
    source = session.devices.sound(args.handle)
    session.gate.require(DeviceRequest(source.device), cmd=call.cmd)
    seconds = args.at_least_ms / 1_000
    sound = source.take(
        least=min(int(source.rate * seconds) * source.width, args.max_bytes),
        most=args.max_bytes,
        seconds=seconds + _PATIENCE,
        cancelled=call.cancelled.is_set,
    )
    return {
        "data": base64.b64encode(sound.data).decode("ascii"),
        "samples": len(sound.data) // source.width,
        "dropped": sound.dropped // source.width,
        "ended": sound.ended,
    }


@command("audio.close", args=HandleArgs, lane=Lane.DEVICE)
def close(session: Session, call: Call, args: HandleArgs) -> Mapping[str, Any]:
    """`{}`; the device is off when this is answered."""
    source = session.devices.sound(args.handle)
    session.gate.require(DeviceRequest(source.device), cmd=call.cmd)
    session.devices.switch_off(args.handle)
    return {}

"""camera.*: pictures of the camera, the newest one whenever the app asks."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final

from locara.core.request import DeviceRequest
from locara.errors import CallError
from locara.runtime.arguments import Args, Field
from locara.runtime.call import Call
from locara.runtime.commands.audio import HandleArgs
from locara.runtime.commands.registry import Lane, command
from locara.runtime.devices import Frame
from locara.runtime.session import Session
from locara.sandbox.desktop.ports import MJPG, RGB3

_SECONDS: Final = 5.0
_Side = Annotated[int, Field(ge=16, le=4_096)]


class OpenArgs(Args):
    """width and height in points; the camera takes the nearest that it has."""

    width: _Side = 640
    height: _Side = 480


@command("camera.open", args=OpenArgs, lane=Lane.DEVICE)
def open_(session: Session, call: Call, args: OpenArgs) -> Mapping[str, Any]:
    """`{handle}`; the person is told that the camera is on. Without a camera: device_unavailable."""
    session.gate.require(DeviceRequest("camera"), cmd=call.cmd)
    return {"handle": session.devices.watch(args.width, args.height)}


@command("camera.read", args=HandleArgs, lane=Lane.DEVICE)
def read(session: Session, call: Call, args: HandleArgs) -> Mapping[str, Any]:
    """`{data, format: "jpeg"|"rgb", width, height, dropped}`: base64 of a JPEG file, or of three bytes for each
    point, row by row; `dropped` counts the pictures that were skipped since the last one.

    Waits up to five seconds for a picture that is newer than the last; device_unavailable when none comes.
    """
    source = session.devices.pictures(args.handle)
    session.gate.require(DeviceRequest("camera"), cmd=call.cmd)
    frame = source.take(_SECONDS, call.cancelled.is_set)
    if frame is None:
        raise CallError(
            "the camera gives no picture",
            code="device_unavailable",
            fix="close it and open it again; it may be unplugged",
        )
    name, data = _shown(frame)
    return {
        "data": base64.b64encode(data).decode("ascii"),
        "format": name,
        "width": frame.width,
        "height": frame.height,
        "dropped": frame.dropped,
    }


@command("camera.close", args=HandleArgs, lane=Lane.DEVICE)
def close(session: Session, call: Call, args: HandleArgs) -> Mapping[str, Any]:
    """`{}`; the camera is off when this is answered."""
    session.devices.pictures(args.handle)
    session.gate.require(DeviceRequest("camera"), cmd=call.cmd)
    session.devices.switch_off(args.handle)
    return {}


def _shown(frame: Frame) -> tuple[str, bytes]:
    if frame.format == MJPG:
        return "jpeg", frame.data
    if frame.format == RGB3:
        return "rgb", frame.data
    return "rgb", rgb_of_yuyv(frame.data, frame.width, frame.height)


def rgb_of_yuyv(data: bytes, width: int, height: int) -> bytes:
    """Two bytes for each point (Y and, in turns, U and V; full range BT.601) as red, green and blue.

    Raises CallError io_error when there are too few bytes.
    """
    import numpy as np  # noqa: PLC0415 - slow to load

    if width % 2 or len(data) < width * height * 2:
        raise CallError("the picture is not whole", code="io_error")
    pairs = (
        np.frombuffer(data, np.uint8, width * height * 2).reshape(height, width // 2, 4).astype(np.float32)
    )
    bright = pairs[:, :, (0, 2)]
    blue, red = pairs[:, :, 1:2] - 128.0, pairs[:, :, 3:4] - 128.0
    channels = (bright + 1.402 * red, bright - 0.344136 * blue - 0.714136 * red, bright + 1.772 * blue)
    points = np.stack(channels, axis=-1).reshape(height, width, 3)
    return bytes(np.clip(np.rint(points), 0, 255).astype(np.uint8).tobytes())

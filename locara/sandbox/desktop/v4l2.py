"""Pictures of a camera by Video4Linux: the few calls and structures of ``linux/videodev2.h`` that it takes.

Run as a program (``python v4l2.py WIDTH HEIGHT``) it writes the pictures of the first camera it finds to its
output, each behind a head (see ports), until the output is closed. It is a process of its own so that a driver that
hangs takes nobody with it. Structure sizes are those of 64-bit Linux.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import select
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Final

from locara.records import dataclass

MJPG: Final = b"MJPG"
YUYV: Final = b"YUYV"
FRAME_HEAD: Final = struct.Struct(">III4s")
MAX_FRAME: Final = 8 * 1024 * 1024
_CAPTURE: Final = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_MMAP: Final = 1  # V4L2_MEMORY_MMAP
_FIELD_ANY: Final = 0
_BUFFER_ERROR: Final = 0x40  # V4L2_BUF_FLAG_ERROR
_BUFFERS: Final = 4
_CAP_CAPTURE: Final = 0x00000001
_CAP_STREAMING: Final = 0x04000000
_CAP_DEVICE_CAPS: Final = 0x80000000
_WAIT_SECONDS: Final = 10.0

_CAPABILITY: Final = struct.Struct("=16s32s32sIII12x")
_FORMAT: Final = struct.Struct("=I4x12I152x")
_REQUEST: Final = struct.Struct("=IIIIB3x")
_BUFFER: Final = struct.Struct("=5I4xqq16sIII4xIIi4x")


def _ioctl_number(direction: int, number: int, size: int) -> int:
    return (direction << 30) | (size << 16) | (ord("V") << 8) | number


_READ, _WRITE = 2, 1
QUERYCAP: Final = _ioctl_number(_READ, 0, _CAPABILITY.size)
S_FMT: Final = _ioctl_number(_READ | _WRITE, 5, _FORMAT.size)
REQBUFS: Final = _ioctl_number(_READ | _WRITE, 8, _REQUEST.size)
QUERYBUF: Final = _ioctl_number(_READ | _WRITE, 9, _BUFFER.size)
QBUF: Final = _ioctl_number(_READ | _WRITE, 15, _BUFFER.size)
DQBUF: Final = _ioctl_number(_READ | _WRITE, 17, _BUFFER.size)
STREAMON: Final = _ioctl_number(_WRITE, 18, 4)
STREAMOFF: Final = _ioctl_number(_WRITE, 19, 4)

Control = Callable[[int, int, bytearray], None]
Map = Callable[[int, int, int], mmap.mmap]


def system_control(fd: int, request: int, argument: bytearray) -> None:
    """ioctl, again when a signal came in between. Raises OSError."""
    while True:
        try:
            fcntl.ioctl(fd, request, argument, True)
        except InterruptedError:
            continue
        return


def system_map(fd: int, length: int, offset: int) -> mmap.mmap:
    """The memory of one buffer. Raises OSError."""
    return mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as the camera gives it: a JPEG file (MJPG), or two bytes for each point (YUYV)."""

    format: bytes
    width: int
    height: int
    data: bytes

    def framed(self) -> bytes:
        """The picture behind its head."""
        return FRAME_HEAD.pack(len(self.data), self.width, self.height, self.format) + self.data


class Camera:
    """One open device. Raises OSError where the device is no camera, is taken, or goes away."""

    def __init__(self, fd: int, *, control: Control = system_control, map_buffer: Map = system_map) -> None:
        self._fd = fd
        self._control = control
        self._map = map_buffer
        self._buffers: list[mmap.mmap] = []
        self._format, self._width, self._height = b"", 0, 0

    def begin(self, width: int, height: int) -> None:
        """Agree on a size and a format with the driver and switch the camera on."""
        capability = bytearray(_CAPABILITY.size)
        self._control(self._fd, QUERYCAP, capability)
        *_, whole, device = _CAPABILITY.unpack(capability)
        able = device if whole & _CAP_DEVICE_CAPS else whole
        if able & (_CAP_CAPTURE | _CAP_STREAMING) != _CAP_CAPTURE | _CAP_STREAMING:
            raise OSError(errno.ENODEV, "not a camera")
        for name in (MJPG, YUYV):
            if self._agree(name, width, height):
                break
        else:
            raise OSError(errno.ENOTSUP, "no format that is known here")
        self._share()
        self._control(self._fd, STREAMON, bytearray(struct.pack("=I", _CAPTURE)))

    def _agree(self, name: bytes, width: int, height: int) -> bool:
        code = int.from_bytes(name, "little")
        wanted = bytearray(_FORMAT.pack(_CAPTURE, width, height, code, _FIELD_ANY, *(0,) * 8))
        self._control(self._fd, S_FMT, wanted)
        _, given_width, given_height, given, *_ = _FORMAT.unpack(wanted)
        if given != code:
            return False  # the driver answers with what it has instead
        self._format, self._width, self._height = name, given_width, given_height
        return True

    def _share(self) -> None:
        asked = bytearray(_REQUEST.pack(_BUFFERS, _CAPTURE, _MMAP, 0, 0))
        self._control(self._fd, REQBUFS, asked)
        count = _REQUEST.unpack(asked)[0]
        if not 0 < count <= 32:
            raise OSError(errno.ENOMEM, "the camera gives no buffers")
        for index in range(count):
            buffer = self._buffer(index)
            self._control(self._fd, QUERYBUF, buffer)
            told = _BUFFER.unpack(buffer)
            offset, length = told[10], told[11]
            if not 0 < length <= 16 * MAX_FRAME:
                raise OSError(errno.EINVAL, "a buffer of an odd size")
            self._buffers.append(self._map(self._fd, length, offset))
            self._control(self._fd, QBUF, self._buffer(index))

    @staticmethod
    def _buffer(index: int) -> bytearray:
        return bytearray(_BUFFER.pack(index, _CAPTURE, 0, 0, 0, 0, 0, b"", 0, _MMAP, 0, 0, 0, 0))

    def pictures(self, wait: Callable[[int], bool]) -> Iterator[Picture]:
        """Pictures as they come; ``wait`` is called before each and says whether there is one."""
        while wait(self._fd):
            buffer = self._buffer(0)
            self._control(self._fd, DQBUF, buffer)
            told = _BUFFER.unpack(buffer)
            index, used, flags = told[0], told[2], told[3]
            if index >= len(self._buffers):
                raise OSError(errno.EIO, "a buffer that was never given")
            whole = not flags & _BUFFER_ERROR and 0 < used <= min(MAX_FRAME, len(self._buffers[index]))
            data = self._buffers[index][:used] if whole else b""
            self._control(self._fd, QBUF, self._buffer(index))
            if whole and self._is_complete(data):
                yield Picture(self._format, self._width, self._height, data)

    def _is_complete(self, data: bytes) -> bool:
        if self._format == YUYV:
            return len(data) >= self._width * self._height * 2
        return data.startswith(b"\xff\xd8")

    def end(self) -> None:
        """Switch the camera off and give its memory back."""
        with contextlib.suppress(OSError):
            self._control(self._fd, STREAMOFF, bytearray(struct.pack("=I", _CAPTURE)))
        for buffer in self._buffers:
            buffer.close()
        self._buffers.clear()


def devices(folder: str = "/dev") -> list[str]:
    """The video devices in the order of their numbers."""
    names = os.listdir(folder)  # noqa: PTH208 - names alone, and this program imports little
    numbers = sorted(int(name[5:]) for name in names if name.startswith("video") and name[5:].isdigit())
    return [f"{folder}/video{number}" for number in numbers]


def first_camera(width: int, height: int) -> tuple[int, Camera] | None:
    """The first device that is a camera and is not taken, switched on; None when there is none."""
    for path in devices():
        try:
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        camera = Camera(fd)
        try:
            camera.begin(width, height)
        except OSError:
            camera.end()
            os.close(fd)
            continue
        return fd, camera
    return None


def _wait(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(_WAIT_SECONDS * 1_000))


def main(arguments: list[str]) -> int:
    """0 when the output was closed, 3 when there is no camera, 4 when it went away."""
    found = first_camera(int(arguments[0]), int(arguments[1]))
    if found is None:
        return 3
    _, camera = found
    try:
        for picture in camera.pictures(_wait):
            view = memoryview(picture.framed())
            while view:
                view = view[os.write(1, view) :]
    except BrokenPipeError:
        return 0
    except OSError:
        return 4
    finally:
        camera.end()
    return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

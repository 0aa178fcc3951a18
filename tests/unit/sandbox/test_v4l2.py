"""Video4Linux against a device that follows its calls: structures are packed here by offset, from the kernel's
header, and the numbers are compared with that header where a C compiler and the header are there."""

from __future__ import annotations

import errno
import mmap
import shutil
import struct
import subprocess
from collections import deque
from pathlib import Path

import pytest

from locara.sandbox.desktop import v4l2

JPEG = b"\xff\xd8 one picture \xff\xd9"


class Device:
    """A camera with four buffers that fills them in turn; `gives` is its only format."""

    def __init__(self, gives: bytes, pictures: list[tuple[bytes, int]], *, able: int = 0x04000001) -> None:
        self.gives = gives
        self.pictures = deque(pictures)
        self.able = able
        self.on = False
        self.memory = [mmap.mmap(-1, 4_096) for _ in range(4)]
        self.queued: deque[int] = deque()
        self.calls: list[int] = []

    def control(self, _fd: int, request: int, argument: bytearray) -> None:
        self.calls.append(request & 0xFF)
        {0: self.capability, 5: self.format, 8: self.request, 9: self.query, 15: self.queue, 17: self.dequeue,
         18: self.start, 19: self.stop}[request & 0xFF](argument)  # fmt: skip

    def capability(self, argument: bytearray) -> None:
        assert len(argument) == 104
        struct.pack_into("=II", argument, 84, 0x80000000 | 0x04000001, self.able)

    def format(self, argument: bytearray) -> None:
        assert len(argument) == 208
        kind, width, height, name = struct.unpack_from("=I4xIII", argument)
        assert kind == 1
        if name.to_bytes(4, "little") != self.gives:
            struct.pack_into("=I", argument, 16, int.from_bytes(self.gives, "little"))
        struct.pack_into("=II", argument, 8, min(width, 32), min(height, 16))

    def request(self, argument: bytearray) -> None:
        count, kind, memory = struct.unpack_from("=III", argument)
        assert (len(argument), kind, memory) == (20, 1, 1)
        struct.pack_into("=I", argument, 0, min(count, len(self.memory)))

    def query(self, argument: bytearray) -> None:
        (index,) = struct.unpack_from("=I", argument)
        struct.pack_into("=I", argument, 64, index * 4_096)
        struct.pack_into("=I", argument, 72, 4_096)

    def map(self, _fd: int, length: int, offset: int) -> mmap.mmap:
        assert length == 4_096
        return self.memory[offset // 4_096]

    def queue(self, argument: bytearray) -> None:
        index, kind = struct.unpack_from("=II", argument)
        assert (len(argument), kind) == (88, 1)
        assert index not in self.queued, "a buffer is queued once"
        self.queued.append(index)

    def dequeue(self, argument: bytearray) -> None:
        assert self.on
        if not self.pictures:
            raise OSError(errno.ENODEV, "unplugged")
        data, flags = self.pictures.popleft()
        index = self.queued.popleft()
        self.memory[index][: len(data)] = data
        struct.pack_into("=I", argument, 0, index)
        struct.pack_into("=II", argument, 8, len(data), flags)

    def start(self, argument: bytearray) -> None:
        assert struct.unpack("=I", argument) == (1,)
        self.on = True

    def stop(self, _argument: bytearray) -> None:
        self.on = False


def taken(device: Device, size: tuple[int, int] = (640, 480)) -> list[v4l2.Picture]:
    camera = v4l2.Camera(0, control=device.control, map_buffer=device.map)
    camera.begin(*size)
    found = []
    try:
        found.extend(camera.pictures(lambda _fd: bool(device.pictures)))
    finally:
        camera.end()
    return found


def test_pictures_come_in_order_in_the_size_that_the_camera_has() -> None:
    pictures = [(JPEG + bytes([number]), 0) for number in range(9)]
    device = Device(b"MJPG", pictures)
    found = taken(device)
    assert [one.data for one in found] == [data for data, _ in pictures]
    assert {(one.format, one.width, one.height) for one in found} == {(b"MJPG", 32, 16)}
    assert not device.on, "it is switched off at the end"
    head = struct.unpack(">III4s", found[0].framed()[:16])
    assert head == (len(JPEG) + 1, 32, 16, b"MJPG")


def test_a_camera_without_jpeg_gives_plain_points() -> None:
    whole, half = bytes(32 * 16 * 2), bytes(32 * 16)
    assert [one.format for one in taken(Device(b"YUYV", [(whole, 0), (half, 0)]))] == [b"YUYV"], (
        "half is none"
    )


def test_damaged_and_odd_pictures_are_left_out() -> None:
    found = taken(Device(b"MJPG", [(JPEG, 0x40), (b"no jpeg", 0), (JPEG, 0), (b"", 0)]))
    assert [one.data for one in found] == [JPEG]


@pytest.mark.parametrize(
    "device",
    [Device(b"MJPG", [], able=0x00000001), Device(b"MJPG", [], able=0x04000000), Device(b"H264", [])],
    ids=["it cannot stream", "it captures nothing", "an unknown format"],
)
def test_what_is_no_camera_is_refused_and_never_on(device: Device) -> None:
    with pytest.raises(OSError):
        taken(device)
    assert 18 not in device.calls


def test_devices_are_tried_by_number(tmp_path: Path) -> None:
    for name in ("video10", "video2", "videox", "video", "vbi0"):
        (tmp_path / name).touch()
    assert v4l2.devices(str(tmp_path)) == [f"{tmp_path}/video2", f"{tmp_path}/video10"]


def test_the_numbers_are_those_of_the_kernels_header(tmp_path: Path) -> None:
    if not shutil.which("cc") or not Path("/usr/include/linux/videodev2.h").exists():
        pytest.skip("NOT TESTED HERE: no C compiler, or no linux/videodev2.h (apt install linux-libc-dev)")
    names = [
        "VIDIOC_QUERYCAP",
        "VIDIOC_S_FMT",
        "VIDIOC_REQBUFS",
        "VIDIOC_QUERYBUF",
        "VIDIOC_QBUF",
        "VIDIOC_DQBUF",
    ]
    names += ["VIDIOC_STREAMON", "VIDIOC_STREAMOFF", "V4L2_BUF_FLAG_ERROR", "V4L2_CAP_DEVICE_CAPS"]
    names += ["V4L2_PIX_FMT_MJPEG", "V4L2_PIX_FMT_YUYV"]
    prints = "".join(f'printf("%lu\\n", (unsigned long)({name}));' for name in names)
    source = f"#include <stdio.h>\n#include <linux/videodev2.h>\nint main(void) {{ {prints} return 0; }}\n"
    (tmp_path / "n.c").write_text(source)
    subprocess.run(["cc", "-o", tmp_path / "n", tmp_path / "n.c"], check=True)
    told = subprocess.run([tmp_path / "n"], check=True, capture_output=True, text=True).stdout.split()
    ours = [v4l2.QUERYCAP, v4l2.S_FMT, v4l2.REQBUFS, v4l2.QUERYBUF, v4l2.QBUF, v4l2.DQBUF]
    ours += [v4l2.STREAMON, v4l2.STREAMOFF, 0x40, 0x80000000]
    ours += [int.from_bytes(name, "little") for name in (v4l2.MJPG, v4l2.YUYV)]
    assert [int(word) for word in told] == ours

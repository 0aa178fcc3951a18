"""LC402 where the kernel takes a part, and where a part has come: every byte crosses once, in its place.

A write that took a part is continued behind that part and not begun again, and a read that was given up keeps what it
has. How much is taken at once is set here; what then lies at the other end judges.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final

from locara_verify.strategies.frames import HEADER
from locara_verify.tally import Tally

FRAMES: Final = "LC402"
_SIZE: Final = 3_000
_MOMENT: Final = 0.000_1


def cut(tally: Tally, rng: random.Random) -> None:
    """Every writer that is to write all, and both readers of frames."""
    data = bytes(rng.randrange(128) for _ in range(_SIZE))
    for name, write in writers().items():
        for most in (_SIZE, 1, 2, rng.randint(3, _SIZE - 1)):
            got = _written(write, data, most, rng)
            if most == _SIZE:
                tally.twin(FRAMES, got == data, f"{name} writes what is taken at once")
            told = f"{name}: of {_SIZE} bytes at most {most} are taken at once, {len(got)} arrived"
            tally.judge(FRAMES, got == data, "what was written in parts is not what was to be written", told)
    _read_in_parts(tally, rng)
    _sent_in_parts(tally, rng)


def writers() -> dict[str, Callable[[int, bytes], object]]:
    """What writes all of something to a descriptor."""
    from locara.cli import asking  # noqa: PLC0415 - loads the framework
    from locara.runtime import frames, trees  # noqa: PLC0415
    from locara.sandbox.desktop import scripted  # noqa: PLC0415

    def asked(fd: int, data: bytes) -> None:
        asking._write(fd, data.decode())

    return {
        "a frame": frames.write_all,
        "a file": trees.write_fully,
        "a recording": scripted._write,
        "a question in the terminal": asked,
    }


def _written(write: Callable[[int, bytes], object], data: bytes, most: int, rng: random.Random) -> bytes:
    """What lies in a file after it was written while the kernel took no more than this at once."""
    with tempfile.TemporaryFile() as file:
        with _taking(most, rng), contextlib.suppress(OSError):
            write(file.fileno(), data)
        return os.pread(file.fileno(), 4 * _SIZE, 0)


@contextlib.contextmanager
def _taking(most: int, rng: random.Random) -> Iterator[None]:
    """During the block a write takes at most so many bytes, as the kernel may at any time."""
    real, total = os.write, 0

    def write(fd: int, data: Any) -> int:  # noqa: ANN401 - whatever holds bytes
        nonlocal total
        done = real(fd, memoryview(data)[: most if most in (1, 2, _SIZE) else rng.randint(1, most)])
        total += done
        if total > 2 * _SIZE:  # it would never end
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return done

    os.write = write
    try:
        yield
    finally:
        os.write = real


def _read_in_parts(tally: Tally, rng: random.Random) -> None:
    """Frames that come in parts, and a reader that gives up between them and asks again."""
    from locara.runtime.frames import FrameReader  # noqa: PLC0415 - loads the framework

    payloads = [rng.randbytes(size) for size in (0, 1, rng.randint(5, 40), 300)]
    whole = b"".join(HEADER.pack(len(one)) + one for one in payloads)
    cuts = sorted({1, 3, 4, 5, *(rng.randrange(len(whole)) for _ in range(12))})
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader, got, at = FrameReader(ours.fileno()), [], 0
        for end in (*cuts, len(whole)):
            theirs.sendall(whole[at:end])
            at = end
            got += list(_read(reader))
    told = f"{len(payloads)} frames in {len(cuts) + 1} parts: {len(got)} were read"
    tally.judge(FRAMES, got == payloads, "frames that came in parts are not what was sent", told)


def _read(reader: Any) -> Iterator[bytes]:  # noqa: ANN401 - the product's
    with contextlib.suppress(Exception):
        while True:
            yield reader.read(_MOMENT)


def _sent_in_parts(tally: Tally, rng: random.Random) -> None:
    """The window's frames through a socket that holds less than one of them."""
    from locara.ui.webkit.link import Link  # noqa: PLC0415 - loads the framework

    payloads = [rng.randbytes(size) for size in (100, 40_000, 1, 90_000, 2_000)]
    whole = b"".join(HEADER.pack(len(one)) + one for one in payloads)
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    with theirs:
        theirs.settimeout(5.0)
        link = Link(ours.detach(), lambda _: None, lambda: None, watched=True)
        for one in payloads:
            link.send(one)
        got = bytearray()
        with contextlib.suppress(OSError):
            while len(got) < len(whole):
                got += theirs.recv(65_536)
        theirs.settimeout(0.01)
        with contextlib.suppress(OSError):
            got += theirs.recv(65_536)
    told = f"{len(whole)} bytes were sent, {len(got)} arrived"
    tally.judge(FRAMES, bytes(got) == whole, "the window's frames arrive changed", told)

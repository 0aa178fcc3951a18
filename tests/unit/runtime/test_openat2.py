"""Paths that the kernel confines: nothing outside the directory, no link, no waiting, and no second look-up."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from locara.runtime import openat2


@pytest.fixture
def root(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    place = tmp_path / "root"
    (place / "deep").mkdir(parents=True)
    (place / "deep/file").write_text("here")
    (tmp_path / "outside").write_text("canary")
    fd = os.open(place, os.O_PATH | os.O_DIRECTORY)
    yield fd, place
    os.close(fd)


def refused(fd: int, path: str, flags: int = os.O_RDONLY) -> int:
    with pytest.raises(OSError) as caught:
        openat2.open_beneath(fd, path, flags)
    return caught.value.errno or 0


def test_what_is_beneath_is_opened_and_the_empty_path_is_the_directory(root: tuple[int, Path]) -> None:
    fd, place = root
    for path in ("deep/file", "./deep/file", "deep/../deep/file", "deep//file"):
        opened = openat2.open_beneath(fd, path, os.O_RDONLY)
        assert os.read(opened, 10) == b"here"
        assert os.get_inheritable(opened) is False
        assert fcntl.fcntl(opened, fcntl.F_GETFL) & os.O_NONBLOCK
        os.close(opened)
    itself = openat2.open_beneath(fd, "", os.O_PATH)
    assert os.fstat(itself).st_ino == place.stat().st_ino and os.get_inheritable(itself) is False
    os.close(itself)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH, os.O_WRONLY | os.O_APPEND])
def test_no_path_leaves_the_directory_and_no_link_is_followed(root: tuple[int, Path], flags: int) -> None:
    fd, place = root
    for name, to in (("out", "../outside"), ("abs", str(place / "deep/file")), ("in", "deep/file")):
        (place / name).symlink_to(to)
    (place / "folder").symlink_to("deep")
    for path in ("..", "../outside", "deep/../../outside", str(place / "deep/file"), "/"):
        assert refused(fd, path, flags) == errno.EXDEV
    for path in ("out", "abs", "in", "folder/file"):
        assert refused(fd, path, flags) == errno.ELOOP
    assert refused(fd, "absent", flags) == errno.ENOENT
    assert refused(fd, "deep/file\0x", flags) == errno.EINVAL


def test_magic_links_are_links(root: tuple[int, Path]) -> None:
    proc = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)
    assert refused(proc, f"fd/{root[0]}") == errno.ELOOP
    assert refused(proc, "cwd", os.O_PATH) == errno.ELOOP
    os.close(proc)


def test_a_pipe_is_not_waited_for(root: tuple[int, Path]) -> None:
    fd, place = root
    os.mkfifo(place / "pipe")
    os.close(openat2.open_beneath(fd, "pipe", os.O_RDONLY))
    assert refused(fd, "pipe", os.O_WRONLY) == errno.ENXIO


def test_a_new_file_has_the_mode_that_was_asked_for(root: tuple[int, Path]) -> None:
    fd, place = root
    before = os.umask(0)
    try:
        os.close(openat2.open_beneath(fd, "new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
    finally:
        os.umask(before)
    assert (place / "new").stat().st_mode & 0o777 == 0o640
    assert refused(fd, "../new", os.O_WRONLY | os.O_CREAT) == errno.EXDEV
    opened = openat2.open_beneath(fd, "new", os.O_RDONLY, 0o640)  # a mode says nothing where nothing is made
    os.close(opened)


class Kernel:
    """A kernel that answers as it is told: numbers of errors, then a descriptor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: int) -> None:
        self.answers, self.asked = list(answers), 0
        monkeypatch.setattr(openat2, "_libc", SimpleNamespace(syscall=self.syscall))
        monkeypatch.setattr(openat2.ctypes, "get_errno", lambda: self.last)

    def syscall(self, *_: object) -> int:
        self.asked += 1
        answer = self.answers.pop(0)
        if answer < 0:
            self.last = -answer
            return -1
        return answer


@pytest.mark.parametrize("again", [errno.EAGAIN, errno.EINTR])
def test_a_race_and_a_signal_are_tried_again_and_not_for_ever(
    again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(monkeypatch, -again, -again, 0)
    assert openat2.open_beneath(3, "a", os.O_RDONLY) == 0
    kernel = Kernel(monkeypatch, *[-again] * 100)
    assert refused(3, "a") == again
    assert 2 < kernel.asked < 100
    kernel = Kernel(monkeypatch, -errno.ENOENT, 7)
    assert (refused(3, "a"), kernel.asked) == (errno.ENOENT, 1)


def test_a_new_name_never_takes_the_place_of_another(
    root: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fd, place = root
    for name in ("a", "b"):
        (place / name).write_text(name)
    with pytest.raises(FileExistsError):
        openat2.rename_new(fd, "a", "b")
    assert (place / "b").read_text() == "b" and (place / "a").exists()
    openat2.rename_new(fd, "a", "c")
    assert (place / "c").read_text() == "a" and not (place / "a").exists()
    with pytest.raises(FileNotFoundError):
        openat2.rename_new(fd, "a", "d")
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="pdp11"))
    with pytest.raises(OSError) as caught:
        openat2.rename_new(fd, "c", "d")
    assert caught.value.errno == errno.ENOSYS and (place / "c").exists()


def test_the_numbers_of_the_kernel() -> None:
    """As in the kernel's own headers, for the two machines there are profiles for (asm-generic, x86-64)."""
    assert openat2._SYS_OPENAT2 == 437
    assert openat2._SYS_RENAMEAT2 == {"x86_64": 316, "aarch64": 276}

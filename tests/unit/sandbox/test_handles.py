"""Handles name things and not paths: what was opened stays what it is, and nothing but files and folders is served."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from locara.errors import CallError
from locara.sandbox import handles
from locara.sandbox.handles import Handle


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


ODD: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a link to a file": lambda path: path.symlink_to(path.parent / "folder/file"),
    "a link to a folder": lambda path: path.symlink_to(path.parent / "folder"),
    "a link to nothing": lambda path: path.symlink_to(path.parent / "absent"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "folder/file").write_text("here\n")
    return tmp_path


@pytest.fixture
def folder(place: Path) -> Iterator[Handle]:
    made = handles.open_picked(place / "folder", writable=True, recursive=True)
    yield made
    made.close()


def read(fd: int) -> bytes:
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


def test_a_picked_thing_is_what_was_asked_for(place: Path) -> None:
    for path, kind in ((place / "folder", "directory"), (place / "folder/file", "file")):
        for writable in (False, True):
            made = handles.open_picked(path, writable=writable)
            told = (made.kind, made.name, made.writable, made.recursive, made.grant)
            assert told == (kind, path.name, writable, False, None)
            assert os.fstat(made.fd).st_ino == path.stat().st_ino
            assert os.get_inheritable(made.fd) is False
            made.close()
            with pytest.raises(OSError, match="Bad file"):
                os.fstat(made.fd)
    assert handles.open_picked(place / "folder", writable=False, recursive=True).recursive


@pytest.mark.parametrize("what", ODD)
def test_nothing_but_a_file_or_a_folder_can_be_picked(what: str, place: Path) -> None:
    ODD[what](place / "odd")
    before = open_files()
    with pytest.raises((CallError, OSError)) as caught:
        handles.open_picked(place / "odd", writable=False)
    if "link" in what:
        assert isinstance(caught.value, OSError) and caught.value.errno == errno.ELOOP
    else:
        assert isinstance(caught.value, CallError) and caught.value.code == "io_error"
    assert open_files() == before, "no descriptor is left over"


@pytest.mark.parametrize("what", ODD)
def test_nothing_but_a_file_or_a_folder_is_opened_below_one(what: str, place: Path, folder: Handle) -> None:
    ODD[what](place / "folder/odd")
    before = open_files()
    with pytest.raises((CallError, OSError)):
        handles.open_entry(folder, "odd", os.O_RDONLY)
    assert open_files() == before, "no descriptor is left over"
    assert read(handles.open_entry(folder, "file", os.O_RDONLY)) == b"here\n"


def test_a_path_leaves_its_folder_in_no_way(place: Path, folder: Handle) -> None:
    (place / "outside").write_text("canary")
    (place / "folder/up").symlink_to(place)
    for path in ("../outside", "deep/../../outside", "up/outside", str(place / "outside"), ".."):
        with pytest.raises(OSError):
            handles.open_entry(folder, path, os.O_RDONLY)
        with pytest.raises(OSError):
            handles.create_entry(folder, f"{path}/x", 0o600)
    assert sorted(one.name for one in place.iterdir()) == ["folder", "outside"]


def test_a_handle_follows_its_folder_and_not_its_path(place: Path, folder: Handle) -> None:
    (place / "folder").rename(place / "moved")
    (place / "folder").mkdir()
    (place / "folder/file").write_text("another")
    assert read(handles.open_entry(folder, "file", os.O_RDONLY)) == b"here\n"
    fd = handles.open_entry(folder, "", os.O_RDONLY)
    assert "deep" in {entry.name for entry in os.scandir(fd)}
    os.close(fd)


def test_what_is_opened_is_not_inherited_and_waits_for_nothing(folder: Handle) -> None:
    fd = handles.open_entry(folder, "file", os.O_RDWR)
    assert os.get_inheritable(fd) is False
    assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK
    os.close(fd)


def test_a_new_entry_is_new(place: Path, folder: Handle) -> None:
    fd = handles.create_entry(folder, "deep/new", 0o640)
    os.write(fd, b"text")
    assert stat.S_IMODE(os.fstat(fd).st_mode) & ~0o640 == 0
    os.close(fd)
    assert (place / "folder/deep/new").read_text() == "text"
    (place / "folder/link").symlink_to("absent")
    for taken in ("file", "deep", "deep/new", "link"):
        with pytest.raises(FileExistsError):
            handles.create_entry(folder, taken, 0o600)
    assert not (place / "folder/absent").exists()


@pytest.mark.parametrize(("path", "name", "above"), [("a", "a", ""), ("deep/a", "a", "deep")])
def test_the_parent_is_the_folder_that_holds_it(
    path: str, name: str, above: str, place: Path, folder: Handle
) -> None:
    fd, found = handles.open_parent(folder, path)
    assert (found, os.fstat(fd).st_ino) == (name, (place / "folder" / above).stat().st_ino)
    os.close(fd)


def test_a_handle_itself_has_no_parent_to_give(place: Path, folder: Handle) -> None:
    file = handles.open_picked(place / "folder/file", writable=True)
    for one, path in ((folder, ""), (file, ""), (file, "a")):
        with pytest.raises(CallError) as caught:
            handles.open_parent(one, path)
        assert caught.value.code == "bad_request"
    file.close()


def test_a_way_of_links_is_resolved_and_the_last_name_is_not(place: Path) -> None:
    (place / "way").symlink_to(place / "folder")
    (place / "folder/last").symlink_to(place / "folder/file")
    assert handles.place_of(place / "way/last") == place / "folder/last"
    assert handles.place_of(place / "way/file") == place / "folder/file"


def test_names_of_handles_are_long_and_never_the_same() -> None:
    names = {handles.new_key() for _ in range(200)}
    assert len(names) == 200 and min(map(len, names)) >= 32  # 24 random bytes


ERRORS = {
    errno.ENOENT: "not_found", errno.ENOTDIR: "not_found", errno.EEXIST: "exists", errno.ENOTEMPTY: "exists",
    errno.ENOSPC: "quota_exceeded", errno.EDQUOT: "quota_exceeded", errno.EFBIG: "quota_exceeded",
    errno.EACCES: "io_error", errno.EIO: "io_error",
}  # fmt: skip


@pytest.mark.parametrize("number", ERRORS)
def test_an_error_of_the_system_has_a_code_and_tells_no_path(number: int) -> None:
    told = handles.call_error(OSError(number, os.strerror(number), "/home/me/secret"))
    assert (told.code, told.message) == (ERRORS[number], os.strerror(number))
    assert handles.call_error(OSError("no number")).code == "io_error"


def test_room_is_made_before_a_file_is_written_and_a_file_never_shrinks(place: Path) -> None:
    path = place / "folder/file"
    for size in (0, 5, 4, 4096):
        fd = os.open(path, os.O_RDWR)
        handles.reserve(fd, size)
        assert os.fstat(fd).st_size == max(5, size)
        os.close(fd)
        assert path.read_bytes()[:5] == b"here\n"


@pytest.mark.parametrize(
    ("number", "raises"),
    [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, True), (errno.EOPNOTSUPP, False)],
)
def test_where_there_is_no_room_the_file_is_as_it_was(
    number: int, raises: bool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, _offset: int, size: int) -> None:
        os.ftruncate(fd, size - 1)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", full)
    fd = os.open(place / "folder/file", os.O_RDWR)
    if raises:
        with pytest.raises(OSError) as caught:
            handles.reserve(fd, 4096)
        assert caught.value.errno == number
    else:
        handles.reserve(fd, 4096)
    os.close(fd)
    assert (place / "folder/file").read_text() == "here\n"


def test_a_file_with_two_names_is_not_written_through_one(place: Path) -> None:
    fd = os.open(place / "folder/file", os.O_RDWR)
    handles.refuse_linked(fd)
    os.link(place / "folder/file", place / "second")
    with pytest.raises(CallError, match="more than one name") as caught:
        handles.refuse_linked(fd)
    assert caught.value.code == "io_error"
    os.close(fd)


def test_kinds() -> None:
    assert handles.kind_of(stat.S_IFREG | 0o600) == "file"
    assert handles.kind_of(stat.S_IFDIR | 0o700) == "directory"
    for odd in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK, 0):
        assert handles.kind_of(odd) is None

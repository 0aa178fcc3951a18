"""Directory trees: nothing outside is read or changed through links, parents, pipes or second names."""

from __future__ import annotations

import errno
import os
import resource
import socket
from pathlib import Path

import pytest

from locara.errors import CallError
from locara.runtime import trees
from locara.runtime.openat2 import open_beneath, rename_new
from locara.runtime.trees import LocalTree, Refused, closing

SECRET = b"canary"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_bytes(SECRET)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "a.txt").write_bytes(b"hello")
    return folder


@pytest.fixture
def tree(root: Path) -> LocalTree:
    return LocalTree(root)


def read(tree: LocalTree, path: str) -> bytes:
    with closing(tree.open_read(path)) as fd:
        return os.read(fd, 1000)


def test_what_is_inside_is_read_listed_and_described(tree: LocalTree) -> None:
    assert read(tree, "notes/a.txt") == b"hello"
    assert [(entry.name, entry.kind, entry.size) for entry in tree.entries("notes", 10)[0]] == [
        ("a.txt", "file", 5)
    ]
    assert [entry.kind for entry in tree.entries("", 10)[0]] == ["directory"]
    assert tree.metadata("notes").kind == "directory"
    assert tree.metadata("notes/a.txt").size == 5


@pytest.mark.parametrize(
    "path", ["../outside/secret.txt", "notes/../../outside/secret.txt", "/etc/hostname", ".."]
)
def test_a_path_that_leaves_is_refused_by_the_kernel(tree: LocalTree, outside: Path, path: str) -> None:
    with pytest.raises(Refused, match="leaves its root"):
        tree.open_read(path)
    with pytest.raises((Refused, CallError)):
        tree.write(path + "/x", b"changed", "replace")
    assert (outside / "secret.txt").read_bytes() == SECRET


@pytest.mark.parametrize("mode", ["create", "replace", "append"])
def test_links_are_not_followed(tree: LocalTree, root: Path, outside: Path, mode: str) -> None:
    (root / "file").symlink_to(outside / "secret.txt")
    (root / "folder").symlink_to(outside)
    (root / "dangling").symlink_to(outside / "new.txt")
    (root / "loop").symlink_to("loop")
    for path in ("file", "folder/secret.txt", "dangling", "loop"):
        with pytest.raises(Refused):
            tree.open_read(path)
        with pytest.raises(Refused):
            tree.metadata(path)
        with pytest.raises((Refused, CallError)):
            tree.write(path, b"changed", mode)
        with pytest.raises(Refused):
            tree.remove(path)
    with pytest.raises(Refused):
        tree.entries("folder", 10)
    with pytest.raises(Refused):
        tree.make_folder("folder/new")
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]
    assert (outside / "secret.txt").read_bytes() == SECRET
    kinds = {entry.name: (entry.kind, entry.size) for entry in tree.entries("", 10)[0]}
    assert kinds["file"] == ("other", 0)


def test_a_link_into_proc_is_not_followed(tree: LocalTree, root: Path) -> None:
    (root / "self").symlink_to("/proc/self/root")
    with pytest.raises(Refused):
        tree.open_read("self/etc/hostname")


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_a_file_with_a_second_name_is_read_but_never_written(
    tree: LocalTree, root: Path, outside: Path, mode: str
) -> None:
    os.link(outside / "secret.txt", root / "hard.txt")
    assert read(tree, "hard.txt") == SECRET
    with pytest.raises(Refused, match="hard link"):
        tree.write("hard.txt", b"changed", mode)
    assert (outside / "secret.txt").read_bytes() == SECRET
    tree.write("notes/a.txt", b"changed", mode)


def test_pipes_and_sockets_are_refused_without_waiting(tree: LocalTree, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "sock"))
        for name in ("pipe", "sock"):
            with pytest.raises(CallError) as caught:
                tree.open_read(name)
            assert caught.value.code == "io_error"
            for mode in ("replace", "append"):
                with pytest.raises(CallError):
                    tree.write(name, b"x", mode)
            with pytest.raises(CallError, match="not a regular file"):
                tree.metadata(name)


def test_create_replace_append(tree: LocalTree, root: Path) -> None:
    assert tree.write("new.txt", b"one", "create") == 3
    with pytest.raises(CallError) as caught:
        tree.write("new.txt", b"two", "create")
    assert caught.value.code == "exists"
    assert tree.write("new.txt", b"two!", "replace") == 4
    assert tree.write("new.txt", b"three", "append") == 9
    assert (root / "new.txt").read_bytes() == b"two!three"
    assert (root / "new.txt").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in root.iterdir()) == ["new.txt", "notes"], "no temporary file stays"
    assert tree.write("absent.txt", b"x", "append") == 1
    with pytest.raises(CallError) as missing:
        tree.write("absent/x.txt", b"x", "append")
    assert missing.value.code == "not_found"


def test_folders_and_removal(tree: LocalTree, root: Path) -> None:
    tree.make_folder("notes/b")
    with pytest.raises(CallError) as there:
        tree.make_folder("notes/b")
    assert there.value.code == "exists"
    with pytest.raises(CallError, match="not empty"):
        tree.remove("notes")
    tree.remove("notes/b")
    tree.remove("notes/a.txt")
    tree.remove("notes")
    assert list(root.iterdir()) == []
    with pytest.raises(CallError) as gone:
        tree.remove("notes")
    assert gone.value.code == "not_found"
    with pytest.raises(CallError) as itself:
        tree.remove("")
    assert itself.value.code == "bad_request"


def test_a_folder_is_not_a_file_nor_the_other_way_round(tree: LocalTree) -> None:
    with pytest.raises(CallError) as folder:
        tree.open_read("notes")
    assert folder.value.code == "io_error"
    with pytest.raises(CallError) as file:
        tree.entries("notes/a.txt", 10)
    assert file.value.code == "not_found"
    with pytest.raises(CallError):
        tree.write("notes", b"x", "replace")
    with pytest.raises(CallError):
        tree.write("notes/a.txt/b", b"x", "replace")


def test_the_tree_is_the_folder_that_was_opened(tree: LocalTree, root: Path, outside: Path) -> None:
    moved = root.with_name("moved")
    root.rename(moved)
    root.symlink_to(outside)
    assert read(tree, "notes/a.txt") == b"hello"
    with pytest.raises(CallError):
        tree.open_read("secret.txt")


def test_names_that_are_not_text_are_left_out_and_long_lists_are_cut(tree: LocalTree, root: Path) -> None:
    (root / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
    entries, cut = tree.entries("", 10)
    assert [entry.name for entry in entries] == ["notes"]
    assert not cut
    (root / "b").write_bytes(b"")
    assert tree.entries("", 1)[1] is True


def test_a_nul_byte_does_not_shorten_a_path(tree: LocalTree) -> None:
    with pytest.raises(CallError) as caught:
        tree.open_read("notes/a.txt\0.png")
    assert caught.value.code == "bad_request"


def test_rename_new_does_not_replace(root: Path) -> None:
    (root / "x").write_bytes(b"x")
    (root / "y").write_bytes(b"y")
    with closing(open_beneath(os.open(root, os.O_PATH), "", os.O_RDONLY | os.O_DIRECTORY)) as fd:
        with pytest.raises(FileExistsError):
            rename_new(fd, "x", "y")
        rename_new(fd, "x", "z")
    assert (root / "y").read_bytes() == b"y"
    assert (root / "z").read_bytes() == b"x"


@pytest.mark.parametrize("mode", ["append", "replace", "create"])
def test_what_finds_no_room_leaves_everything_as_it_was(tree: LocalTree, root: Path, mode: str) -> None:
    """The limit of a process stands for the end of a disk: half a write, then an error."""
    (root / "there.txt").write_text("before")
    before = {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}
    path, data = "new.txt" if mode == "create" else "there.txt", b"x" * 3_000_000
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(CallError) as caught:
            tree.write(path, data, mode)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.code == "quota_exceeded"
    assert {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()} == before
    assert tree.write(path, data, mode) >= len(data)


def test_a_folder_is_measured_without_looking_through_links(tmp_path: Path) -> None:
    for folder, size in (("outside", 1_000), ("root/in/deep", 7), ("root/closed", 1)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_bytes(b"x" * size)
    (tmp_path / "root/file").write_bytes(b"x" * 5)
    (tmp_path / "root/to-file").symlink_to(tmp_path / "outside/file")
    (tmp_path / "root/to-folder").symlink_to(tmp_path / "outside")
    (tmp_path / "root/in/up").symlink_to("../..")
    os.mkfifo(tmp_path / "root/pipe")
    assert LocalTree(tmp_path / "root").measure() == (13, 10)


def test_what_goes_or_may_not_be_listed_while_it_is_measured_counts_as_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone/file").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"xy")

    def refused(folder: int, name: str, flags: int, mode: int = 0) -> int:
        if name:
            raise PermissionError(errno.EACCES, "no")
        return open_beneath(folder, name, flags, mode)

    monkeypatch.setattr(trees, "open_beneath", refused)
    assert LocalTree(tmp_path).measure() == (2, 2)

"""The copy of a built page follows its source, whatever a build does to it."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from locara.cli.dev_page import mirror

_NAME = st.sampled_from(["a", "b", "c"])
_TREE = st.dictionaries(
    st.lists(_NAME, min_size=1, max_size=3).map("/".join), st.binary(max_size=8), max_size=6
)


def _write(folder: Path, tree: dict[str, bytes]) -> dict[str, bytes]:
    """The tree as it could be written: a name that is a folder already is no file."""
    folder.mkdir()
    for name, data in tree.items():
        place = folder / name
        if place.exists() or any(parent.is_file() for parent in place.parents):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return _read(folder)


def _read(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@settings(deadline=None, max_examples=60)
@given(_TREE, _TREE)
def test_it_holds_what_the_source_holds_and_nothing_else(
    tmp_path_factory: object, first: dict[str, bytes], second: dict[str, bytes]
) -> None:
    base = tmp_path_factory.mktemp("page")  # type: ignore[attr-defined]
    target = base / "target"
    for tree in (first, second):
        shutil.rmtree(base / "source", ignore_errors=True)
        written = _write(base / "source", tree)
        mirror(base / "source", target)
        assert _read(target) == written


def test_the_folder_itself_stays_and_others_may_read_it(tmp_path: Path) -> None:
    source, target = tmp_path / "dist", tmp_path / "page"
    (source / "deep").mkdir(parents=True, mode=0o700)
    (source / "deep/index.html").write_text("one")
    (source / "deep/index.html").chmod(0o600)
    mirror(source, target)
    before = target.stat().st_ino
    shutil.rmtree(source)
    mirror(source, target)
    assert list(target.iterdir()) == []
    source.mkdir()
    (source / "index.html").write_text("two")
    mirror(source, target)
    assert target.stat().st_ino == before
    assert (target / "index.html").stat().st_mode & 0o777 == 0o644


def test_links_are_not_followed_and_not_copied(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/secret").write_text("secret")
    source = tmp_path / "dist"
    source.mkdir()
    (source / "file").symlink_to(tmp_path / "secret")
    (source / "tree").symlink_to(tmp_path / "folder")
    (source / "index.html").write_text("page")
    mirror(source, tmp_path / "page")
    assert _read(tmp_path / "page") == {"index.html": b"page"}

import os
import stat
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.cache import ModelCache, default_root

CONTENT = b"GGUF and so on" * 1000
DIGEST = Digest.of(CONTENT)


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache(tmp_path / "cache")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some name.gguf"
    path.write_bytes(CONTENT)
    return path


def leftovers(cache: ModelCache) -> list[str]:
    return sorted(p.name for p in (cache.root / ".partial").iterdir() if p.suffix != ".lock")


def test_reading_an_absent_cache_creates_nothing(cache: ModelCache) -> None:
    assert cache.list() == ()
    assert cache.blob(DIGEST) is None
    assert cache.size(DIGEST) is None
    with pytest.raises(ModelError) as caught:
        cache.verify(DIGEST)
    assert caught.value.code == "not_cached"
    assert not cache.root.exists()


def test_a_file_is_added_under_its_digest_and_read_only(cache: ModelCache, file: Path) -> None:
    assert cache.add_file(file, meta={"id": "demo"}) == DIGEST
    blob = cache.blob(DIGEST)
    assert blob == cache.root / DIGEST.hex / "model.gguf"
    assert blob.read_bytes() == CONTENT
    assert stat.S_IMODE(blob.stat().st_mode) == 0o444
    assert cache.size(DIGEST) == len(CONTENT)
    cache.verify(DIGEST)
    (entry,) = cache.list()
    assert (entry.digest, entry.size, entry.meta["id"]) == (DIGEST, len(CONTENT), "demo")
    assert leftovers(cache) == []


def test_the_wrong_file_leaves_nothing(cache: ModelCache, file: Path) -> None:
    other = Digest.of(b"other")
    with pytest.raises(ModelError) as caught:
        cache.add_file(file, expected=other)
    assert caught.value.code == "digest_mismatch"
    assert cache.list() == ()
    assert leftovers(cache) == []
    assert cache.add_file(file, expected=DIGEST) == DIGEST


def test_every_flipped_bit_is_found_and_a_damaged_entry_is_replaced(cache: ModelCache, file: Path) -> None:
    cache.add_file(file)
    blob = cache.root / DIGEST.hex / "model.gguf"
    for at in (0, len(CONTENT) // 2, len(CONTENT) - 1):
        damaged = bytearray(CONTENT)
        damaged[at] ^= 0x10
        blob.chmod(0o644)
        blob.write_bytes(damaged)
        with pytest.raises(ModelError) as caught:
            cache.verify(DIGEST)
        assert caught.value.code == "digest_mismatch"
        assert cache.add_file(file, expected=DIGEST if at else None) == DIGEST
        cache.verify(DIGEST)
        assert leftovers(cache) == []


def test_adding_twice_keeps_the_first(cache: ModelCache, file: Path) -> None:
    cache.add_file(file)
    blob = cache.root / DIGEST.hex / "model.gguf"
    inode = blob.stat().st_ino
    assert cache.add_file(file) == DIGEST
    assert cache.add_file(file, expected=DIGEST) == DIGEST
    assert blob.stat().st_ino == inode


@pytest.mark.parametrize("kind", ["absent", "directory", "pipe"])
def test_a_source_that_is_no_file_is_refused(cache: ModelCache, tmp_path: Path, kind: str) -> None:
    source = tmp_path / kind
    if kind == "directory":
        source.mkdir()
    elif kind == "pipe":
        os.mkfifo(source)
    with pytest.raises(ModelError) as caught:
        cache.add_file(source)
    assert caught.value.code == "not_cached"
    assert leftovers(cache) == []


def test_links_and_strange_names_in_the_cache_are_not_models(
    cache: ModelCache, file: Path, tmp_path: Path
) -> None:
    cache.add_file(file)
    (cache.root / "notes").mkdir()
    (cache.root / ("f" * 63)).mkdir()
    linked = Digest.of(b"linked")
    (cache.root / linked.hex).mkdir()
    (cache.root / linked.hex / "model.gguf").symlink_to(file)
    assert [entry.digest for entry in cache.list()] == [DIGEST]
    assert cache.blob(linked) is None


@pytest.mark.parametrize("notes", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 30_000])
def test_broken_notes_are_no_notes(cache: ModelCache, file: Path, notes: bytes) -> None:
    cache.add_file(file)
    meta = cache.root / DIGEST.hex / "meta.json"
    meta.chmod(0o644)
    meta.write_bytes(notes)
    assert cache.list()[0].meta == {}


def test_an_unwritable_root_is_an_error_of_its_own(tmp_path: Path, file: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError) as caught:
        ModelCache(tmp_path / "file" / "cache").add_file(file)
    assert caught.value.code == "not_cached"


def test_the_default_root_follows_xdg_and_ignores_relative_values(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_root() == tmp_path / "Locara" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/path")
    assert default_root() == Path.home() / ".cache" / "Locara" / "models"
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_root() == Path.home() / "Library" / "Caches" / "Locara" / "models"

"""The tool cache: complete or absent, and nothing but what a pin names is loaded."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from locara.core.digest import Digest
from locara.errors import ToolError
from locara.tools.cache import ToolCache, load_tool, read_folder
from locara.tools.manifest import read_tool

FIXTURES = Path(__file__).parents[3] / "fixtures" / "tools"


@pytest.fixture
def cache(tmp_path: Path) -> ToolCache:
    return ToolCache(tmp_path / "tools")


def test_a_tool_goes_in_and_comes_out(cache: ToolCache) -> None:
    manifest, wasm = read_folder(FIXTURES / "text-stats")
    assert cache.list() == () and not cache.root.exists()
    tool = cache.add(manifest, wasm)
    assert cache.list() == (tool.digest,)
    folder = cache.folder(tool.digest)
    assert folder is not None
    assert load_tool(folder, tool.digest) == (tool, wasm)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    assert cache.add(manifest, wasm, expected=tool.digest).digest == tool.digest
    assert [path.name for path in cache.root.iterdir()] == [tool.digest.hex]


def test_what_does_not_match_is_not_added(cache: ToolCache) -> None:
    manifest, wasm = read_folder(FIXTURES / "text-stats")
    for bytes_, expected in ((wasm + b"\0", None), (wasm, Digest.of(b"other"))):
        with pytest.raises(ToolError) as refused:
            cache.add(manifest, bytes_, expected=expected)
        assert refused.value.code == "digest_mismatch"
    assert cache.list() == ()


@pytest.mark.parametrize("name", ["tool.json", "tool.wasm"])
def test_changed_bytes_are_found_and_replaced(cache: ToolCache, name: str) -> None:
    manifest, wasm = read_folder(FIXTURES / "text-stats")
    tool = cache.add(manifest, wasm)
    path = cache.root / tool.digest.hex / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ToolError) as found:
        cache.verify(tool.digest)
    assert found.value.code == "digest_mismatch"
    cache.add(manifest, wasm)
    assert cache.verify(tool.digest) == tool


@pytest.mark.parametrize("instead", ["a link", "a file"])
def test_what_is_no_folder_is_replaced_by_the_tool(cache: ToolCache, tmp_path: Path, instead: str) -> None:
    manifest, wasm = read_folder(FIXTURES / "text-stats")
    tool = cache.add(manifest, wasm)
    place = cache.root / tool.digest.hex
    place.rename(tmp_path / "beside")
    if instead == "a link":
        place.symlink_to(tmp_path / "beside")
    else:
        place.write_bytes(wasm)
    with pytest.raises(ToolError) as refused:
        cache.verify(tool.digest)
    assert refused.value.code == "not_cached"
    cache.add(manifest, wasm)
    assert cache.verify(tool.digest) == tool and not place.is_symlink()
    assert [path.name for path in cache.root.iterdir()] == [tool.digest.hex]
    assert {path.name for path in (tmp_path / "beside").iterdir()} == {"tool.json", "tool.wasm"}


def test_a_link_is_no_tool(cache: ToolCache, tmp_path: Path) -> None:
    manifest, wasm = read_folder(FIXTURES / "text-stats")
    tool = cache.add(manifest, wasm)
    folder = cache.root / tool.digest.hex
    (tmp_path / "elsewhere").write_bytes(wasm)
    (folder / "tool.wasm").unlink()
    (folder / "tool.wasm").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ToolError) as found:
        cache.verify(tool.digest)
    assert found.value.code == "not_cached"


def test_the_pins_of_the_repository_are_those_of_its_files() -> None:
    for tool in json.loads((FIXTURES / "tools.json").read_text())["tools"]:
        data = (FIXTURES / tool["id"] / "tool.json").read_bytes()
        assert str(Digest.of(data)) == tool["digest"]
        module = FIXTURES / tool["id"] / "tool.wasm"
        packed = module.with_name("tool.wasm.xz")
        if packed.exists():
            named = read_tool(data).module
            assert Digest.of(lzma.decompress(packed.read_bytes())) == named
        elif "package" not in tool:
            assert load_tool(module.parent, Digest.parse(tool["digest"]))[0].id == tool["id"]
            assert module.stat().st_size < 300_000

"""A host of tools outside the sandbox, and tools written as WebAssembly text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from locara.core.grant import Grants
from locara.tools.host import Answer, Folders, ToolHost
from locara.tools.manifest import read_tool
from locara_verify.checks.tools.modules import Made

Invoke = Callable[..., Answer]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def host(tmp_path: Path, data: Path) -> Iterator[ToolHost]:
    (tmp_path / "scratch").mkdir()
    made = ToolHost(Folders(app_data=data, scratch=tmp_path / "scratch"), compiled=tmp_path / "compiled")
    yield made
    made.close()


@pytest.fixture
def invoke(host: ToolHost) -> Invoke:
    """Run a made tool, with all it needs unless `rights` say otherwise."""

    def call(made: Made, value: object = None, *, rights: Grants | None = None, **more: object) -> Answer:
        tool = read_tool(made.manifest)
        if not host.is_loaded(tool):
            host.load(tool, made.wasm)
        return host.invoke(tool, value, rights=tool.needs if rights is None else rights, **more)  # type: ignore[arg-type]

    return call

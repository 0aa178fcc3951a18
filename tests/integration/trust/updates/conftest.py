"""One repository for all tests of updates, copied for each; one server on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .tuf_world import Server, World, made


@pytest.fixture(scope="session")
def tuf_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("tuf") / "template"
    folder.mkdir()
    return folder, made(folder)


@pytest.fixture(scope="session")
def tuf_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def tuf(tmp_path: Path, tuf_template: tuple[Path, bytes], tuf_server: Server) -> World:
    template, root = tuf_template
    return World.fresh(tmp_path / "world", template, tuf_server, root)

"""An empty log of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from locara_registry.trust.log.log import Log
from tests.integration.registry.small_log import KEY


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with Log.create(tmp_path / "log", tmp_path / "public", KEY) as made:
        yield made

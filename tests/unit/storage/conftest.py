"""Stores in memory-like folders for tests of one part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from locara.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "app.sqlite3", schema_dir=None, quota_mb=16, clock=lambda: 1_700) as opened:
        yield opened

"""What every test shares."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Names without addresses: workers that collect in separate processes must agree on them."""
    for item in items:
        if _ADDRESS.search(item.nodeid):
            item._nodeid = _ADDRESS.sub("", item.nodeid)
            item.name = _ADDRESS.sub("", item.name)

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest

CHAT = "chat@sha256:" + "a" * 64
EMBED = "embed@sha256:" + "b" * 64

Grant = Callable[..., Grants]


def grants_of(capabilities: dict[str, Any], **top: Any) -> Grants:
    document = {
        "schema": "locara/v1",
        "name": "probe",
        "publisher": "test",
        "version": "1.0.0",
        "displayName": "Probe",
        "description": "An app for tests.",
        "license": "MIT",
        "author": {"name": "T", "email": "t@example.com"},
        "icon": "icon.png",
        "screenshots": ["s.png"],
        "category": "developer",
        "modalities": [],
        "capabilities": capabilities,
        **top,
    }
    return compile_grants(parse_manifest(json.dumps(document).encode()))


@pytest.fixture(scope="session")
def grant() -> Grant:
    return grants_of

"""Manifests to start from, and strategies for what they may hold."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest

A, B = "a" * 64, "b" * 64
MINIMAL: dict[str, Any] = {
    "schema": "locara/v1",
    "name": "notes",
    "publisher": "acme",
    "version": "1.2.3",
    "displayName": "Notes",
    "description": "Keeps notes.",
    "license": "Apache-2.0",
    "author": {"name": "Acme", "email": "hello@acme.example"},
    "icon": "public/icon.png",
    "screenshots": ["screenshots/one.png"],
    "category": "productivity",
    "capabilities": {},
}


@pytest.fixture(scope="session")
def minimal() -> Callable[..., dict[str, Any]]:
    """A fresh copy of the smallest manifest, with some top-level keys replaced."""

    def build(**changes: Any) -> dict[str, Any]:
        return copy.deepcopy(MINIMAL) | changes

    return build


@pytest.fixture(scope="session")
def granted(minimal: Callable[..., dict[str, Any]]) -> Callable[..., Grants]:
    """The grants of the smallest manifest with these capabilities and other top-level keys."""

    def build(capabilities: dict[str, Any] | None = None, **changes: Any) -> Grants:
        value = minimal(capabilities=capabilities or {}, **changes)
        return compile_grants(parse_manifest(json.dumps(value, indent=2).encode()))

    return build


def _subset(values: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, unique=True)


HOSTS = ("a.test", "b.a.test", "c.b.a.test", "x.b.a.test", "*.a.test", "*.b.a.test", "d.test", "*.d.test")
PORTS = (80, 443, 444, 8443)
ACCESS = st.sampled_from(("read", "read-write"))
NET = st.one_of(
    st.booleans(),
    st.fixed_dictionaries(
        {"allowed_hosts": _subset(HOSTS, 1)},
        optional={"allowed_ports": st.lists(st.sampled_from(PORTS), min_size=1, unique=True)},
    ),
)
PINS = st.lists(st.sampled_from(("chat", "small", "embed")), unique=True).flatmap(
    lambda names: st.tuples(*(st.sampled_from((f"{n}@sha256:{A}", f"{n}@sha256:{B}")) for n in names)).map(
        list
    )
)
FOLDER = st.fixed_dictionaries(
    {"id": st.just("inbox"), "with": _subset(("acme/mail", "acme/scan"), 1), "access": ACCESS}
)
CAPABILITIES = st.fixed_dictionaries(
    {},
    optional={
        "net": NET,
        "fs.user-selected": st.one_of(st.just(False), ACCESS),
        "fs.app-data": st.one_of(st.just(False), ACCESS),
        "fs.user-paths": st.dictionaries(st.sampled_from(("documents", "music", "movies")), ACCESS),
        "device.microphone": st.booleans(),
        "device.camera": st.booleans(),
        "device.system-audio": st.booleans(),
        "models": PINS,
        "tools": PINS,
        "shared-folders": st.lists(FOLDER, max_size=1),
        "clipboard": st.fixed_dictionaries({}, optional={"read": st.booleans(), "write": st.booleans()}),
        "notifications": st.fixed_dictionaries({"modes": _subset(("alert", "badge", "sound"))}),
        "background": st.fixed_dictionaries(
            {"mode": st.sampled_from((False, "passive", "active"))},
            optional={"reasons": _subset(("It watches the inbox", "It indexes new files"))},
        ),
        "open-external": st.fixed_dictionaries({"hosts": _subset(HOSTS, 1)}),
    },
)


@pytest.fixture(scope="session")
def capabilities() -> st.SearchStrategy[dict[str, Any]]:
    """Valid values of the manifest's key "capabilities"."""
    return CAPABILITIES

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.capability import Kind
from locara.core.decision import decide
from locara.core.grant import Grants
from locara.core.request import FsRequest, ModelRequest
from locara.core.scope import is_empty
from locara.sandbox.profile import USER_ROOTS, Bind, profile

from .conftest import CHAT, EMBED, grants_of

ACCESS = st.sampled_from(["read", "read-write"])
CAPABILITIES = st.fixed_dictionaries(
    {},
    optional={
        "net": st.one_of(st.booleans(), st.just({"allowed_hosts": ["api.example.com"]})),
        "fs.user-selected": st.one_of(st.just(False), ACCESS),
        "fs.app-data": st.one_of(st.just(False), ACCESS),
        "shared-folders": st.dictionaries(st.sampled_from(("notes", "a", "b-1")), ACCESS).map(
            lambda found: [{"id": key, "with": ["acme/other"], "access": found[key]} for key in found]
        ),
        "fs.user-paths": st.dictionaries(st.sampled_from(USER_ROOTS), ACCESS, min_size=1),
        "models": st.lists(st.sampled_from([CHAT, EMBED]), unique=True, min_size=1),
    },
)


def test_nothing_granted_shows_the_app_and_its_store_only() -> None:
    view = profile(Grants.none())
    assert view.binds == (Bind("app", "/app", writable=False), Bind("data", "/data", writable=True))
    assert view.net == "none"


def test_each_grant_opens_its_place_and_nothing_else(grant: Callable[..., Grants]) -> None:
    view = profile(grant({"fs.user-paths": {"documents": "read", "music": "read-write"}, "models": [CHAT]}))
    assert view.bind("root:documents") == Bind("root:documents", "/roots/documents", writable=False)
    assert view.bind("root:music") == Bind("root:music", "/roots/music", writable=True)
    assert view.bind("root:pictures") is None
    assert view.bind("model:" + "a" * 64) == Bind(
        "model:" + "a" * 64, f"/models/{'a' * 64}/model.gguf", writable=False
    )
    assert view.bind("model:" + "b" * 64) is None


def test_net_opens_the_proxy_and_only_the_proxy(grant: Callable[..., Grants]) -> None:
    assert profile(grant({"net": {"allowed_hosts": ["api.example.com"]}})).net == "proxy"
    assert profile(grant({"net": True})).net == "proxy"
    assert profile(grant({"net": False})).net == "none"


@settings(max_examples=150, deadline=None)
@given(capabilities=CAPABILITIES)
def test_the_kernel_never_opens_what_the_gate_would_refuse(capabilities: dict[str, Any]) -> None:
    grants = grants_of(capabilities)
    view = profile(grants)
    assert view == profile(grants)
    for bind in view.binds:
        kind, _, name = bind.role.partition(":")
        if kind == "root":
            assert decide(grants, FsRequest(name, "", "read")).allowed
            assert decide(grants, FsRequest(name, "", "write")).allowed == bind.writable
        elif kind == "shared":
            assert bind.dest == f"/roots/shared/{name}"
            assert decide(grants, FsRequest(f"shared/{name}", "", "read")).allowed
            assert decide(grants, FsRequest(f"shared/{name}", "", "write")).allowed == bind.writable
        elif kind == "model":
            pins = [f"{ident}@{digest}" for ident, digest in grants.models.items() if digest.hex == name]
            assert pins
            assert all(decide(grants, ModelRequest(pin)).allowed for pin in pins)
            assert not bind.writable
        else:
            assert bind.role in ("app", "data")
    granted = {f"root:{root}" for root in USER_ROOTS if decide(grants, FsRequest(root, "", "read")).allowed}
    granted |= {f"shared:{folder.id}" for folder in grants.shared_folders}
    granted |= {f"model:{digest.hex}" for digest in grants.models.values()}
    assert {bind.role for bind in view.binds} == granted | {"app", "data"}
    assert (view.net == "proxy") == (not is_empty(grants.scope(Kind.NET)))

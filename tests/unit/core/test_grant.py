"""From a manifest to what it grants, with the line each grant comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core import scope as scopes
from locara.core.capability import Kind
from locara.core.decision import decide
from locara.core.digest import Digest
from locara.core.grant import Grant, Grants, Origin, intersect, widening
from locara.core.hosts import HostSet
from locara.core.ports import PortSet
from locara.core.request import FsRequest, ModelRequest, NetRequest, Request
from locara.core.scope import AtomScope, HostScope

Granted = Callable[..., Grants]
A, B = (f"chat@sha256:{letter * 64}" for letter in "ab")


def test_a_grant_knows_its_line(granted: Granted) -> None:
    grants = granted({"net": {"allowed_hosts": ["a.test"]}, "fs.user-selected": "read", "models": [A]})
    origin = grants.origin(Kind.FS_USER_SELECTED)
    assert origin == Origin("locara.json", "/capabilities/fs.user-selected", '"fs.user-selected": "read"')
    assert (origin.line, origin.column) == (24, 5)
    assert str(origin) == "locara.json:24"
    net = grants.origin(Kind.NET)
    assert net is not None
    assert (net.line, net.declared) == (19, '"net": {"allowed_hosts": ["a.test"]}')


def test_own_data_is_the_only_grant_that_needs_no_word(granted: Granted) -> None:
    grants = granted({})
    assert [grant.kind for grant in grants.grants] == [Kind.FS_APP_DATA]
    origin = grants.origin(Kind.FS_APP_DATA)
    assert origin is not None
    assert origin.declared == '"fs.app-data": "read-write"'
    assert origin.line == 18  # the line of "capabilities"
    assert granted({"fs.app-data": False}).grants == ()
    assert granted({"fs.app-data": "read"}).scope(Kind.FS_APP_DATA) == AtomScope(
        Kind.FS_APP_DATA, frozenset({("app-data", "read")})
    )


def test_nothing_declared_in_many_words_is_nothing(granted: Granted) -> None:
    grants = granted(
        {
            "net": False,
            "fs.user-selected": False,
            "fs.app-data": False,
            "fs.user-paths": {},
            "device.microphone": False,
            "device.camera": False,
            "device.system-audio": False,
            "models": [],
            "tools": [],
            "shared-folders": [],
            "clipboard": {"read": False, "write": False},
            "notifications": {"modes": []},
            "background": {"mode": False, "reasons": ["none"]},
        }
    )
    assert grants.grants == ()
    for kind in Kind:
        assert scopes.is_empty(grants.scope(kind))
        assert grants.origin(kind) is None
    assert grants.background_reasons == ()
    assert widening(Grants.none(), grants) == ()


def test_values_travel_with_the_grants(granted: Granted) -> None:
    grants = granted(
        {
            "models": [A],
            "tools": [B],
            "background": {"mode": "active", "reasons": ["It indexes"]},
            "shared-folders": [{"id": "inbox", "with": ["acme/mail"], "access": "read"}],
        },
        storage={"quota_mb": 7},
        modalities=["text-to-text"],
        tooling=["vector.search"],
    )
    assert grants.app_id == "acme/notes"
    assert (grants.version, grants.display_name) == ("1.2.3", "Notes")
    assert grants.models == {"chat": Digest("a" * 64)}
    assert grants.tools == {"chat": Digest("b" * 64)}
    assert grants.modalities == {"text-to-text"}
    assert grants.tooling == {"vector.search"}
    assert (grants.vector_engine, grants.quota_mb) == ("sqlite-vec", 7)
    assert grants.background_reasons == ("It indexes",)
    (folder,) = grants.shared_folders
    assert (folder.id, folder.partners, folder.access) == ("inbox", ("acme/mail",), "read")


def test_net_true_is_every_host_on_every_port(granted: Granted) -> None:
    assert granted({"net": True}).scope(Kind.NET) == HostScope(Kind.NET, HostSet.everything())
    only = granted({"net": {"allowed_hosts": ["a.test"], "allowed_ports": [80, 81]}}).scope(Kind.NET)
    assert only == HostScope(Kind.NET, HostSet.of(["a.test"], PortSet.of([80, 81])))


def test_grants_that_make_no_sense_are_refused() -> None:
    origin = Origin("locara.json", "/", "")
    models = scopes.pins(Kind.MODELS, [A])
    none = Grants.none()
    with pytest.raises(ValueError, match="once"):
        dataclasses.replace(none, grants=(Grant(Kind.MODELS, models, origin),) * 2)
    with pytest.raises(ValueError, match="own kind"):
        dataclasses.replace(none, grants=(Grant(Kind.TOOLS, models, origin),))
    with pytest.raises(ValueError, match="not empty"):
        dataclasses.replace(none, grants=(Grant(Kind.MODELS, scopes.empty(Kind.MODELS), origin),))


def test_widening_names_what_is_new(granted: Granted) -> None:
    old = granted({"net": {"allowed_hosts": ["*.a.test"]}, "models": [A], "fs.user-selected": "read"})
    assert widening(old, old) == ()
    assert widening(old, granted({"models": [A]})) == ()
    assert widening(old, granted({"net": {"allowed_hosts": ["b.a.test"]}})) == ()
    (found,) = widening(old, granted({"net": {"allowed_hosts": ["a.test", "x.a.test"]}}))
    assert found == NetRequest("a.test", 443)
    assert widening(old, granted({"models": [B]})) == (ModelRequest(B),)
    assert widening(old, granted({"fs.user-selected": "read-write", "fs.app-data": False})) == (
        FsRequest("user-selected", "", "write"),
    )


def test_a_further_partner_of_a_shared_folder_is_new(granted: Granted) -> None:
    def share(*partners: str) -> Grants:
        return granted({"shared-folders": [{"id": "inbox", "with": list(partners), "access": "read"}]})

    assert widening(share("acme/mail", "acme/scan"), share("acme/scan")) == ()
    assert widening(share("acme/scan"), share("acme/mail", "acme/scan")) == (
        FsRequest("shared/inbox", "", "read"),
    )


def _requests(*all_grants: Grants) -> list[Request]:
    """Requests around the edges of these grants: a witness of every scope and of what is left of it."""
    found: list[Request] = [
        NetRequest("z.z.test", 80),
        FsRequest("music", "a", "write"),
        ModelRequest(A),
        ModelRequest(B),
    ]
    for grants in all_grants:
        for grant in grants.grants:
            for other in all_grants:
                for combine in (scopes.intersect, scopes.difference, scopes.union):
                    request = scopes.witness(combine(grant.scope, other.scope(grant.kind)))
                    found += [request] if request is not None else []
    return found


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_widening_is_exact(
    granted: Granted, capabilities: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    old, new = granted(data.draw(capabilities)), granted(data.draw(capabilities))
    found = widening(old, new)
    shared = {folder.id: set(folder.partners) for folder in old.shared_folders}
    for request in found:
        assert decide(new, request).allowed
        if decide(
            old, request
        ).allowed:  # only a new partner of a shared folder is told although it was allowed
            assert request.kind is Kind.SHARED_FOLDERS
            assert any(set(folder.partners) - shared.get(folder.id, set()) for folder in new.shared_folders)
    if not found:
        for request in _requests(old, new):
            assert not decide(new, request).allowed or decide(old, request).allowed
    for kind in Kind:
        grew = scopes.subset(new.scope(kind), old.scope(kind)) is not None
        assert grew <= any(request.kind is kind for request in found)


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_the_intersection_allows_what_both_allow(
    granted: Granted, capabilities: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    a, b = granted(data.draw(capabilities)), granted(data.draw(capabilities))
    both = intersect(a, b)
    for request in _requests(a, b, both):
        expected = decide(a, request).allowed and decide(b, request).allowed
        found = decide(both, request).allowed
        if request.kind in {Kind.MODELS, Kind.TOOLS}:
            assert found <= expected  # an id pinned to two digests names no one thing
        else:
            assert found is expected
    assert widening(a, both) == widening(b, both) == ()
    assert intersect(a, a).grants == a.grants
    assert set(both.models.items()) == set(a.models.items()) & set(b.models.items())
    assert intersect(a, Grants.none()).grants == ()


def test_what_two_allow_together_is_told_by_both(granted: Granted) -> None:
    words = ("It watches the inbox",)
    one = granted(
        {"background": {"mode": "active", "reasons": list(words)}, "models": [A], "tools": [A]},
        modalities=["text-to-text"], tooling=["vector.search"], storage={"quota_mb": 200},
    )  # fmt: skip
    other = granted({"models": [A]}, modalities=["text-to-text"], storage={"quota_mb": 100})
    for a, b in ((one, other), (other, one), (one, one), (one, Grants.none())):
        both = intersect(a, b)
        assert both.modalities == a.modalities & b.modalities
        assert both.tooling == a.tooling & b.tooling
        assert both.quota_mb == min(a.quota_mb, b.quota_mb)
        assert dict(both.models) == {k: v for k, v in a.models.items() if b.models.get(k) == v}
        assert dict(both.tools) == {k: v for k, v in a.tools.items() if b.tools.get(k) == v}
        told = ("app_id", "version", "manifest_digest", "display_name", "vector_engine", "background_reasons")
        assert all(getattr(both, name) == getattr(a, name) for name in told)


def test_partners_of_a_shared_folder_are_those_of_both(granted: Granted) -> None:
    def sharing(*partners: str, name: str = "inbox") -> Grants:
        folder = {"id": name, "with": list(partners), "access": "read-write"}
        return granted({"shared-folders": [folder]})

    mail, both = sharing("acme/mail"), sharing("acme/mail", "acme/scan")
    (folder,) = intersect(both, mail).shared_folders
    assert (folder.id, folder.partners, folder.access) == ("inbox", ("acme/mail",), "read-write")
    assert intersect(sharing("acme/scan"), mail).shared_folders == ()
    assert intersect(both, sharing("acme/mail", name="other")).shared_folders == ()

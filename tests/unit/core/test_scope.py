"""The algebra of scopes: its laws, its witnesses, and that empty means nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core import scope as scopes
from locara.core.capability import HOST_KINDS, USER_PATH_ROOTS, Kind
from locara.core.hosts import HostSet
from locara.core.ports import ALL_PORTS, HTTPS, PortSet
from locara.core.request import (
    BackgroundRequest,
    ClipboardRequest,
    DeviceRequest,
    FsRequest,
    ModelRequest,
    NetRequest,
    NotifyRequest,
    OpenExternalRequest,
    Request,
    ToolRequest,
)
from locara.core.scope import AtomScope, HostScope, Scope

A, B = (f"chat@sha256:{letter * 64}" for letter in "ab")
NAMES = ("chat", "embed", A, B, "chat@sha256:0", "CHAT", "")
HOSTS = ("a.test", "b.a.test", "c.b.a.test", "d.test", "localhost", "A.test", "")
ROOTS = (
    "user-selected",
    "app-data",
    *USER_PATH_ROOTS,
    "shared/inbox",
    "shared/out",
    "shared/",
    "/",
    "home",
    "",
)
PATHS = ("", "a.txt", "a/b", "../a", "/a", "a//b", "a\\b", "CON")
ACCESSES: Any = ("read", "write", "execute", "")

REQUESTS: list[Request] = [
    *(NetRequest(host, port) for host in HOSTS for port in (0, 80, 443, 65_535, 65_536)),
    *(FsRequest(root, path, use) for root in ROOTS for path in PATHS for use in ACCESSES),
    *(DeviceRequest(device) for device in ("microphone", "camera", "system-audio", "gps")),  # type: ignore[arg-type]
    *(ModelRequest(name) for name in NAMES),
    *(ToolRequest(name) for name in NAMES),
    *(ClipboardRequest(use) for use in ACCESSES),
    *(NotifyRequest(mode) for mode in ("alert", "badge", "sound", "popup")),  # type: ignore[arg-type]
    *(BackgroundRequest(mode) for mode in ("passive", "active", "always")),  # type: ignore[arg-type]
    *(OpenExternalRequest(host) for host in HOSTS),
]
ATOMS = {
    kind: sorted({atom for r in REQUESTS if r.kind is kind and (atom := scopes.atom_of(r))}) for kind in Kind
}
HOST_SETS = st.one_of(
    st.builds(
        HostSet.of,
        st.lists(st.sampled_from(["a.test", "*.a.test", "b.a.test", "*.b.a.test", "d.test"]), max_size=3),
        st.sampled_from([HTTPS, PortSet.of([80]), ALL_PORTS]),
    ),
    st.just(HostSet.everything()),
)
KINDS = st.sampled_from(sorted(Kind))


def of_kind(kind: Kind) -> st.SearchStrategy[Scope]:
    if kind in HOST_KINDS:
        return HOST_SETS.map(lambda hosts: HostScope(kind, hosts & HostSet.everything(HTTPS)))
    return st.frozensets(st.sampled_from(ATOMS[kind])).map(lambda atoms: AtomScope(kind, atoms))


SOME = KINDS.flatmap(of_kind)
PAIR = KINDS.flatmap(lambda kind: st.tuples(of_kind(kind), of_kind(kind)))
TRIPLE = KINDS.flatmap(lambda kind: st.tuples(of_kind(kind), of_kind(kind), of_kind(kind)))
OPERATIONS: list[tuple[Callable[[Scope, Scope], Scope], Callable[[bool, bool], bool]]] = [
    (scopes.union, lambda a, b: a or b),
    (scopes.intersect, lambda a, b: a and b),
    (scopes.difference, lambda a, b: a and not b),
]


@settings(deadline=None, max_examples=150)
@given(PAIR)
def test_operations_agree_with_membership(pair: tuple[Scope, Scope]) -> None:
    a, b = pair
    for combine, meaning in OPERATIONS:
        combined = combine(a, b)
        assert combined.kind is a.kind
        for request in REQUESTS:
            if request.kind is a.kind:
                expected = meaning(scopes.covers(a, request), scopes.covers(b, request))
                assert scopes.covers(combined, request) is expected


@settings(deadline=None, max_examples=150)
@given(TRIPLE)
def test_equal_scopes_are_equal_values(triple: tuple[Scope, Scope, Scope]) -> None:
    a, b, c = triple
    assert scopes.union(a, b) == scopes.union(b, a)
    assert scopes.intersect(a, b) == scopes.intersect(b, a)
    assert scopes.union(a, scopes.intersect(a, b)) == a
    assert scopes.intersect(a, scopes.union(a, b)) == a
    assert scopes.union(scopes.difference(a, b), scopes.intersect(a, b)) == a
    assert scopes.difference(a, scopes.union(b, c)) == scopes.difference(scopes.difference(a, b), c)
    assert scopes.intersect(a, scopes.union(b, c)) == scopes.union(
        scopes.intersect(a, b), scopes.intersect(a, c)
    )
    assert hash(scopes.union(a, a)) == hash(a)


@settings(deadline=None, max_examples=200)
@given(PAIR)
def test_a_subset_holds_or_has_a_witness(pair: tuple[Scope, Scope]) -> None:
    a, b = pair
    found = scopes.subset(a, b)
    if found is None:
        assert scopes.union(a, b) == b
        for request in REQUESTS:
            assert not scopes.covers(a, request) or scopes.covers(b, request)
    else:
        assert scopes.covers(a, found)
        assert not scopes.covers(b, found)


@settings(deadline=None, max_examples=150)
@given(SOME)
def test_a_witness_is_in_the_scope_and_only_the_empty_one_has_none(scope: Scope) -> None:
    found = scopes.witness(scope)
    assert (found is None) is scopes.is_empty(scope)
    assert scopes.is_empty(scope) is (scope == scopes.empty(scope.kind))
    if found is not None:
        assert found.kind is scope.kind
        assert scopes.covers(scope, found)


@pytest.mark.parametrize("kind", Kind)
def test_empty_means_nothing(kind: Kind) -> None:
    nothing = scopes.empty(kind)
    assert scopes.is_empty(nothing)
    assert scopes.witness(nothing) is None
    assert not any(scopes.covers(nothing, request) for request in REQUESTS)
    assert scopes.subset(nothing, nothing) is None


@settings(deadline=None, max_examples=100)
@given(SOME)
def test_a_scope_says_nothing_of_other_kinds(scope: Scope) -> None:
    for request in REQUESTS:
        if request.kind is not scope.kind:
            assert not scopes.covers(scope, request)


@pytest.mark.parametrize("operation", [scopes.union, scopes.intersect, scopes.difference, scopes.subset])
def test_scopes_of_two_kinds_do_not_mix(operation: Callable[[Scope, Scope], object]) -> None:
    models, net = scopes.pins(Kind.MODELS, [A]), HostScope(Kind.NET, HostSet.everything())
    external, tools = scopes.external(["a.test"]), scopes.pins(Kind.TOOLS, [A])
    for a, b in [(models, tools), (models, net), (net, models), (net, external)]:
        with pytest.raises(ValueError, match="different kinds"):
            operation(a, b)


@pytest.mark.parametrize(
    ("kind", "atom"),
    [
        (Kind.FS_APP_DATA, ("user-selected", "read")),
        (Kind.FS_USER_PATHS, ("home", "read")),
        (Kind.FS_USER_PATHS, ("documents", "execute")),
        (Kind.SHARED_FOLDERS, ("shared/../x", "read")),
        (Kind.SHARED_FOLDERS, ("documents", "read")),
        (Kind.MODELS, ("chat@sha256:0", "use")),
        (Kind.MODELS, ("", "use")),
        (Kind.TOOLS, ("a b", "use")),
        (Kind.CAMERA, ("microphone", "use")),
        (Kind.CLIPBOARD, ("clipboard", "use")),
        (Kind.NOTIFICATIONS, ("popup", "use")),
        (Kind.BACKGROUND, ("always", "use")),
        (Kind.NET, ("a.test", "use")),
    ],
)
def test_a_scope_holds_only_what_its_kind_can_ask(kind: Kind, atom: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="not a scope"):
        AtomScope(kind, frozenset({atom}))
    with pytest.raises(ValueError, match="hosts"):
        HostScope(Kind.MODELS, HostSet())


def test_a_pin_is_known_by_its_id_and_as_a_whole() -> None:
    scope = scopes.pins(Kind.MODELS, [A])
    assert scopes.covers(scope, ModelRequest("chat"))
    assert scopes.covers(scope, ModelRequest(A))
    assert not scopes.covers(scope, ModelRequest(B))
    assert not scopes.covers(scope, ToolRequest(A))
    assert scopes.subset(scopes.pins(Kind.MODELS, [B]), scope) == ModelRequest(B)


def test_a_path_is_judged_by_its_words_alone() -> None:
    scope = AtomScope(Kind.FS_USER_PATHS, frozenset({("documents", "read")}))
    for path in ("", "a.txt", "a/b"):
        assert scopes.covers(scope, FsRequest("documents", path, "read"))
        assert not scopes.covers(scope, FsRequest("documents", path, "write"))
        assert not scopes.covers(scope, FsRequest("music", path, "read"))
    for path in ("../a", "/a", "a//b", "a\\b", "CON", "a/../b", "a\0"):
        assert not scopes.covers(scope, FsRequest("documents", path, "read"))


def test_the_words_for_access() -> None:
    assert scopes.accesses("read") == {"read"}
    assert scopes.accesses("read-write") == {"read", "write"}
    assert scopes.accesses("write") == scopes.accesses("") == scopes.accesses("READ") == frozenset()


@pytest.mark.parametrize(
    ("root", "place"),
    [
        ("app-data", True),
        ("user-selected", True),
        ("documents", True),
        ("shared/a", True),
        ("shared/a-b", True),
        ("shared/", False),
        ("shared", False),
        ("shared/-a", False),
        ("shared/a-", False),
        ("shared/A", False),
        ("shared/a/b", False),
        ("shared/..", False),
        ("shared/" + "a" * 64, True),
        ("shared/" + "a" * 65, False),
        ("app-data/a", False),
        ("Documents", False),
        ("home", False),
        ("", False),
    ],
)
def test_a_root_is_one_of_the_named_places_or_a_shared_folder(root: str, place: bool) -> None:
    assert scopes.is_root(root) is place

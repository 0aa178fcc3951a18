"""decide: every answer explained, every content of a request judged, never an exception."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core import scope as scopes
from locara.core.capability import Kind
from locara.core.decision import Decision, decide
from locara.core.grant import Grant, Grants, Origin
from locara.core.hosts import HostSet
from locara.core.ports import HTTPS
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

Granted = Callable[..., Grants]
A, B = (f"chat@sha256:{letter * 64}" for letter in "ab")
TOOL = f"python@sha256:{'c' * 64}"
EVERYTHING: dict[str, Any] = {
    "net": {"allowed_hosts": ["api.a.test", "*.cdn.test"], "allowed_ports": [443, 8443]},
    "fs.user-selected": "read-write",
    "fs.app-data": "read",
    "fs.user-paths": {"documents": "read"},
    "device.microphone": True,
    "models": [A],
    "tools": [TOOL],
    "shared-folders": [{"id": "inbox", "with": ["acme/mail"], "access": "read"}],
    "clipboard": {"read": True},
    "notifications": {"modes": ["badge"]},
    "background": {"mode": "passive"},
    "open-external": {"hosts": ["a.test"]},
}
# (allowed, its twin that is denied, the capability, the line that would allow the twin)
TWINS: list[tuple[Request, Request, str, str]] = [
    (
        NetRequest("api.a.test", 443),
        NetRequest("a.test", 443),
        "net",
        '"net": {"allowed_hosts": ["api.a.test", "*.cdn.test", "a.test"], "allowed_ports": [443, 8443]}',
    ),
    (
        NetRequest("x.y.cdn.test", 8443),
        NetRequest("x.cdn.test", 80),
        "net",
        '"net": {"allowed_hosts": ["api.a.test", "*.cdn.test", "x.cdn.test"], '
        '"allowed_ports": [443, 8443, 80]}',
    ),
    (
        FsRequest("app-data", "a/b", "read"),
        FsRequest("app-data", "a/b", "write"),
        "fs.app-data",
        '"fs.app-data": "read-write"',
    ),
    (
        FsRequest("documents", "", "read"),
        FsRequest("music", "", "read"),
        "fs.user-paths",
        '"fs.user-paths": {"documents": "read", "music": "read"}',
    ),
    (
        FsRequest("documents", "a", "read"),
        FsRequest("documents", "a", "write"),
        "fs.user-paths",
        '"fs.user-paths": {"documents": "read-write"}',
    ),
    (
        FsRequest("shared/inbox", "a", "read"),
        FsRequest("shared/inbox", "a", "write"),
        "shared-folders",
        '"shared-folders": [{"id": "inbox", "with": ["acme/mail"], "access": "read-write"}]',
    ),
    (DeviceRequest("microphone"), DeviceRequest("camera"), "device.camera", '"device.camera": true'),
    (ModelRequest("chat"), ModelRequest("small"), "models", f'"models": ["{A}", "small@sha256:…"]'),
    (ModelRequest(A), ModelRequest(B), "models", f'"models": ["{B}"]'),
    (ToolRequest("python"), ToolRequest(A), "tools", f'"tools": ["{TOOL}", "{A}"]'),
    (
        ClipboardRequest("read"),
        ClipboardRequest("write"),
        "clipboard",
        '"clipboard": {"read": true, "write": true}',
    ),
    (
        NotifyRequest("badge"),
        NotifyRequest("sound"),
        "notifications",
        '"notifications": {"modes": ["badge", "sound"]}',
    ),
    (
        BackgroundRequest("passive"),
        BackgroundRequest("active"),
        "background",
        '"background": {"mode": "active"}',
    ),
    (
        OpenExternalRequest("a.test"),
        OpenExternalRequest("b.test"),
        "open-external",
        '"open-external": {"hosts": ["a.test", "b.test"]}',
    ),
]


@pytest.fixture(scope="module")
def everything(granted: Granted) -> Grants:
    return granted(EVERYTHING)


@pytest.mark.parametrize(("allowed", "denied", "capability", "fix"), TWINS, ids=lambda item: str(item)[:40])
def test_every_denial_has_a_twin_that_is_allowed(
    everything: Grants, granted: Granted, allowed: Request, denied: Request, capability: str, fix: str
) -> None:
    yes = decide(everything, allowed)
    assert yes.allowed
    assert yes
    origin = everything.origin(allowed.kind)
    assert origin is not None
    assert yes.capability == allowed.kind.value
    assert yes.because == f"{origin.declared} is declared at locara.json:{origin.line}"
    assert yes.fix == ""

    no = decide(everything, denied)
    assert not no.allowed
    assert not no
    assert no.capability == capability
    assert "no manifest" not in no.because
    assert no.fix == fix
    if "…" not in fix:  # the fix is exact: with it, and what was declared, the request is allowed
        fixed = granted({**EVERYTHING, **json.loads(f"{{{fix}}}")})
        assert decide(fixed, denied).allowed
        assert decide(granted(json.loads(f"{{{fix}}}")), denied).allowed


@pytest.mark.parametrize("request_", [request for pair in TWINS for request in pair[:2]], ids=str)
def test_without_grants_everything_is_denied_and_the_line_to_add_is_told(
    granted: Granted, request_: Request
) -> None:
    no = decide(Grants.none(), request_)
    assert not no.allowed
    assert no.because.endswith(f'needs "{request_.kind.value}", which the manifest does not declare')
    assert no.fix.startswith(f'"{request_.kind.value}": ')
    if "…" not in no.fix:
        assert decide(granted(json.loads(f"{{{no.fix}}}")), request_).allowed


def test_a_denial_names_the_grant_that_does_not_reach(everything: Grants) -> None:
    no = decide(everything, FsRequest("app-data", "a", "write"))
    assert no.because == (
        'access to "a" below "app-data" for "write" is not within "fs.app-data": "read" at locara.json:30'
    )


IMPOSSIBLE: list[Any] = [
    NetRequest("localhost", 443), NetRequest("127.0.0.1", 443), NetRequest("[::1]", 443),
    NetRequest("A.test", 443),
    NetRequest("a.test.", 443), NetRequest("", 443), NetRequest("a.test", 0), NetRequest("a.test", 65_536),
    NetRequest("a.test", True), NetRequest("a.test", "443"), NetRequest(None, 443), NetRequest("a.test\n",
    443),  # type: ignore[arg-type]
    NetRequest(b"a.test", 443), NetRequest(["a.test"], 443), NetRequest("a" * 10**6, 443),  # type: ignore[arg-type]
    FsRequest("app-data", "../a", "read"), FsRequest("app-data", "/etc/passwd", "read"),
    FsRequest("app-data", "a\0", "read"),
    FsRequest("app-data", "\ud800", "read"), FsRequest("app-data", "a/" * 10**6, "read"), FsRequest("/",
    "etc", "read"),
    FsRequest("..", "a", "read"), FsRequest("home", "a", "read"), FsRequest("shared/..", "a", "read"),
    FsRequest("shared/", "a", "read"), FsRequest("app-data", "a", "execute"), FsRequest("app-data", "a",
    "read-write"),  # type: ignore[arg-type]
    FsRequest(7, 7, 7), FsRequest([], {}, set()), FsRequest("app-data", None, "read"), FsRequest("app-data",
    b"a", "read"),  # type: ignore[arg-type]
    DeviceRequest("gps"), DeviceRequest(None), DeviceRequest([]), DeviceRequest(""),  # type: ignore[arg-type]
    ModelRequest(""), ModelRequest("../chat"), ModelRequest("chat@sha256:0"), ModelRequest(f"{A} "),
    ModelRequest(7),  # type: ignore[arg-type]
    ModelRequest(A.upper()), ToolRequest("a b"), ToolRequest({}), ClipboardRequest("paste"),
    ClipboardRequest(None),  # type: ignore[arg-type]
    NotifyRequest("popup"), NotifyRequest([]), BackgroundRequest("always"), BackgroundRequest(False),  # type: ignore[arg-type]
    OpenExternalRequest("localhost"), OpenExternalRequest("https://a.test"), OpenExternalRequest(7),  # type: ignore[arg-type]
    None, 7, "net", object(), type("Odd", (), {"kind": property(lambda self: 1 / 0)})(),
]  # fmt: skip


@pytest.mark.parametrize("request_", IMPOSSIBLE, ids=lambda item: repr(item).partition(" at 0x")[0][:60])
def test_what_no_manifest_can_grant_is_denied_whatever_is_granted(granted: Granted, request_: Any) -> None:
    most = granted({**EVERYTHING, "net": True, "fs.app-data": "read-write", "device.camera": True})
    for grants in (Grants.none(), most):
        no = decide(grants, request_)
        assert not no.allowed
        assert no.because.startswith("no manifest can grant this: ")
        assert no.fix == ""
        assert no.capability in set(Kind)
        assert no.because.isprintable()
        assert len(no.because) < 700


NASTY = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["a.test", "api.a.test", "x.cdn.test", "app-data", "documents", "read", "chat", A, "", "a/b", "../a"]
    ),
    st.integers(),
    st.none(),
    st.booleans(),
    st.binary(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.floats(),
)
REQUESTS = st.one_of(
    st.builds(NetRequest, NASTY, NASTY | st.integers(0, 70_000)),
    st.builds(FsRequest, NASTY, NASTY, NASTY),
    *(
        st.builds(kind, NASTY)
        for kind in (DeviceRequest, ModelRequest, ToolRequest, ClipboardRequest, NotifyRequest,
        BackgroundRequest,
                     OpenExternalRequest)
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(request_=REQUESTS)
def test_any_content_is_judged(everything: Grants, request_: Request) -> None:
    decision = decide(everything, request_)
    assert decision.allowed is scopes.covers(everything.scope(request_.kind), request_)
    assert decision.because.isprintable()
    assert isinstance(decision.fix, str)
    assert decision == decide(everything, request_)
    assert hash(decision) == hash(decide(everything, request_))
    assert not decide(Grants.none(), request_).allowed


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_decide_agrees_with_the_scopes(
    granted: Granted, capabilities: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    grants = granted(data.draw(capabilities))
    near = [scopes.witness(grant.scope) for grant in grants.grants]
    for request in [*near, *(twin for pair in TWINS for twin in pair[:2])]:
        if request is not None:
            decision = decide(grants, request)
            assert decision.allowed is scopes.covers(grants.scope(request.kind), request)
            assert ("is declared at locara.json:" in decision.because) is decision.allowed


def test_a_decision_cannot_be_changed(everything: Grants) -> None:
    no = decide(everything, DeviceRequest("camera"))
    for name in ("allowed", "capability", "because", "fix"):
        with pytest.raises(AttributeError):
            setattr(no, name, True)
    with pytest.raises(AttributeError):
        no.reason = "x"  # type: ignore[attr-defined]
    assert repr(no).startswith("<Decision denied device.camera: ")
    assert no != "denied"


def test_a_long_declaration_is_shortened_and_a_long_fix_tells_the_entry_alone(granted: Granted) -> None:
    grants = granted({"net": {"allowed_hosts": [f"h{n}.example" for n in range(200)]}})
    assert len(decide(grants, NetRequest("h7.example", 443)).because) < 500
    no = decide(grants, NetRequest("new.example", 443))
    assert no.fix == '"net": {"allowed_hosts": ["new.example"]}'


def test_grants_made_by_hand_may_tell_their_origin_in_words() -> None:
    grant = Grant(Kind.MODELS, scopes.pins(Kind.MODELS, [A]), Origin("test", "", "given by the test"))
    grants = dataclasses.replace(Grants.none(), grants=(grant,))
    assert decide(grants, ModelRequest("chat")).because == "given by the test is declared at test:1"
    assert decide(grants, ModelRequest(B)).fix == f'"models": ["{B}"]'


class Steps(dict[str, Any]):
    """A dictionary that counts how often it is asked."""

    asked = 0

    def get(self, *args: Any) -> Any:
        Steps.asked += 1
        return super().get(*args)


@pytest.mark.parametrize("host", ["h7.example", "x.w7.example", "x.evil.example"])
def test_the_work_does_not_grow_with_the_number_of_hosts(host: str) -> None:
    """Counted, not timed: the steps through the index are as many for 10,000 hosts as for 100."""
    steps = []
    for size in (100, 10_000):
        patterns = [f"h{n}.example" for n in range(size // 2)] + [f"*.w{n}.example" for n in range(size // 2)]
        hosts = HostSet.of(patterns, HTTPS)
        object.__setattr__(hosts, "exact", Steps(hosts.exact))
        node = hosts.root.children["example"]
        object.__setattr__(node, "children", Steps(node.children))
        Steps.asked = 0
        hosts.covers(host, 443)
        steps.append(Steps.asked)
    assert steps[0] == steps[1] <= 2


def test_a_decision_is_made_of_plain_parts() -> None:
    no = Decision(False, Kind.NET, None, NetRequest("a.test", 443))
    assert (no.allowed, no.capability) == (False, "net")


def test_decisions_are_equal_when_they_say_the_same() -> None:
    grants, other = Grants.none("acme/a"), Grants.none("acme/b")
    one = decide(grants, ModelRequest("chat"))
    assert one == decide(other, ModelRequest("chat"))
    assert hash(one) == hash(decide(other, ModelRequest("chat")))
    for different in (ModelRequest("small"), ToolRequest("chat"), NetRequest("a.test", 443)):
        assert (one == decide(grants, different)) is False
    assert (one == "denied") is False


@pytest.mark.parametrize("root", [None, 0, b"app-data", ["app-data"]])
def test_a_root_that_is_no_text_is_one_of_the_persons(root: object) -> None:
    request = FsRequest(root, "a", "read")  # type: ignore[arg-type]
    assert request.kind is Kind.FS_USER_PATHS

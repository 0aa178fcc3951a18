"""What one version adds to another is named exactly, and grants survive being written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.changes import gains, told
from locara.core.decision import decide
from locara.core.grant import Grants, compile_grants, intersect, widening
from locara.core.grant_json import grants_json, read_grants
from locara.core.manifest import parse_manifest

from .conftest import CAPABILITIES, MINIMAL

Granted = Callable[..., Grants]


def compiled(capabilities: dict[str, Any]) -> Grants:
    return compile_grants(parse_manifest(json.dumps(MINIMAL | {"capabilities": capabilities}).encode()))


def again(grants: Grants) -> Grants:
    return read_grants(json.loads(json.dumps(grants_json(grants))), source="record.json")


@settings(deadline=None, max_examples=150)
@given(a=CAPABILITIES, b=CAPABILITIES)
def test_gains_are_exactly_what_widens(a: dict[str, Any], b: dict[str, Any]) -> None:
    old, new = compiled(a), compiled(b)
    found = gains(old, new)
    assert {gain.kind for gain in found} == {request.kind for request in widening(old, new)}
    for gain in found:
        assert gain.witnesses
        assert all(decide(new, request).allowed for request in gain.witnesses)
        if not gain.sentence.startswith(
            "share the folder"
        ):  # a partner more is seen by others, not by the app
            assert not any(decide(old, request).allowed for request in gain.witnesses)
    assert gains(new, intersect(old, new)) == ()
    assert gains(new, new) == ()


@settings(deadline=None, max_examples=150)
@given(a=CAPABILITIES, b=CAPABILITIES)
def test_written_grants_are_the_same_when_read(a: dict[str, Any], b: dict[str, Any]) -> None:
    for grants in (compiled(a), intersect(compiled(a), compiled(b))):
        read = again(grants)
        assert grants_json(read) == grants_json(grants)
        assert {g.kind: g.scope for g in read.grants} == {g.kind: g.scope for g in grants.grants}
        assert (widening(grants, read), widening(read, grants)) == ((), ())


def test_order_in_the_manifest_does_not_show(granted: Granted) -> None:
    one = granted({"net": {"allowed_hosts": ["a.test", "*.b.test"]}, "clipboard": {"read": True}})
    two = granted({"clipboard": {"read": True}, "net": {"allowed_hosts": ["*.b.test", "a.test"]}})
    assert {**grants_json(one), "manifest": ""} == {**grants_json(two), "manifest": ""}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("powers", {"net": [["", [[1, 65535]], [[0, 70000]]]]}),
        ("powers", {"net": [["a.test", [[443, 443]], []]]}),
        ("powers", {"net": [["", [], []], ["a.test", [[443, 443]], []]]}),
        ("powers", {"net": [["", [], []], ["test", [], []], ["a.test", [[443, 443], [444, 444]], []]]}),
        ("powers", {"device.camera": [["camera", "use"], ["camera", "use"]]}),
        ("powers", {"device.camera": [["microphone", "use"]]}),
        ("powers", {"device.camera": [[1, 2]]}),
        ("powers", {"device.camera": []}),
        ("powers", {"everything": [["camera", "use"]]}),
        ("powers", []),
        ("models", {"chat": "sha256:00"}),
        ("quota_mb", True),
        ("quota_mb", 0),
        ("modalities", [1]),
        ("shared_folders", [["inbox", ["acme/mail"], "write"]]),
        ("app", None),
        ("more", 1),
    ],
)
def test_anything_else_is_no_record(granted: Granted, key: str, value: object) -> None:
    good = grants_json(granted({"device.camera": True}))
    assert again(granted({"device.camera": True})) is not None
    with pytest.raises(ValueError):
        read_grants({**good, key: value}, source="record.json")


@settings(deadline=None, max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(sorted(grants_json(compiled({})))),
)
def test_reading_is_total(value: object, key: str) -> None:
    damaged = {**grants_json(compiled({"net": True})), key: value}
    try:
        read_grants(damaged, source="record.json")
    except ValueError:
        return


def test_the_words_of_a_gain(granted: Granted) -> None:
    old = granted({"net": {"allowed_hosts": ["a.test"]}, "fs.user-selected": "read"})
    new = granted({
        "net": {"allowed_hosts": ["*.a.test", "a.test", "b.test"]},
        "fs.user-selected": "read-write",
        "device.camera": True,
        "models": ["chat@sha256:" + "b" * 64],
    })  # fmt: skip
    assert [gain.sentence for gain in gains(old, new)] == [
        "connect to *.a.test, for example a.a.test:443",
        "connect to b.test",
        "change the files and folders that you pick",
        "use the camera",
        "run the AI model chat, fingerprint bbbbbbbbbbbb…",
    ]
    (all_hosts,) = gains(new, granted({"net": True}))
    example = told(all_hosts.witnesses[0]).removeprefix("net ")
    assert all_hosts.sentence == f"connect to every host on every port, for example {example}"


def test_a_partner_more_is_a_gain(granted: Granted) -> None:
    def sharing(*partners: str) -> Grants:
        return granted({"shared-folders": [{"id": "inbox", "with": list(partners), "access": "read"}]})

    assert [gain.sentence for gain in gains(sharing("acme/mail"), sharing("acme/mail", "acme/scan"))] == [
        "share the folder inbox with acme/scan too"
    ]
    assert gains(sharing("acme/mail", "acme/scan"), sharing("acme/mail")) == ()

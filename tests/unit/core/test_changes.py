"""What one version adds to another is named exactly, and grants survive being written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.capability import Kind
from locara.core.changes import gains, told
from locara.core.compile import compile_grants
from locara.core.consent import consent_text
from locara.core.decision import decide
from locara.core.grant import Grants, intersect, widening
from locara.core.grant_json import grants_json, read_grants
from locara.core.manifest import parse_manifest
from locara.core.request import (
    ClipboardRequest,
    DeviceRequest,
    FsRequest,
    ModelRequest,
    NetRequest,
    OpenExternalRequest,
    Request,
)

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
    order = list(Kind)
    assert sorted(found, key=lambda gain: order.index(gain.kind)) == list(found), "in the order of the table"
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
        ("powers", {"device.camera": [["camera"]]}),
        ("powers", {"device.camera": [["camera", "use", "x"]]}),
        ("powers", {"device.camera": "camera"}),
        ("powers", {"net": [["", []]]}),
        ("powers", {"net": [["", [[443]], []]]}),
        ("powers", {"net": [["", [["443", 443]], []]]}),
        ("powers", {"net": []}),
        ("shared_folders", [["inbox", ["acme/mail"]]]),
        ("shared_folders", [["inbox", "acme/mail", "read"]]),
        ("shared_folders", {"inbox": []}),
        ("models", ["chat"]),
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


LONGEST_ID = "i" * 64
PIN = "chat@sha256:" + "b" * 64
# What a person reads when an update asks for this and asked for nothing before.
WORDS: list[tuple[dict[str, Any], list[str]]] = [
    ({"net": {"allowed_hosts": ["a.test"]}}, ["connect to a.test"]),
    (
        {"net": {"allowed_hosts": ["a.test"], "allowed_ports": [80, 443, 8000, 8001, 8002]}},
        ["connect to a.test on port 80, 443, 8000-8002"],
    ),
    ({"net": {"allowed_hosts": ["a.test"], "allowed_ports": [444]}}, ["connect to a.test on port 444"]),
    (
        {"net": {"allowed_hosts": ["*.a.test"], "allowed_ports": [80]}},
        ["connect to *.a.test on port 80, for example a.a.test:80"],
    ),
    ({"open-external": {"hosts": ["a.test"]}}, ["open web pages of a.test"]),
    ({"open-external": {"hosts": ["*.a.test"]}}, ["open web pages of *.a.test, for example a.a.test"]),
    (
        {"fs.user-selected": "read"},
        ["read the files and folders that you pick, and find them again later only if you say so"],
    ),
    (
        {"fs.user-selected": "read-write"},
        ["read and change the files and folders that you pick, and find them again later only if you say so"],
    ),
    ({"fs.app-data": "read"}, ["read files in its own private folder"]),
    ({"fs.app-data": "read-write"}, ["read and change files in its own private folder"]),
    (
        {"fs.user-paths": {"music": "read", "documents": "read-write"}},
        [
            "at any time read and change everything in your Documents folder",
            "at any time read everything in your Music folder",
        ],
    ),
    ({"device.microphone": True}, ["use the microphone"]),
    ({"device.camera": True}, ["use the camera"]),
    ({"device.system-audio": True}, ["record the sound of other apps"]),
    ({"models": [PIN]}, ["run the AI model chat, fingerprint bbbbbbbbbbbb…"]),
    ({"tools": [PIN]}, ["run the tool chat, fingerprint bbbbbbbbbbbb…"]),
    (
        {"shared-folders": [{"id": LONGEST_ID, "with": ["acme/mail", "acme/scan"], "access": "read"}]},
        [f"read the shared folder {LONGEST_ID} (with acme/mail, acme/scan)"],
    ),
    ({"clipboard": {"read": True}}, ["read the clipboard"]),
    ({"clipboard": {"write": True}}, ["change the clipboard"]),
    ({"notifications": {"modes": ["badge"]}}, ["notify you by badge"]),
    (
        {"background": {"mode": "active", "reasons": ["It watches the inbox"]}},
        [
            "run in the background (go on working while its window is closed)",
            "run in the background (finish what it began when its window is closed)",
        ],
    ),
]


@pytest.mark.parametrize(("asked", "sentences"), WORDS)
def test_each_power_has_its_words(asked: dict[str, Any], sentences: list[str], granted: Granted) -> None:
    before = granted({"fs.app-data": False})
    found = gains(before, granted({"fs.app-data": False, **asked}))
    assert [gain.sentence for gain in found] == sentences
    assert gains(granted({"fs.app-data": False, **asked}), before) == ()


def test_every_power_has_a_row_in_the_table_of_words() -> None:
    assert {key for asked, _ in WORDS for key in asked} == {kind.value for kind in Kind}


def test_all_that_a_partner_more_can_read_is_told_with_names_as_long_as_they_may_be(granted: Granted) -> None:
    names = [f"{'p' * 64}/{'n' * 64}", f"{'q' * 64}/{'n' * 64}"]

    def sharing(*partners: str) -> Grants:
        return granted({"shared-folders": [{"id": LONGEST_ID, "with": list(partners), "access": "read"}]})

    (gain,) = gains(sharing(names[0]), sharing(*names))
    assert gain.sentence == f"share the folder {LONGEST_ID} with {names[1]} too"
    assert gain.witnesses == (FsRequest(f"shared/{LONGEST_ID}", "", "read"),)
    (whole,) = gains(granted({}), sharing(*names))
    assert whole.sentence == f"read the shared folder {LONGEST_ID} (with {', '.join(names)})"


TOLD: list[tuple[Request, str]] = [
    (NetRequest("a.test", 80), "net a.test:80"),
    (FsRequest("music", "", "write"), "write music"),
    (OpenExternalRequest("a.test"), "open https://a.test/"),
    (DeviceRequest("camera"), "device.camera camera (use)"),
    (ModelRequest(PIN), f"models {PIN} (use)"),
    (ClipboardRequest("read"), "clipboard clipboard (read)"),
    (ModelRequest("no such\nname"), "models"),
]


@pytest.mark.parametrize(("request_", "text"), TOLD)
def test_a_witness_is_one_short_text(request_: Request, text: str) -> None:
    assert told(request_) == text


def test_gains_come_in_the_order_of_the_table_of_powers(granted: Granted) -> None:
    def asking(*partners: str, clipboard: bool) -> Grants:
        folder = {"id": "inbox", "with": list(partners), "access": "read"}
        return granted({"shared-folders": [folder], "clipboard": {"read": clipboard}})

    found = gains(asking("acme/mail", clipboard=False), asking("acme/mail", "acme/scan", clipboard=True))
    assert [gain.kind for gain in found] == [Kind.SHARED_FOLDERS, Kind.CLIPBOARD]


def test_no_port_is_hidden_behind_a_long_host(granted: Granted) -> None:
    """Whoever decides sees all of it: the longest pattern with as many ports as a manifest can name."""
    host = "*." + ".".join(["a" * 63, "b" * 63, "c" * 61])
    ports = list(range(10_001, 10_401, 2))
    new = granted({"net": {"allowed_hosts": [host], "allowed_ports": ports}})
    (gain,) = gains(granted({}), new)
    (line,) = [line for line in consent_text(new).may if line.startswith("connect to")]
    for said in (gain.sentence, line):
        assert host in said and "…" not in said
        assert all(str(port) in said for port in ports)

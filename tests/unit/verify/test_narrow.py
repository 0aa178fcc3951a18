"""``--fix`` only ever takes away: edits are exact, and whatever would give is refused with a witness."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.compile import compile_grants
from locara.core.grant import widening
from locara.core.manifest import parse_manifest
from locara_verify import narrow
from locara_verify.narrow import Edit, WideningError, edited, prove
from locara_verify.strategies import manifests
from locara_verify.target import load


def text_of(**changes: object) -> str:
    document = {**manifests.minimal(), **changes}
    return json.dumps(document, indent=2)


def both(seed: int) -> tuple[str, str]:
    rng = random.Random(seed)
    return tuple(manifests.dump(rng, manifests.valid(rng)).decode() for _ in range(2))


def widens(before: str, after: str) -> bool:
    old, new = (compile_grants(parse_manifest(text.encode())) for text in (before, after))
    return bool(widening(old, new))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_what_widens_is_refused_whoever_proposes_it(seed) -> None:
    before, after = both(seed)
    if widens(before, after):
        with pytest.raises(WideningError, match="also allow"):
            prove(before, after)
    prove(before, before)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("widening", ["net a.com:443"], "also allow net a.com:443"),
        ("command_table", {"net.fetch"}, "open the command net.fetch"),
        ("entitlements", {"network.client": True}, "add the entitlement network.client"),
    ],
)
def test_each_part_of_the_proof_is_asked(monkeypatch, name, value, words) -> None:
    old, new = text_of(), text_of(version="9.9.9")
    prove(old, new)
    if name == "widening":
        monkeypatch.setattr(narrow, name, lambda _old, _new: value)
    else:
        monkeypatch.setattr(
            narrow, name, lambda grants: value if grants.version == "9.9.9" else type(value)()
        )
    with pytest.raises(WideningError, match=words):
        prove(old, new)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_no_edit_that_is_made_gives_anything(seed) -> None:
    rng = random.Random(seed)
    before = manifests.dump(rng, manifests.valid(rng)).decode()
    document = json.loads(before)
    for key in document.get("capabilities", {}):
        for value in ("", "false"):
            try:
                after = edited(before, Edit(f"/capabilities/{key}", "LC007", "x", value))
                prove(before, after)
            except Exception:  # refused: not valid any more, or it gives (an absent default)
                continue
            assert not widens(before, after)


@pytest.mark.parametrize(
    ("pointer", "value", "after"),
    [
        ("/a", "", '{ "b" : [1, 2, 3],\n  "c": {"x": 1}\n}'),
        ("/b", "", '{"a": 1, "c": {"x": 1}\n}'),
        ("/c", "", '{"a": 1, "b" : [1, 2, 3]\n}'),
        ("/b/0", "", '{"a": 1, "b" : [2, 3],\n  "c": {"x": 1}\n}'),
        ("/b/2", "", '{"a": 1, "b" : [1, 2],\n  "c": {"x": 1}\n}'),
        ("/c/x", "", '{"a": 1, "b" : [1, 2, 3],\n  "c": {}\n}'),
        ("/b", "false", '{"a": 1, "b" : false,\n  "c": {"x": 1}\n}'),
    ],
)
def test_an_edit_leaves_everything_else_as_it_was(pointer, value, after) -> None:
    before = '{"a": 1, "b" : [1, 2, 3],\n  "c": {"x": 1}\n}'
    found = edited(before, Edit(pointer, "LC007", "x", value))
    assert json.loads(found) == json.loads(after)
    assert found.replace(" ", "") == after.replace(" ", "")


@pytest.mark.parametrize("pointer", ["/z", "/b/7", "/a/x", "/c/y/z"])
def test_a_place_that_is_not_there_is_no_edit(pointer) -> None:
    with pytest.raises(LookupError):
        edited('{"a": 1, "b": [1], "c": {"y": 2}}', Edit(pointer, "LC007", "x"))


def test_a_host_that_another_pattern_covers_goes(make_app) -> None:
    hosts = ["api.example.org", "*.example.org", "example.org", "a.b.example.org"]
    app = make_app(capabilities={"net": {"allowed_hosts": hosts}})
    found = narrow.narrow(load(app))
    assert sorted(edit.reason.split()[0] for edit in found.edits) == ["a.b.example.org", "api.example.org"]
    assert json.loads(found.after)["capabilities"]["net"]["allowed_hosts"] == ["*.example.org", "example.org"]
    assert not widens(found.before, found.after)
    assert not widens(found.after, found.before), "the hosts are the same as before"
    assert found.diff.startswith("--- a/locara.json\n+++ b/locara.json\n")


def test_a_proposal_that_gives_is_refused_with_its_witness(make_app, monkeypatch) -> None:
    app = make_app(capabilities={"net": True, "fs.app-data": "read"})
    gives = Edit("/capabilities/fs.app-data", "LC007", "its default is more")
    takes = Edit("/capabilities/net", "LC007", "nobody asks for it")
    monkeypatch.setattr(narrow, "proposals", lambda *_: iter((gives, takes, gives)))
    subject = load(app)
    found = narrow.narrow(subject)
    assert found.edits == (takes,)
    assert [told.partition(": ")[0] for told in found.refused] == [gives.pointer] * 2
    assert all("it would also allow" in told for told in found.refused)
    assert json.loads(found.after)["capabilities"] == {"fs.app-data": "read"}
    wider = replace(found, after=edited(found.before, gives))
    with pytest.raises(WideningError):
        narrow.write(subject, wider)
    assert (app / "locara.json").read_bytes() == subject.manifest_bytes


def test_nothing_to_narrow_changes_nothing(make_app) -> None:
    found = narrow.narrow(load(make_app()))
    assert (found.edits, found.diff, found.before == found.after) == ((), "", True)


def test_what_a_log_shows_no_use_of_goes_and_a_default_is_switched_off(make_app, tmp_path) -> None:
    app = make_app(capabilities={"net": True, "fs.user-selected": "read-write", "fs.app-data": "read-write"})
    log = tmp_path / "log.jsonl"
    entries = [{"capability": "fs.user-selected", "allowed": True}, {"capability": "net", "allowed": False}]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    found = narrow.narrow(load(app), narrow.used_in(log))
    assert json.loads(found.after)["capabilities"] == {"fs.user-selected": "read-write", "fs.app-data": False}
    assert widens(found.after, found.before)
    narrow.write(load(app), found)
    assert (app / "locara.json").read_text() == found.after


def test_a_manifest_that_changed_meanwhile_is_left_alone(make_app) -> None:
    app = make_app(capabilities={"net": {"allowed_hosts": ["*.example.org", "a.example.org"]}})
    subject = load(app)
    found = narrow.narrow(subject)
    newer = (app / "locara.json").read_text() + "\n"
    (app / "locara.json").write_text(newer)
    with pytest.raises(Exception, match="changed meanwhile"):
        narrow.write(subject, found)
    assert (app / "locara.json").read_text() == newer

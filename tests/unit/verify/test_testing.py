"""Helpers and strategies for an app's own tests."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings

from locara.core.grant import compile_grants
from locara.core.hosts import is_host
from locara.core.manifest import parse_manifest
from locara.core.paths import is_portable
from locara.core.surface import COMMANDS
from locara.errors import CallError, CapabilityDenied, UsageError
from locara_verify.strategies import manifests
from locara_verify.testing import assert_allowed, assert_denied, strategies
from locara_verify.testing.canary import Canary
from locara_verify.testing.sessions import find_app


def raising(error: Exception):
    def call() -> None:
        raise error

    return call


DENIED = CapabilityDenied(capability="net", because="no grant of net", fix='add "net": true')


def test_a_denial_is_handed_back_and_its_reason_compared() -> None:
    assert assert_denied(raising(DENIED)) is DENIED
    assert assert_denied(raising(DENIED), because="net", code="capability_denied") is DENIED
    absent = CallError("x", code="unknown_command", capability="models", because="not declared")
    assert assert_denied(raising(absent), because="models") is absent


@pytest.mark.parametrize(
    ("call", "expected", "words"),
    [
        (lambda: 5, {}, "was allowed and gave 5"),
        (raising(DENIED), {"because": "models"}, "denied for another reason"),
        (raising(DENIED), {"code": "unknown_command"}, "denied as capability_denied"),
        (raising(CallError("x", code="bad_request")), {}, "failed and was not denied: bad_request"),
    ],
)
def test_what_is_no_such_denial_fails(call, expected, words) -> None:
    with pytest.raises(AssertionError, match=words):
        assert_denied(call, **expected)


def test_another_error_is_neither() -> None:
    with pytest.raises(ZeroDivisionError):
        assert_denied(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        assert_allowed(lambda: 1 / 0)


def test_a_refusal_tells_the_line_that_lifts_it() -> None:
    assert assert_allowed(lambda: 5) == 5
    with pytest.raises(AssertionError, match=r'to allow it: add "net": true'):
        assert_allowed(raising(DENIED))


def test_a_canary_sings_when_it_is_touched_and_only_then(tmp_path) -> None:
    canary = Canary(tmp_path / "canaries")
    path = canary("a.txt")
    canary.assert_silent()
    assert canary.found_in(path.read_bytes()) == ("a.txt",)
    assert canary.found_in("nothing") == ()
    canary.assert_silent()
    (tmp_path / "canaries" / "new").write_text("x")
    with pytest.raises(AssertionError, match="new appeared"):
        canary.assert_silent()


def test_the_app_is_found_by_name_then_variable_then_upwards(make_app, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("LOCARA_APP", raising=False)
    one, two = make_app("one"), make_app("two")
    (one / "tests").mkdir()
    assert find_app(None, one / "tests") == one
    monkeypatch.setenv("LOCARA_APP", str(two))
    assert find_app(None, one / "tests") == two
    assert find_app(str(one), Path("/")) == one
    with pytest.raises(UsageError, match="holds no"):
        find_app(str(tmp_path / "nowhere"), one)
    monkeypatch.delenv("LOCARA_APP")
    with pytest.raises(UsageError, match="no app was found"):
        find_app(None, Path("/"))


@settings(max_examples=150, deadline=None)
@given(ordinary=strategies.ordinary_paths(), host=strategies.hosts(), name=strategies.command_names())
def test_ordinary_names_are_portable_and_hostile_ones_are_no_hosts_and_no_commands(
    ordinary, host, name
) -> None:
    assert is_portable(ordinary)
    assert not is_host(host)
    assert name not in COMMANDS


@settings(max_examples=60, deadline=None)
@given(path=strategies.paths(), url=strategies.urls(), request=strategies.requests({"net": True}))
def test_attacks_are_texts_and_questions(path, url, request) -> None:
    assert isinstance(path, str)
    assert isinstance(url, str)
    assert request.kind


@settings(max_examples=40, deadline=None)
@given(capabilities=strategies.capabilities())
def test_capabilities_are_valid(capabilities) -> None:
    document = {**manifests.minimal(), "capabilities": capabilities}
    document.pop("modalities", None)
    document.pop("tooling", None)
    assert compile_grants(parse_manifest(manifests.dump(random.Random(0), document)))

"""The static checks on apps that are right, and on apps and projections that are wrong in one way each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from locara.core.label import Label
from locara.sandbox.profile import Bind
from locara_verify.budget import PROFILES
from locara_verify.check import CheckResult
from locara_verify.checks.manifest import projections as projecting
from locara_verify.checks.manifest import static
from locara_verify.context import Context
from locara_verify.target import load


@pytest.fixture
def context(tmp_path) -> Callable[[Path], Context]:
    def make(app: Path) -> Context:
        workdir = tmp_path / "work"
        workdir.mkdir(exist_ok=True)
        return Context(load(app), PROFILES["quick"], 1, workdir, tmp_path)

    return make


def messages(result: CheckResult, rule: str) -> list[str]:
    return [finding.message for finding in result.findings if finding.rule_id == rule]


def test_a_right_app_has_no_finding_and_every_rule_was_tried(context, make_app) -> None:
    ctx = context(make_app())
    result = static.static(ctx)
    assert result.findings == ()
    assert set(result.attempts) == {"LC004", "LC005", "LC006", "LC007"}
    assert min(result.attempts.values()) > 0
    assert static.text(ctx).attempts == {"LC001": 1, "LC002": 1}


@pytest.mark.parametrize(
    ("text", "rule", "code"),
    [
        (b'{"a": 1, "a": 2}', "LC001", "json_duplicate_key"),
        (b"\xef\xbb\xbf{}", "LC001", "json_bom"),
        (b"{", "LC001", "json_syntax"),
        (b'{"schema": "locara/v1"}', "LC002", "missing_key"),
    ],
)
def test_problems_of_the_parser_are_findings_with_their_line(context, make_app, text, rule, code) -> None:
    app = make_app()
    (app / "locara.json").write_bytes(text)
    result = static.text(context(app))
    assert {finding.rule_id for finding in result.findings} == {rule}
    assert result.findings[0].evidence["code"] == code
    assert result.findings[0].line == 1
    assert ("LC002" in result.inconclusive) == (rule == "LC001")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda app: (app / "public" / "icon.png").unlink(), "public/icon.png is missing"),
        (lambda app: (app / "public" / "icon.png").write_bytes(b"GIF89a"), "neither a PNG nor a JPEG"),
        (
            lambda app: (app / "public" / "icon.png").write_bytes(
                (app / "screenshots" / "one.png").read_bytes()
            ),
            "64 by 40",
        ),
        (lambda app: (app / "public" / "icon.png").write_bytes(b"x" * 204_801), "at most 204,800"),
        (lambda app: (app / "screenshots" / "one.png").unlink(), "screenshots/one.png is missing"),
        (lambda app: (app / "dist" / "index.html").unlink(), "dist/index.html is missing"),
        (
            lambda app: (app / "db" / "schema.sql").rename(app / "db" / "other.sql"),
            "db/schema.sql is missing",
        ),
        (lambda app: (app / "dist" / "out").symlink_to("/etc"), "dist/out is a link"),
        (lambda app: (app / "db" / "more.sql").symlink_to("schema.sql"), "db/more.sql is a link"),
    ],
)
def test_files_that_are_not_as_the_manifest_says_are_found(context, make_app, change, words) -> None:
    app = make_app()
    change(app)
    found = messages(static.files(context(app)), "LC004")
    assert any(words in message for message in found), found


def test_an_app_without_a_database_needs_no_schema(context, make_app) -> None:
    app = make_app()
    (app / "db" / "schema.sql").unlink()
    assert static.files(context(app)).findings == ()


def test_what_the_platform_cannot_give_is_noted_with_its_line(context, make_app, monkeypatch) -> None:
    app = make_app(capabilities={"device.microphone": True, "clipboard": {"read": True, "write": False}})
    assert static.availability(context(app)).findings == ()
    monkeypatch.setattr(static.sys, "platform", "win32")
    found = static.availability(context(app)).findings
    assert [finding.message.split()[0] for finding in found] == ["device.microphone", "clipboard"]
    assert all(finding.line > 1 and finding.because for finding in found)


@pytest.mark.parametrize(
    ("capabilities", "words"),
    [
        ({"net": True}, "every host"),
        ({"net": {"allowed_hosts": ["*.example.org"]}}, "every sub-domain"),
        ({"fs.user-paths": {"documents": "read-write"}}, "whole folder"),
        ({"device.system-audio": True}, "computer plays"),
        ({"net": {"allowed_hosts": ["api.example.org"]}}, None),
        ({"fs.user-paths": {"documents": "read"}}, None),
        ({}, None),
    ],
)
def test_broad_grants_are_warned_of_and_narrow_ones_are_not(context, make_app, capabilities, words) -> None:
    found = messages(static.breadth(context(make_app(capabilities=capabilities))), "LC007")
    assert words in found[0] if words else found == [], found


@pytest.mark.parametrize(
    "capabilities",
    [
        {},
        {"net": True},
        {"net": {"allowed_hosts": ["a.example.org"], "allowed_ports": [8443]}},
        {"fs.app-data": False},
        {"fs.user-selected": "read-write", "fs.user-paths": {"documents": "read", "music": "read-write"}},
        {"models": ["a-model@sha256:" + "ab" * 32], "device.camera": True, "device.microphone": True},
        {"shared-folders": [{"id": "box", "with": ["a/b"], "access": "read-write"}], "fs.app-data": False},
        {"notifications": {"modes": []}, "background": {"mode": False, "reasons": []}},
    ],
)
def test_the_projections_of_every_manifest_agree(context, make_app, capabilities) -> None:
    result = projecting.projections(context(make_app(capabilities=capabilities)))
    assert [finding.message for finding in result.findings] == []
    assert result.attempts["LC006"] > 300


def _without_net(projection):
    return lambda grants: projection(dataclasses.replace(grants, grants=_no_net(grants)))


def _no_net(grants):
    return tuple(grant for grant in grants.grants if grant.kind.value != "net")


LIES = {
    "commands that ignore net": ("command_table", _without_net),
    "a command too many": ("command_table", lambda real: lambda grants: real(grants) | {"net.fetch"}),
    "consent that ignores net": ("consent_text", _without_net),
    "a label that ignores net": ("privacy_label", _without_net),
    "a label that is always local": (
        "privacy_label",
        lambda real: lambda grants: dataclasses.replace(real(grants), badges=("fully local",)),
    ),
    "a risk that never rises": (
        "privacy_label",
        lambda real: lambda grants: _calm(real(grants), grants),
    ),
    "a kernel that ignores net": ("profile", _without_net),
    "a kernel with one more folder": (
        "profile",
        lambda real: (
            lambda grants: dataclasses.replace(
                real(grants), binds=(*real(grants).binds, Bind("root:documents", "/roots/documents", False))
            )
        ),
    ),
    "entitlements that ignore net": ("entitlements", _without_net),
    "entitlements for a web view": (
        "entitlements",
        lambda real: lambda grants: real(grants, webview=True),
    ),
}


def _calm(label: Label, grants) -> Label:
    return dataclasses.replace(
        label, risk="low" if any(g.kind.value == "net" for g in grants.grants) else "high"
    )


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a_projection_that_lies_is_found_and_can_be_replayed(context, make_app, monkeypatch, lie) -> None:
    ctx = context(make_app(capabilities={}))
    name, change = LIES[lie]
    monkeypatch.setattr(projecting, name, change(getattr(projecting, name)))
    result = static.static(ctx)
    assert {finding.rule_id for finding in result.findings} == {"LC006"}
    finding = result.findings[0]
    assert finding.replay is not None
    again = static.replay(ctx, finding.replay["case"])
    assert finding in again.findings
    monkeypatch.undo()
    assert static.replay(ctx, finding.replay["case"]).findings == ()

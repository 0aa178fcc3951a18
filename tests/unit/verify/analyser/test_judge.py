"""Findings: what is used and not open, what is open and not used, what is not known; each with its allowed twin."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from locara.core.compile import compile_grants
from locara.core.manifest import parse_manifest
from locara_verify.budget import PROFILES
from locara_verify.checks.analyser import judge
from locara_verify.context import Context
from locara_verify.finding import Severity
from locara_verify.target import load


@pytest.fixture
def found(make_app, tmp_path):
    def run(main: str, **change: object) -> list[tuple[str, str | None, int | None, str]]:
        app = make_app()
        manifest = app / "locara.json"
        document = {**json.loads(manifest.read_text()), **change}
        manifest.write_text(json.dumps(document, indent=1))
        (app / "src").mkdir()
        (app / "src/main.ts").write_text(main)
        workdir = tmp_path / "work"
        workdir.mkdir()
        result = judge.use(Context(load(app), PROFILES["quick"], 1, workdir, tmp_path))
        assert set(result.attempts) == set(judge.RULES)
        assert min(result.attempts.values()) > 0
        return [(one.rule_id, one.file, one.line, one.message) for one in result.findings]

    return run


PICK = 'import { fs } from "@locara/sdk";\nfs.pick({});\n'


def test_a_command_is_declared_or_named_with_its_place(found) -> None:
    [(rule, file, line, message)] = found(PICK, capabilities={})
    assert (rule, file, line) == ("LC051", "src/main.ts", 2)
    assert message == "fs.pick is used, and locara.json does not open it"


def test_the_same_program_with_the_line_in_the_manifest_has_no_finding(found) -> None:
    assert found(PICK, capabilities={"fs.user-selected": "read"}) == []


def test_a_command_that_is_none_is_named(found) -> None:
    text = (
        'import { WindowTransport } from "@locara/sdk"; WindowTransport.ofWindow().call("vlm.describe", {});'
    )
    [(rule, _, _, message)] = found(text, capabilities={})
    assert (rule, message) == ("LC051", "vlm.describe is used and is no command")


@pytest.mark.parametrize(
    ("capabilities", "use", "words"),
    [
        ({"device.camera": True}, "camera.open()", "device.camera"),
        ({"clipboard": {"read": True, "write": True}}, "clipboard.write('')", "clipboard (read)"),
        ({"fs.app-data": False, "fs.user-selected": "read-write"}, "fs.pick({})", "fs.user-selected (write)"),
        ({"net": {"allowed_hosts": ["a.example.com"]}}, "net.fetch({})", "net"),
        ({"notifications": {"modes": ["alert"]}}, "notify.badge(1)", "notifications"),
    ],
)
def test_what_is_declared_is_used_or_named_with_its_line(found, capabilities, use: str, words: str) -> None:
    module = use.partition(".")[0]
    text = f'import {{ {module} }} from "@locara/sdk";\n{use if words.endswith(")") else ""}'
    unused = found(text, capabilities=capabilities)
    assert words in " ".join(message for _, _, _, message in unused)
    assert {(rule, file) for rule, file, _, _ in unused} == {("LC052", "locara.json")}
    assert all(row[2] > 1 for row in unused)


@pytest.mark.parametrize(
    ("capabilities", "use"),
    [
        ({"device.camera": True}, "camera.open()"),
        ({"clipboard": {"read": True}}, "clipboard.read()"),
        ({"fs.app-data": "read-write"}, "db.query('')"),
        ({"fs.app-data": False, "fs.user-selected": "read-write"}, "fs.pick({}); fs.writeBytes()"),
        ({"net": {"allowed_hosts": ["a.example.com"]}}, "net.fetch({})"),
    ],
)
def test_what_is_declared_and_used_has_no_finding(found, capabilities, use: str) -> None:
    assert (
        found(
            f'import {{ {use.partition(".")[0]} }} from "@locara/sdk";\n{use};\n', capabilities=capabilities
        )
        == []
    )


def test_a_doubt_is_a_note_where_only_open_commands_can_be_used(make_app, tmp_path) -> None:
    app = make_app()
    manifest = parse_manifest((app / "locara.json").read_bytes())
    (app / "src").mkdir()
    severities = {}
    for module in ("db", "camera"):
        (app / "src/main.ts").write_text(f'import {{ {module} }} from "@locara/sdk"; const all = [{module}];')
        reading = judge.read(judge.sources.frontend(load(app)))
        result = judge.judge(reading, compile_grants(manifest), manifest)
        severities[module] = [one.severity for one in result.findings if one.rule_id == "LC053"]
    assert severities == {"db": [Severity.NOTE], "camera": [None]}


def test_an_app_without_a_script_has_no_sources_to_judge(make_app) -> None:
    app = make_app()
    assert judge.has_sources(load(app)) is not None
    (app / "dist/main.js").write_text("fs.pick()")
    assert judge.has_sources(load(app)) is None, "what was built is read where there are no sources"


ROOT = Path(__file__).resolve().parents[4]
OURS = [*ROOT.glob("apps/*/locara.json"), *ROOT.glob("locara/templates/*/locara.json")]


@pytest.mark.parametrize("manifest", OURS, ids=lambda path: path.parent.name)
def test_our_own_apps_and_templates_use_what_they_declare(manifest: Path, tmp_path) -> None:
    copy = tmp_path / "app"
    shutil.copytree(manifest.parent, copy, ignore=shutil.ignore_patterns("node_modules", "dist", "build"))
    target = load(copy)
    reading = judge.read(judge.sources.frontend(target))
    assert reading.uses
    assert judge.judge(reading, target.grants, target.manifest).findings == ()

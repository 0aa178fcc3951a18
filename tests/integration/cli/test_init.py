"""`locara init`: what it makes is valid, builds without a network, passes its own tests and the manifest rules."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from locara.cli.init import TEMPLATES
from locara.runtime.app import AppBundle

NODE = Path(sys.executable).with_name("node")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()
    }


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_app_is_valid_and_carries_its_own_name(template, locara, tmp_path) -> None:
    done = locara("init", template, "my-first", "--publisher", "acme", "--dir", tmp_path / "apps")
    assert done.returncode == 0, done.stderr
    app = tmp_path / "apps/my-first"
    bundle = AppBundle.open(app)
    assert (bundle.grants.app_id, bundle.manifest.display_name) == ("acme/my-first", "My first")
    assert json.loads((app / "package.json").read_text())["name"] == "my-first"
    assert (app / "dist/index.html").is_file()
    assert (app / "tests/test_capabilities.py").is_file()
    assert (app / "vendor/locara-sdk/dist/index.js").is_file()
    assert not [name for name in tree(app) if "node_modules" in name or name.endswith(".pyc")]
    for name, data in tree(app).items():
        assert b"{{title}}" not in data, name
    assert [one.name for one in (tmp_path / "apps").iterdir()] == ["my-first"]


@pytest.mark.parametrize("template", ["blank", "chat"])
def test_the_page_that_comes_with_it_is_what_its_sources_build(
    template, locara, environment, tmp_path
) -> None:
    assert locara("init", template, "my-first", "--dir", tmp_path).returncode == 0
    app = tmp_path / "my-first"
    before = tree(app / "dist")
    shutil.rmtree(app / "dist")
    node = str(NODE) if NODE.exists() else "node"
    done = subprocess.run([node, "build.mjs"], check=False, cwd=app, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert tree(app / "dist") == before


def test_the_template_can_be_named_after_the_app(locara, tmp_path) -> None:
    for words in (("chat", "one"), ("one", "--template", "chat")):
        done = locara("init", *words, "--dir", tmp_path / words[0])
        assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "chat/one") == tree(tmp_path / "one/one")


def test_a_new_app_passes_the_manifest_rules_of_the_verifier(locara, tmp_path) -> None:
    assert locara("init", "blank", "my-first", "--dir", tmp_path).returncode == 0
    done = locara("verify", "--only", "LC001,LC002,LC004,LC005", "--profile", "quick", tmp_path / "my-first")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["chta", "x"], 2, "did you mean 'chat'?"),
        (["spreadsheet", "x"], 2, "templates: blank, chat, docvault, transcribe"),
        (["x", "--template", "dovcault"], 2, "did you mean 'docvault'?"),
        (["blank", "x", "--template", "chat"], 2, "a TEMPLATE and a NAME"),
        (["blank", "Upper"], 2, "is not a name"),
        (["blank", "../x"], 2, "is not a name"),
        (["blank", "x", "--publisher", "-"], 2, "is not a publisher"),
        (["blank"], 2, "NAME"),
    ],
)
def test_mistakes(args, code, words, locara, tmp_path) -> None:
    done = locara("init", *args, "--dir", tmp_path / "apps")
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "apps").exists()


def test_what_is_there_already_is_left_alone(locara, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/kept").write_text("kept")
    done = locara("init", "blank", "mine", "--dir", tmp_path)
    assert (done.returncode, "is there already" in done.stderr) == (1, True)
    assert tree(tmp_path / "mine") == {"kept": b"kept"}

"""The pytest plugin in pytest runs of its own: its fixtures on a real app, the rules as items, its manners."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from locara_verify import pytest_plugin
from locara_verify.testing import strategies

ROOT = Path(__file__).resolve().parents[3]
TUTORIAL = ROOT / "docs/testing.md"
Run = subprocess.CompletedProcess[str]


@pytest.fixture
def project(make_app, tmp_path) -> Path:
    """An app with an empty folder of tests."""
    app = make_app()
    (app / "tests").mkdir()
    return app


@pytest.fixture
def run(tmp_path) -> Callable[..., Run]:
    """Run pytest in a folder, with the plugin and without the settings of this repository."""

    def go(folder: Path, *args: str, **more: str) -> Run:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "LOCARA_"))
        }
        config = ["-c", os.devnull, f"--rootdir={folder}", "-p", "no:cacheprovider"]
        loaded = ["-p", "locara_verify.pytest_plugin"] if not _is_installed() else []
        return subprocess.run(
            [sys.executable, "-m", "pytest", *config, *loaded, *args],
            cwd=folder,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1", **more},
            check=False,
            capture_output=True,
            text=True,
            timeout=400,
        )

    return go


def _is_installed() -> bool:
    return bool(entry_points(group="pytest11", name="locara"))


def write(project: Path, text: str) -> None:
    (project / "tests" / "test_it.py").write_text(text)


def test_denied_and_allowed_are_told_apart_by_effect_and_reason(project, run) -> None:
    write(
        project,
        """
import pytest
from locara_verify.testing import assert_allowed, assert_denied

def test_right(locara_session, canary, tmp_path):
    folder = tmp_path / "picked"
    folder.mkdir()
    (folder / "note.txt").write_text("hello")
    secret = canary()
    app = locara_session(picks=[[folder]])
    (picked,) = assert_allowed(lambda: app.call("fs.pick", kind="directory", access="read", recursive=True))["handles"]
    assert app.call("fs.read", root=picked["handle"], path="note.txt", encoding="utf8")["data"] == "hello"
    assert_denied(lambda: app.call("fs.read", root=picked["handle"], path=f"../canaries/{secret.name}"))
    assert_denied(lambda: app.call("net.fetch"), because="net", code="unknown_command")

def test_allowed_where_it_is_granted(locara_session):
    wide = locara_session(grants={"fs.user-selected": "read-write"})
    assert "fs.pick" in wide.app.commands
    assert_allowed(lambda: wide.call("fs.pick", kind="file", access="read-write"))

def test_wrong_reason(locara_session):
    assert_denied(lambda: locara_session().call("net.fetch"), because="models")

def test_was_allowed(locara_session):
    assert_denied(lambda: locara_session().call("app.info"))

def test_other_error(locara_session):
    assert_denied(lambda: locara_session().call("db.query", sql=17))

def test_was_denied(locara_session):
    assert_allowed(lambda: locara_session().call("fs.pick", kind="file", access="read-write"))

def test_touched(canary):
    canary().write_text("changed")

def test_told(canary, locara_session):
    canary()
    app = locara_session()
    app.call("db.query", sql="SELECT ?", params=[canary.token()])
""",
    )
    done = run(project, "tests", "--tb=short")
    assert "4 failed, 4 passed, 2 errors" in done.stdout, done.stdout
    outcome = dict(re.findall(r"^(?:FAILED|ERROR) tests/test_it.py::(\w+)(.*)$", done.stdout, re.MULTILINE))
    assert set(outcome) == {
        "test_wrong_reason",
        "test_was_allowed",
        "test_other_error",
        "test_was_denied",
        "test_touched",
        "test_told",
    }
    assert "denied for another reason" in done.stdout
    assert "the call was allowed and gave" in done.stdout
    assert "the call failed and was not denied: bad_request" in done.stdout
    assert "to allow it: " in done.stdout
    assert "canaries were touched: secret.txt changed" in done.stdout
    assert "the app was told the secret of secret.txt" in done.stdout


def test_no_network_is_refused_and_comes_back(project, run) -> None:
    write(
        project,
        """
import socket, pytest
ADDRESS = []

def test_none(no_network):
    for ask in (lambda: socket.create_connection(("127.0.0.1", 9), 1), lambda: socket.getaddrinfo("localhost", 80)):
        with pytest.raises(OSError, match="this test has no network"):
            ask()
    assert len(no_network.attempts) >= 2
    left, right = socket.socketpair()
    left.sendall(b"x")
    assert right.recv(1) == b"x"

def test_it_is_back():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
""",
    )
    done = run(project, "tests")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("parallel", [False, True])
def test_rules_are_items_that_run_once_each(project, run, tmp_path, parallel) -> None:
    write(project, "def test_own(locara_app):\n    assert locara_app.grants.app_id == 'example/notes'\n")
    (project / "public" / "icon.png").write_bytes(b"no picture")
    report = tmp_path / "junit.xml"
    options = ["-n", "2"] if parallel else []
    rules = "LC001,LC002,LC004,LC010"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = run(
        project,
        "tests",
        "--locara",
        "--locara-only",
        rules,
        "--locara-seed",
        "7",
        f"--junitxml={report}",
        "-v",
        *options,
        TMPDIR=str(scratch),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 4 passed" in done.stdout
    assert "error[LC004] public/icon.png:" in done.stdout
    assert "--> locara.json:" in done.stdout
    assert "Traceback" not in done.stdout
    assert re.search(
        r"locara: 4 rules, [\d,]+ attempts, profile quick, seed 7, sha256:[0-9a-f]{64}", done.stdout
    )
    cases = {case.get("name"): case for case in ET.parse(report).getroot().iter("testcase")}
    assert {"LC001[manifest-json]", "LC010[decision-oracle]", "test_own"} <= set(cases)
    assert not list(scratch.glob("locara-pytest-*")), "what was shared is gone"


def test_an_undecided_rule_is_no_pass(run, make_app) -> None:
    app = make_app(modalities=["text-to-text"], capabilities={"models": [f"m@sha256:{'0' * 64}"]})
    (app / "tests").mkdir()
    done = run(app, "tests", "--locara", "--locara-only", "LC504")
    assert done.returncode == 1, done.stdout
    assert "inconclusive[LC504]" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["tests", "--locara=loud"], "invalid choice: 'loud'"),
        (["tests", "--locara", "--locara-only", "LC777"], "no rule is called 'LC777'"),
        (["tests", "--locara", "--locara-seed", "soon"], "is not a number"),
        (
            ["tests", "--locara", "--locara-app", "nowhere"],
            "--locara-app names nowhere, which holds no locara.json",
        ),
    ],
)
def test_mistakes_are_told_in_a_line(project, run, args, words) -> None:
    done = run(project, *args)
    assert done.returncode == 4, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_without_an_app_the_fixture_says_what_to_do(run, tmp_path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "test_x.py").write_text("def test_x(locara_app):\n    pass\n")
    done = run(tmp_path / "bare", "test_x.py")
    assert done.returncode == 1
    assert "pytest --locara-app PATH" in done.stdout


def test_unused_it_imports_next_to_nothing() -> None:
    program = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import locara_verify.pytest_plugin\n"
        "print('\\n'.join(sorted(set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) <= {
        "locara_verify",
        "locara_verify.pytest_plugin",
        "secrets",
        "hmac",
        "_hashlib",
    }


def test_a_run_that_does_not_use_it_loads_neither_framework_nor_hypothesis(run, tmp_path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "test_x.py").write_text(
        "import sys\n"
        "def test_x():\n"
        "    assert 'locara_verify.pytest_plugin' in sys.modules\n"
        "    heavy = ('locara.core', 'locara.runtime', 'locara_verify.engine', 'locara_verify.testing', 'pydantic')\n"
        "    assert not [name for name in heavy if name in sys.modules]\n"
    )
    done = run(tmp_path / "plain", "test_x.py", "-p", "no:hypothesispytest")
    assert done.returncode == 0, done.stdout


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)


def test_the_tutorial_is_true(run, tmp_path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "locara", "init", "docvault", "my-app", "--dir", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    app = tmp_path / "my-app"
    shutil.rmtree(app / "tests")
    (app / "tests").mkdir()
    for block in blocks("python"):
        name = re.match(r"# (tests/\w+\.py)\n", block)
        assert name is not None, block
        (app / name[1]).write_text(block)
    commands = [
        line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")
    ]
    assert len(commands) >= 6
    for command in commands:
        program, *args = command.split()
        assert program == "pytest"
        done = run(app, *args)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "skipped" not in done.stdout.splitlines()[-1]


def test_the_tutorial_names_what_there_is() -> None:
    text = TUTORIAL.read_text()
    for name in (
        "locara_app",
        "locara_session",
        "locara_gate",
        "canary",
        "attack_paths",
        "attack_hosts",
        "no_network",
    ):
        assert name in text
        assert hasattr(pytest_plugin, name)
    listed = re.search(r"strategies` has (.*?);", text, re.DOTALL)
    assert listed is not None
    for name in re.findall(r"`(\w+)`", listed[1]):
        assert hasattr(strategies, name)


def test_the_reference_app_keeps_to_its_own_tests(run) -> None:
    done = run(ROOT / "apps/docvault", "tests")
    assert done.returncode == 0, done.stdout
    assert json.loads((ROOT / "apps/docvault/locara.json").read_text())["name"] == "docvault"

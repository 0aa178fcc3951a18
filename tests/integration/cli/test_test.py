"""`locara test`: both kinds of tests, their outcome in one code, and nothing left when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def script(app: Path, text: str) -> None:
    (app / "package.json").write_text(json.dumps({"name": "probe", "scripts": {"test": text}}))


@pytest.fixture
def tested(app: Path) -> Path:
    (app / "tests").mkdir()
    (app / "tests/test_one.py").write_text(
        "import os, pathlib\n"
        "def test_app():\n    assert (pathlib.Path(os.environ['LOCARA_APP']) / 'locara.json').is_file()\n"
    )
    return app


def test_both_pass(locara, tested) -> None:
    script(tested, 'node -e "process.exit(process.env.LOCARA_APP ? 0 : 1)"')
    done = locara("test", tested)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("PASSED  acme/probe sha256:")
    facts = json.loads(locara("test", tested, "--json").stdout)
    assert [(one["name"], one["outcome"]) for one in facts["suites"]] == [
        ("pytest", "passed"),
        ("npm test", "passed"),
    ]


def test_a_failure_of_one_does_not_hide_the_other(locara, tested) -> None:
    (tested / "tests/test_two.py").write_text("def test_bad():\n    assert False\n")
    script(tested, 'node -e "process.exit(0)"')
    done = locara("test", tested)
    assert done.returncode == 1
    assert "npm test  passed" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("FAILED")
    assert locara("test", tested, "--only", "npm").returncode == 0
    assert locara("test", tested, "--only", "python", "-k", "test_app").returncode == 0


def test_without_tests_it_is_not_a_pass(locara, app) -> None:
    assert locara("test", app).returncode == 3
    (app / "tests").mkdir()
    assert locara("test", app).returncode == 3
    assert locara("test", app.parent).returncode == 4


def test_when_it_is_stopped_nothing_of_it_stays(tested, environment, tmp_path) -> None:
    os.mkfifo(tmp_path / "started")
    (tested / "tests/test_slow.py").write_text(
        "import os, time\n"
        f"def test_slow():\n    open({str(tmp_path / 'started')!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-m", "locara", "test", str(tested)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as one:
        child = int((tmp_path / "started").read_text())
        one.send_signal(signal.SIGINT)
        assert one.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)

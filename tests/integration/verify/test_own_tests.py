"""LC054 with real tests in their real sandbox: what passes, what fails and where, and what hostile ones reach."""

from __future__ import annotations

import os
import socket
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from locara_verify.budget import PROFILES
from locara_verify.check import CheckResult
from locara_verify.checks.manifest.own_tests import RULE, brings_tests, own_tests, replay
from locara_verify.context import Context
from locara_verify.own_tests import run as running
from locara_verify.own_tests.sandbox import nests
from locara_verify.target import load

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not nests(), reason="no sandbox can be started in another here"
)
SECONDS = 60.0
MakeApp = Callable[..., Path]


@pytest.fixture
def judge(make_app: MakeApp, context: Callable[..., Context]) -> Callable[[str], CheckResult]:
    """Judge an app with this test file."""

    def judged(text: str) -> CheckResult:
        return own_tests(context(with_tests(make_app(), text)))

    return judged


@pytest.fixture
def context(tmp_path: Path) -> Callable[[Path], Context]:
    def made(app: Path) -> Context:
        workdir = tmp_path / "work"
        workdir.mkdir()
        return Context(load(app), PROFILES["strict"], 1, workdir, tmp_path, tmp_path / "models")

    return made


def with_tests(app: Path, text: str) -> Path:
    (app / "tests").mkdir()
    (app / "tests" / "test_app.py").write_text(textwrap.dedent(text))
    return app


def run_of(app: Path, seconds: float = SECONDS) -> running.Run:
    return running.run(app, app / "no-models", seconds, lambda _line: None)


def test_tests_that_start_the_app_pass(judge: Callable[[str], CheckResult]) -> None:
    result = judge(
        """
        from locara_verify.testing import assert_allowed, assert_denied

        def test_it_keeps_notes(locara_session):
            assert locara_session().call("db.query", sql="SELECT count(*) FROM note")["rows"] == [[0]]

        def test_it_reads_what_was_picked(locara_session, canary, tmp_path):
            canary("diary.txt")
            (tmp_path / "letter.txt").write_text("Dear Anna")
            app = locara_session(picks=[[tmp_path / "letter.txt"]])
            (picked,) = assert_allowed(lambda: app.call("fs.pick", kind="file", access="read"))["handles"]
            assert app.call("fs.read", root=picked["handle"], path="", encoding="utf8")["data"] == "Dear Anna"

        def test_it_has_no_network(locara_session):
            assert_denied(lambda: locara_session().call("net.fetch"), because="net", code="unknown_command")
        """
    )
    assert not result.findings
    assert result.attempts == {RULE: 3}
    assert not result.inconclusive


def test_each_that_fails_is_named_with_its_place(
    make_app: MakeApp, context: Callable[[Path], Context]
) -> None:
    app = with_tests(
        make_app(),
        """
        import pytest

        def helper():
            raise RuntimeError("the helper's words")

        def test_it_holds():
            pass

        def test_it_breaks():
            helper()

        def test_it_leaks(canary):
            canary("diary.txt").write_text("changed")

        def test_it_needs_a_screen():
            pytest.skip("no screen here")
        """,
    )
    made = context(app)
    result = own_tests(made)
    breaks, leaks = sorted(result.findings, key=lambda finding: finding.message)
    assert (breaks.file, breaks.line) == ("tests/test_app.py", 5)
    assert "the helper's words" in breaks.because
    assert "test_it_leaks" in leaks.message
    assert result.attempts == {RULE: 3}
    assert any("test_it_needs_a_screen was skipped: no screen here" in note for note in result.notes)
    again = replay(made, breaks.replay["case"])  # type: ignore[index]
    assert [found.message for found in again.findings] == [breaks.message]
    assert again.attempts == {RULE: 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os\ndef test_it():\n    os._exit(0)\n", "broke off in tests/test_app.py::test_it"),
        (
            "import os\ndef test_it():\n    os.write(int(os.environ['LOCARA_TOLD_FD']), b'fine\\n')\n",
            "not JSON",
        ),
        ("x = 1\n", "no test"),
        ("import pytest\ndef test_it():\n    pytest.skip('later')\n", "every test was skipped: later"),
    ],
)
def test_a_run_that_is_not_whole_is_inconclusive(
    judge: Callable[[str], CheckResult], text: str, why: str
) -> None:
    result = judge(text)
    assert why in result.inconclusive[RULE]
    assert not result.findings


def test_a_place_that_is_not_in_the_app_is_not_believed(judge: Callable[[str], CheckResult]) -> None:
    (found,) = judge(
        """
        import json, os

        def test_it():
            told = {"test": "x", "outcome": "failed", "when": "call", "text": "t"}
            told |= {"file": "../../etc/passwd", "line": 1}
            os.write(int(os.environ["LOCARA_TOLD_FD"]), json.dumps(told).encode() + b"\\n")
            os.write(int(os.environ["LOCARA_TOLD_FD"]), b'{"ended": 1, "collected": 1}\\n')
            os._exit(1)
        """
    ).findings
    assert (found.file, found.line) == (None, None)


def test_a_file_that_cannot_be_read_is_a_finding(judge: Callable[[str], CheckResult]) -> None:
    (found,) = judge("import no_such_module_anywhere\n").findings
    assert "tests/test_app.py" in found.message
    assert "no_such_module_anywhere" in found.because


def test_tests_without_end_are_ended(make_app: MakeApp) -> None:
    app = with_tests(
        make_app(), "import subprocess\ndef test_it():\n    subprocess.run(['/bin/sleep', '4242'])\n"
    )
    done = run_of(app, seconds=6.0)
    assert "took longer than 6 s" in done.doubt
    assert done.outcome.begun == "tests/test_app.py::test_it"
    commands = [
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)
    ]
    assert not any(b"sleep\x004242" in command for command in commands)


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A person's file, and listeners of this machine."""
    folder = tmp_path_factory.mktemp("person")
    secret = folder / "diary.txt"
    secret.write_text("a secret of the person")
    folder.chmod(0o755)
    secret.chmod(0o666)
    with (
        socket.socket() as tcp,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        tcp.bind(("127.0.0.1", 0))
        abstract.bind(f"\0locara-own-tests-{os.getpid()}")
        named.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        for listener in (tcp, abstract, named):
            listener.listen()
        yield {
            "secret": str(secret),
            "port": str(tcp.getsockname()[1]),
            "abstract": f"locara-own-tests-{os.getpid()}",
            "named": str(folder / "socket"),
            "pid": str(os.getpid()),
        }


REACH = """
    import os, pathlib, signal, socket, subprocess

    def reached(act):
        try:
            return act() or "reached"
        except OSError as error:
            return f"refused: {type(error).__name__}"

    def connected(family, address):
        with socket.socket(family) as made:
            made.settimeout(3)
            made.connect(address)

    WHAT = {
        "file": lambda: pathlib.Path(SECRET).read_text(),
        "write": lambda: pathlib.Path(SECRET).write_text("changed") and None,
        "tcp": lambda: connected(socket.AF_INET, ("127.0.0.1", PORT)),
        "abstract": lambda: connected(socket.AF_UNIX, "\\0" + ABSTRACT),
        "named": lambda: connected(socket.AF_UNIX, NAMED),
        "process": lambda: os.kill(PID, 0),
        "app": lambda: (pathlib.Path(os.environ["LOCARA_APP"]) / "dist" / "index.html").write_text("changed") and None,
        "disk": lambda: subprocess.run(["/bin/cat", SECRET], check=True, capture_output=True) and None,
    }

    def test_nothing_outside_is_reached():
        got = {}
        for name, act in WHAT.items():
            try:
                got[name] = reached(act)
            except subprocess.CalledProcessError:
                got[name] = "refused: not there"
        assert "LOCARA_OWN_MARK" not in os.environ
        assert all(how.startswith("refused") for how in got.values()), got
"""


def test_hostile_tests_reach_nothing_and_the_same_code_reaches_all_of_it_outside(
    make_app: MakeApp, outside: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCARA_OWN_MARK", "a secret of the environment")
    values = "".join(
        f"    {name.upper()} = {value if name in ('port', 'pid') else repr(value)}\n"
        for name, value in outside.items()
    )
    app = with_tests(make_app(), values + REACH)
    (app / "dist" / "index.html").chmod(0o666)
    done = run_of(app)
    assert done.doubt == "", done
    assert done.outcome.passed == {"tests/test_app.py::test_nothing_outside_is_reached"}
    assert Path(outside["secret"]).read_text() == "a secret of the person"
    assert (app / "dist" / "index.html").read_text() == "<!doctype html><title>Notes</title>\n"

    space: dict[str, object] = {}
    monkeypatch.setenv("LOCARA_APP", str(app))
    exec(compile((app / "tests" / "test_app.py").read_text(), "control", "exec"), space)
    what, reached = space["WHAT"], space["reached"]
    for name in what:  # type: ignore[attr-defined]
        assert not str(reached(what[name])).startswith("refused"), name  # type: ignore[operator,index]


def test_it_applies_where_there_are_tests(make_app: MakeApp) -> None:
    app = make_app()
    assert "brings no tests" in str(brings_tests(load(app)))
    (app / "tests").mkdir()
    (app / "tests" / "app.test.ts").write_text("")
    assert "brings no tests" in str(brings_tests(load(app)))
    (app / "tests" / "deep").mkdir()
    (app / "tests" / "deep" / "notes_test.py").write_text("")
    assert brings_tests(load(app)) is None


def test_the_tests_are_an_ordinary_user(make_app: MakeApp) -> None:
    app = with_tests(
        make_app(),
        """
        import os, pathlib

        def test_it():
            status = pathlib.Path("/proc/self/status").read_text()
            assert os.getuid() == 1000
            assert "CapEff:\t0000000000000000" in status
            assert "NoNewPrivs:\t1" in status
            assert "Seccomp:\t2" in status
        """,
    )
    done = run_of(app)
    assert (done.doubt, done.outcome.failed) == ("", {})

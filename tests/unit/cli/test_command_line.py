"""The command line in one process: exit codes, text for a terminal, suggestions, colour."""

from __future__ import annotations

import io
import os

import pytest

from locara import __version__
from locara.cli import dispatch, terminal, verbs
from locara.cli.__main__ import main
from locara.cli.exits import Exit, exit_of
from locara.cli.parser import Parser, closest
from locara.errors import (
    LocaraError,
    ManifestError,
    ModelError,
    Problem,
    SandboxError,
    UsageError,
)
from locara.runtime.manifest_file import BundleError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (SandboxError("x", code="bwrap_missing"), 3),
        (BundleError("x", code="not_an_app"), 4),
        (ManifestError([Problem("json_syntax", "x", "", 1, 1)]), 4),
        (ModelError("x", code="digest_mismatch"), 1),
        (LocaraError("x"), 1),
    ],
)
def test_every_family_of_errors_has_its_exit_code(error: LocaraError, code: int) -> None:
    assert exit_of(error) == code


def test_the_frozen_numbers() -> None:
    assert {one.name: one.value for one in Exit} == {
        "PASSED": 0,
        "FINDINGS": 1,
        "USAGE": 2,
        "INCONCLUSIVE": 3,
        "UNREADABLE": 4,
        "TRUST": 5,
        "INTERNAL": 70,
        "INTERRUPTED": 130,
    }


def test_version_needs_nothing_else(capsys) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"locara {__version__}\n"


@pytest.mark.parametrize(
    "args", [["explane"], ["--verison"], ["run", "--headles", "x"], ["explain", "x", "y", "z"]]
)
def test_mistakes(args: list[str], capsys) -> None:
    assert main(args) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "help: " in said


class Broken:
    """A verb that goes wrong."""

    summary = "goes wrong"

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("--flag", action="store_true")

    def run(self, _args: object) -> int:
        raise self._error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RuntimeError("secret"), 70, "a defect of locara"),
        (KeyboardInterrupt(), 130, ""),
        (LocaraError("broken", fix="mend it"), 1, "error: broken\n  help: mend it"),
    ],
)
def test_whatever_a_verb_raises_is_told_without_a_traceback(error, code, said, capsys, monkeypatch) -> None:
    monkeypatch.setattr(verbs, "load", lambda _name: Broken(error))
    assert dispatch.run(["broken"]) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown
    assert "secret" not in shown


def test_closest() -> None:
    assert closest("vrify", ("verify", "run"), "look").startswith("did you mean 'verify'?")
    assert closest("zzz", ("verify", "run"), "look") == "look"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_only_where_it_is_wanted(monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.colours(Terminal())
    assert not terminal.colours(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.colours(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.colours(Terminal())
    assert terminal.bold("x", Terminal()) == "x"


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (5_300_000_000_000, "5300.0 GB")]
)
def test_sizes(size: int, text: str) -> None:
    assert terminal.size_text(size) == text


def test_nothing_printed_can_steer_a_terminal() -> None:
    assert terminal.printable("a\x1b[2J\u202e\nb\ud800é") == "a\\x1b[2J\\u202e\\nb\\ud800é"


def test_nothing_is_written_for_others_to_change_whatever_the_shell_allows() -> None:
    before = os.umask(0)
    try:
        main(["--help"])
        assert os.umask(0) == 0o022
        os.umask(0o077)
        main(["--help"])
        assert os.umask(0) == 0o077
    finally:
        os.umask(before)


def test_a_word_may_come_after_an_option(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["db", "export", str(tmp_path), "--data", str(tmp_path), "x.db"]
    assert main(words) == Exit.UNREADABLE
    assert "too many" not in capsys.readouterr().err
    assert main([*words, "y.db"]) == Exit.USAGE
    assert "'y.db' is one argument too many" in capsys.readouterr().err

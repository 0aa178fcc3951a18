"""The pytest plugin of that sandbox: it tells each test's start, each outcome, and the end, a line of JSON each."""

# ruff: noqa: ANN401 - hooks take what pytest gives

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from locara_verify.own_tests.inside import TOLD_FD

MOST_TEXT: Final = 2_000
_HYPOTHESIS: Final = "hypothesispytest"
PLACE: Final = pytest.StashKey[tuple[str, int]]()


def tell(**message: Any) -> None:
    """One line, in one write."""
    os.write(int(os.environ[TOLD_FD]), json.dumps(message).encode() + b"\n")


def pytest_runtest_logstart(nodeid: str) -> None:
    """So that of a run that breaks off it is known where."""
    tell(begun=nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Each phase of a test: where in the app it failed, and with what."""
    report = yield
    file, line, _ = item.location
    told = {
        "test": item.nodeid,
        "outcome": report.outcome,
        "when": report.when,
        "file": file,
        "line": (line or 0) + 1,
    }
    if report.skipped:
        told["text"] = getattr(report, "wasxfail", "") or str(call.excinfo and call.excinfo.value)
    if report.failed:
        told["text"] = call.excinfo.exconly(tryshort=True) if call.excinfo else report.longreprtext
        for entry in call.excinfo.traceback if call.excinfo else ():
            if Path(entry.path).is_relative_to(item.config.rootpath):
                told |= {
                    "file": str(Path(entry.path).relative_to(item.config.rootpath)),
                    "line": entry.lineno + 1,
                }
    told["text"] = str(told.get("text", ""))[:MOST_TEXT]
    tell(**told)
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be read as tests."""
    if report.failed:
        words = [
            line.removeprefix("E").strip()
            for line in report.longreprtext.splitlines()
            if line.startswith("E")
        ]
        text = "\n".join(words) or report.longreprtext.strip()
        told = {
            "test": report.nodeid,
            "outcome": "failed",
            "when": "collect",
            "file": report.nodeid,
            "line": 1,
        }
        tell(**told, text=text[:MOST_TEXT])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """The one line that makes the others count."""
    tell(ended=int(exitstatus), collected=session.testscollected)
    plugins = session.config.pluginmanager
    if "hypothesis" not in sys.modules and plugins.has_plugin(_HYPOTHESIS):
        plugins.unregister(name=_HYPOTHESIS)  # for its summary it loads all of Hypothesis, which no test did

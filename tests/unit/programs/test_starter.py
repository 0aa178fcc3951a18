"""What an app hears of a program that could not be started."""

from __future__ import annotations

import pytest

from locara.errors import CallError, SandboxError
from locara.programs.launch import Launch, Limits
from locara.programs.starter import Starter
from locara.sandbox.launcher import LaunchPlan


def no_plan(_launch: Launch) -> LaunchPlan:
    raise SandboxError("/home/anna/secret is reached through a symbolic link", code="launch_failed")


def test_the_app_hears_why_in_one_word_and_no_place() -> None:
    launch = Launch("ocr", Limits(memory=1, cpu=1, wall=1.0))
    starter = Starter(plan=no_plan, launches={"ocr": lambda _options: launch})
    with pytest.raises(CallError) as caught:
        starter.begin("ocr", {})
    assert caught.value.code == "program_unavailable"
    assert "launch_failed" in caught.value.message
    assert "anna" not in str(caught.value.diagnostics())
    assert starter.pids == []

"""Waiting, and what a process has open."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from locara_verify.checks.descriptors import open_count, open_on
from locara_verify.checks.waiting import happens


def test_what_never_happens_does_not_and_is_not_waited_for_long() -> None:
    began = time.monotonic()
    assert happens(lambda: False, 0.05) is False
    assert happens(lambda: 0, 0.0) is False
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize("turn", [1, 2, 5])
def test_what_happens_in_time_does(turn: int) -> None:
    asked: list[int] = []

    def holds() -> bool:
        asked.append(1)
        return len(asked) >= turn

    assert happens(holds, 30) is True
    assert len(asked) == turn
    assert happens(lambda: True, 0.0) is True


def test_each_descriptor_counts(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("x")
    before, opened = open_count(), []
    for count in range(1, 4):
        opened.append(os.open(place, os.O_RDONLY))
        assert open_count() == open_count(os.getpid()) == before + count
        assert open_on(place) == count
        assert open_on(tmp_path) == 0
    for fd in opened:
        os.close(fd)
    assert (open_count(), open_on(place)) == (before, 0)
    with pytest.raises(OSError, match="No such"):
        open_count(2**22 + 1)

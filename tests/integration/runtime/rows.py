"""What a row of the command table is (`test_command_table.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from locara.runtime.launch import RunningApp

from .world import World

Args = Mapping[str, Any]


@dataclass(frozen=True)
class Power:
    """A command with a power behind it.

    `absent` is the line that would open it, `args` ask for something, `line` is what grants it beside BESIDE,
    `works` uses it on a real resource, and `kernel` are the answers that a fooled runtime may give when only
    the kernel and the broker know the manifest.
    """

    absent: str
    args: Args
    line: str
    works: Callable[[RunningApp, World], None]
    kernel: frozenset[str] = frozenset({"not_found"})

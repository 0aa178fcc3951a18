"""The programs beside the app, as its commands use them: a bounded input, one run, an outcome to be checked."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any

from locara.core.skills import Skill
from locara.errors import CallError
from locara.programs.exchange import exchange
from locara.programs.outcome import Outcome
from locara.runtime.call import Call
from locara.sandbox.broker_client import BrokerClient

_PIECE = 1024 * 1024


class Beside:
    """Runs programs through the broker, which decides again whether the app has them."""

    def __init__(self, broker: BrokerClient) -> None:
        self._broker = broker

    def facts(self, name: str) -> Mapping[str, Any]:
        """What this machine has of a program. Raises CallError program_unavailable with the way to get it."""
        return self._broker.facts(name)

    def run(self, call: Call, name: str, options: Mapping[str, Any], data: bytes, *, most: int) -> Outcome:
        """One run, ended at once when the call is cancelled. most is the bytes of output that are taken."""
        call.check()
        return exchange(self._broker.program(name, options), data, cancelled=call.cancelled, max_output=most)


def because(skill: Skill, declared: Any) -> str:  # noqa: ANN401 - Grants, without loading them here
    """Why the app has the commands of a skill, for the log."""
    word = skill.modality if skill.modality in declared.modalities else skill.tooling
    return f'"{word}" is declared'


def read_whole(fd: int, most: int, what: str) -> bytes:
    """All bytes of an open file. Raises CallError too_large for more than `most`."""
    if os.fstat(fd).st_size > most:
        raise _too_large(most, what)
    pieces, size = [], 0
    while piece := os.read(fd, _PIECE):
        size += len(piece)
        if size > most:  # it grew meanwhile
            raise _too_large(most, what)
        pieces.append(piece)
    return b"".join(pieces)


def decoded(text: str) -> bytes:
    """The bytes of a base64 argument. Raises CallError bad_request."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CallError("data is not base64", code="bad_request") from error


def _too_large(most: int, what: str) -> CallError:
    return CallError(f"{what} is at most {most // 2**20} MiB", code="too_large")

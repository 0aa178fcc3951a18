"""How a command is declared: a function, a strict model of its arguments, and the lane it runs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from locara.records import dataclass
from locara.runtime.arguments import Args, NoArgs, checked
from locara.runtime.call import Call

if TYPE_CHECKING:
    from locara.runtime.session import Session


class Lane(StrEnum):
    """Where a command runs. Calls of one lane that has one worker are answered in the order they came."""

    INLINE = "inline"  # on the reading thread: instant, touches memory only
    STORE = "store"  # one worker: the database connection
    MODEL = "model"  # one worker: the inference engine
    SPEECH = "speech"  # one worker: the speech engine, which shares nothing with the other
    FILES = "files"  # a few workers
    PICK = "pick"  # one worker: waits for a person
    NET = "net"  # a few workers
    TOOL = "tool"  # one worker: one tool at a time
    DEVICE = "device"  # one worker for each device that can be open, and one to open or close
    DESKTOP = "desktop"  # one worker: clipboard, notifications, browser
    WATCH = "watch"  # one worker for each subscription, and one to refuse a further one
    PROGRAM = "program"  # two workers: each waits for a program beside the app

    @property
    def workers(self) -> int:
        """How many calls of this lane run at the same time."""
        return _WORKERS.get(self, 1)


_WORKERS: Final = {Lane.FILES: 4, Lane.NET: 4, Lane.DEVICE: 5, Lane.PROGRAM: 2, Lane.WATCH: 9}


Run = Callable[["Session", Call, Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Command:
    """One registered command."""

    name: str
    args: type[Args]
    lane: Lane
    run: Run

    def checked(self, args: object) -> Args:
        """The arguments of a call. Raises pydantic_core's ValidationError."""
        return checked(self.args, args)


REGISTERED: dict[str, Command] = {}


def command(name: str, *, args: type[Args] = NoArgs, lane: Lane) -> Callable[[Run], Run]:
    """Register the decorated function under a name. Raises ValueError for a name that is taken."""

    def register(run: Run) -> Run:
        if name in REGISTERED:
            raise ValueError(f"the command {name} is registered twice")
        REGISTERED[name] = Command(name, args, lane, run)
        return run

    return register

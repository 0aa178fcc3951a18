"""background.*: going on when the person closes the window. `locara.runtime.background` says what that means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from locara.core.capability import Kind
from locara.core.request import BackgroundRequest
from locara.runtime.arguments import Args, NoArgs
from locara.runtime.call import Call
from locara.runtime.commands.registry import Lane, command
from locara.runtime.session import Session


class BeginArgs(Args):
    """mode: passive finishes what runs, active goes on."""

    mode: Literal["passive", "active"]


@command("background.begin", args=BeginArgs, lane=Lane.DESKTOP)
def begin(session: Session, call: Call, args: BeginArgs) -> Mapping[str, Any]:
    """`{mode}`; from now on, until background.end or the end of the session. The person is told."""
    session.gate.require(BackgroundRequest(args.mode), cmd=call.cmd)
    session.broker.background(args.mode)
    session.background.ask(args.mode)
    return {"mode": args.mode}


@command("background.end", lane=Lane.DESKTOP)
def end(session: Session, _call: Call, _args: NoArgs) -> Mapping[str, Any]:
    """`{}`; the app ends with its window again."""
    session.broker.background("none")
    session.background.ask("none")
    return {}


@command("background.status", lane=Lane.INLINE)
def status(session: Session, _call: Call, _args: NoArgs) -> Mapping[str, Any]:
    """`{mode: none|passive|active, granted: passive|active, window: open|closed}`."""
    granted = ("active", "use") in session.grants.by_atom[Kind.BACKGROUND]
    return {
        "mode": session.background.mode,
        "granted": "active" if granted else "passive",
        "window": "open" if session.background.window_open else "closed",
    }

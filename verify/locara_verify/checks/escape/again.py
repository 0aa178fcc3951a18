"""LC209: what a remembered pick is called when it is found again, and how often it can be open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from locara_verify.checks.names import ENOUGH, guessable

if TYPE_CHECKING:
    from locara_verify.checks.escape.remembered import Trial

MOST_HANDLES: Final = 256

Json = Any


def placeless(trial: Trial) -> None:
    """A folder and a file are remembered, found again, and moved away: no answer says where they lie, or lay."""
    place = trial.fresh("placeless")
    grants = [trial.remember(each) for each in (place, place / "a.txt")]
    asked: list[dict[str, Json]] = [{"op": "kept"}]
    asked += [{"op": op, "grant": grant} for grant in grants for op in ("reopen", "forget")]
    asked.insert(1, {"op": "pick", "kind": "directory", "access": "read", "remember": True})
    for gone in (False, True):
        if gone:
            grants = [trial.remember(each) for each in (place, place / "a.txt")]
            place.parent.rename(trial.top / "away")
            asked = [{"op": "kept"}, *({"op": "reopen", "grant": grant} for grant in grants)]
            asked += [{"op": "forget", "grant": grant} for grant in grants]
        with trial.starts(place) as peer:
            for message in asked:
                said = json.dumps(peer.ask(**message).reply)
                told = [part for part in (str(trial.top), "placeless", "away", "/picked") if part in said]
                trial.closed(
                    bool(told), "an answer says where a remembered pick lies", f"{message['op']}: {said}"
                )


def reopened(trial: Trial) -> None:
    """Nearly as many handles as there may be, and a remembered pick is opened again and again: as many as there may be,
    and room when one is given back."""
    place = trial.fresh("reopened")
    grant = trial.remember(place / "a.txt")
    with trial.starts([place / "a.txt"] * (MOST_HANDLES - ENOUGH)) as peer:
        some = peer.ask(op="pick", kind="file", access="read", multiple=True).ok
        handles: list[str] = []
        while len(handles) <= ENOUGH and (answer := peer.ask(op="reopen", grant=grant)).ok:
            handles.append(str(answer.reply["handle"]))
        told = f"{MOST_HANDLES - ENOUGH} handles, and {len(handles)} opened again"
        trial.closed(len(handles) > ENOUGH, "an app holds more handles than there may be", told)
        trial.twin(some and len(handles) >= ENOUGH, f"as many handles as there may be can be open ({told})")
        guessed = guessable(handles)
        trial.closed(guessed is not None, "handles of a remembered pick can be guessed", str(guessed))
        peer.ask(op="release", handle=handles[0] if handles else "")
        trial.twin(peer.ask(op="reopen", grant=grant).ok, "a released handle makes no room")
        peer.ask(op="forget", grant=grant)

"""LC203 and LC207 at the broker: what a person gave is what they gave now, and what they did not give is denied.

An answer belongs to the question that it was given to, whatever became of it. What a handle does not open is a denial,
which the runtime puts on record, and no mistake in the request. What could not be known again is not remembered.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from locara.errors import CapabilityDenied
from locara.sandbox.broker import ScriptedPicker, Services
from locara.sandbox.handles import Handle
from locara.sandbox.kept import Identity, Kept, NoMemory
from locara_verify.checks.escape.outside import FORGERY, WIDENING, Case, Peer, folders, granted, talking

MOST_HANDLES: Final = 256
NEVER_BORN: Final = ("/proc/version", "/proc/filesystems", "/sys/kernel/uevent_seqnum")
"""Files of the kernel's own file systems, which do not tell when a thing was made."""
_DENIED: Final = "capability_denied"


class Remembers(NoMemory):
    """Keeps what was picked for as long as it lives, each under the name of its handle."""

    def __init__(self) -> None:
        self.found: dict[str, Kept] = {}

    def keep(self, handle: Handle, path: Path, identity: Identity) -> Kept:
        """See Memory."""
        facts = (handle.kind, handle.writable, handle.recursive, 0.0)
        self.found[handle.key] = Kept(handle.key, path, identity, *facts)
        return self.found[handle.key]

    def kept(self) -> dict[str, Kept]:
        """See Memory."""
        return self.found

    def forget(self, key: str) -> bool:
        """See Memory."""
        return self.found.pop(key, None) is not None


def given(case: Case) -> str | None:
    """Every family. What did not work although it must, or None."""
    asked_each_time(case)
    unborn(case)
    judged_again(case)
    return denied(case)


def asked_each_time(case: Case) -> None:
    """A pick or a drop that is refused, in each way there is; the next one, for more, is asked of the person anew."""
    for way, operation in itertools.product(("full", "kind", "link", "none", "private", "memory"), _ASKS):
        folder = case.ctx.fresh_dir("each")
        for name in ("one", "two", *(f"{number:03}" for number in range(MOST_HANDLES))):
            (folder / name).touch()
        (folder / "link").symlink_to("one")
        chosen = {"kind": folder, "link": folder / "link", "none": folder / "absent"}.get(way, folder / "one")
        full = sorted(folder.glob("[0-9]*")) if way == "full" else []
        picker, private = (
            ScriptedPicker([full] if full else [], remembers=way == "memory"),
            [way == "private"],
        )

        def judge(_place: Path, private: list[bool] = private) -> None:
            if private[0]:
                raise CapabilityDenied(capability="fs.user-selected", because="private", fix="another")

        services = Services(picker=picker, judge=judge)
        with talking(granted(case.ctx, "read-write"), services) as peer:
            if full:
                peer.ask(op="pick", kind="file", access="read", multiple=True)
            (picker.drop if operation == "dropped" else picker.add)(chosen)
            peer.ask(op=operation, kind="file", access="read", remember=way == "memory")
            private[0] = False
            asks = len(picker.asked)
            for handle in _handles(peer) if full else ():
                peer.ask(op="release", handle=handle)
            reply = peer.ask(op=operation, kind="file", access="read-write", recursive=True).reply
            names = [one["name"] for one in reply.get("handles", ())]
        told = f"{operation}, refused for {way}; then {names}, {len(picker.asked) - asks} questions"
        fault = bool(names) or len(picker.asked) != asks + 1
        case.judge(FORGERY, fault, "what a person answered before is handed over without asking", told)


_ASKS: Final = ("pick", "dropped")


def _handles(peer: Peer) -> Iterator[str]:
    """The first of those that the last pick handed over and has not told yet."""
    for one in peer.ask(op="handed").reply.get("handles", ()):
        yield one["handle"]


def unborn(case: Case) -> None:
    """What cannot be known again is not remembered, though the person lets it be."""
    plain = case.ctx.fresh_dir("born") / "file"
    plain.touch()
    for place in (plain, *map(Path, NEVER_BORN)):
        if not place.is_file():
            continue
        memory = Remembers()
        services = Services(picker=ScriptedPicker([[place]], remembers=True), memory=memory)
        with talking(granted(case.ctx, "read"), services) as peer:
            reply = peer.ask(op="pick", kind="file", access="read", remember=True).reply
        told = f"{place.name}: {reply.get('code', 'ok')}, {len(memory.found)} remembered"
        fault = bool(memory.found) != (place == plain)
        case.judge(FORGERY, fault, "what is remembered is not what can be known again", told)


def judged_again(case: Case) -> None:
    """What became private since it was picked is not opened again, whoever remembers it."""
    place = case.ctx.fresh_dir("again") / "file"
    place.touch()
    memory, private = Remembers(), [False]

    def judge(_place: Path) -> None:
        if private[0]:
            raise CapabilityDenied(capability="fs.user-selected", because="private", fix="another")

    services = Services(picker=ScriptedPicker([[place]], remembers=True), judge=judge, memory=memory)
    with talking(granted(case.ctx, "read"), services) as peer:
        picked = peer.ask(op="pick", kind="file", access="read", remember=True).reply["handles"][0]
        for private[0] in (False, True, False):
            reply = peer.ask(op="reopen", grant=picked.get("grant")).reply
            told = f"private by now: {private[0]}; {reply.get('code', 'ok')}"
            fault = (reply.get("ok") is True) == private[0]
            case.judge(FORGERY, fault, "what was remembered is judged as it was when it was picked", told)


def denied(case: Case) -> str | None:
    """What a handle does not open is denied, with the capability and what to do: a mistake is not on record."""
    folder, outside = folders(case.ctx)
    memory = Remembers()
    services = Services(picker=ScriptedPicker([[folder]] * 3, remembers=True), memory=memory)
    with talking(granted(case.ctx, "read-write"), services) as peer:
        pick: dict[str, Any] = {"op": "pick", "kind": "directory"}
        ways = (
            {"access": "read", "recursive": True},
            {"access": "read-write"},
            {"access": "read", "remember": True},
        )
        read, shallow, lasting = (peer.ask(**pick, **way).reply["handles"][0]["handle"] for way in ways)
        asks: list[tuple[str, dict[str, Any]]] = [
            *(
                ("a handle for reading", {"op": "open", "handle": read, "path": "a.txt", "mode": mode})
                for mode in _WRITES
            ),
            *(
                ("a handle for reading", {"op": name, "handle": read, "path": "x"})
                for name in ("mkdir", "remove")
            ),
            *(
                ("a folder without its folders", {"op": name, "handle": shallow, "path": "sub/b.txt"})
                for name in _LOOKS
            ),
            ("a folder without its folders", {"op": "list", "handle": shallow, "path": "sub"}),
            *(("a link", {"op": name, "handle": read, "path": "out/canary"}) for name in _LOOKS),
            *(("a way out", {"op": name, "handle": read, "path": "../outside/canary"}) for name in _LOOKS),
        ]
        works = all(peer.ask(op="stat", handle=one, path="a.txt").ok for one in (read, shallow, lasting))
        peer.ask(op="forget", grant=next(iter(memory.found), ""))
        asks += [("what was taken back", {"op": name, "handle": lasting, "path": "a.txt"}) for name in _LOOKS]
        asks += [("what was taken back", {"op": "reopen", "grant": lasting})]
        for what, ask in asks:
            reply = peer.ask(**ask).reply
            full = reply.get("code") == _DENIED and reply.get("capability") == "fs.user-selected"
            told = f"{what}, {ask['op']} {ask.get('mode', '')}: {reply.get('code', 'ok')}"
            fault = not (full and reply.get("because") and "fix" in reply)
            case.judge(
                WIDENING, fault, "what a handle does not open is no denial, so nothing records it", told
            )
    return None if works and outside.is_dir() else "what was picked could not be looked at"


_WRITES: Final = ("create", "append", "replace")
_LOOKS: Final = ("open", "stat")

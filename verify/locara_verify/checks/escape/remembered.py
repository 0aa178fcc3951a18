"""LC209: a remembered pick opens the thing that was picked, as it was picked, and only while it stands.

The real broker with the person's real list runs in this process at one end of its socket pair; then a real app is
started, updated and started again. The judge is a canary in what was not picked, and the trees byte for byte.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara.core.digest import Digest
from locara.core.grant import Grants
from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.consent.starts import bare
from locara_verify.checks.escape import again
from locara_verify.checks.escape.arena import hand_over
from locara_verify.checks.escape.outside import Peer, granted, talking
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

RULE: Final = "LC209"
APP: Final = "verifier/remembering"
SECRET: Final = b"a canary that nobody picked"
MINE: Final = b"what was picked"
REFUSED: Final = frozenset({"capability_denied", "io_error"})
"""It is not what was picked; or it is a link, which is not followed."""
WRITES: Final = ("create", "append", "replace")
MOST: Final = 32
TURNS: Final = 12  # others make files at the same time and may be given a number first

Json = Any
Place = Callable[[Path], None]


@dataclass
class Trial:
    """One person: their folders, their list, and what was found."""

    top: Path
    grants: Grants
    findings: list[Finding] = field(default_factory=list)
    attempts: int = 0
    broken: str = ""
    anew: list[bool] = field(default_factory=list)  # what was made anew: whether it had the number again

    @property
    def state(self) -> Path:
        """Where the person's decisions lie."""
        return self.top / "state"

    @property
    def list(self) -> Path:
        """The list of remembered picks of the app."""
        return self.state / "picked/verifier.remembering.json"

    def fresh(self, name: str) -> Path:
        """A new folder to be picked, with a file and a folder in it, alone in the folder around it."""
        place = self.top / name / "picked"
        (place / "sub").mkdir(parents=True)
        (place / "a.txt").write_bytes(MINE)
        (place / "sub/b.txt").write_bytes(MINE)
        return place

    @contextlib.contextmanager
    def starts(
        self,
        *picks: Path | Sequence[Path],
        app: str = APP,
        manifest: str = "one",
        remembers: bool = True,
        private: tuple[Path, ...] = (),
    ) -> Iterator[Peer]:
        """A start of the app, as the broker sees it, with a person who picks these in this order, one or several at a
        time, and whose places of their own are private."""
        from locara.runtime.private_places import PrivatePlaces  # noqa: PLC0415 - only this check needs it
        from locara.runtime.remembered import PickMemory  # noqa: PLC0415 - as above
        from locara.runtime.state import StateFolder  # noqa: PLC0415 - as above
        from locara.sandbox.broker import ScriptedPicker, Services  # noqa: PLC0415 - as above

        folder = StateFolder(self.state)
        places = PrivatePlaces(self.top / "home", (self.state, *private))
        memory = PickMemory(folder, app, Digest.of(manifest.encode()), places)
        answers = [[given] if isinstance(given, Path) else given for given in picks]
        picker = ScriptedPicker(answers, remembers=remembers)
        with talking(self.grants, Services(picker=picker, memory=memory)) as peer:
            yield peer

    def remember(self, place: Path, *, access: str = "read", recursive: bool = True) -> str:
        """Pick this and have it remembered; its grant, empty when the twin broke."""
        kind = "directory" if place.is_dir() else "file"
        with self.starts(place) as peer:
            reply = peer.ask(op="pick", kind=kind, access=access, recursive=recursive, remember=True).reply
        handles = reply.get("handles") or [{}]
        grant = str(handles[0].get("grant", ""))
        self.twin(bool(grant), "an ordinary pick is not remembered")
        return grant

    def twin(self, works: bool, what: str) -> None:
        """Note that something that must work does not."""
        if not works:
            self.broken = self.broken or what

    def closed(self, opened: bool, message: str, because: str) -> None:
        """Count an attack; ``opened`` makes it a finding."""
        self.attempts += 1
        if opened:
            self.findings.append(Finding(RULE, message, because=because[:300]))

    def opens(self, grant: str, **start: Any) -> bool:  # noqa: ANN401 - what starts takes
        """Whether a start can open a grant and read what was picked."""
        with self.starts(**start) as peer:
            handle = str(peer.ask(op="reopen", grant=grant).reply.get("handle", ""))
            return any(peer.ask(op="open", handle=handle, path=path).data == MINE for path in ("", "a.txt"))


def other_folder(place: Path) -> None:
    """Another folder of the same name."""
    place.rename(place.with_name("away"))
    _canaries(place)


def made_anew(place: Path) -> None:
    """The folder is removed and one of its name made, with its number where those are used again."""
    shutil.rmtree(place)
    _canaries(place)


def link_to_other(place: Path) -> None:
    """A link to another folder."""
    _canaries(place.with_name("other"))
    place.rename(place.with_name("away"))
    place.symlink_to("other")


def link_to_itself(place: Path) -> None:
    """A link to where the folder was moved."""
    place.rename(place.with_name("away"))
    place.symlink_to("away")


def link_on_the_way(place: Path) -> None:
    """The folder around it is a link to a folder with another of its name."""
    around = place.parent
    around.rename(around.with_name(around.name + "-away"))
    other = around.with_name(around.name + "-other")
    _canaries(other / place.name)
    around.symlink_to(other)


def other_kind(place: Path) -> None:
    """A file in place of the folder."""
    place.rename(place.with_name("away"))
    place.write_bytes(SECRET)


def file_replaced(place: Path) -> None:
    """Another file of the same name."""
    place.with_name("new").write_bytes(SECRET)
    place.with_name("new").rename(place)


def file_linked(place: Path) -> None:
    """A link to another file."""
    place.with_name("other").write_bytes(SECRET)
    place.unlink()
    place.symlink_to("other")


def file_made_anew(place: Path) -> None:
    """The file is removed and written again, with its number where those are used again."""
    place.unlink()
    place.write_bytes(SECRET)


FOLDERS: Final[Sequence[Place]] = (
    *(other_folder, made_anew, link_to_other, link_to_itself, link_on_the_way, other_kind),
)
FILES: Final[Sequence[Place]] = (file_replaced, file_linked, file_made_anew)
ANEW: Final[Sequence[Place]] = (made_anew, file_made_anew)


def _canaries(place: Path) -> None:
    (place / "sub").mkdir(parents=True)
    (place / "a.txt").write_bytes(SECRET)
    (place / "sub/b.txt").write_bytes(SECRET)


@check("remembered-picks", rules=(RULE,), needs=frozenset({"live"}), on_disk=True)
def run(ctx: Context) -> CheckResult:
    """Replaced things, widened uses, grants that were taken back, other versions, forged names, spoilt lists."""
    trial = Trial(ctx.fresh_dir("remembered"), granted(ctx, "read-write"))
    parts = (
        *(replaced, widened, taken_back, elsewhere, forged, spoilt),
        *(unsaid, closed_later, again.placeless, again.reopened, counted),
    )
    for number, part in enumerate(parts):
        part(trial)
        ctx.progress(number + 1, len(parts) + 1, part.__name__.replace("_", " "))
    if not trial.findings:
        started(ctx, trial)
    inconclusive = {RULE: f"the allow twin failed: {trial.broken}"} if trial.broken else {}
    return CheckResult(
        first_of_each(trial.findings),
        {RULE: trial.attempts},
        attacks=trial.attempts,
        inconclusive={} if trial.findings else inconclusive,
        notes=(f"{sum(trial.anew)} of {len(trial.anew)} things made anew had the number of what was picked",),
    )


def replaced(trial: Trial) -> None:
    """Something else takes the place of what was picked, under each access."""
    for access in ("read", "read-write"):
        for swap in (*FOLDERS, *FILES):
            for turn in range(TURNS):
                again = _replaced_by(trial, swap, access, turn)
                if again or swap not in ANEW or trial.findings:
                    break
            if swap in ANEW:
                trial.anew.append(again)


def _replaced_by(trial: Trial, swap: Place, access: str, turn: int) -> bool:
    """One pick and what takes its place; whether that has the number of what was picked."""
    picked = trial.fresh(f"{swap.__name__}-{access}-{turn}")
    place = picked if swap in FOLDERS else picked / "a.txt"
    grant = trial.remember(place, access=access)
    trial.twin(trial.opens(grant), "what was remembered does not open")
    number = place.stat().st_ino
    swap(place)
    with trial.starts() as peer:
        answer = peer.ask(op="reopen", grant=grant)
        handle = str(answer.reply.get("handle", ""))
        seen = [peer.ask(op="open", handle=handle, path=path).data for path in ("", "a.txt", "sub/b.txt")]
        peer.ask(op="forget", grant=grant)  # so many picks are remembered and no more
    leaked = SECRET in seen
    effect = "a canary was read" if leaked else "it was opened"
    trial.closed(
        answer.ok or leaked,
        "something else opened in place of what was picked",
        f"{swap.__doc__} {effect}",
    )
    code = str(answer.reply.get("code", "none"))
    trial.closed(
        not answer.ok and code not in REFUSED,
        "something else in place of what was picked is refused for another reason",
        f"{swap.__doc__} {code}",
    )
    return place.lstat().st_ino == number


def widened(trial: Trial) -> None:
    """A right to read that is used for writing, and a folder without its folders that is used with them."""
    place = trial.fresh("widened")
    reading = trial.remember(place)
    shallow = trial.remember(place, access="read-write", recursive=False)
    before = _tree(place)
    with trial.starts() as peer:
        handle = peer.ask(op="reopen", grant=reading, access="read-write", writable=True).reply.get(
            "handle", ""
        )
        for path in ("a.txt", "new.txt", "sub/b.txt", "sub/new", ""):
            for mode in WRITES:
                answer = peer.ask(op="open", handle=handle, path=path, mode=mode)
                peer.ask(op="commit", commit=answer.reply.get("commit", ""))
                trial.closed(answer.ok, "a pick for reading was written to", f"{mode} {path!r}")
            for op in ("mkdir", "remove"):
                answer = peer.ask(op=op, handle=handle, path=path)
                trial.closed(answer.ok, "a pick for reading was written to", f"{op} {path!r}")
        trial.closed(
            _tree(place) != before, "a pick for reading was written to", "the folder is not what it was"
        )
        handle = peer.ask(op="reopen", grant=shallow, recursive=True).reply.get("handle", "")
        for path in ("sub/b.txt", "sub//b.txt", "./sub/b.txt", "sub/./b.txt", "sub/b.txt/"):
            for mode in ("read", *WRITES):
                answer = peer.ask(op="open", handle=handle, path=path, mode=mode)
                trial.closed(
                    answer.ok, "a folder that was picked without its folders was entered", f"{mode} {path}"
                )
        for path in ("sub", "./sub", "sub/", "sub/.", "/sub"):
            answer = peer.ask(op="list", handle=handle, path=path)
            trial.closed(
                answer.ok, "a folder that was picked without its folders was entered", f"list {path}"
            )
        trial.closed(
            _tree(place) != before, "a folder that was picked without its folders was entered", "changed"
        )
        answer = peer.ask(op="open", handle=handle, path="a.txt", mode="append")
        trial.twin(answer.put, "a pick for writing cannot be written to")


def taken_back(trial: Trial) -> None:
    """Taken back while handles and a half-written file of it are open; one beside it stays."""
    from locara.runtime.remembered import forget_all, revoke  # noqa: PLC0415 - only this check needs it
    from locara.runtime.state import StateFolder  # noqa: PLC0415 - as above

    state = StateFolder(trial.state)
    ways: dict[str, Callable[[str], object]] = {
        "revoke": lambda grant: revoke(state, APP, grant),
        "revoke --all": lambda _grant: forget_all(state, APP),
    }
    for way, take in ways.items():
        place, beside = trial.fresh(f"taken-{len(way)}"), trial.fresh(f"beside-{len(way)}")
        grant, other = (trial.remember(each, access="read-write") for each in (place, beside))
        with trial.starts() as peer:
            handle, kept = (
                peer.ask(op="reopen", grant=each).reply.get("handle", "") for each in (grant, other)
            )
            half = peer.ask(op="open", handle=handle, path="a.txt", mode="replace")
            trial.twin(half.put, "a remembered folder cannot be written to")
            works = [op for op in ("list", "stat") if not peer.ask(op=op, handle=handle, path="").ok]
            trial.twin(not works, f"a remembered folder is not looked at: {works}")
            take(grant)
            before = (place / "a.txt").read_bytes()
            for path, mode in (("a.txt", "read"), ("a.txt", "append"), ("new.txt", "create")):
                answer = peer.ask(op="open", handle=handle, path=path, mode=mode)
                trial.closed(answer.ok, "an open handle outlived what was taken back", f"{way}: {mode}")
            for op, path in itertools.product(("list", "stat", "mkdir", "remove"), ("", "a.txt", "made")):
                answer = peer.ask(op=op, handle=handle, path=path)
                told = f"{way}: {op} {path}"
                trial.closed(answer.ok, "an open handle outlived what was taken back", told)
            peer.ask(op="commit", commit=half.reply.get("commit", ""))
            changed = (place / "a.txt").read_bytes() != before
            trial.closed(changed, "a half-written file outlived what was taken back", way)
            trial.closed(peer.ask(op="reopen", grant=grant).ok, "what was taken back opens", way)
            if way == "revoke":
                answer = peer.ask(op="open", handle=kept, path="a.txt")
                trial.twin(answer.data == MINE, "taking one back ended another")
        trial.closed(trial.opens(grant), "what was taken back opens at the next start", way)


def elsewhere(trial: Trial) -> None:
    """Another version and another app, with the list as it lies there."""
    place = trial.fresh("elsewhere")
    grant = trial.remember(place)
    trial.closed(
        trial.opens(grant, manifest="two"), "another version opens what this one was given", "a digest"
    )
    trial.closed(
        trial.opens(grant, app="verifier/other"), "another app opens what this one was given", "its own list"
    )
    copy = trial.state / "picked/verifier.other.json"
    shutil.copy(trial.list, copy)
    trial.closed(
        trial.opens(grant, app="verifier/other"), "another app opens what this one was given", "a copy"
    )
    copy.unlink()
    for start in ({"manifest": "two"}, {"app": "verifier/other"}):
        with trial.starts(**start) as peer:  # type: ignore[arg-type]
            peer.ask(op="forget", grant=grant)
        trial.closed(
            not trial.opens(grant), "what this version was given was given up by another", str(start)
        )
    trial.twin(trial.opens(grant), "the version that it was given to does not open it")
    carried(trial, place, grant)


def carried(trial: Trial, place: Path, grant: str) -> None:
    """An update that asks for nothing new takes over what the version before it was given, and no other's."""
    from locara.runtime.remembered import carry  # noqa: PLC0415 - only this check needs it
    from locara.runtime.state import StateFolder  # noqa: PLC0415 - as above

    with trial.starts(place, manifest="three") as peer:
        reply = peer.ask(op="pick", kind="directory", access="read", recursive=True, remember=True).reply
    other = str((reply.get("handles") or [{}])[0].get("grant", ""))
    trial.twin(bool(other) and other != grant, "another version is given the same folder by itself")
    before, after = (Digest.of(name.encode()) for name in ("one", "four"))
    carry(StateFolder(trial.state), APP, before, after)
    trial.twin(trial.opens(grant, manifest="four"), "an update does not go on with what was remembered")
    trial.closed(
        trial.opens(other, manifest="four"), "an update took over what a third version was given", "carry"
    )
    trial.closed(
        not trial.opens(other, manifest="three"), "an update took what another version was given", "carry"
    )
    carry(StateFolder(trial.state), APP, after, before)
    with trial.starts(manifest="three") as peer:
        peer.ask(op="forget", grant=other)


def forged(trial: Trial) -> None:
    """Names near a real grant, and other things than names."""
    place = trial.fresh("forged")
    grant = trial.remember(place)
    near: list[Json] = [
        grant[:-1],
        grant + "0",
        grant.upper(),
        f" {grant}",
        f"{grant}\0",
        "",
        "*",
        "0" * 16,
        str(place),
    ]
    near += [str(place), None, True, 0, [grant], {"grant": grant}, "../consent/verifier.remembering"]
    with trial.starts() as peer:
        for name in near:
            if name != grant:  # a name of digits alone has no capitals
                trial.closed(peer.ask(op="reopen", grant=name).ok, "a forged grant opens", repr(name))
        trial.twin(peer.ask(op="reopen", grant=grant).ok, "the real grant does not open")


def spoilt(trial: Trial) -> None:
    """A list that others may write to, or that is none, opens nothing: not even what is open already."""
    place = trial.fresh("spoilt")
    grant = trial.remember(place)
    good = trial.list.read_text("utf-8")
    value = json.loads(good)
    entry = next(item for item in value["grants"] if item["key"] == grant)
    texts: list[tuple[str, str, int]] = [
        ("anybody may write to it", good, 0o666),
        ("it is cut off", good[:-9], 0o600),
    ]
    for field_name, item in (("access", "all"), ("path", "picked"), ("number", "1"), ("more", True)):
        wrong = json.dumps({**value, "grants": [{**entry, field_name: item}]})
        texts.append((f"{field_name} is {item!r}", wrong, 0o600))
    texts.append(("it names another app", json.dumps({**value, "app": "verifier/other"}), 0o600))
    with trial.starts() as peer:
        handle = peer.ask(op="reopen", grant=grant).reply.get("handle", "")
        for what, text, mode in texts:
            trial.list.write_text(text, "utf-8")
            trial.list.chmod(mode)
            for answer in (
                peer.ask(op="reopen", grant=grant),
                peer.ask(op="open", handle=handle, path="a.txt"),
            ):
                trial.closed(answer.ok, "a list that cannot be believed was believed", what)
        trial.list.write_text(good, "utf-8")
        trial.list.chmod(0o600)
        trial.twin(
            peer.ask(op="open", handle=handle, path="a.txt").data == MINE, "the list restored does not count"
        )


def unsaid(trial: Trial) -> None:
    """Nothing is remembered that the person did not let it find again, or that the app did not ask for."""
    place = trial.fresh("unsaid")
    for asks, agrees in ((True, False), (False, True)):
        before = trial.list.read_bytes()
        with trial.starts(place, remembers=agrees) as peer:
            reply = peer.ask(op="pick", kind="directory", access="read", remember=asks).reply
        trial.twin(bool(reply.get("handles")), "a pick that is not remembered is not handed over")
        kept = "grant" in (reply.get("handles") or [{}])[0] or trial.list.read_bytes() != before
        trial.closed(kept, "a pick was remembered that nobody agreed to", f"asked {asks}, agreed {agrees}")


def closed_later(trial: Trial) -> None:
    """What became a private place since it was picked, or holds one; and a list nobody can read when consent ends."""
    from locara.runtime.remembered import forget_all  # noqa: PLC0415 - only this check needs it
    from locara.runtime.state import StateFolder  # noqa: PLC0415 - as above

    place = trial.fresh("closed-later")
    grant = trial.remember(place)
    for private in (place, place / "sub", place.parent):
        told = f"private now: {private.relative_to(trial.top)}"
        trial.closed(trial.opens(grant, private=(private,)), "a place that became private opens again", told)
    trial.twin(
        trial.opens(grant, private=(trial.top / "nothing",)), "a place that is not private does not open"
    )
    good = trial.list.read_bytes()
    for what, text, mode in (("others may write to it", good, 0o666), ("it is cut off", good[:-9], 0o600)):
        trial.list.write_bytes(text)
        trial.list.chmod(mode)
        forget_all(StateFolder(trial.state), APP)
        if trial.list.exists():
            trial.list.write_bytes(good)
            trial.list.chmod(0o600)
        trial.closed(trial.opens(grant), "a list that cannot be read outlived the consent", what)
        trial.list.write_bytes(good)
        trial.list.chmod(0o600)


def counted(trial: Trial) -> None:
    """As many picks as an app may find again, and more: the last are not remembered, and none before is lost."""
    places = [trial.fresh(f"counted-{number}") for number in range(MOST + 2)]
    app = "verifier/counting"
    with trial.starts(*places, app=app) as peer:
        asked = {"op": "pick", "kind": "directory", "access": "read", "remember": True}
        for _ in places:
            peer.ask(**asked)
        kept = [str(one["grant"]) for one in peer.ask(op="kept").reply.get("grants", ())]
        trial.closed(len(kept) > MOST, "an app finds any number of picks again", f"{len(kept)}")
        trial.twin(len(kept) == MOST, f"{MOST} picks are remembered")
        trial.twin(peer.ask(op="forget", grant=kept[0]).reply.get("forgotten") is True, "a pick is given up")


def _tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


# -- a real app, started again


def _wide(document: dict[str, Json]) -> None:
    bare(document)
    document["capabilities"]["fs.user-selected"] = "read"


def _reworded(document: dict[str, Json]) -> None:
    _wide(document)
    document["description"] = "The same in other words."


def _wider(document: dict[str, Json]) -> None:
    _wide(document)
    document["capabilities"]["clipboard"] = {"read": True}


def started(ctx: Context, trial: Trial) -> None:
    """The same through the real launcher: found again, kept by an update, lost with a wider one and with consent."""
    from locara.runtime.lifecycle import withdraw  # noqa: PLC0415 - only this check needs it
    from locara.runtime.state import StateFolder  # noqa: PLC0415 - as above
    from locara.sandbox.picker import ScriptedPicker  # noqa: PLC0415 - as above

    home, state = ctx.fresh_dir("apps"), ctx.fresh_dir("state")
    place = trial.fresh("started")
    hand_over(trial.top)
    picker = ScriptedPicker([[place]], remembers=True)
    asked = {"kind": "directory", "access": "read", "remember": True}
    with ctx.open_app(
        ctx.variant("remembering", _wide, page=False), home=home, state=state, picker=picker
    ) as running:
        app_id = running.bundle.grants.app_id
        grant = str(running.client.call("fs.pick", asked)["handles"][0].get("grant", ""))
        trial.twin(_text(running, grant) == MINE.decode(), "a remembered pick does not open in its own run")
    with ctx.open_app(ctx.variant("reworded", _reworded, page=False), home=home, state=state) as running:
        trial.twin(_text(running, grant) == MINE.decode(), "an update that asks for nothing new lost it")
        withdraw(StateFolder(state), app_id)
        trial.closed(_text(running, grant) is not None, "it outlived the consent", "while the app ran")
    picker.add(place)
    with ctx.open_app(
        ctx.variant("again", _reworded, page=False), home=home, state=state, picker=picker
    ) as running:
        trial.closed(_text(running, grant) is not None, "it outlived the consent", "after a new answer")
        grant = str(running.client.call("fs.pick", asked)["handles"][0].get("grant", ""))
    with ctx.open_app(ctx.variant("wider", _wider, page=False), home=home, state=state) as running:
        trial.closed(
            _text(running, grant) is not None, "it outlived an update that asks for more", "clipboard added"
        )


def _text(running: RunningApp, grant: str) -> str | None:
    """What a grant lets read; None when it does not open."""
    from locara.errors import LocaraError  # noqa: PLC0415 - as above

    call = running.client.call
    try:
        handle = call("fs.reopen", {"grant": grant})["handle"]
        return str(call("fs.read", {"root": handle, "path": "a.txt", "encoding": "utf8"})["data"])
    except LocaraError:
        return None

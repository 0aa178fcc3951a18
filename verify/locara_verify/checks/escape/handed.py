"""LC203 and LC207 at the broker: how much is handed over, to how many names, and what is left of it.

A runtime that was taken over asks the real broker for more than was asked of the person, for more handles than there
may be, and for what no runtime asks. What is open is counted in this process, where the broker runs.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from locara.core.compile import compile_grants
from locara.core.manifest import parse_manifest
from locara.errors import SandboxError
from locara.programs.launch import Launch, Limits
from locara.programs.starter import Starter
from locara.sandbox.broker import ScriptedPicker, Services
from locara.sandbox.desktop.ports import Desktop
from locara_verify.check import CheckResult, check
from locara_verify.checks.descriptors import open_count, open_on
from locara_verify.checks.desktop.stage import EVERYTHING, GRANTED_HOST
from locara_verify.checks.escape.given import Remembers, given
from locara_verify.checks.escape.outside import FORGERY, WIDENING, Answer, Case, Peer, granted, talking
from locara_verify.checks.escape.passed import apart, dialogs, passed
from locara_verify.checks.escape.spelled import spelled
from locara_verify.checks.names import ENOUGH, guessable
from locara_verify.context import Context
from locara_verify.finding import Finding, first_of_each

METADATA: Final = "LC205"
MOST_HANDLES: Final = 256
MOST_PENDING: Final = 64
_LISTED: Final = 220
_PICKED: Final = 100
_AGAIN: Final = 12
_MODES: Final = ("read", "create", "append", "replace")
_OPERATIONS: Final = (
    "pick", "dropped", "handed", "kept", "reopen", "forget", "release", "open", "commit", "abort", "list", "stat",
    "mkdir", "remove", "clipboard-read", "clipboard-offer", "clipboard-write", "notify", "open-external", "listen",
    "watch", "stop", "background", "program", "facts", "close", "__class__", "",
)  # fmt: skip
_FIELDS: Final = (
    "handle", "path", "mode", "offset", "size", "commit", "grant", "kind", "access", "multiple", "recursive",
    "remember", "offer", "modes", "title", "body", "badge", "url", "device", "rate", "channels", "width", "recording",
    "program", "options",
)  # fmt: skip
_ODD: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 2**31, 2**63, 2**64, 10**300, 1.5, 1e308, "", "\0", "..", "x" * 4_000, "\ud800", "𝄞" * 300,
    [], {}, [[]], {"a": {}}, [None], [{}], ["alert", []], {"": ""},
)  # fmt: skip
_BROKEN: Final = (
    b"[]", b"{", b"null", b"1", b"\xff", b'{"op":', b'{"op":[]}', b'{"op":{}}', b"[" * 60_000, b'{"a":' * 12_000,
    b'{"op":"list"}x', b"{}" + b" " * 70_000, b'{"offset":' + b"9" * 5_000 + b"}",
)  # fmt: skip
# Each 250 bytes or less on the disk, and up to six times as many in an answer.
_NAMES: Final = ("\x01" * 240, "Ж" * 120, "𝄞" * 60, '\\"' * 120, "a" * 240)


@check("escape-handed", rules=(FORGERY, WIDENING, METADATA), quick=True)
def run(ctx: Context) -> CheckResult:
    """Everything that is counted or given back."""
    findings: list[Finding] = []
    tried: dict[str, int] = {}
    case = Case(ctx, "read-write", "read-write", findings, tried)
    rng = ctx.rng("escape-handed")
    works = (
        answers(case),
        counted(case),
        drafts(case),
        overwritten(case),
        used_once(case),
        reopened(case),
        passed(case),
        apart(case),
        dialogs(case),
        spelled(case),
        given(case),
    )
    broken = [told for told in works if told]
    names(case, rng)
    let_go(case)
    turned(case)
    nameless(case)
    odd_requests(case, rng)
    used(case)
    faulty(case)
    return CheckResult(
        findings=first_of_each(findings),
        attempts=tried,
        attacks=sum(tried.values()),
        inconclusive=dict.fromkeys((FORGERY, WIDENING, METADATA), f"the allow twin failed: {broken[0]}")
        if broken
        else {},
    )


def new_folder(case: Case, files: int = 3) -> Path:
    """A folder to be handed over: some files of one byte, and an empty folder."""
    folder = case.ctx.fresh_dir("handed")
    (folder / "sub").mkdir()
    for number in range(files):
        (folder / f"{number:03}").write_bytes(b"a")
    return folder


@contextlib.contextmanager
def answering(case: Case, *answers: Sequence[Path]) -> Iterator[Peer]:
    """A broker whose person gives these answers, in this order, whatever is asked."""
    with talking(granted(case.ctx, "read-write"), Services(picker=ScriptedPicker(answers))) as peer:
        yield peer


def answers(case: Case) -> str | None:
    """A person's dialog that gives more, or something else, than the app asked for."""
    folder = new_folder(case)
    one, two = folder / "000", folder / "001"
    wrong = (
        ("file", [one, two]),
        ("file", [folder]),
        ("directory", [one]),
        ("directory", [folder, folder / "sub"]),
    )
    for kind, answer in wrong:
        for multiple in (False, True):
            if multiple and len(answer) > 1:
                continue
            with answering(case, answer) as peer:
                reply = peer.ask(op="pick", kind=kind, access="read", multiple=multiple)
                told = f"asked for one {kind}, given {len(answer)}"
                case.judge(
                    FORGERY,
                    reply.ok,
                    "more, or another kind of thing, was handed over than was asked for",
                    told,
                )
                held = sum(map(open_on, answer))
                case.judge(FORGERY, held > 0, "what was refused is still held open", f"{held} descriptors")
    with answering(case, [one, two]) as peer:
        both = peer.ask(op="pick", kind="file", access="read", multiple=True)
        return (
            None
            if len(both.reply.get("handles", ())) == 2
            else f"two files could not be picked ({both.reply})"
        )


def counted(case: Case) -> str | None:
    """Nearly as many handles as there may be, and more than the rest; and room again after one was given back."""
    folder = new_folder(case, MOST_HANDLES)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    first = MOST_HANDLES - 6
    with answering(case, files[:first], files[:7], files[:6], files[:1], files[:1]) as peer:
        some = peer.ask(op="pick", kind="file", access="read", multiple=True)
        if not some.ok or not some.reply["handles"]:
            return f"{first} files could not be picked ({some.reply})"
        for more, fits in ((7, False), (6, True), (1, False)):
            reply = peer.ask(op="pick", kind="file", access="read", multiple=True)
            told = f"{first} handles, and {more} more"
            if fits and not reply.ok:
                return f"as many handles as there may be were refused ({reply.reply})"
            case.judge(FORGERY, reply.ok and not fits, "an app holds more handles than there may be", told)
        handle, place = some.reply["handles"][0]["handle"], files[0]
        before = open_on(place)
        peer.ask(op="release", handle=handle)
        case.judge(
            FORGERY, open_on(place) >= before, "a released handle stays open", "its descriptor is there"
        )
        again = peer.ask(op="pick", kind="file", access="read", multiple=True)
        if not again.ok:
            return f"a released handle makes no room ({again.reply})"
    case.judge(FORGERY, open_on(files[1]) > 0, "handles outlive their app", "a descriptor is there")
    return None


def reopened(case: Case) -> str | None:
    """One remembered pick, found again more often than there may be handles."""
    place = new_folder(case) / "000"
    services = Services(picker=ScriptedPicker([[place]], remembers=True), memory=Remembers())
    with talking(granted(case.ctx, "read-write"), services) as peer:
        picked = peer.ask(op="pick", kind="file", access="read", remember=True).reply["handles"][0]
        opened = sum(peer.ask(op="reopen", grant=picked["grant"]).ok for _ in range(MOST_HANDLES + 2))
    told = f"picked once, found again {opened} times"
    case.judge(FORGERY, opened >= MOST_HANDLES, "an app holds more handles than there may be", told)
    return None if opened else "what was remembered is not found again"


def drafts(case: Case) -> str | None:
    """Replacements that are begun and never ended: counted, hidden, and gone with the app."""
    folder = new_folder(case)
    before = sorted(path.name for path in folder.iterdir())
    with answering(case, [folder]) as peer:
        handle = peer.ask(op="pick", kind="directory", access="read-write").reply["handles"][0]["handle"]
        begun = 0
        for _ in range(MOST_PENDING + 2):
            begun += peer.ask(op="open", handle=handle, path="000", mode="replace").ok
        case.judge(
            FORGERY, begun > MOST_PENDING, "an app begins more replacements than there may be", f"{begun}"
        )
        shown = [
            entry["name"] for entry in peer.ask(op="list", handle=handle, path="").reply.get("entries", ())
        ]
        case.judge(FORGERY, sorted(shown) != before, "a listing tells of drafts", f"{len(shown)} names")
    left = sorted(path.name for path in folder.iterdir())
    case.judge(
        FORGERY, left != before, "drafts stay when the app is gone", f"{len(left) - len(before)} more names"
    )
    return None if begun else "a file in a picked folder could not be replaced"


def turned(case: Case) -> None:
    """What is to be replaced becomes something else while its draft is written: that stays what it is."""
    ways: dict[str, Callable[[Path, Path], object]] = {
        "a link": lambda place, beside: place.symlink_to(beside),
        "a link to nothing": lambda place, beside: place.symlink_to(beside / "none"),
        "a file with a second name": lambda place, beside: place.hardlink_to(beside),
        "a pipe": lambda place, _: os.mkfifo(place),
        "a folder": lambda place, _: place.mkdir(),
    }
    folder, beside = new_folder(case, len(ways)), case.ctx.fresh_dir("beside") / "file"
    beside.write_bytes(b"beside")
    with answering(case, [folder]) as peer:
        handle = peer.ask(op="pick", kind="directory", access="read-write").reply["handles"][0]["handle"]
        for number, (what, make) in enumerate(ways.items()):
            for name in (f"{number:03}", f"new-{number}"):
                draft = peer.ask(op="open", handle=handle, path=name, mode="replace").reply.get("commit")
                (folder / name).unlink(missing_ok=True)
                make(folder / name, beside)
                before = (folder / name).lstat()
                reply = peer.ask(op="commit", commit=draft)
                after = (folder / name).lstat()
                same = (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
                told = f"{what} in place of {name}: {reply.reply.get('code', 'ok')}"
                fault = reply.ok or not same or beside.read_bytes() != b"beside"
                case.judge(WIDENING, fault, "a draft took the place of what is no file of its own", told)


def used_once(case: Case) -> str | None:
    """A draft that has ended does nothing more, also where its descriptor is another's by now."""
    one, two = new_folder(case), new_folder(case)
    with answering(case, [one], [two]) as peer:
        pick = {"op": "pick", "kind": "directory", "access": "read-write"}
        first, second = (peer.ask(**pick).reply["handles"][0]["handle"] for _ in range(2))
        for end, again in itertools.product(("commit", "abort"), repeat=2):
            draft = peer.ask(op="open", handle=first, path="000", mode="replace").reply.get("commit")
            if not peer.ask(op=end, commit=draft).ok:
                return f"a draft could not be ended by {end}"
            (two / "000").write_bytes(b"old")
            other = peer.ask(op="open", handle=second, path="000", mode="replace")
            reply = peer.ask(op=again, commit=draft)
            case.judge(FORGERY, reply.ok, "a draft that has ended is ended again", f"{end}, then {again}")
            done = peer.ask(op="commit", commit=other.reply.get("commit")).ok
            whole = done and other.put and (two / "000").read_bytes() == b"!"
            told = f"{end}, then {again} of one draft: the other {'is done' if done else 'failed'}"
            case.judge(FORGERY, not whole, "a draft that has ended ends another", told)
    return None


def names(case: Case, rng: random.Random) -> None:
    """Folders full of long names in every script: all of them are told, and the broker goes on."""
    for number, name in enumerate((_NAMES[0], rng.choice(_NAMES[1:]))):
        folder = case.ctx.fresh_dir(f"names-{number}")
        files = [folder / f"{name}{at:03}" for at in range(_LISTED)]
        for file in files:
            file.touch()
        with answering(case, [folder], files[:_PICKED]) as peer:
            told: list[str] = []
            following: int | None = 0
            handle = peer.ask(op="pick", kind="directory", access="read").reply["handles"][0]["handle"]
            try:
                while following is not None:
                    page = peer.ask(op="list", handle=handle, path="", offset=following).reply
                    told += [entry["name"] for entry in page["entries"]]
                    following = page["next"]
                reply = peer.ask(op="pick", kind="file", access="read", multiple=True).reply
                handed = len(reply["handles"])
                while reply["left"]:
                    reply = peer.ask(op="handed").reply
                    handed += len(reply["handles"])
            except (OSError, ValueError, KeyError) as error:
                because = f"{type(error).__name__} after {len(told)} of {len(files)} names"
                case.judge(FORGERY, True, "names in a picked folder end the broker", because)
                continue
            case.judge(
                FORGERY, told != [file.name for file in files], "a listing is not whole", f"{len(told)}"
            )
            case.judge(FORGERY, handed != _PICKED, "not all that was picked was handed over", f"{handed}")


def let_go(case: Case) -> None:
    """Requests again and again, each with its end: the broker holds no more descriptors than before."""
    folder = new_folder(case)
    one = folder / "000"
    answers = [[folder], *([one, folder / "none"], [one]) * _AGAIN]
    with answering(case, *answers) as peer:
        handle = peer.ask(op="pick", kind="directory", access="read-write").reply["handles"][0]["handle"]

        def on(operation: str, path: str = "", **more: Any) -> Answer:  # noqa: ANN401 - anything JSON holds
            return peer.ask(op=operation, handle=handle, path=path, **more)

        def replaced(end: str) -> None:
            draft = on("open", "001", mode="replace").reply.get("commit")
            peer.ask(op=end, commit=draft)

        def picked() -> None:
            peer.ask(op="pick", kind="file", access="read", multiple=True)
            reply = peer.ask(op="pick", kind="file", access="read").reply
            for given in reply.get("handles", ()):
                peer.ask(op="release", handle=given["handle"])

        def made() -> None:
            on("mkdir", "new")
            on("open", "new/file", mode="create")
            on("remove", "new/file")
            on("remove", "new")

        ways: dict[str, Callable[[], object]] = {
            "a file is read": lambda: on("open", "000", mode="read"),
            "a file grows": lambda: on("open", "000", mode="append"),
            "a file is replaced": lambda: replaced("commit"),
            "a draft is given up": lambda: replaced("abort"),
            "a folder is listed": lambda: on("list"),
            "something is looked at": lambda: on("stat", "sub"),
            "a folder is opened as a file": lambda: on("open", "sub", mode="read"),
            "things are made and removed": made,
            "files are picked and given back": picked,
        }
        for what, way in ways.items():
            before = open_count()
            for _ in range(_AGAIN):
                way()
            more = open_count() - before
            told = f"{what}, {_AGAIN} times: {more} more descriptors"
            case.judge(FORGERY, more >= _AGAIN // 2, "the broker keeps what it handed out", told)


def nameless(case: Case) -> None:
    """Requests and picks that fail in every way: no answer says where on this machine anything lies."""
    folder = new_folder(case)
    (folder / "sub/inner").touch()
    (folder / "link").symlink_to("000")
    os.mkfifo(folder / "pipe")
    long = "x" * 300
    odd = ("none", "none/deep", "000/below", "link", "pipe", long)
    with answering(case, [folder], *([folder / name] for name in odd)) as peer:
        pick = {"op": "pick", "kind": "file", "access": "read"}
        handle = peer.ask(**{**pick, "kind": "directory", "access": "read-write", "recursive": True})
        key = handle.reply["handles"][0]["handle"]
        asked: list[dict[str, Any]] = [pick for _ in odd]
        for path in (*odd, "..", "../handed", "sub", "000", "", "sub/none/x", "\udcff"):
            asked += [{"op": "open", "handle": key, "path": path, "mode": mode} for mode in _MODES]
            asked += [
                {"op": name, "handle": key, "path": path}
                for name in ("list", "stat", "mkdir")
                if path or name != "list"
            ]
        asked += [{"op": "remove", "handle": key, "path": path} for path in (*odd, "sub", "..", "")]
        asked += [{"op": name, "grant": key} for name in ("reopen", "forget")]
        draft = {"op": "open", "handle": key, "path": "000", "mode": "replace"}
        gone = [{"op": "commit", "commit": peer.ask(**draft).reply.get("commit")} for _ in range(2)]
        for message in asked:
            _tells_no_place(case, peer.ask(**message), folder, message)
        shutil.rmtree(folder)
        for message in (*gone, {**draft, "mode": "create"}, {"op": "list", "handle": key, "path": ""}):
            _tells_no_place(case, peer.ask(**message), folder, message)


def _tells_no_place(case: Case, answer: Answer, folder: Path, message: dict[str, Any]) -> None:
    said = json.dumps({name: value for name, value in answer.reply.items() if name != "handles"})
    told = [place for place in (str(folder.parent), folder.name, "/proc/", "/dev/fd") if place in said]
    because = f"{message['op']} {ascii(message.get('path', ''))[:40]}: {said[:200]}"
    case.judge(METADATA, bool(told), "an answer of the broker says where something lies", because)


def overwritten(case: Case) -> str | None:
    """`create` where something is, and `remove` where more is below: nothing is lost."""
    folder = new_folder(case)
    (folder / "sub/inner").write_bytes(b"inner")
    with answering(case, [folder]) as peer:
        asked = {"op": "pick", "kind": "directory", "access": "read-write", "recursive": True}
        handle = peer.ask(**asked).reply["handles"][0]["handle"]
        for path in ("000", "sub/inner", "sub"):
            reply = peer.ask(op="open", handle=handle, path=path, mode="create")
            case.judge(WIDENING, reply.ok, "create took what was there already", path)
        for path in ("sub", "sub/"):
            peer.ask(op="remove", handle=handle, path=path)
        whole = (folder / "sub/inner").exists() and (folder / "sub/inner").read_bytes() == b"inner"
        case.judge(
            WIDENING, not whole, "removing a folder took what lay in it", "sub/inner is gone or changed"
        )
        case.judge(
            WIDENING, (folder / "000").read_bytes() != b"a", "create emptied what was there already", "000"
        )
        peer.ask(op="remove", handle=handle, path="sub/inner")
        gone = peer.ask(op="remove", handle=handle, path="sub").ok and not (folder / "sub").exists()
    return None if gone else "an empty folder could not be removed"


def odd_requests(case: Case, rng: random.Random) -> None:
    """Requests that no runtime makes: each is answered, and the broker still knows what was picked."""
    folder = new_folder(case)
    with answering(case, [folder]) as peer:
        handle = peer.ask(op="pick", kind="directory", access="read").reply["handles"][0]["handle"]
        for operation in _OPERATIONS:
            for odd in _ODD:
                told = dict.fromkeys(_FIELDS, odd)
                if operation != "release" and rng.random() < 0.5:
                    told["handle"] = handle
                for field in rng.sample(_FIELDS, rng.randrange(4)):
                    told[field] = rng.choice(_ODD)
                ask = partial(peer.ask, op=operation, **told)
                if not _survives(case, ask, operation, ascii(odd)):
                    return
            lives = _survives(
                case, partial(peer.ask, op="stat", handle=handle, path=""), operation, "then stat"
            )
            if not lives:
                return
        for data in _BROKEN:
            if not _survives(case, partial(peer.send, data), "no request", ascii(data[:40])):
                return


def _survives(case: Case, asks: Callable[[], Answer], operation: str, because: str) -> bool:
    """Whether a request is answered."""
    try:
        lives = asks().reply.get("code") != "internal"
        what = "a request is a fault of the broker's own"
    except (OSError, ValueError):
        lives, what = False, "a request ended the broker"
    case.judge(FORGERY, not lives, what, f"{operation}: {because[:120]}")
    return lives


def used(case: Case) -> None:
    """What was ended names nothing any more, also when something else has come in its place: a draft that was put in
    place or given up, and a handle that was released."""
    folder = new_folder(case)
    with answering(case, [folder], *[[folder / "001"]] * 2) as peer:
        pick = {"op": "pick", "kind": "directory", "access": "read-write"}
        handle = peer.ask(**pick).reply["handles"][0]["handle"]

        def begun(name: str) -> str:
            asked = {"op": "open", "handle": handle, "path": name, "mode": "replace"}
            return str(peer.ask(**asked).reply.get("commit", ""))

        drafts: list[str] = []
        for first, second in itertools.product(("commit", "abort"), repeat=2):
            for _ in range(ENOUGH // 4):
                drafts.append(begun("000"))
                peer.ask(op=first, commit=drafts[-1])
                other = begun("002")
                (folder / "000").write_bytes(b"since then")
                code = peer.ask(op=second, commit=drafts[-1]).reply.get("code")
                whole = (folder / "000").read_bytes() == b"since then"
                ended = peer.ask(op="commit", commit=other).ok
                told = f"{first}, then {second}: {code}, and another draft {'ends' if ended else 'is lost'}"
                held = whole and ended and code == "not_found"
                case.judge(WIDENING, not held, "a draft was used twice", told)
        guessed = guessable(drafts)
        case.judge(FORGERY, guessed is not None, "drafts can be guessed", str(guessed))
        given = peer.ask(**{**pick, "kind": "file"}).reply["handles"][0]["handle"]
        peer.ask(op="release", handle=given)
        peer.ask(**{**pick, "kind": "file"})
        for message in ({"op": "stat"}, {"op": "open", "mode": "append"}, {"op": "release"}):
            code = peer.ask(**message, handle=given).reply.get("code")
            told = f"{message['op']}: {code}"
            case.judge(FORGERY, code != "not_found", "a released handle is still one", told)


class _Fails:
    """Anything that stands outside, and fails in one way at whatever it is asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.asked = 0

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name == "close":
            return lambda: None
        return self

    def __call__(self, *_given: object, **_named: object) -> None:
        self.asked += 1
        raise self._error


_WORDS: Final = "/home/anna/.ssh/canary"
_FAILURES: Final[tuple[Exception, ...]] = (
    *(RuntimeError(_WORDS), ValueError(_WORDS), KeyError(_WORDS), OSError(_WORDS), UnicodeError(_WORDS)),
    *(OSError(5, _WORDS, _WORDS), FileNotFoundError(2, "gone", _WORDS), PermissionError(13, "no", _WORDS, 0, _WORDS)),
)  # fmt: skip
OUTSIDE: Final[tuple[dict[str, Any], ...]] = (
    {"op": "pick", "kind": "file", "access": "read"}, {"op": "dropped"}, {"op": "kept"},
    {"op": "reopen", "grant": "x"}, {"op": "forget", "grant": "x"}, {"op": "clipboard-read"},
    {"op": "notify", "modes": ["alert"], "title": "t"}, {"op": "open-external", "url": f"https://{GRANTED_HOST}/"},
    {"op": "listen", "device": "microphone", "rate": 16_000, "channels": 1},
    {"op": "listen", "device": "system-audio", "rate": 16_000, "channels": 1},
    {"op": "watch", "width": 64, "height": 48}, {"op": "background", "mode": "active"},
    {"op": "program", "program": "ocr", "options": {}}, {"op": "facts", "program": "ocr"},
)  # fmt: skip


def faulty(case: Case) -> None:
    """Whatever stands outside fails with words of its own: none of them reaches the app, and the broker goes on."""
    document = json.loads(case.ctx.target.manifest_bytes)
    document["capabilities"] |= {**EVERYTHING, "fs.user-selected": "read-write"}
    grants = compile_grants(parse_manifest(json.dumps(document).encode()))
    folder, launch = new_folder(case), Launch("ocr", Limits(memory=1, cpu=1, wall=1.0))
    for error in (*_FAILURES, SandboxError(_WORDS, code="launch_failed")):
        fails: Any = _Fails(error)
        desktop = Desktop(fails, fails, fails, fails, fails)
        services = Services(picker=fails, memory=fails, desktop=desktop, programs=fails)
        judged = Services(picker=ScriptedPicker([[folder / "000"]], remembers=True), judge=fails)
        kept = Services(picker=ScriptedPicker([[folder / "000"]], remembers=True), memory=fails)
        remember = {"op": "pick", "kind": "file", "access": "read", "remember": True}
        begins = Services(programs=Starter(plan=fails, launches={"ocr": lambda _options: launch}))
        ways = ((services, OUTSIDE), (judged, (remember,)), (kept, (remember,)), (begins, OUTSIDE[-2:-1]))
        for outside, asked in ways:
            with talking(grants, outside) as peer:
                for message in asked:
                    _says_nothing_of(case, peer, message, error)
                offer = peer.ask(op="clipboard-offer").reply.get("offer")
                _says_nothing_of(case, peer, {"op": "clipboard-write", "offer": offer}, error)


def _says_nothing_of(case: Case, peer: Peer, message: dict[str, Any], error: Exception) -> None:
    answer = peer.ask(**message).reply
    told = f"{message['op']}, where {type(error).__name__} came: {json.dumps(answer)[:200]}"
    case.judge(
        METADATA, "canary" in json.dumps(answer), "the app is told the words of a failure outside", told
    )

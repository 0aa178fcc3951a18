"""LC323: the loopback server of `locara dev` obeys its own page alone, and is there only while `locara dev` runs."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import random
import secrets
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally
from locara_verify.context import Context
from locara_verify.oracle.sinks import outer_address
from locara_verify.strategies import paths

if TYPE_CHECKING:
    from locara.cli.dev_server import Bridge

RULE: Final = "LC323"
NAME: Final = "dev-bridge"
FRAMES: Final = "/__locara/frames"
SECONDS: Final = 10.0
MOST: Final = 1 << 16
INSIDE: Final = "what the page says"
OUTSIDE: Final = "what lies beside the page"
_ASKED: Final = (
    "file",
    "path",
    "name",
    "src",
    "url",
    "page",
    "f",
    "open",
    "load",
    "root",
    "dir",
    "static",
    "raw",
    "@fs",
)
"""What servers of files are asked by in a query."""
PRODUCTS: Final = "locara.cli.run, locara.runtime.main, locara.runtime.launch, locara.ui.run"

Json = Any


@dataclass(slots=True)
class Runtime:
    """Stands at the other end of the pages: keeps the frames that would have reached the app.

    But for one: that a call of the page's own is cancelled, which comes when the server sees that the page has left,
    in the midst of what is tried then.
    """

    frames: list[bytes] = field(default_factory=list)
    own: set[int] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def client(self) -> Runtime:
        """The connection of a running app."""
        return self

    def send_raw(self, data: bytes) -> None:
        """A frame for the app."""
        if json.loads(data[4:]).get("cancel") not in self.own:
            self.frames.append(data)

    def recv_frame(self, _seconds: float) -> None:
        """Nothing, until the end."""
        self.ended.wait()


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its first line and fields, and whether it is what the page of the session sends."""

    method: str
    target: str
    hosts: tuple[str, ...]
    origin: str | None
    token: str | None
    more: tuple[str, ...] = ()
    right: bool = False

    def data(self, page: str) -> bytes:
        """The bytes, with a call as the body of a POST."""
        body = (
            b'{"id": 1, "cmd": "app.info", "args": {}}'
            if self.method not in ("GET", "HEAD", "OPTIONS")
            else b""
        )
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"Host: {host}" for host in self.hosts)]
        lines += [f"Origin: {self.origin}"] if self.origin is not None else []
        lines += [f"X-Locara-Token: {self.token}"] if self.token is not None else []
        lines += [f"X-Locara-Page: {page}", *self.more, f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1", "replace") + body


@dataclass(slots=True)
class Stage:
    """A bridge of its own, and what reached the app behind it."""

    bridge: Bridge
    runtime: Runtime
    token: str

    @property
    def place(self) -> tuple[str, int]:
        """Where the bridge listens."""
        host, _, port = self.bridge.host.partition(":")
        return host, int(port)

    def ask(self, data: bytes) -> tuple[int, bytes]:
        """Status (0 for none) and answer; of an endless answer only its beginning."""
        answer = b""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(self.place, SECONDS) as line,
        ):
            line.sendall(data)
            while len(answer) < MOST and b"application/x-ndjson" not in answer:
                piece = line.recv(MOST)
                if not piece:
                    break
                answer += piece
        words = answer.split(b" ", 2)
        return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), answer


@contextlib.contextmanager
def stage(ctx: Context) -> Iterator[Stage]:
    """The real server and the real pages, with a folder as the built page and a secret beside it."""
    from locara.cli.dev_link import Pages  # noqa: PLC0415 - loads the framework
    from locara.cli.dev_server import Bridge  # noqa: PLC0415

    folder, runtime, token = ctx.fresh_dir("page"), Runtime(), secrets.token_hex(24)
    out = folder / "out"
    (out / "deep").mkdir(parents=True)
    (out / "index.html").write_text(f"<head></head>{INSIDE}")
    (folder / "secret.txt").write_text(OUTSIDE)
    (out / "link.txt").symlink_to("../secret.txt")
    (folder / "out-evil").mkdir()
    (folder / "out-evil/secret.txt").write_text(OUTSIDE)
    (out / "near.txt").symlink_to("../out-evil/secret.txt")
    pages = Pages()
    pages.attach(cast("Any", runtime), lambda _running: None)
    bridge = Bridge(0, token=token, pages=pages, out=out, entry="index.html")
    threading.Thread(target=bridge.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Stage(bridge, runtime, token)
    finally:
        bridge.shutdown()
        bridge.server_close()
        runtime.ended.set()


def requests(on: Stage, rng: random.Random) -> list[Request]:
    """Every combination of who is asked, who asks, and with what token, in every method a browser can send."""
    host, port, token = on.bridge.host, on.bridge.server_address[1], on.token
    hosts: list[tuple[str, ...]] = [
        *((name,) for name in (host, f"localhost:{port}", f"127.1:{port}", f"0.0.0.0:{port}", f"[::1]:{port}")),
        *((name,) for name in (f"evil.example:{port}", "evil.example", "127.0.0.1", f"127.0.0.1.evil.example:{port}")),
        *((name,) for name in (f"{host}.", f"{host}@evil.example", f"{host}0", f"x{host}", f"127.0.0.1:{port + 1}")),
        *((name,) for name in (f"evil.example#{host}", f"{host}/", f" , {host}", f"http://{host}", "")),
        (f"2130706433:{port}",),
        *(("evil.example", host), (host, "evil.example"), (host, host), ()),
    ]  # fmt: skip
    own = f"http://{host}"
    origins = (
        None, own, "null", "", "http://evil.example", f"http://evil.example:{port}", f"https://{host}",
        f"http://localhost:{port}",
        f"{own}.evil.example", f"{own}/", f"http://127.0.0.1:{port + 1}", "file://", f"http://evil.example/{own}",
        own.upper(),
    )  # fmt: skip
    tokens = (
        token,
        None,
        "",
        token[:-1],
        token + "0",
        token.upper(),
        "0" * len(token),
        "undefined",
        "*",
        f"Bearer {token}",
    )
    made = []
    for method, names, origin, word in itertools.product(("GET", "POST"), hosts, origins, tokens):
        right = names == (host,) and origin in (None, own) and word == token
        made.append(Request(method, FRAMES, names, origin, word, right=right))
    rng.shuffle(made)
    # First those that are wrong in one thing alone: each check must hold without the others.
    made.sort(
        key=lambda one: (one.hosts != (host,)) + (one.origin not in (None, own)) + (one.token != token) > 1
    )
    return [request for request in made if not request.right]


_TRUSTED: Final = (
    "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Dest: empty", "Sec-Fetch-User: ?1", "X-Requested-With: XMLHttpRequest",
    "X-CSRF-Token: 1", "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1",
    "Forwarded: for=127.0.0.1", "X-Forwarded-Proto: https", "Referer: http://127.0.0.1/",
    "User-Agent: locara", "Service-Worker: script", "Purpose: prefetch",
    "Sec-GPC: 1", "Origin-Agent-Cluster: ?1", "Content-Type: application/json",
    "X-Locara-Debug: 1", "X-Locara-Session: 1", "Last-Event-ID: 1",
)  # fmt: skip
"""What some servers believe of who asks. Everybody on this machine can write it."""


def elsewhere(on: Stage) -> list[Request]:
    """Right but for one thing: the token in another place, another method, another target, a simple request."""
    host, token = on.bridge.host, on.token
    own = f"http://{host}"
    places = (
        f"Cookie: x-locara-token={token}",
        f"Authorization: Bearer {token}",
        f"Token: {token}",
        "Upgrade: websocket",
        *_TRUSTED,
        "\r\n".join(_TRUSTED),
    )
    made = [
        Request(method, FRAMES, (host,), own, None, (place,))
        for method in ("GET", "POST")
        for place in places
    ]
    made += [
        Request(method, f"{FRAMES}?token={token}#{token}", (host,), own, None) for method in ("GET", "POST")
    ]
    types = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
    made += [
        Request("POST", FRAMES, (host,), "http://evil.example", None, (f"Content-Type: {kind}",))
        for kind in types
    ]
    ask = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-locara-token")
    made += [Request("OPTIONS", FRAMES, (host,), "http://evil.example", None, ask)]
    made += [
        Request(method, FRAMES, (host,), own, token)
        for method in ("PUT", "DELETE", "PATCH", "CONNECT", "post", "TRACE")
    ]
    targets = (
        "/",
        "/index.html",
        f"{FRAMES}/",
        f"/x/..{FRAMES}",
        "/%5f_locara/frames",
        f"{FRAMES}%00",
        f"http://evil.example{FRAMES}/x",
    )
    made += [
        Request(method, target, (host,), origin, None)
        for target in spelled(host)
        for method, origin in (("GET", None), ("GET", own), ("POST", own))
    ]
    return made + [Request("POST", target, (host,), own, token) for target in targets]


def spelled(host: str) -> tuple[str, ...]:
    """The address of the frames as a careless reader would find it again; who has no token is told nothing there."""
    area, name = FRAMES.removeprefix("/").split("/")
    return (
        *(
            f"//{area}/{name}",
            f"/{area}//{name}",
            f"/./{area}/{name}",
            f"/{area}/./{name}",
            f"/x/../{area}/{name}",
        ),
        *(
            f"{FRAMES}{more}"
            for more in ("/", "//", "/.", "/x/..", "%2f", "%20", ";x", "?x", "#x", ".js", "%00", "\\")
        ),
        *(
            f"/{area}%2f{name}",
            f"\\{area}\\{name}",
            f"/{area}\\{name}",
            f"http://{host}{FRAMES}",
            FRAMES.upper(),
        ),
        "/" + "".join(f"%{ord(letter):02x}" for letter in area) + f"/{name}",
        f"/{area}/" + "".join(f"%{ord(letter):02x}" for letter in name),
        FRAMES.replace("_", "%5f"),
        FRAMES.replace("_", "%255f"),
    )


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Requests that are wrong in one thing or in several; none may reach the app, nor be told what the page is."""
    tally, rng = Tally(), ctx.rng(NAME)
    with stage(ctx) as on:
        works(tally, on)
        several = requests(on, rng)[: max(300, min(1_500, ctx.profile.fuzz_examples))]
        listed = [*elsewhere(on), *several]
        for number, request in enumerate(listed):
            ctx.progress(number, len(listed), "requests")
            attempt(tally, on, request)
        rebound(tally, on)
        beside(tally, on, rng)
        guarded(tally, on)
        works(tally, on)
        address = outer_address()
        if address is not None:
            with socket.socket() as other:
                other.settimeout(2.0)
                open_ = other.connect_ex((address, on.bridge.server_address[1])) == 0
            tally.expect(RULE, not open_, "the development server listens to the network", address)
    apart(tally)
    only_in_development(tally)
    return tally.result()


def works(tally: Tally, on: Stage) -> None:
    """The allow twin: the page is served, its call reaches the app, and it may listen."""
    host, own = on.bridge.host, f"http://{on.bridge.host}"
    on.runtime.frames.clear()
    page = str(uuid.uuid4())
    served = on.ask(Request("GET", "/", (host,), None, None).data(page))
    called = on.ask(Request("POST", FRAMES, (host,), own, on.token).data(page))
    heard = on.ask(Request("GET", FRAMES, (host,), own, on.token).data(page))
    on.runtime.own.update(json.loads(frame[4:])["id"] for frame in on.runtime.frames)
    on.bridge.pages.leave(page)
    if (
        (served[0], called[0], heard[0]) != (200, 204, 200)
        or INSIDE.encode() not in served[1]
        or not on.runtime.frames
    ):
        tally.undecided(
            RULE, f"the allow twin failed: the page's own requests got {served[0]}, {called[0]}, {heard[0]}"
        )
    on.runtime.frames.clear()


def attempt(tally: Tally, on: Stage, request: Request) -> None:
    """Refused by its status, unread by the app, and without a word that lets a foreign page read the answer."""
    tally.attacks += 1
    status, answer = on.ask(request.data(str(uuid.uuid4())))
    shown = json.dumps(
        [
            request.method,
            request.target,
            request.hosts,
            request.origin,
            request.token != on.token,
            request.more,
        ]
    )
    because = f"status {status}, {len(on.runtime.frames)} frames reached the app"
    held = status >= 400 and not on.runtime.frames
    tally.expect(
        RULE, held, "the development server took a request that is not its page's", because, request=shown
    )
    told = b"access-control-" in answer.lower() or INSIDE.encode() in answer or on.token.encode() in answer
    tally.expect(
        RULE,
        not told,
        "the development server tells a foreign page something",
        ascii(answer[:200]),
        request=shown,
    )
    on.runtime.frames.clear()


def rebound(tally: Tally, on: Stage) -> None:
    """A name that was made to lead here (DNS rebinding) is shown nothing: page, script, frames or stream."""
    port = on.bridge.server_address[1]
    for target, origin in itertools.product(
        ("/", "/index.html", "/__locara/bridge.js", FRAMES), (None, f"http://evil.example:{port}")
    ):
        for accept in ("*/*", "text/event-stream", "application/x-ndjson"):
            attempt(
                tally,
                on,
                Request("GET", target, (f"evil.example:{port}",), origin, on.token, (f"Accept: {accept}",)),
            )


def beside(tally: Tally, on: Stage, rng: random.Random) -> None:
    """No path leads out of the folder of the built page."""
    secret = str(Path(on.bridge.out).parent / "secret.txt")
    aims = ("secret.txt", "../secret.txt", "link.txt", secret, "../out-evil/secret.txt", "near.txt")
    listed = [attack.text for attack in paths.corpus(aims)]
    asked = (
        f"{page}?{name}={aim}"
        for page in ("/", "/none", FRAMES)
        for name in _ASKED
        for aim in (secret, aims[1])
    )
    for target in asked:
        status, answer = on.ask(Request("GET", target, (on.bridge.host,), None, None).data(""))
        tally.attacks += 1
        tally.expect(
            RULE,
            OUTSIDE.encode() not in answer,
            "a query named a file beside the page",
            f"{status} for {target}",
        )
    for text in (*aims, *rng.sample(listed, 150)):
        target = "/" + "".join(
            letter if "!" <= letter <= "~" else f"%{ord(letter) & 0xFF:02x}" for letter in text
        )
        status, answer = on.ask(Request("GET", target[:4_000], (on.bridge.host,), None, None).data(""))
        tally.attacks += 1
        tally.expect(
            RULE,
            OUTSIDE.encode() not in answer,
            "a file beside the page was served",
            f"{status} for {ascii(text)[:200]}",
        )


def guarded(tally: Tally, on: Stage) -> None:
    """Every answer tells a browser that no other page may hold it, whether it is the page or a refusal."""
    host = on.bridge.host
    asked = {
        "the page": Request("GET", "/", (host,), None, None),
        "its file": Request("GET", "/index.html", (host,), None, None),
        "the script": Request("GET", "/__locara/bridge.js", (host,), None, None),
        "a file that is not there": Request("GET", "/none.html", (host,), None, None),
        "a refusal of a host": Request("GET", "/", ("evil.example",), None, None),
        "a refusal of an origin": Request("GET", "/", (host,), "http://evil.example", None),
        "a refusal of a token": Request("GET", FRAMES, (host,), None, "x"),
    }
    for what, request in asked.items():
        tally.attacks += 1
        _, answer = on.ask(request.data(str(uuid.uuid4())))
        head = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head)
        }
        said = dict(
            part.strip().partition(" ")[::2] for part in fields.get("content-security-policy", "").split(";")
        )
        closed = {
            name: said.get(name) for name in ("default-src", "frame-ancestors", "form-action", "base-uri")
        }
        loose = [word for word in ("unsafe-inline", "'unsafe-eval'", "http:", "*") if word in str(said)]
        kept = fields.get("cross-origin-resource-policy"), fields.get("x-content-type-options")
        held = set(closed.values()) == {"'none'"} and not loose and kept == ("same-origin", "nosniff")
        tally.expect(
            RULE, held, "an answer may be held or read by another page", f"{what}: {closed} {loose} {kept}"
        )


class _Talking:
    """A runtime that says what it is told to, to one connection at a time."""

    def __init__(self) -> None:
        self.said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.heard: list[dict[str, Any]] = []

    @property
    def client(self) -> _Talking:
        """The connection of a running app."""
        return self

    def send_raw(self, data: bytes) -> None:
        """A frame for the app: four bytes of length, and JSON."""
        self.heard.append(json.loads(data[4:]))

    def recv_frame(self, _seconds: float) -> dict[str, Any] | None:
        """The next thing that it was told to say."""
        return self.said.get()


def apart(tally: Tally) -> None:
    """Pages that use the same ids: each gets its own answers, and cancels and leaves its own calls alone."""
    from locara.cli.dev_link import Pages  # noqa: PLC0415 - loads the framework

    pages, runtime = Pages(), _Talking()
    pages.attach(cast("Any", runtime), lambda _running: None)
    names = [str(uuid.uuid4()) for _ in range(3)]
    lines = {name: pages.lines_of(name) for name in names}
    wires: dict[str, Any] = {}
    for name in names:
        tally.attacks += 1
        sent = pages.send(name, {"id": 1, "cmd": name, "args": {}})
        again = pages.send(name, {"id": 1, "cmd": "again", "args": {}})
        wires[name] = runtime.heard[-1]["id"] if sent and runtime.heard else None
        tally.expect(RULE, sent and not again, "an id that is open is used twice", f"{sent}, {again}")
    if len(set(wires.values())) != len(names) or None in lines.values():
        tally.expect(RULE, False, "two pages share a call", str(wires))
        return
    first, second, third = names
    runtime.heard.clear()
    pages.send(second, {"cancel": 1})
    pages.send(third, {"cancel": 2})
    tally.expect(
        RULE,
        runtime.heard == [{"cancel": wires[second]}],
        "a page cancels what is not its own",
        str(runtime.heard),
    )
    for event in ({"event": "token"}, {}):
        runtime.said.put({"id": wires[first], "ok": True, "result": "secret", **event})
    runtime.said.put({"id": wires[third], "ok": True, "result": "other"})
    runtime.said.put({"id": 99, "ok": True, "result": "nobody's"})
    got = {name: _drained(lines[name], 2 if name == first else 1 if name == third else 0) for name in names}
    told = {
        name: [(one["frame"]["id"], one["frame"]["result"]) for one in found] for name, found in got.items()
    }
    wanted = {first: [(1, "secret")] * 2, second: [], third: [(1, "other")]}
    tally.expect(RULE, told == wanted, "a page is told the answers of another", f"{told}, not {wanted}")
    runtime.heard.clear()
    pages.leave(first)
    pages.leave(second)
    left = [frame.get("cancel") for frame in runtime.heard]
    tally.expect(RULE, left == [wires[second]], "a page that leaves takes others' calls with it", str(left))
    runtime.said.put(None)


def _drained(lines: Any, count: int) -> list[Any]:  # noqa: ANN401 - a queue of lines
    """What a page was told: so many lines, and whatever comes within a moment more."""
    found: list[Any] = []
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(lines.get(timeout=SECONDS if len(found) < count else 0.02))
    return found


def only_in_development(tally: Tally) -> None:
    """A fresh interpreter with all that runs an app, but for `locara dev`, has not so much as loaded the server."""
    servers = "sorted({'locara.cli.dev_server', 'http.server'} & set(sys.modules))"
    code = f"import sys, {PRODUCTS}; print({servers})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        tally.undecided(RULE, f"the runtime could not be loaded: {done.stderr[-200:]}")
        return
    tally.expect(
        RULE,
        done.stdout.strip() == "[]",
        "the development server is loaded outside `locara dev`",
        done.stdout.strip(),
    )

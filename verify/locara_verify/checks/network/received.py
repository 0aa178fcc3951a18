"""LC324: servers that send other bytes than they should, hubs that contradict themselves, models that were revoked."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from locara.core.digest import Digest
from locara_verify.checks.in_process import environment
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network import apart, patience
from locara_verify.checks.network.ground import LOCAL, Server, answer, servers
from locara_verify.context import Context
from locara_verify.strategies import gguf, paths

RULE: Final = "LC324"
COMMIT: Final = "5f" * 20
SECONDS: Final = 15.0
PUBLIC: Final = "models.example"
Reply = Callable[[bytes], bytes]


def all_of_it(ctx: Context, tally: Tally, host: Server, rng: random.Random) -> None:
    """Every family."""
    wrong_bytes(ctx, tally, host, rng)
    through_links(ctx, tally, host, rng)
    damaged(ctx, tally, host, rng)
    alike(tally, rng)
    apart.claimed(ctx, tally, host, rng, _got)
    apart.own_file(ctx, tally, rng)
    apart.by_name(tally, rng)
    hubs(tally, host, rng)
    indexes(ctx, tally)
    local_sources(ctx, tally, rng)
    revoked(ctx, tally, host)
    to_this_machine(ctx, tally, host, rng)
    told_apart(ctx, tally, host, rng)
    straight(ctx, tally, host, rng)
    patience.all_of_it(ctx, tally, host, rng)


def _got(
    cache_at: Path, host: Server, data: bytes, inspect: Callable[[Path], None] = lambda _: None
) -> tuple[str, int]:
    """Fetch: the code of the refusal, and the most bytes that the product said it had."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.models.cache import ModelCache  # noqa: PLC0415
    from locara.models.fetch import Wanted, Watch, fetch  # noqa: PLC0415
    from locara.models.web import Url, Web  # noqa: PLC0415

    seen = [0]
    watch = Watch(inspect=inspect, progress=seen.append)
    wanted = Wanted(Digest.of(data), len(data), (Url.parse(host.url("/model.gguf")),), {"id": "demo"})
    try:
        fetch(ModelCache(cache_at), wanted, web=Web(timeout=10.0), watch=watch)
    except ModelError as error:
        return error.code, max(seen)
    return "", max(seen)


def _plain(body: bytes, *fields: str) -> bytes:
    """An answer whose end is the end of the connection."""
    return "\r\n".join(["HTTP/1.1 200 X", *fields, "Connection: close", "", ""]).encode("latin-1") + body


def wrong_bytes(ctx: Context, tally: Tally, host: Server, rng: random.Random) -> None:
    """Whatever a server sends, only the pinned bytes come to lie under the digest, and no more than those are taken."""
    data = rng.randbytes(20_000)
    flipped = bytearray(data)
    flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    half, other = data[:9_000], rng.randbytes(len(data))
    size = len(data)

    def resumed(rest: bytes, place: str) -> Reply:
        def reply(request: bytes) -> bytes:
            if b"range:" not in request.lower():
                return _plain(half, f"Content-Length: {size}", 'ETag: "one"')
            return answer(206, f"Content-Range: bytes {place}", body=rest)

        return reply

    def always(reply: bytes) -> Reply:
        return lambda _request: reply

    honest = f"{len(half)}-{size - 1}/{size}"
    ways: dict[str, tuple[Reply, bool]] = {
        "the bytes": (always(answer(200, body=data)), True),
        "the bytes, no length": (always(_plain(data)), True),
        "the bytes in two parts": (resumed(data[len(half) :], honest), True),
        "one bit changed": (always(answer(200, body=bytes(flipped))), False),
        "as many others": (always(answer(200, body=other)), False),
        "as many others, no length": (always(_plain(other)), False),
        "one fewer": (always(answer(200, body=data[:-1])), False),
        "nothing": (always(answer(200)), False),
        "one more": (always(answer(200, body=data + b"x")), False),
        "ten times as many, no length": (always(_plain(data * 10)), False),
        "more, and a length that says less": (
            always(_plain(data + other, f"Content-Length: {size + 1}")),
            False,
        ),
        "a second part of others": (resumed(other[len(half) :], honest), False),
        "a second part from elsewhere": (
            resumed(data[len(half) - 1 :], f"{len(half) - 1}-{size - 1}/{size}"),
            False,
        ),
        "a second part that is the whole": (resumed(data, f"0-{size - 1}/{size}"), False),
        "an error with the bytes": (always(answer(500, body=data)), False),
    }
    for what, (reply, right) in ways.items():
        tally.attacks += 1
        host.answers = reply
        place = ctx.fresh_dir("received") / "cache"
        code, most = _got(place, host, data)
        blob = place / Digest.of(data).hex / "model.gguf"
        found = blob.read_bytes() if blob.exists() else None
        because = f"{what}: {code or 'taken'}, {most} of {size} bytes"
        if right and (code or found != data):
            tally.undecided(RULE, f"the allow twin failed: {because}")
        tally.expect(
            RULE, found in {None, data}, "other bytes than its digest says are in the cache", because
        )
        tally.expect(RULE, most <= size, "more bytes were taken than the index says there are", because)
        if code == "digest_mismatch":
            rest = sorted(path.name for path in place.rglob("*") if path.is_file() and path.suffix != ".lock")
            tally.expect(
                RULE, not rest, "wrong bytes stay where the next attempt goes on", f"{because}; {rest}"
            )
        if found is not None:
            modes = {path.name: path.stat().st_mode & 0o222 for path in blob.parent.iterdir()}
            told = f"{because}: {modes}"
            tally.expect(RULE, modes["model.gguf"] == 0, "a model in the cache can be written", told)
    zipped = b"PK\x03\x04" + other
    host.answers = always(answer(200, body=zipped))
    place = ctx.fresh_dir("received") / "cache"
    code, _ = _got(place, host, zipped, _inspect())
    kept = [path.name for path in place.rglob("*") if path.is_file() and path.suffix != ".lock"]
    because = f"{code or 'taken'}; {kept}"
    tally.expect(RULE, bool(code) and not kept, "an archive was downloaded for a model", because)


def _inspect() -> Callable[[Path], None]:
    from locara.cli.model_files import inspect  # noqa: PLC0415 - loads the framework

    return inspect


def told_apart(ctx: Context, tally: Tally, host: Server, rng: random.Random) -> None:
    """A mirror breaks off, and the next goes on: what the first marked its answer with is told to no other."""
    from locara.models.cache import ModelCache  # noqa: PLC0415 - loads the framework
    from locara.models.fetch import Wanted, fetch  # noqa: PLC0415
    from locara.models.web import Url, Web  # noqa: PLC0415

    data, mark = rng.randbytes(4_000), f"m{rng.getrandbits(64):016x}"
    half, asked = data[:1_500], dict[str, list[bytes]]()
    marks = (
        f'ETag: "{mark}"',
        f"Last-Modified: {mark}",
        f"Set-Cookie: {mark}={mark}",
        f"X-Linked-ETag: {mark}",
    )

    def reply(request: bytes) -> bytes:
        asked.setdefault("one" if b"/one.gguf" in request.split(b"\r\n")[0] else "two", []).append(request)
        if b"/one.gguf" in request.split(b"\r\n")[0]:
            return (
                answer(404)
                if b"range:" in request.lower()
                else _plain(half, f"Content-Length: {len(data)}", *marks)
            )
        return answer(
            206, f"Content-Range: bytes {len(half)}-{len(data) - 1}/{len(data)}", body=data[len(half) :]
        )

    host.answers = reply
    sources = tuple(Url.parse(host.url(f"/{name}.gguf")) for name in ("one", "two"))
    fetch(
        ModelCache(ctx.fresh_dir("apart") / "cache"),
        Wanted(Digest.of(data), len(data), sources, {"id": "demo"}),
        web=Web(timeout=10.0),
    )
    tally.attacks += len(marks)
    told = [request for request in asked.get("two", []) if mark.encode() in request]
    tally.expect(
        RULE, not told, "what one mirror marked its answer with was told to another", ascii(told[:1])[:300]
    )
    if not any(b"range:" in request.lower() for request in asked.get("two", [])):
        tally.undecided(RULE, "the allow twin failed: the second mirror was not asked for the rest")


def straight(ctx: Context, tally: Tally, host: Server, rng: random.Random) -> None:
    """A download goes to its server, whatever the person's variables say of proxies."""
    data = rng.randbytes(2_000)
    host.answers = lambda _request: answer(200, body=data)
    names = [f"{name}_PROXY" for name in ("ALL", "HTTPS", "HTTP", "SOCKS")]
    with socket.create_server(("127.0.0.1", 0)) as other:
        proxy = f"http://127.0.0.1:{other.getsockname()[1]}"
        with environment(**dict.fromkeys((*names, *map(str.lower, names)), proxy)):
            code, _ = _got(ctx.fresh_dir("straight") / "cache", host, data)
        met = bool(select.select([other], [], [], 0)[0])
    tally.attacks += 2 * len(names)
    tally.expect(RULE, not met, "a variable says which proxy a download goes through", code or "taken")
    if code and not met:
        tally.undecided(RULE, f"the allow twin failed: a download beside variables of proxies: {code}")


def through_links(ctx: Context, tally: Tally, host: Server, rng: random.Random) -> None:
    """A link where the part of a download, or its entry, comes to lie leads nowhere."""
    data = rng.randbytes(3_000)
    host.answers = lambda _request: answer(200, body=data)
    digest = Digest.of(data).hex
    for what in (f".downloads/{digest}/body", f"{digest}/model.gguf"):
        tally.attacks += 1
        world = ctx.fresh_dir("linked")
        outside, place = world / "outside.txt", world / "cache" / what
        outside.write_bytes(b"canary")
        place.parent.mkdir(parents=True)
        place.symlink_to(outside)
        code, _ = _got(world / "cache", host, data)
        because = f"{what.replace(digest, '<digest>')} is a link: {code or 'taken'}"
        tally.expect(
            RULE, outside.read_bytes() == b"canary", "a download was written through a link", because
        )


def damaged(ctx: Context, tally: Tally, host: Server, rng: random.Random) -> None:
    """An entry whose bytes are not its digest's is replaced by whoever brings the right ones, however that is done."""
    from locara.models.cache import ModelCache  # noqa: PLC0415 - loads the framework

    data = rng.randbytes(3_000)
    digest = Digest.of(data)
    flipped = bytearray(data)
    flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    host.answers = lambda _request: answer(200, body=data)
    for what, there in (
        ("one bit changed", bytes(flipped)),
        ("cut", data[:-1]),
        ("longer", data + b"x"),
        ("empty", b""),
        ("right", data),
    ):
        for way in ("imported", "downloaded"):
            tally.attacks += 1
            world = ctx.fresh_dir("damaged")
            blob, source = world / "cache" / digest.hex / "model.gguf", world / "source.gguf"
            blob.parent.mkdir(parents=True)
            blob.write_bytes(there)
            source.write_bytes(data)
            if way == "imported":
                ModelCache(world / "cache").add_file(source, expected=digest)
            else:
                _got(world / "cache", host, data)
            tally.expect(
                RULE,
                blob.read_bytes() == data,
                "other bytes than its digest says stay in the cache",
                f"{what}, and {way} again",
            )


def alike(tally: Tally, rng: random.Random) -> None:
    """Entries of an index whose digests begin and end like the one that is pinned, and one that is the pinned one."""
    from locara.models.index import parse_index  # noqa: PLC0415 - loads the framework

    pinned = rng.randbytes(32).hex()
    other = "".join("0" if digit != "0" else "1" for digit in pinned)
    near = [pinned[:count] + other[count:] for count in (1, 8, 16, 32, 63)]
    near += [other[:-count] + pinned[-count:] for count in (1, 8, 32, 63)]
    entry = {
        "id": "demo", "version": "1", "displayName": "Demo", "license": "MIT", "modality": "text-to-text", "size": 9,
    }  # fmt: skip
    listed = [entry | {"sha256": digest, "urls": [f"{digest}.gguf"]} for digest in near]
    right = entry | {"sha256": pinned, "urls": ["right.gguf"]}
    for models in (listed, [*listed, right]):
        text = json.dumps({"schema": "locara-models/1", "models": models}).encode()
        found = parse_index(text, place=Path("/index.json")).find(Digest(pinned))
        due = pinned if right in models else None
        tally.attacks += 1
        tally.expect(
            RULE,
            (found and found.sha256) == due,
            "an index gives another file for a pin",
            f"{found and found.sha256} for {pinned}",
        )


def to_this_machine(ctx: Context, tally: Tally, local: Server, rng: random.Random) -> None:
    """A server with a public name may not send a download to an address of this machine or of its network."""
    data = rng.randbytes(500)
    local.answers = lambda _request: answer(200, body=data)
    with servers(ctx.fresh_dir("public"), PUBLIC, local.name) as (hosts, authority), _named(PUBLIC):
        public, beside = hosts
        beside.answers = local.answers
        aims = [
            beside.url("/x"),
            f"https://sub.localhost:{beside.port}/x",
            f"https://127.0.0.1:{beside.port}/x",
        ]
        aims += [
            f"https://{host}:{beside.port}/x" for host in ("127.1.2.3", "10.0.0.1", "192.168.1.1", "[::1]")
        ]
        aims += [f"https://{host}/latest/meta-data" for host in ("169.254.169.254", "[fd00::1]", "0.0.0.0")]  # noqa: S104 - an address to be refused
        aims += [
            f"https://{host}:{beside.port}/x"
            for host in ("LOCALHOST", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1")
        ]
        with environment(SSL_CERT_FILE=str(authority)):
            for aim in (public.url("/x"), *aims):
                tally.attacks += 1
                beside.seen.clear()
                moved = answer(302, f"Location: {aim}")
                public.answers = lambda request, moved=moved: (
                    answer(200, body=data) if b" /x " in request else moved
                )  # type: ignore[misc]
                code, _ = _got(ctx.fresh_dir("public") / "cache", public, data)
                because = f"to {aim.partition(':')[2][:60]}: {code or 'taken'}, {len(beside.seen)} requests"
                if aim == public.url("/x"):
                    if code:
                        tally.undecided(RULE, f"the allow twin failed: a redirect at one host: {because}")
                    continue
                held = code == "bad_address" and not beside.seen
                tally.expect(RULE, held, "a public server sent a download to this machine's network", because)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """This process finds that name on this machine, as if a name server had said so."""
    real = socket.getaddrinfo

    def found(host: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as of the system
        return real(LOCAL if host == name else host, *more, **named)

    socket.getaddrinfo = found
    try:
        yield
    finally:
        socket.getaddrinfo = real


def hubs(tally: Tally, host: Server, rng: random.Random) -> None:
    """What a hub says of a file counts only when its listing and its download say the same."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.models.hub import HubRef, look_up  # noqa: PLC0415
    from locara.models.web import Web  # noqa: PLC0415

    digest, other = rng.randbytes(32).hex(), rng.randbytes(32).hex()
    item = {"type": "file", "path": "a/model.gguf", "size": 999, "lfs": {"oid": digest, "size": 999}}

    def serving(commit: object, listed: object, *fields: str) -> Reply:
        def reply(request: bytes) -> bytes:
            path = request.split(b" ")[1]
            if b"/revision/" in path:
                return answer(200, body=json.dumps({"sha": commit, "tags": ["license:mit"]}).encode())
            if b"/paths-info/" in path:
                return answer(200, body=json.dumps(listed).encode())
            return answer(302, "Location: https://elsewhere.example/x", *fields)

        return reply

    def headers(sha: str = digest, size: int = 999, commit: str = COMMIT) -> tuple[str, ...]:
        return (f'X-Linked-ETag: "{sha}"', f"X-Linked-Size: {size}", f"X-Repo-Commit: {commit}")

    cases: dict[str, tuple[Reply, bool]] = {
        "one answer": (serving(COMMIT, [item], *headers()), True),
        "another digest": (serving(COMMIT, [item], *headers(other)), False),
        "another size": (serving(COMMIT, [item], *headers(size=998)), False),
        "another commit": (serving(COMMIT, [item], *headers(commit="6e" * 20)), False),
        "the file twice": (serving(COMMIT, [item, item], *headers()), False),
        "another file": (serving(COMMIT, [item | {"path": "a/model2.gguf"}], *headers()), False),
        "a folder": (serving(COMMIT, [item | {"type": "directory"}], *headers()), False),
        "two sizes": (serving(COMMIT, [item | {"size": 998}], *headers(size=998)), False),
        "a short digest": (
            serving(COMMIT, [item | {"lfs": {"oid": digest[:-1], "size": 999}}], *headers()),
            False,
        ),
        "no digest": (serving(COMMIT, [item | {"lfs": None}], *headers()), False),
        "a size that is none": (
            serving(COMMIT, [item | {"size": True, "lfs": {"oid": digest}}], *headers()),
            False,
        ),
        "a branch for a commit": (serving("main", [item], *headers()), False),
        **{
            f"{name!r} for a commit": (serving(name, [item], *headers(commit=name.strip())), False)
            for name in (
                f"{COMMIT}0",
                f"{COMMIT}/../x",
                f"{COMMIT}\n",
                f" {COMMIT}",
                COMMIT[:-1],
                COMMIT.upper(),
            )
        },
        "no commit": (serving(None, [item], *headers()), False),
    }
    for what, (reply, right) in cases.items():
        tally.attacks += 1
        host.answers = reply
        try:
            found = look_up(HubRef.parse("hf:acme/demo/a/model.gguf"), Web(timeout=10.0), hub=host.url("/"))
            said = found.digest.hex
        except ModelError as error:
            said = error.code
        if right and said != digest:
            tally.undecided(RULE, f"the allow twin failed: a hub with {what}: {said}")
        elif not right:
            fault = len(said) == 64
            tally.expect(RULE, not fault, "a hub that contradicts itself is believed", f"{what}: {said}")


def indexes(ctx: Context, tally: Tally) -> None:
    """A path in an index on this machine names a file beside it, or the index is refused."""
    from locara.errors import LocaraError  # noqa: PLC0415 - loads the framework
    from locara.models.index import parse_index  # noqa: PLC0415

    folder = ctx.fresh_dir("index")
    entry = {
        "id": "demo", "version": "1", "displayName": "Demo", "license": "MIT", "modality": "text-to-text", "size": 9,
        "sha256": "0" * 64,
    }  # fmt: skip
    named = [attack.text for attack in paths.corpus(("canary.gguf",))]
    _two_sizes(tally, entry | {"urls": ["one.gguf"]})
    for key in ("urls", "signature"):
        for text in ("models/one.gguf", *named):
            tally.attacks += 1
            value: Any = entry | {"urls": ["one.gguf"]} | {key: [text] if key == "urls" else text}
            try:
                raw = json.dumps({"schema": "locara-models/1", "models": [value]}).encode()
                index = parse_index(raw, place=folder / "locara-models.json")
                places = [*index.sources(index.entries[0]), index.signature(index.entries[0])]
            except (LocaraError, UnicodeEncodeError):
                if text == "models/one.gguf":
                    tally.undecided(RULE, f"the allow twin failed: an index with {text} in {key} is refused")
                continue
            beside = all(one is None or (isinstance(one, Path) and _below(one, folder)) for one in places)
            tally.expect(
                RULE, beside, "a path in an index leads out of its folder", f"{key}: {ascii(text)[:200]}"
            )


def _two_sizes(tally: Tally, entry: dict[str, Any]) -> None:
    """An index that gives one file two sizes is refused, wherever the second stands; the same size twice is none."""
    from locara.errors import ManifestError  # noqa: PLC0415 - loads the framework
    from locara.models.index import parse_index  # noqa: PLC0415

    other = entry | {"id": "other", "sha256": "1" * 64}
    for second in (entry["size"], entry["size"] + 1, 1):
        again = entry | {"id": "again", "size": second}
        for models in (
            [entry, again],
            [again, entry],
            [entry, other, again],
            [entry, again, other],
            [entry, again, entry],
        ):
            tally.attacks += 1
            try:
                raw = json.dumps({"schema": "locara-models/1", "models": models}).encode()
                parse_index(raw, place=Path("/index.json"))
                taken = True
            except ManifestError:
                taken = False
            told = f"sizes {[one['size'] for one in models]}: {'taken' if taken else 'refused'}"
            if second == entry["size"] and not taken:
                tally.undecided(RULE, f"the allow twin failed: an index that says the same twice: {told}")
            elif second != entry["size"]:
                tally.expect(RULE, not taken, "an index gives one file two sizes", told)


def local_sources(ctx: Context, tally: Tally, rng: random.Random) -> None:
    """A source on this machine is a file: a pipe, a device or a folder in its place ends the attempt at once."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.models.cache import ModelCache  # noqa: PLC0415
    from locara.models.fetch import Wanted, fetch  # noqa: PLC0415
    from locara.models.web import Web  # noqa: PLC0415

    world, data = ctx.fresh_dir("local"), rng.randbytes(2_000)
    (world / "file").write_bytes(data)
    (world / "link").symlink_to("file")
    os.mkfifo(world / "pipe")
    (world / "to-pipe").symlink_to("pipe")
    (world / "folder").mkdir()
    places = [world / name for name in ("file", "link", "pipe", "to-pipe", "folder", "none")]
    for place in (*places, Path("/dev/zero"), Path("/proc/self/environ")):
        tally.attacks += 1
        said: list[str] = []

        def attempt(place: Path = place, said: list[str] = said) -> None:
            cache = ModelCache(ctx.fresh_dir("local") / "cache")
            try:
                fetch(
                    cache, Wanted(Digest.of(data), len(data), (place,), {"id": "demo"}), web=Web(timeout=5.0)
                )
                said.append("taken")
            except ModelError as error:
                said.append(error.code)

        trying = threading.Thread(target=attempt, daemon=True)
        trying.start()
        trying.join(SECONDS)
        is_file = place.name in {"file", "link"}
        came = said[0] if said else "it waits"
        if is_file and came != "taken":
            tally.undecided(RULE, f"the allow twin failed: a source that is a {place.name}: {came}")
        elif not is_file:
            held = came not in {"taken", "it waits"}
            tally.expect(
                RULE, held, "a source that is no file is waited for or taken", f"{place.name}: {came}"
            )


def _below(place: Path, folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return place.resolve().is_relative_to(folder.resolve())
    return True  # no system opens it


def revoked(ctx: Context, tally: Tally, host: Server) -> None:
    """A model that a list names is neither fetched nor imported, and its twin is both."""
    from locara.cli.__main__ import main  # noqa: PLC0415 - loads the framework

    for ordinal, is_named in enumerate((True, False)):
        world = ctx.fresh_dir("revoked")
        data = gguf.write({"general.architecture": "demo", "number": ordinal}, [])
        digest = hashlib.sha256(data).hexdigest()
        state = world / "state/Locara"
        state.mkdir(parents=True, mode=0o700)
        entry = {"id": "R-1", "severity": "block", "kind": "malware", "reason": "a test", "time": 1.0}
        entry |= {"model": f"sha256:{digest if is_named else '0' * 64}"}
        listed = {"format": "locara-revocations/2", "seq": 1, "updated": 1.0, "entries": [entry]}
        (state / "revocations.json").write_text(json.dumps(listed), "utf-8")
        (state / "revocations.json").chmod(0o600)
        (world / "demo.gguf").write_bytes(data)
        item = {
            "id": "demo", "version": "1", "displayName": "Demo", "license": "MIT", "modality": "text-to-text",
            "size": len(data), "sha256": digest, "urls": [host.url("/demo.gguf")],
        }  # fmt: skip
        (world / "index.json").write_text(
            json.dumps({"schema": "locara-models/1", "models": [item]}), "utf-8"
        )
        host.answers = lambda _request, data=data: answer(200, body=data)  # type: ignore[misc]
        pull = ["models", "pull", f"demo@sha256:{digest}", "--index", str(world / "index.json")]
        ways = {"fetched": pull, "imported": ["models", "import", str(world / "demo.gguf"), "--id", "demo"]}
        for what, words in ways.items():
            tally.attacks += 1
            cache = world / what
            with _homes(state=world / "state", cache=cache):
                said = io.StringIO()
                with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                    code = main(words)
            kept = [path for path in cache.rglob("model.gguf") if digest in str(path)]
            because = f"exit {code}: {said.getvalue()[-200:]}"
            if is_named:
                tally.expect(RULE, code != 0 and not kept, f"a revoked model is {what}", because)
            elif code or not kept:
                tally.undecided(RULE, f"the allow twin failed: a model is not {what}: {because}")


@contextlib.contextmanager
def _homes(*, state: Path, cache: Path) -> Iterator[None]:
    with environment(XDG_STATE_HOME=str(state), XDG_CACHE_HOME=str(cache)):
        yield

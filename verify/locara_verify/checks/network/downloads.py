"""LC324: what is downloaded or imported lies under its digest alone, and no server is told a credential."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import random
import secrets
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from locara_verify.check import CheckResult, check
from locara_verify.checks.in_process import environment
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network import received
from locara_verify.checks.network.ground import LOCAL, Server, answer, servers
from locara_verify.checks.network.redirects import clear, person, quiet
from locara_verify.context import Context
from locara_verify.strategies import paths

RULE: Final = "LC324"
NAME: Final = "fetch-hygiene"
SECRETS: Final = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HUGGINGFACE_TOKEN",
    "GITHUB_TOKEN",
    "LOCARA_TOKEN",
    "AUTHORIZATION",
)
NAMES: Final = (
    "../canary.gguf", "../../canary.gguf", "/canary.gguf", "..\\canary.gguf", "C:\\canary.gguf", "model.gguf",
    "meta.json", "verified.json", ".downloads/canary", ".partial/canary", "canary\0.gguf", "CON", "a" * 300,
    "..", ".", "", "~/canary", "$HOME/c",
)  # fmt: skip

HEADS: Final = (
    b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x89HDF", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ", b"7z\xbc\xaf",
    b"\x28\xb5\x2f\xfd", b"\x7fELF", b"MZ\x90\0", b"#!/bin/sh\n", b"<!DOCTYPE html>", b"<html>", b"version https://git",
    b"{}", b"SQLite format 3\0", b"GGU", b"GGUf", b"gguf", b"GGML", b"FUGG", b"lmg", b"ggml", b"tjgg", b"", b"\0",
)  # fmt: skip
"""How files begin that are no models, some of them nearly."""

Reply = Callable[[bytes], bytes]


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Names in every place a server can put one, demands for credentials, and archives for models."""
    tally, rng = Tally(), ctx.rng(NAME)
    word = secrets.token_hex(16)
    home = person(ctx, word)
    with (
        servers(ctx.fresh_dir("servers"), "localhost", LOCAL) as (hosts, authority),
        environment(
            SSL_CERT_FILE=str(authority),
            HOME=str(home),
            NETRC=str(home / ".netrc"),
            **dict.fromkeys(SECRETS, word),
        ),
    ):
        data = rng.randbytes(20_000)
        hosts[0].answers = always(answer(200, body=data))
        plain = download(ctx, tally, hosts, "model.gguf", data)
        if plain[0] or not plain[1]:
            tally.undecided(RULE, f"the allow twin failed: an ordinary model does not arrive ({plain[0]})")
        names = [*NAMES, *rng.sample([attack.text for attack in paths.corpus(("canary.gguf",))], 24)]
        for number, name in enumerate(names):
            ctx.progress(number, len(names), "names")
            ways = list(named(rng, name, data, hosts))
            for what, path, reply in ways if ctx.profile.profile != "quick" else rng.sample(ways, 1):
                hosts[0].answers = reply
                code, layout = download(ctx, tally, hosts, path, data)
                because = f"{what}: {ascii(name)[:200]}: {code or 'arrived'}; {sorted(layout ^ plain[1])[:4]}"
                held = layout == plain[1] if not code else not layout
                tally.expect(RULE, held, "a name that a server chose became a name on the disk", because)
                quiet(tally, hosts, word, what, rule=RULE)
        challenges(ctx, tally, hosts, word)
        archives(ctx, tally, hosts, rng)
        received.all_of_it(ctx, tally, hosts[0], rng)
    return tally.result()


def named(
    rng: random.Random, name: str, data: bytes, hosts: list[Server]
) -> Iterator[tuple[str, str, Reply]]:
    """The name in a field, in the path, and in a redirect: what it is, the path to ask for, and how to answer."""
    flat = "".join(letter if " " <= letter <= "~" else f"%{ord(letter) & 0xFF:02x}" for letter in name)
    fields = (
        f'Content-Disposition: attachment; filename="{flat}"',
        f"Content-Disposition: attachment; filename={flat}",
        f"Content-Disposition: inline; filename*=UTF-8''{_escaped(name)}",
        f"Content-Location: {flat}",
        f'ETag: "{flat}"',
        f"X-Linked-ETag: {flat}",
        f"Content-Type: application/octet-stream; name={flat}",
    )
    field = rng.choice(fields)
    yield "a name in a field", "model.gguf", always(answer(200, field, body=data))
    yield "a name in the path", _escaped(name), always(answer(200, body=data))
    aim = hosts[0].url(f"/end/{_escaped(name)}")

    def moved(request: bytes) -> bytes:
        if b" /end/" in request.partition(b"\r\n")[0]:
            return answer(200, field, body=data)
        return answer(rng.choice((301, 302, 307, 308)), f"Location: {aim}", field)

    yield "a name in a redirect", "model.gguf", moved


def always(reply: bytes) -> Reply:
    """The same answer to everybody."""
    return lambda _request: reply


def _escaped(name: str) -> str:
    return quote(name.encode("utf-8", "surrogatepass"), safe="/.~$")


def download(
    ctx: Context, tally: Tally, hosts: list[Server], path: str, data: bytes
) -> tuple[str, frozenset[str]]:
    """The code ("" when it arrived) and the files that are there afterwards, in a world with nothing else in it."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.errors import ModelError  # noqa: PLC0415
    from locara.models.cache import ModelCache  # noqa: PLC0415
    from locara.models.fetch import Wanted, fetch  # noqa: PLC0415
    from locara.models.web import Url, Web  # noqa: PLC0415

    tally.attacks += 1
    clear(hosts)
    world, digest, code = ctx.fresh_dir("world"), Digest.of(data), ""
    cache = ModelCache(world / "deep/er/cache")
    with inside(world / "here"):
        try:
            source = Url.parse(hosts[0].url(f"/{path}"))
            fetch(cache, Wanted(digest, len(data), (source,), {"id": "demo"}), web=Web(timeout=10.0))
        except ModelError as error:
            code = error.code
    blob = cache.blob(digest)
    right = blob is not None and blob.read_bytes() == data
    tally.expect(
        RULE, right or bool(code), "a download that was taken is not under its digest", ascii(path)[:200]
    )
    return code, layout_of(world)


def layout_of(world: Path) -> frozenset[str]:
    """Every file and link below, but for the locks."""
    found = (path for path in world.rglob("*") if path.is_symlink() or not path.is_dir())
    return frozenset(str(path.relative_to(world)) for path in found if path.suffix != ".lock")


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """This process works in the folder: a relative name would become a file there."""
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def challenges(ctx: Context, tally: Tally, hosts: list[Server], word: str) -> None:
    """A server that asks for credentials gets none, and whoever it names for that is not asked."""
    here, there = hosts
    realm = there.url("/token")
    demands = (
        f'WWW-Authenticate: Bearer realm="{realm}",service="models",scope="pull"',
        f'WWW-Authenticate: Basic realm="{realm}"',
        f'WWW-Authenticate: Digest realm="x", nonce="{word[:8]}", domain="{realm}"',
        "WWW-Authenticate: Negotiate",
        f'Proxy-Authenticate: Basic realm="{realm}"',
        f"X-Error-Message: log in at {realm}",
        f"Link: <{realm}>; rel=authenticate",
    )
    for status in (401, 403, 407, 511):
        for demand in demands:
            here.answers = always(answer(status, demand, f"Location: {realm}"))
            code, layout = download(ctx, tally, hosts, "model.gguf", b"x" * 999)
            because = f"{status} {demand[:60]}: {code or 'arrived'}; {len(there.seen)} requests at the other"
            tally.expect(
                RULE,
                bool(code) and not there.seen and not layout,
                "a demand for credentials was followed",
                because,
            )
            quiet(tally, hosts, word, demand, rule=RULE)
    basic = base64.b64encode(f"me:{word}".encode())
    tally.expect(
        RULE, not any(basic in request for request in here.seen), "a password was sent", "after a demand"
    )


def archives(ctx: Context, tally: Tally, hosts: list[Server], rng: random.Random) -> None:
    """An archive in the place of a model is refused, imported or downloaded, and nothing in it is taken out."""
    from locara.cli.model_files import inspect  # noqa: PLC0415 - loads the framework
    from locara.errors import ModelError  # noqa: PLC0415
    from locara.models.cache import ModelCache  # noqa: PLC0415

    members = [name for name in NAMES if name and "\0" not in name]
    members += rng.sample(
        [attack.text for attack in paths.corpus(("canary.gguf",)) if attack.text.isprintable()], 12
    )
    made = {
        f"{kind} of {ascii(name)[:60]}": pack(kind, name)
        for kind in ("zip", "tar", "tar.gz")
        for name in members
    }
    made |= {f"a file that begins {head!r}": head + rng.randbytes(200) for head in (*HEADS, rng.randbytes(4))}
    for what, data in made.items():
        tally.attacks += 1
        world = ctx.fresh_dir("import")
        (world / "model.gguf").write_bytes(data)
        cache = ModelCache(world / "deep/cache")
        with inside(world / "here"):
            try:
                cache.add_file(world / "model.gguf", inspect=inspect)
                code = ""
            except ModelError as error:
                code = error.code
        layout = layout_of(world) - {"model.gguf"}
        because = f"{what}: {code or 'taken'}; {sorted(layout)[:4]}"
        tally.expect(RULE, code == "bad_format" and not layout, "an archive was taken for a model", because)
    one = pack("zip", "../canary.gguf")
    hosts[0].answers = always(answer(200, "Content-Type: application/zip", body=one))
    _, layout = download(ctx, tally, hosts, "model.zip", one)
    beyond = sorted(name for name in layout if "canary" in name)
    tally.expect(RULE, not beyond, "a downloaded archive was unpacked", str(beyond))


def pack(kind: str, name: str) -> bytes:
    """An archive with one member of that name, and a link before it that leads out."""
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name), b"GGUF canary")
        return out.getvalue()
    with tarfile.open(
        fileobj=out, mode="w:gz" if kind.endswith("gz") else "w", format=tarfile.PAX_FORMAT
    ) as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, ".."
        tar.addfile(link)
        member = tarfile.TarInfo(name)
        member.size = 11
        tar.addfile(member, io.BytesIO(b"GGUF canary"))
    return out.getvalue()

"""LC324: sources that drip, redirects with two aims, and a cache whose place is not one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any, Final

from locara.core.digest import Digest
from locara.records import dataclass
from locara_verify.checks.in_process import environment
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.network.ground import Server, answer
from locara_verify.context import Context

RULE: Final = "LC324"
SIZE: Final = 600_000
PATIENCE: Final = 3_600.0
"""Seconds after which a source that brings next to nothing must have been given up."""


@dataclass(slots=True)
class _Source:
    """A server that sends so many bytes at once, then one a second, on a clock of its own."""

    data: bytes
    begins: int
    now: float = 0.0
    at: int = 0
    status: int = 200
    url: Any = None
    gave_up: list[float] = field(default_factory=list)

    @contextmanager
    def ask(self, url: Any, *, headers: Mapping[str, str] | None = None) -> Iterator[_Source]:  # noqa: ANN401 - an address
        """The answer is the rest that is asked for."""
        wanted = (headers or {}).get("Range", "")
        self.at = int(wanted[6:-1]) if wanted else 0
        self.status, self.url = (206 if wanted else 200), url
        yield self

    def header(self, name: str) -> str:
        """Only what a part needs."""
        ranged = name == "Content-Range" and self.status == 206
        return f"bytes {self.at}-{len(self.data) - 1}/{len(self.data)}" if ranged else ""

    def read(self, count: int) -> bytes:
        """What has come meanwhile."""
        self.now += 1.0
        if self.now > 2 * PATIENCE:
            raise TimeoutError
        piece = self.data[self.at : max(self.begins, self.at + 1)][:count]
        self.at += len(piece)
        return piece


def all_of_it(ctx: Context, tally: Tally, host: Server, rng: random.Random) -> None:
    """Every family."""
    drips(ctx, tally, rng)
    two_aims(ctx, tally, host, rng)
    places(ctx, tally)


def drips(ctx: Context, tally: Tally, rng: random.Random) -> None:
    """A source that brings a byte a second is given up, however much it brought before."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.models.cache import ModelCache  # noqa: PLC0415
    from locara.models.fetch import Wanted, Watch, fetch  # noqa: PLC0415
    from locara.models.web import Url  # noqa: PLC0415

    data = rng.randbytes(SIZE)
    url = Url("models.example", 443, "/model.gguf")
    for begins in (SIZE, 1, SIZE - 5_000):
        tally.attacks += 1
        source: Any = _Source(data, begins)
        watch = Watch(clock=partial(getattr, source, "now"))
        try:
            wanted = Wanted(Digest.of(data), len(data), (url,))
            fetch(ModelCache(ctx.fresh_dir("drips") / "cache"), wanted, web=source, watch=watch)
            code = "taken"
        except ModelError as error:
            code = error.code
        except TimeoutError:
            code = "waits"
        told = f"{begins} of {SIZE} bytes at once, then one a second: {code} after {source.now:.0f} s"
        if begins == SIZE:
            if code != "taken":
                tally.undecided(RULE, f"the allow twin failed: {told}")
            continue
        held = code == "unreachable" and source.now <= PATIENCE
        tally.expect(RULE, held, "a source that drips holds a download", told)


def two_aims(ctx: Context, tally: Tally, host: Server, rng: random.Random) -> None:
    """A redirect that names two places leads to neither: another reader would follow the other."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework
    from locara.models.cache import ModelCache  # noqa: PLC0415
    from locara.models.fetch import Wanted, fetch  # noqa: PLC0415
    from locara.models.web import Url, Web  # noqa: PLC0415

    data = rng.randbytes(900)
    aims = (f"Location: {host.url('/one')}", f"Location: {host.url('/two')}")
    for fields in (aims[:1], aims, (aims[0], "Location: /two"), (aims[0], "Location: "), (aims[0], aims[0])):
        tally.attacks += 1
        host.seen.clear()
        host.answers = lambda request, fields=fields: (  # type: ignore[misc]
            answer(302, *fields) if b" /model.gguf " in request else answer(200, body=data)
        )
        try:
            wanted = Wanted(Digest.of(data), len(data), (Url.parse(host.url("/model.gguf")),))
            fetch(ModelCache(ctx.fresh_dir("aims") / "cache"), wanted, web=Web(timeout=10.0))
            code = "taken"
        except ModelError as error:
            code = error.code
        told = f"{len(fields)} places: {code}, {len(host.seen)} requests"
        if len(fields) == 1:
            if code != "taken":
                tally.undecided(RULE, f"the allow twin failed: an ordinary redirect: {told}")
            continue
        held = code == "bad_address" and len(host.seen) == 1
        tally.expect(RULE, held, "a redirect with two places was followed", told)


def places(ctx: Context, tally: Tally) -> None:
    """What is no full path is no place for the cache: it would be another one in each folder."""
    from locara.models.cache import default_root  # noqa: PLC0415 - loads the framework

    home, full = ctx.fresh_dir("home"), ctx.fresh_dir("full")
    usual = home / ".cache/Locara/models"
    wanted: dict[str, Path] = {str(full): full / "Locara/models", "": usual}
    wanted |= dict.fromkeys((".", "cache", "./cache", "../cache", "~/cache", " ", "$HOME/cache"), usual)
    for value, due in wanted.items():
        tally.attacks += 1
        with environment(HOME=str(home), XDG_CACHE_HOME=value):
            found = default_root()
        told = f"XDG_CACHE_HOME={value!r}: {found}"
        tally.expect(RULE, found == due, "the cache lies where the current folder says", told)

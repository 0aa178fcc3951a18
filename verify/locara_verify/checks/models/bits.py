"""LC502: the runtime refuses a model when one bit, or the whole file, is not what its pin says."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.records import dataclass
from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Roles, Tally, blob, reads, refusal, roles, survives
from locara_verify.context import Context
from locara_verify.finding import JSON

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.models.cache import ModelCache
    from locara.runtime.client import Client

RULE: Final = "LC502"
NAME: Final = "model-bit-flip"
LARGEST: Final = 1 << 30
"""Bytes. Larger models are left alone where a smaller one is pinned: the runtime treats all the same way."""


def chosen(ctx: Context) -> set[Digest]:
    """The models that are damaged: all that are not huge, or else the smallest."""
    sizes = {digest: blob(ctx, digest).stat().st_size for digest in ctx.grants.models.values()}
    smallest = min(sizes, key=lambda digest: sizes[digest])
    return {digest for digest, size in sizes.items() if size <= LARGEST} or {smallest}


def copied_cache(ctx: Context, damaged: set[Digest]) -> ModelCache:
    """A cache of this check's own with a copy of every model it may damage; the others are only linked."""
    from locara.models.cache import ModelCache  # noqa: PLC0415 - loads the framework

    root = ctx.fresh_dir("models")
    for digest in ctx.grants.models.values():
        source = blob(ctx, digest)
        target = root / digest.hex / source.name
        target.parent.mkdir()
        if digest not in damaged:
            try:
                target.hardlink_to(source)
                continue
            except OSError:  # another file system: a copy then
                target.unlink(missing_ok=True)
        shutil.copyfile(source, target)
    return ModelCache(root)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes put over those of a file at one place, and the size that the file has then."""

    at: int
    put: bytes
    size: int

    def apply(self, path: Path) -> None:
        """Change the file in its place: a copy for each would be most of the work."""
        with path.open("r+b") as file:
            file.seek(self.at)
            file.write(self.put)
            file.truncate(self.size)

    def undo(self, path: Path, original: bytes) -> None:
        """Make the file what it was."""
        with path.open("r+b") as file:
            for begin, end in ((self.at, self.at + len(self.put)), (self.size, len(original))):
                file.seek(begin)
                file.write(original[begin:end])
            file.truncate(len(original))


def damages(original: bytes, rng: random.Random) -> dict[str, Damage]:
    """Ways to be another file: single bits in every part, a byte more, a byte less, nothing at all."""
    size = len(original)

    def flip(at: int, bit: int) -> Damage:
        return Damage(at, bytes([original[at] ^ 1 << bit]), size)

    return {
        "one bit of the magic": flip(0, 0),
        "one bit of the version": flip(4, 7),
        "one bit of the tensor count": flip(15, 7),
        "one bit in the header": flip(rng.randrange(24, min(4096, size)), rng.randrange(8)),
        "one bit in the middle": flip(size // 2, rng.randrange(8)),
        "one bit anywhere": flip(rng.randrange(size), rng.randrange(8)),
        "one bit of the last byte": flip(size - 1, rng.randrange(8)),
        "a byte more": Damage(size, b"\0", size + 1),
        "a byte less": Damage(size - 1, b"", size - 1),
        "an empty file": Damage(0, b"", 0),
    }


def ask(role: str, model: str) -> tuple[str, dict[str, JSON]]:
    """A call that needs the model of a role."""
    if role == "embed":
        return "embed.create", {"model": model, "texts": ["text"]}
    return "llm.chat", {"model": model, "messages": [{"role": "user", "content": "text"}], "maxTokens": 1}


@dataclass(frozen=True, slots=True)
class Subject:
    """One pinned model of the copy: what it does, its id, its file, and another model's file to put there."""

    role: str
    model: str
    path: Path
    other: Path | None


def attack(tally: Tally, client: Client, subject: Subject, rng: random.Random) -> None:
    """Damage the file in every way while the app runs; nothing may load, and the untouched copy must."""
    path, model = subject.path, subject.model
    original = path.read_bytes()
    command, args = ask(subject.role, model)
    for what, damage in damages(original, rng).items():
        damage.apply(path)
        judge(tally, refusal(client, command, args), model, what)
        damage.undo(path, original)
    if subject.other is not None:
        path.write_bytes(subject.other.read_bytes())
        judge(tally, refusal(client, command, args), model, "another pinned model in its place")
    path.write_bytes(original)
    code, message = refusal(client, command, args)
    if code != "ok":
        tally.undecided(RULE, f"the allow twin failed: the untouched {model} was refused ({code}: {message})")


def judge(tally: Tally, answer: tuple[str, str], model: str, what: str) -> None:
    """The call must be refused, and because of the digest."""
    code, message = answer
    tally.attacks += 1
    if not tally.expect(
        RULE,
        code != "ok",
        f"the runtime loaded {model} with {what}",
        f"the call was answered: {code}",
        model=model,
        damage=what,
    ):
        return
    tally.expect(
        RULE,
        code in {"model_error", "model_unavailable"} and "digest" in message,
        f"{model} with {what} was refused for another reason than its digest",
        f"{code}: {message}"[:300],
        model=model,
        damage=what,
    )


def pinned(ctx: Context, found: Roles) -> dict[str, tuple[str, Digest]]:
    """Role -> (id, digest), for the roles the app has."""
    names = {"chat": found.chat, "embed": found.embed}
    return {role: (name, ctx.grants.models[name]) for role, name in names.items() if name is not None}


@check(NAME, rules=(RULE,), needs=frozenset({"live", "models"}), applies=reads)
def run(ctx: Context) -> CheckResult:
    """Start the app on a copy of the cache and change the copy under it."""
    tally = Tally()
    damaged = chosen(ctx)
    cache = copied_cache(ctx, damaged)
    models = {role: found for role, found in pinned(ctx, roles(ctx)).items() if found[1] in damaged}
    if not models:
        tally.undecided(RULE, "none of the models that could be damaged is one the app can call")
    with ctx.open_app(cache=cache) as app, survives(tally, RULE, app.client):
        for number, (role, (name, digest)) in enumerate(models.items()):
            ctx.progress(number, len(models), f"damaging {name}")
            others = [
                path for r, (_, d) in models.items() if r != role and (path := cache.blob(d)) is not None
            ]
            subject = Subject(
                role, name, cache.root / digest.hex / "model.gguf", others[0] if others else None
            )
            attack(tally, app.client, subject, ctx.rng(f"{NAME}-{name}"))
    return tally.result()

"""LC501 and LC502 at the cache: what it says is intact, what it lets in and takes for a model, and what it gives up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.models.cache import ModelCache
from locara.models.users import remember
from locara_verify.check import CheckResult, check
from locara_verify.checks.in_process import verb
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.tally import Tally

FLIPPED: Final = "LC502"
PINNED: Final = "LC501"
_BYTES: Final = 100_000


def refused(cache: ModelCache, digest: Digest) -> bool:
    """Whether the cache says that this model is not what its digest says."""
    try:
        cache.verify(digest)
    except ModelError as error:
        return error.code == "digest_mismatch"
    return False


@check("models-cache", rules=(FLIPPED, PINNED), quick=True)
def run(ctx: Context) -> CheckResult:
    """Flip bytes of an entry, add a file under another digest, and put other things in the place of a file."""
    folder, rng = ctx.fresh_dir("cache"), ctx.rng("models-cache")
    source, tried, findings = folder / "source", 0, []
    source.write_bytes(rng.randbytes(_BYTES))
    cache = ModelCache(folder / "models")
    digest = cache.add_file(source)
    works = cache.is_intact(digest) and cache.blob(digest) is not None
    blob = cache.root / digest.hex / "model.gguf"
    blob.chmod(0o600)
    good = blob.read_bytes()
    for at in (0, 1, _BYTES - 1, *(rng.randrange(_BYTES) for _ in range(8))):
        blob.write_bytes(good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1 :])
        tried += 1
        if not refused(cache, digest) or cache.is_intact(digest):
            findings.append(
                _finding("the cache takes a damaged model for whole", f"one bit of byte {at} was flipped")
            )
    for shorter in (good[:-1], good + b"\0", b""):
        blob.write_bytes(shorter)
        tried += 1
        if not refused(cache, digest):
            findings.append(
                _finding("the cache takes a damaged model for whole", f"{len(shorter)} bytes of {_BYTES}")
            )
    for stand_in in ("link", "fifo", "folder"):
        _replace(blob, stand_in, source)
        tried += 1
        if cache.blob(digest) is not None:
            findings.append(
                _finding("the cache takes something else for a model", f"a {stand_in} in its place")
            )
    other = Digest.of(rng.randbytes(16))
    try:
        cache.add_file(source, expected=other)
    except ModelError as error:
        entered = error.code != "digest_mismatch" or cache.blob(other) is not None
    else:
        entered = True
    if entered:
        findings.append(_finding("a file entered the cache under a digest that is not its own", "add_file"))
    twin = {} if works else {FLIPPED: "the allow twin failed: an honest file is intact after it was added"}
    said = CheckResult(
        findings=tuple(findings[:10]), attempts={FLIPPED: tried + 1}, attacks=tried + 1, inconclusive=twin
    )
    return said.joined(collected(ctx), "what is given up").joined(pulled(ctx), "what is there already")


def collected(ctx: Context) -> CheckResult:
    """What an app pins is not removed, and while one app cannot be read nobody knows what it pins: nothing is."""
    tally, rng = Tally(), ctx.rng("models-collected")
    for what, spoil in _SPOILT.items():
        folder = ctx.fresh_dir("collected")
        cache = ModelCache(folder / "models")
        models = []
        for name in ("pinned", "nobody's"):
            (folder / name).write_bytes(rng.randbytes(2_000))
            models.append(cache.add_file(folder / name))
        apps = [_pinning(ctx, f"model@{models[0]}"), _pinning(ctx, f"model@{models[0]}")]
        for app in apps:
            remember(cache, app)
        spoil(apps[0] / "locara.json")
        code = _models("gc", "--yes", "--cache", str(cache.root))
        left = [cache.blob(model) is not None for model in models]
        told = f"{what}: exit code {code}, the pinned model and another are there: {left}"
        if what == "as it is":
            tally.twin(PINNED, code == 0 and not left[1], told)
            tally.judge(PINNED, left[0], "a model that an app pins was removed", told)
        else:
            held = code not in {0, _BROKEN} and all(left)
            tally.judge(
                PINNED, held, "nobody knows what an app pins, and models were removed or nobody is told", told
            )
            lists = _models("list", "--cache", str(cache.root))
            tally.judge(
                PINNED, lists == 0, "one app that cannot be read hides the models", f"{what}: {lists}"
            )
    return tally.result()


_BROKEN: Final = 70
"""The exit code of a verb that something unforeseen has ended."""


def _written(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(manifest: Path) -> None:
        manifest.write_bytes(change(manifest.read_bytes()))

    return spoil


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(manifest: Path) -> None:
        manifest.unlink()
        make(manifest)

    return spoil


_SPOILT: Final[Mapping[str, Callable[[Path], None]]] = {
    "as it is": _written(lambda data: data),
    "cut": _written(lambda data: data[: len(data) // 2]),
    "of a later format": _written(lambda data: data.replace(b"locara/v1", b"locara/v9")),
    "of a pin too short": _written(lambda data: data.replace(b"@sha256:", b"@sha256:0", 1)),
    "nothing": _written(lambda _data: b""),
    "a folder": _replaced(lambda place: place.mkdir()),
    "a pipe": _replaced(os.mkfifo),
    "a link to itself": _replaced(lambda place: place.symlink_to(place.name)),
    "a link to a name that is too long": _replaced(lambda place: place.symlink_to("x" * 300)),
}


def _pinning(ctx: Context, pin: str) -> Path:
    document = json.loads(ctx.target.manifest_bytes)
    document |= {"modalities": [], "tooling": [], "profiles": {}, "capabilities": {"models": [pin]}}
    folder = ctx.fresh_dir("pinning")
    (folder / "locara.json").write_text(json.dumps(document), "utf-8")
    return folder


def pulled(ctx: Context) -> CheckResult:
    """A model that is in the cache is got again when its bytes are not those of the pin; here there is no source."""
    tally, rng, folder = Tally(), ctx.rng("models-pulled"), ctx.fresh_dir("pulled")
    (folder / "source").write_bytes(rng.randbytes(2_000))
    cache = ModelCache(folder / "models")
    digest = cache.add_file(folder / "source")
    words = ("pull", f"model@{digest}", "--cache", str(cache.root))
    tally.twin(PINNED, _models(*words) == 0, "a model that is in the cache need not be got")
    blob = cache.root / digest.hex / "model.gguf"
    blob.chmod(0o600)
    good = blob.read_bytes()
    for what, data in (
        ("one bit another", bytes([good[0] ^ 1]) + good[1:]),
        ("cut", good[:-1]),
        ("longer", good + b"x"),
    ):
        blob.write_bytes(data)
        code = _models(*words)
        told = f"{what}: exit code {code}"
        tally.judge(PINNED, code != 0, "a damaged model is told to be in the cache", told)
    return tally.result()


def _models(*words: str) -> int:
    """The exit code of `locara models`."""
    return verb("models", *words)[0]


def _replace(blob: Path, stand_in: str, source: Path) -> None:
    if blob.is_dir() and not blob.is_symlink():
        blob.rmdir()
    else:
        blob.unlink()
    if stand_in == "link":
        blob.symlink_to(source)
    elif stand_in == "fifo":
        os.mkfifo(blob)
    else:
        blob.mkdir()


def _finding(message: str, because: str) -> Finding:
    return Finding(FLIPPED, message, because=because)

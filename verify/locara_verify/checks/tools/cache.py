"""LC608: tools run with the bytes that were pinned: nothing else in the cache, and nothing precompiled by others."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.models.probe import Tally
from locara_verify.checks.tools.modules import Made, counter, echo, make
from locara_verify.checks.tools.stage import fill, stage, variant
from locara_verify.context import Context

RULE: Final = "LC608"
NAME: Final = "tool-cache"
COMPILED: Final = "tmp/tools"


@check(NAME, rules=(RULE,), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Change the cache before a start, then between starts what the runtime keeps compiled."""
    tally = Tally()
    changed(ctx, tally)
    compiled(ctx, tally)
    imported(ctx, tally)
    return tally.result()


def changed(ctx: Context, tally: Tally) -> None:
    """One tool for each way to change its entry, and one that nobody touched."""
    names = list(DAMAGE)
    tools = [make(f"echo-{number}", echo(name)) for number, name in enumerate(names)]
    other, whole = make("other", counter()), make("whole", echo())
    folder = ctx.fresh_dir("cache")
    fill(folder, [*tools, other, whole])
    for name, tool in zip(names, tools, strict=True):
        DAMAGE[name](folder, tool, other)
    with stage(ctx, tally, [*tools, whole], folder=folder) as on:
        for name, tool in zip(names, tools, strict=True):
            answer = on.invoke(tool.id, 1)
            tally.expect(
                RULE,
                answer.code == "tool_unavailable" and answer.output is None,
                f"a tool ran although its cache entry was changed: {name}",
                f"{answer.code}: {answer.message}",
            )
        twin = on.invoke("whole", 1)
        if twin.output != 1:
            tally.undecided(RULE, f"the allow twin failed: an untouched tool was refused ({twin.code})")


def _entry(folder: Path, tool: Made, name: str) -> Path:
    path = folder / tool.digest.removeprefix("sha256:") / name
    path.chmod(0o644)
    return path


def _flip(folder: Path, tool: Made, _other: Made) -> None:
    path = _entry(folder, tool, "tool.wasm")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _swap(folder: Path, tool: Made, other: Made) -> None:
    _entry(folder, tool, "tool.wasm").write_bytes(other.wasm)


def _widen(folder: Path, tool: Made, _other: Made) -> None:
    path = _entry(folder, tool, "tool.json")
    path.write_bytes(path.read_bytes().replace(b'"memory_mb": 16', b'"memory_mb": 64'))


def _whole(folder: Path, tool: Made, other: Made) -> None:
    _swap(folder, tool, other)
    _entry(folder, tool, "tool.json").write_bytes(other.manifest)


def _cut(folder: Path, tool: Made, _other: Made) -> None:
    _entry(folder, tool, "tool.wasm").write_bytes(b"")


DAMAGE: Final[dict[str, Callable[[Path, Made, Made], None]]] = {
    "one bit of the module": _flip,
    "the module of another tool": _swap,
    "a limit in the manifest": _widen,
    "both files of another tool": _whole,
    "an empty module": _cut,
}


def _linked(folder: Path, tool: Made, name: str) -> None:
    """A link to the right bytes: whoever holds what it leads to can change them later."""
    path = folder / tool.digest.removeprefix("sha256:") / name
    place = folder.with_name(f"{folder.name}-beside")
    path.rename(place)
    path.symlink_to(place)


def _file(folder: Path, tool: Made, _other: Made) -> None:
    path = folder / tool.digest.removeprefix("sha256:")
    shutil.rmtree(path)
    path.write_bytes(tool.wasm)


LINKED: Final[dict[str, Callable[[Path, Made, Made], None]]] = {
    "a link for the module": lambda folder, tool, _: _linked(folder, tool, "tool.wasm"),
    "a link for the manifest": lambda folder, tool, _: _linked(folder, tool, "tool.json"),
    "a link for its folder": lambda folder, tool, _: _linked(folder, tool, ""),
    "a file for its folder": _file,
}


def imported(ctx: Context, tally: Tally) -> None:
    """A changed entry is no entry of the tool, and importing the tool puts its own bytes in place of it."""
    from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
    from locara.errors import ToolError  # noqa: PLC0415
    from locara.tools.cache import ToolCache  # noqa: PLC0415

    tool, other = make("imported", echo()), make("other", counter())
    for name, damage in {"nothing": None, **DAMAGE, **LINKED}.items():
        folder = ctx.fresh_dir("imported")
        fill(folder, [tool, other])
        if damage is not None:
            damage(folder, tool, other)
        cache = ToolCache(folder)
        said = []
        for step in (None, lambda: cache.add(tool.manifest, tool.wasm)):  # noqa: B023 - called at once
            if step is not None:
                step()
            try:
                said.append(cache.verify(Digest.parse(tool.digest)).id)
            except ToolError as error:
                said.append(error.code)
        entry = folder / tool.digest.removeprefix("sha256:")
        there = {path.name: path.read_bytes() for path in entry.iterdir()} if entry.is_dir() else {}
        right = there == {"tool.json": tool.manifest, "tool.wasm": tool.wasm}
        whole = right and not any(path.is_symlink() for path in (entry, *entry.iterdir()))
        rest = sorted(path.name for path in folder.iterdir() if path.name.startswith(".partial"))
        because = f"{name}: {said[0]} before and {said[1]} after; {sorted(there)}, {rest}"
        if damage is None and said != [tool.id, tool.id]:
            tally.undecided(RULE, f"the allow twin failed: a tool in the cache: {because}")
        changed_is_none = damage is None or said[0] != tool.id
        tally.expect(RULE, changed_is_none, "a changed entry of the cache passes for the tool", because)
        mended = whole and said[1] == tool.id and not rest
        tally.expect(RULE, mended, "importing a tool leaves a changed entry in its place", because)


def compiled(ctx: Context, tally: Tally) -> None:
    """What the runtime keeps compiled is used again, and only as what it was compiled from."""
    names = ("untouched", "one bit", "another tool's", "another tool's body", "cut short", "nothing")
    tools = {name: make(f"echo-{number}", echo(f"kept {number}")) for number, name in enumerate(names)}
    other = make("other", counter())
    cast = [*tools.values(), other]
    folder, home, app = ctx.fresh_dir("cache"), ctx.fresh_dir("home"), variant(ctx, cast)
    fill(folder, cast)

    def started() -> tuple[dict[str, object], Path]:
        """Start the app, call every tool, end it: what they answered, and where compiled code is kept."""
        with stage(ctx, tally, cast, folder=folder, home=home, app=app) as on:
            found = {name: on.invoke(tool.id, [name]).output for name, tool in tools.items()}
            return {**found, "other": on.invoke("other").output}, on.app.home.path / COMPILED

    right: dict[str, object] = {**{name: [name] for name in names}, "other": [1_001, 1_001, 0]}
    found, place = started()
    kept = {name: next(place.glob(f"{_hex(tool)}-*.cwasm"), None) for name, tool in tools.items()}
    theirs = next(place.glob(f"{_hex(other)}-*.cwasm"), None)
    files = {name: path for name, path in kept.items() if path is not None}
    if found != right or theirs is None or len(files) != len(names):
        tally.undecided(
            RULE, f"the allow twin failed: {len(files)} of {len(names)} were kept compiled; {found}"
        )
        return
    foreign, untouched = theirs.read_bytes(), files["untouched"].stat().st_ino
    forged = {name: _forged(name, path.read_bytes(), foreign) for name, path in files.items()}
    for name, path in files.items():
        if name != "untouched":
            with path.open("r+b") as file:  # in place, so that owner and mode stay what they were
                file.truncate(0)
                file.write(forged[name])
    found, _ = started()
    for name, path in files.items():
        if name == "untouched":
            continue
        ran = found[name] == right[name]
        tally.expect(RULE, ran, f"compiled code that was replaced ({name}) was run", f"{found[name]}")
        tally.expect(RULE, path.read_bytes() != forged[name], f"replaced compiled code ({name}) was kept")
    if found["untouched"] != right["untouched"] or files["untouched"].stat().st_ino != untouched:
        tally.undecided(RULE, "the allow twin failed: what was kept compiled was not used again")


def _forged(name: str, good: bytes, foreign: bytes) -> bytes:
    """The bytes to put in place of good ones."""
    return {
        "one bit": good[:-9] + bytes([good[-9] ^ 1]) + good[-8:],
        "another tool's": foreign,
        "another tool's body": good[:32] + foreign[32:],
        "cut short": good[: len(good) // 2],
    }.get(name, b"")


def _hex(tool: Made) -> str:
    return hashlib.sha256(tool.wasm).hexdigest()

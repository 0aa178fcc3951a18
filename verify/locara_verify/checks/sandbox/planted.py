"""LC111, LC112: programs and files that somebody put where a start could find them, judged by what they leave."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import locara
from locara_verify.check import CheckResult, check
from locara_verify.checks.attestation.hostile import state
from locara_verify.checks.consent.starts import bare, traces
from locara_verify.checks.forked import command
from locara_verify.context import Context
from locara_verify.finding import Finding

if TYPE_CHECKING:
    from locara.runtime.launch import RunningApp

LOOKUP: Final = "LC111"
MODES: Final = "LC112"
_SECONDS: Final = 60
_PLAIN: Final = "/usr/bin:/bin"
_SYSTEM: Final = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
_ALWAYS: Final = (
    "bwrap",
    "sh",
    "bash",
    "env",
    "python3",
    "ldconfig",
    "ldd",
    "uname",
    "xdg-open",
    "git",
    "node",
    "npm",
)
_OBEYED: Final = {
    "Makefile": "all:\n\tsh ./mark\n",
    "package.json": '{"scripts": {"preinstall": "sh ./mark", "prepare": "sh ./mark"}}',
    ".vscode/tasks.json": '{"tasks": [{"command": "sh ./mark", "runOptions": {"runOn": "folderOpen"}}]}',
    ".mcp.json": '{"mcpServers": {"x": {"command": "sh", "args": ["./mark"]}}}',
    ".envrc": "sh ./mark\n",
    ".git/config": "[core]\n\tfsmonitor = sh ./mark\n",
    ".git/hooks/post-checkout": "#!/bin/sh\nsh ./mark\n",
    "locara.json": '{"$schema": "locara/v1", "name": "x", "tooling": {"x": "sh ./mark"}}',
    "autorun.inf": "[autorun]\nopen=mark\n",
}
_IMPORTED: Final = ("sitecustomize.py", "usercustomize.py", "conftest.py", "json.py", "locara/__init__.py")


_QUOTED: Final = re.compile(r"""(?<=["'])[^"'\\\s]+(?=["'])""")
"""Whatever stands between two quotes and is one word; of two texts in a line also what stands between them."""


def known_programs() -> list[str]:
    """Every text of the package that is the name of a program of this system, and some more."""
    here = {name for folder in _SYSTEM if Path(folder).is_dir() for name in os.listdir(folder)}  # noqa: PTH208
    texts: set[str] = set()
    for place in Path(next(iter(locara.__path__))).rglob("*.py"):
        texts.update(word.rpartition("/")[2] for word in _QUOTED.findall(place.read_text("utf-8")))
    return sorted({*_ALWAYS, *(texts & here)} - {""})


def plant(folder: Path, marks: Path, names: list[str]) -> None:
    """Executables with these names, and files that tools obey; whatever runs leaves a mark in ``marks`` and beside
    itself."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*names, "mark"):
        place = folder / name
        place.write_text(f'#!/bin/sh\n: > "{marks}/{folder.name}-{name}"\n: > "$0.ran"\nexit 1\n')
        place.chmod(0o755)
    for name, text in _OBEYED.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    for name in _IMPORTED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"open({str(marks / f'{folder.name}-module')!r}, 'w').close()\n")


def marked(*places: Path) -> list[str]:
    """The marks there are, by name."""
    found = [str(one.name) for place in places for one in place.rglob("*") if one.name.endswith(".ran")]
    return sorted({*found, *(one.name for one in places[0].iterdir())})


def started(
    app: Path, person: Path, *words: str, folder: Path, path: str, umask: int = -1
) -> subprocess.CompletedProcess[bytes]:
    """One command of `locara` as a person would run it from ``folder``, with nothing on its input."""
    more = _of_a_run(app, person) if words[0] == "run" else ()
    return subprocess.run(
        [sys.executable, "-P", "-m", "locara", *words, *more], env=_environment(person, path), cwd=folder,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False, start_new_session=True,
        umask=umask,
    )  # fmt: skip


def _of_a_run(app: Path, person: Path) -> tuple[str, ...]:
    return (str(app), "--data", str(person / "data"), "--accept-consent")


def _environment(person: Path, path: str) -> dict[str, str]:
    code = str(Path(next(iter(locara.__path__))).parent)
    return {"PATH": path, "HOME": str(person), "LANG": "C.UTF-8", "TMPDIR": str(person), "PYTHONPATH": code}


def _reading(document: dict[str, Any]) -> None:
    bare(document)
    document["capabilities"] |= {"fs.user-paths": {"documents": "read-write"}}


@check("sandbox.planted-programs", rules=(LOOKUP,), needs=frozenset({"live", "kernel"}))
def programs(ctx: Context) -> CheckResult:
    """Start and look after an app from folders full of planted programs; then let an app open such a folder."""
    names, marks, person = known_programs(), ctx.fresh_dir("marks"), ctx.fresh_dir("person")
    marks.chmod(0o777)
    folders = [ctx.fresh_dir("cwd"), ctx.fresh_dir("head"), person / "bin", person / ".local/bin"]
    for folder in folders:
        plant(folder, marks, names)
    app = ctx.variant("reading", _reading)
    plant(app / "test", marks, names)
    paths = (
        f"{folders[1]}:/usr/bin:/bin",
        f":.:{folders[2]}:{folders[3]}:/usr/bin:/bin",
        str(folders[1]),
    )
    findings, broken, tried = [], "", 0
    for path in paths:
        for words in (("run", "--headless"), ("doctor",)):
            done = started(app, person, *words, folder=folders[0], path=path)
            tried += len(names)
            if words[0] == "run" and done.returncode != 0:
                broken = f"the app does not start with PATH={path}: {done.stderr[-200:].decode('utf-8', 'replace')}"
            ctx.progress(tried, 0, " ".join(words))
    findings += [f"{name} was run by a start" for name in marked(marks, *folders, app)]
    if not traces(person / "data"):
        broken = broken or "no start left a trace"
    opened = ctx.fresh_dir("documents")
    plant(opened, marks, names)
    with ctx.open_app(app, user_roots={"documents": _handed_over(opened)}) as running:
        seen = _used(running, opened)
    tried += seen
    findings += [f"{name} was run when an app opened its folder" for name in marked(marks, opened)]
    if not seen:
        broken = broken or "the app read nothing of the folder"
    blind = [name for name in names if not _leaves_a_mark(folders[1] / name, marks)]
    if blind:
        broken = broken or f"run on purpose, {blind[0]} leaves no mark"
    told = tuple(
        Finding(LOOKUP, what, because="its mark lies in a folder outside") for what in dict.fromkeys(findings)
    )
    return CheckResult(
        told[:20],
        {LOOKUP: tried},
        attacks=tried,
        inconclusive={LOOKUP: f"the allow twin failed: {broken}"} if broken and not told else {},
    )


def _leaves_a_mark(program: Path, marks: Path) -> bool:
    subprocess.run([str(program)], check=False, cwd="/", env={}, timeout=_SECONDS)
    return (marks / f"{program.parent.name}-{program.name}").exists()


def _handed_over(folder: Path) -> Path:
    from locara_verify.checks.escape.arena import hand_over  # noqa: PLC0415 - only live checks load the runtime

    hand_over(folder)
    return folder


def _used(running: RunningApp, folder: Path) -> int:
    """Read, list and write every planted file through the app; how many were read."""
    from locara.errors import LocaraError  # noqa: PLC0415 - only live checks load the runtime

    read = 0
    names = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
    for name in names:
        where = {"root": "$DOCUMENTS", "path": name}
        for way, more in (
            ("fs.read", {"encoding": "utf8"}),
            ("fs.stat", {}),
            ("fs.list", {}),
            ("fs.write", {"data": "\n", "encoding": "utf8", "mode": "append"}),
        ):
            try:
                running.client.call(way, {**where, **more})
                read += way == "fs.read"
            except LocaraError:
                continue
    return read


@check("sandbox.planted-files", rules=(MODES,), needs=frozenset({"live", "kernel"}))
def files(ctx: Context) -> CheckResult:
    """Start with a umask of nothing and look at every mode; then again with links where the app's data will be."""
    app, person, cwd = ctx.variant("bare", bare), ctx.fresh_dir("person"), ctx.fresh_dir("cwd")
    first = started(app, person, "run", "--headless", folder=cwd, path=_PLAIN, umask=0)
    made = sorted(one for one in person.rglob("*"))
    findings = [
        f"{one.relative_to(person)} is written with mode {one.lstat().st_mode & 0o7777:04o}"
        for one in made
        if _loose(one) or _open_to_all(one, person)
    ]
    broken = "" if first.returncode == 0 and traces(person / "data") == 1 else "the app does not start"
    forked = ctx.fresh_dir("person")
    if _run_in_a_fork(app, forked, folder=cwd) != 0 or traces(forked / "data") != 1:
        broken = broken or "the app does not start in a fork"
    tried = len(made)
    rng = ctx.rng("planted-files")
    # Below the data folder: what lies above is the person's own, who may well keep ~/.local elsewhere by a link.
    names = [str(one.relative_to(person)) for one in made if person / "data" in one.parents]
    some = sorted(rng.sample(names, min(len(names), 3 if ctx.profile.profile == "quick" else 14)))
    for number, name in enumerate(some):
        ctx.progress(number, len(some), name)
        is_folder = (person / name).is_dir()
        for what, changed in _with_a_link(ctx, app, name, is_folder=is_folder):
            tried += 1
            if changed:
                findings.append(f"{what} at {name} was followed: {changed} changed outside")
    told = tuple(
        Finding(MODES, what, because="looked at from outside after a start of `locara run`")
        for what in findings
    )
    return CheckResult(
        told[:20],
        {MODES: tried},
        attacks=tried,
        inconclusive={MODES: f"the allow twin failed: {broken}"} if broken and not told else {},
    )


def _loose(place: Path) -> bool:
    mode = place.lstat().st_mode
    if stat.S_ISLNK(mode):
        return False
    return bool(mode & 0o7022) or (stat.S_ISREG(mode) and bool(mode & 0o111))


def _open_to_all(place: Path, person: Path) -> bool:
    """Whether somebody else can look into what is of the app: it, and every folder on the way to it."""
    data = person / "data"
    if data not in (place, *place.parents):
        return False
    way = [one for one in place.parents if data in (one, *one.parents)]
    found = place.lstat().st_mode
    if stat.S_ISLNK(found) or not all(one.lstat().st_mode & 0o011 for one in way):
        return False
    return bool(found & 0o044)


def _with_a_link(ctx: Context, app: Path, name: str, *, is_folder: bool) -> Iterator[tuple[str, str]]:
    """Starts of a new person with a link where ``name`` will be; which file outside changed, or nothing."""
    for what in ("a link to a folder",) if is_folder else ("a link to a file", "a link to nothing"):
        person, outside = ctx.fresh_dir("person"), ctx.fresh_dir("outside")
        (outside / "canary.txt").write_text("canary\n")
        place = person / name
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = {"a link to a folder": outside, "a link to a file": outside / "canary.txt"}
        place.symlink_to(target.get(what, outside / "new.txt"))
        before = state(outside, outside / "none")
        _run_in_a_fork(app, person, folder=outside)
        after = state(outside, outside / "none")
        yield what, ", ".join(sorted(_differing(before, after)))
        shutil.rmtree(person, ignore_errors=True)


def _run_in_a_fork(app: Path, person: Path, *, folder: Path) -> int:
    """The exit code of `locara run`. Every start does the same here, so the framework is loaded but once."""
    words = ("run", "--headless", *_of_a_run(app, person))
    return command(*words, environment=_environment(person, _PLAIN), folder=folder)


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {Path(name).name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}

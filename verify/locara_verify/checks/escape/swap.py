"""LC204: a folder is exchanged for a link to canaries, as fast as another process can, while the app uses
it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import ORDINARY_TEXT, hand_over
from locara_verify.checks.escape.live import Trial, conduct_both, share
from locara_verify.context import Context

RULE: Final = "LC204"
MOST_ROUNDS: Final = 2_000
LEAST_OF_EACH: Final = 3  # calls that met the folder, and calls that met the link
LEAST_FOOLED: Final = 5  # looks of `fooled`, one beside each call, that an exchange came into
NAME: Final = "secret.txt"  # the same name on both sides: ordinary in the folder, a canary behind the link

Json = Any

# Runs unsandboxed, outside: exchanges two names until its input ends, then says how often. As long with each pause:
# the long ones keep the rate near that of the calls, so that calls meet both sides; without one, half of the time,
# an exchange falls between any two steps of a call.
SWAPPER: Final = """
import ctypes, os, select, sys, time
libc = ctypes.CDLL(None, use_errno=True)
folder = os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY)
one, two = (name.encode() for name in sys.argv[2:4])
pauses, count = (0.0, 0.00005, 0.0, 0.0003, 0.0, 0.001, 0.0, 0.003), 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], pauses[int(time.monotonic() / 0.003) % len(pauses)])[0]:
    if libc.renameat2(folder, one, folder, two, 2) != 0:
        sys.exit(ctypes.get_errno())
    count += 1
if count % 2:
    libc.renameat2(folder, one, folder, two, 2)
print(count, flush=True)
"""


@contextmanager
def swapping(folder: Path, one: str, two: str) -> Iterator[list[int]]:
    """Exchange two names in ``folder`` during the block; the list holds the count of exchanges afterwards."""
    counts: list[int] = []
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", SWAPPER, str(folder), one, two],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("the exchanging process did not start")
        yield counts
    finally:
        out, _ = process.communicate(timeout=30)
        counts.append(int(out) if out.strip().isdigit() else 0)


def fooled(path: Path) -> bool:
    """Look for a link and then use the name, as a broker that checks first would; whether a link was followed.

    It shows that the window is hit by what looks and uses apart, on this machine and in this minute.
    """
    seen = path.lstat()
    if stat.S_ISLNK(seen.st_mode):
        return False
    try:
        return not os.path.samestat(seen, path.stat())
    except FileNotFoundError:  # what the link names is not there for this process
        return True


def stage(folder: Path, behind: Path) -> None:
    """Lay out two pairs: a folder with a link to the folder ``behind``, and a file with a link to its
    canary."""
    (folder / "turn").mkdir(parents=True)
    (folder / "turn" / NAME).write_text(ORDINARY_TEXT, encoding="utf-8")
    (folder / "turn-link").symlink_to(behind)
    (folder / "leaf.txt").write_text(ORDINARY_TEXT, encoding="utf-8")
    (folder / "leaf-link").symlink_to(behind / NAME)


def attack_pair(
    trial: Trial, root: str, folder: Path, names: tuple[str, str], calls: list[tuple[str, dict[str, Json]]]
) -> None:
    """Repeat ``calls`` while ``names`` are exchanged; count on which side each reading call came out.

    It goes on until calls met both sides and what checks before it uses would have been led outside.
    """
    met = {"folder": 0, "link": 0}
    hits = 0
    rounds = max(8, share(trial.arena.ctx, 0.02) // len(calls))
    with swapping(folder, *names) as counts:
        for number in range(MOST_ROUNDS):
            if number >= rounds and min(met.values()) >= LEAST_OF_EACH and hits >= LEAST_FOOLED:
                break
            for command, args in calls:
                hits += fooled(folder / names[0])
                reply = trial.arena.link.ask(command, {"root": root, **args}, timeout=30)
                trial.tried(RULE)
                if command == "fs.read" and reply.ok:
                    met["folder"] += 1
                    if reply.result["data"] not in (ORDINARY_TEXT, "changed by the app"):
                        trial.fail(
                            RULE,
                            "a swap led the app outside",
                            "the file behind the link was read",
                            f"{command} {args}",
                        )
                elif command == "fs.read" and reply.code == "capability_denied":
                    met["link"] += 1
            trial.arena.ctx.progress(min(number, rounds), rounds, "swaps")
    seen = (
        f"{counts[0]} exchanges, {met['folder']} reads met the file, {met['link']} met the link, "
        f"{hits} hit between check and use"
    )
    trial.notes.append(f"{names[0]}: {seen}")
    if min(met.values()) < LEAST_OF_EACH or hits < LEAST_FOOLED:
        trial.inconclusive.setdefault(RULE, f"the window was not hit: {seen}")


def reading(path: str) -> list[tuple[str, dict[str, Json]]]:
    """Calls that read at ``path`` and list above it."""
    folder = path.partition("/")[0]
    listing: list[tuple[str, dict[str, Json]]] = [("fs.list", {"path": folder})] if "/" in path else []
    return [("fs.read", {"path": path, "encoding": "utf8"}), ("fs.stat", {"path": path}), *listing]


def writing(path: str) -> list[tuple[str, dict[str, Json]]]:
    """Calls that write at ``path``, and beside it."""
    beside = path.replace(NAME, "new.txt") if "/" in path else "new.txt"
    text = {"data": "changed by the app", "encoding": "utf8"}
    return [
        ("fs.write", {"path": path, "mode": "replace", **text}),
        ("fs.write", {"path": path, "mode": "append", "data": "", "encoding": "utf8"}),
        ("fs.write", {"path": beside, "mode": "replace", **text}),
        ("fs.remove", {"path": beside}),
    ]  # fmt: skip


@check("escape-swap", rules=(RULE, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Race in every root of the app, and in every root there is, with a folder and with a file."""
    return conduct_both(ctx, (RULE,), attack)


def attack(trial: Trial) -> None:
    """The whole attack. What is behind each link is a canary: its tree is judged at the end."""
    arena = trial.arena
    roots = arena.roots()
    for root in roots:
        root.folder.mkdir(parents=True, exist_ok=True)
        # The runtime resolves inside the sandbox, where the link leads to what lies beside its own folder;
        # the broker resolves outside, where it leads to the person's private folder.
        own = root.name == "$APP_DATA"
        stage(root.folder, Path("../files-evil") if own else arena.picked_folder.parent / "private")
        hand_over(root.folder)
        arena.forget(root.folder)
    for tree in arena.trees.values():
        tree.mark()
    for root in roots:
        for names, path in ((("turn", "turn-link"), f"turn/{NAME}"), (("leaf.txt", "leaf-link"), "leaf.txt")):
            calls = reading(path) + (writing(path) if root.writable and names[0] == "turn" else [])
            attack_pair(trial, root.name, root.folder, names, calls)
    if not roots:
        trial.twin(RULE, arena.link.alive(), "app.info")
        trial.tried(RULE)

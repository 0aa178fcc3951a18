"""LC202: links, pipes, sockets and second names inside the roots are not followed, opened or written
through."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.escape.arena import ORDINARY_TEXT, hand_over
from locara_verify.checks.escape.live import Trial, conduct_both
from locara_verify.checks.escape.paths import FILE_COMMANDS, arguments_for, ordinary_use
from locara_verify.context import Context

RULE: Final = "LC202"
READING: Final = ("fs.read", "fs.list", "fs.stat")
CODES: Final = frozenset(
    {"capability_denied", "io_error", "not_found", "bad_request", "exists", "unknown_command"}
)
LINK_CODES: Final = frozenset({"capability_denied", "unknown_command"})

Json = Any


def plant_links(folder: Path, secret: Path) -> dict[str, str]:
    """Plant every kind of thing that is not a file of its own in ``folder``; names with what they are."""
    aims = {
        "to-file": secret, "to-folder": secret.parent, "to-parent": Path(".."), "to-root": Path("/"),
        "to-etc": Path("/etc/passwd"),
        "to-environ": Path("/proc/self/environ"), "to-proc-root": Path("/proc/self/root"),
        "to-fd": Path("/proc/self/fd/0"),
        "to-app": Path("/app/locara.json"), "to-evil": Path("../files-evil/secret.txt"),
        "to-evil-folder": Path("../files-evil"), "to-audit": Path("/data/audit/log.jsonl"),
        "to-db": Path("/data/db"),
        "to-device": Path("/dev/zero"), "to-sibling": Path("../secret.txt"),
        "to-nothing": Path("../not-there-yet"),
        "to-itself": Path("to-itself"), "to-plain": Path("plain.txt"), "chain-1": Path("chain-2"),
        "chain-2": Path("chain-3"),
        "chain-3": secret,
    }  # fmt: skip
    (folder / "plain.txt").write_text(ORDINARY_TEXT, encoding="utf-8")
    (folder / "plain").mkdir()
    (folder / "clean").mkdir()
    (folder / "plain/inner.txt").write_text(ORDINARY_TEXT, encoding="utf-8")
    kinds = {}
    for name, aim in aims.items():
        (folder / name).symlink_to(aim)
        kinds[name] = "link"
    (folder / "plain/up").symlink_to("../..")
    kinds["plain/up"] = "link"
    os.mkfifo(folder / "pipe")
    kinds["pipe"] = "pipe"
    # A long path does not fit a socket's address; binding from inside the folder makes it short.
    listener = socket.socket(socket.AF_UNIX)
    here = os.open(folder, os.O_PATH)
    try:
        listener.bind(f"/proc/self/fd/{here}/socket")
    finally:
        os.close(here)
        listener.close()
    kinds["socket"] = "socket"
    os.link(folder / "plain.txt", folder / "second-name")
    kinds["second-name"] = "second name"
    return kinds


def attack_root(trial: Trial, root: str, kinds: dict[str, str]) -> None:
    """Every file command on every planted thing, on names through it, and with a trailing slash."""
    link = trial.arena.link
    for name, kind in kinds.items():
        through = (
            [name]
            if kind != "link"
            else [name, f"{name}/secret.txt", f"{name}/x", f"{name}/picked/ordinary.txt"]
        )
        for path in through:
            for command in FILE_COMMANDS:
                reply = link.ask(command, arguments_for(command, root, path), timeout=20)
                trial.tried(RULE)
                judge(trial, command, f"{kind} {path}", ok=reply.ok, code=reply.code, through=path != name)
        append = {"root": root, "path": name, "data": "x", "encoding": "utf8", "mode": "append"}
        reply = link.ask("fs.write", append, timeout=20)
        trial.tried(RULE)
        judge(trial, "fs.write", f"{kind} {name}", ok=reply.ok, code=reply.code, through=False)


def judge(trial: Trial, command: str, what: str, *, ok: bool, code: str, through: bool) -> None:
    """A link is denied by the policy; other things are refused with an honest code. Reading a second name is
    fine."""
    kind = what.split(maxsplit=1)[0]
    if kind == "second":
        # Reading it reads a plain file, removing it takes one name away; writing would change the other name.
        fine = ok or code in CODES if command in (*READING, "fs.remove", "fs.mkdir") else not ok
    elif kind == "link":
        # Below a link that leads nowhere (or to a file) the kernel may rightly say that there is nothing.
        # A name that is taken cannot be made; what is no folder, whatever is behind it, cannot be listed.
        plain = (command, code) in (("fs.mkdir", "exists"), ("fs.list", "not_found"))
        fine = not ok and (code in LINK_CODES or plain or (through and code in CODES))
    else:
        fine = not ok and code in CODES
    if not fine:
        trial.fail(
            RULE,
            "something that is not a plain file was used",
            f"{command} answered {code or 'ok'}",
            f"{command} {what}",
        )


def kinds_in_listing(trial: Trial, root: str, kinds: dict[str, str]) -> None:
    """A listing shows links as what they are: not as the file or folder behind them, and without its size."""
    reply = trial.arena.link.ask("fs.list", {"root": root, "path": ""})
    trial.tried(RULE)
    if not reply.ok:
        clean = trial.arena.link.ask("fs.list", {"root": root, "path": "clean"})
        trial.twin(RULE, clean.ok, "listing a granted folder")
        if clean.ok:
            trial.fail(RULE, "a link in a folder is followed by its listing", f"it answered {reply.code}")
        return
    for entry in reply.result["entries"]:
        if kinds.get(entry["name"]) in ("link", "pipe", "socket") and (
            entry["kind"] in ("file", "directory") or entry["size"]
        ):
            trial.fail(
                RULE,
                "a listing follows a link",
                f"{entry['name']} is shown as {entry['kind']} of {entry['size']} bytes",
            )


@check("escape-links", rules=(RULE, "LC406"), needs=frozenset({"live"}))
def run(ctx: Context) -> CheckResult:
    """Plant links in every root of the app, and in every root there is, and try every file command on
    them."""
    return conduct_both(ctx, (RULE,), attack)


def attack(trial: Trial) -> None:
    """The whole attack. Trees are marked anew after planting: what changes from there on is the app's
    doing."""
    arena = trial.arena
    secret = arena.picked_folder.parent / "private/secret.txt"
    planted = []
    for root in arena.roots():
        root.folder.mkdir(parents=True, exist_ok=True)
        planted.append((root, plant_links(root.folder, secret)))
        hand_over(root.folder)
    for root, _kinds in planted:
        if root.writable:
            arena.forget(root.folder)
    for tree in arena.trees.values():
        tree.mark()
    for root, kinds in planted:
        plain = arena.link.ask("fs.read", arguments_for("fs.read", root.name, "plain.txt"))
        inner = arena.link.ask("fs.read", arguments_for("fs.read", root.name, "plain/inner.txt"))
        trial.twin(
            RULE,
            plain.ok and inner.ok,
            f"reading beside the links in {root.folder.name}: {plain.error}{inner.error}",
        )
        kinds_in_listing(trial, root.name, kinds)
        attack_root(trial, root.name, kinds)
    if not planted:
        attack_root(trial, "$APP_DATA", {"to-file": "link"})
        works, what = ordinary_use(arena)
        trial.twin(RULE, works, what)
    for place in (arena.picked_folder.parent, arena.data):
        if (place / "not-there-yet").exists():
            trial.fail(RULE, "a file was created through a link", "the target of a dangling link appeared")

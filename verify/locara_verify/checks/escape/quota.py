"""LC207 at the quota of an app's folder: whatever is written, appended, replaced and removed in which order, the folder
holds no more bytes and names than it may, and what would fit is not refused.

The bounded tree of the runtime works on a real folder in this process; the folder itself is measured after each step.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from locara.core.grant import Grants, SharedFolder
from locara.errors import CallError
from locara.runtime.files import BoundedTree, Files
from locara.runtime.trees import LocalTree, Refused
from locara.sandbox.broker_client import BrokerClient
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.tally import Tally

RULE: Final = "LC207"
_BYTES: Final = 10_000
_NAMES: Final = 12
_STEPS: Final = 130


@check("escape-quota", rules=(RULE,), quick=True)
def run(ctx: Context) -> CheckResult:
    """Drawn steps for an app that is alone in a folder, and for one that shares it."""
    tally, rng = Tally(), ctx.rng("escape-quota")
    for alone in (True, False):
        folder = ctx.fresh_dir(f"quota-{alone}")
        tree = BoundedTree(LocalTree(folder), max_bytes=_BYTES, max_files=_NAMES, alone=alone)
        _steps(tally, rng, folder, tree, alone=alone)
    _replacing(tally, ctx.fresh_dir("quota-replace"))
    _removing(tally, ctx.fresh_dir("quota-remove"))
    _shared(tally, ctx.fresh_dir("quota-shared"))
    _beside(tally, ctx.fresh_dir("quota-beside"))
    return tally.result()


def held(folder: Path) -> tuple[int, int]:
    """The bytes and the names that a folder holds."""
    found = [Path(top, name) for top, folders, files in os.walk(folder) for name in (*folders, *files)]
    return sum(path.lstat().st_size for path in found if not path.is_dir()), len(found)


def _steps(tally: Tally, rng: random.Random, folder: Path, tree: BoundedTree, *, alone: bool) -> None:
    done = refused = 0
    for number in range(_STEPS):
        name = f"{rng.choice(('', 'd/', 'e/'))}{rng.randrange(10)}"
        size, mode = (
            rng.choice((0, 1, 500, 3_000, 9_999, 10_001)),
            rng.choice(("create", "replace", "append")),
        )
        what = rng.choice(("write", "write", "write", "remove", "folder"))
        if not alone and number % 9 == 0:
            (folder / f"of-the-other-{number % 2}").write_bytes(bytes(rng.randrange(2_000)))
        before = held(folder)
        there = folder / name
        old = there.stat().st_size if mode == "replace" and there.is_file() else 0
        new = what != "write" or not os.path.lexists(there)
        told, code = f"step {number}: {what} {name} {mode} {size}", ""
        try:
            if what == "write":
                tree.write(name, bytes(size), mode)
            elif what == "remove":
                tree.remove(name)
            else:
                tree.make_folder(rng.choice(("d", "e", f"f{number % 7}")))
            done += 1
        except CallError as error:
            code = error.code
        except Refused:
            code = "refused"
        after = held(folder)
        over = (after[0] > max(_BYTES, before[0])) or after[1] > max(_NAMES, before[1])
        tally.judge(
            RULE,
            not over,
            "a folder holds more than its quota",
            f"{told}: {after[0]} bytes, {after[1]} names",
        )
        tally.judge(RULE, not code or after == before, "a refused change left something", told)
        if code == "quota_exceeded":
            refused += 1
            roomy = before[0] - old + size <= _BYTES and before[1] + new <= _NAMES
            tally.judge(RULE, not roomy, "what fits into a folder is refused", f"{told}, with {before}")
    tally.twin(RULE, done > _STEPS // 10 and refused > 5, f"steps are done and refused ({done}, {refused})")


def _replacing(tally: Tally, folder: Path) -> None:
    """What is replaced makes room for what replaces it, each time."""
    for alone in (True, False):
        tree = BoundedTree(LocalTree(folder), max_bytes=_BYTES, max_files=_NAMES, alone=alone)
        for number, mode in enumerate(("create", "replace", "replace", "replace")):
            fits = _taken(partial(tree.write, f"file-{alone}", bytes(_BYTES * 3 // 4), mode))
            tally.judge(
                RULE, fits, "what fits into a folder is refused", f"alone: {alone}; {mode}, {number} before"
            )
        tree.remove(f"file-{alone}")


def _removing(tally: Tally, folder: Path) -> None:
    """A folder with something in it is not removed; an empty one is."""
    (folder / "full/deeper").mkdir(parents=True)
    (folder / "full/deeper/file").write_bytes(b"x")
    (folder / "empty").mkdir()
    tree = LocalTree(folder)
    for path in ("full", "full/deeper", "full/"):
        with suppress(CallError, Refused):
            tree.remove(path)
        whole = (folder / "full/deeper/file").exists()
        tally.judge(RULE, whole, "removing a folder took all that was in it", path)
    tree.remove("empty")
    tally.twin(RULE, not (folder / "empty").exists(), "an empty folder is removed")


def _shared(tally: Tally, top: Path) -> None:
    """The roots as a start makes them: what another app of the circle puts into a shared folder counts, also between
    two calls of this one, and what is in one root counts in no other."""
    grants = replace(
        Grants.none(), quota_mb=1, shared_folders=(SharedFolder("together", ("test/other",), "read-write"),)
    )
    mine, shared = top / "mine", top / "user/shared/together"
    for folder in (mine, shared):
        folder.mkdir(parents=True)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        files = Files(grants, app_data=mine, user_roots=top / "user", broker=BrokerClient(ours))
        roots = {"$APP_DATA": mine, "$SHARED/together": shared}
        for root, folder in roots.items():
            tree = files.tree(root)
            tree.write("first", bytes(100_000), "create")
            fits = _taken(partial(tree.write, "fits", bytes(500_000), "create"))
            tally.judge(RULE, fits, "what fits into a folder is refused", f"{root}, in an empty one")
            tree.remove("fits")
            if root != "$APP_DATA":
                (folder / "of-another").write_bytes(bytes(900_000))
            else:
                fits = _taken(partial(tree.write, "more", bytes(900_000), "create"))
                tally.judge(
                    RULE, fits, "what fits into a folder is refused", f"{root}, after something was removed"
                )
            for mode in ("create", "replace", "append"):
                done = _taken(partial(tree.write, f"by-{mode}", bytes(100_000), mode))
                size, _ = held(folder)
                over = done and size > 1 << 20
                tally.judge(
                    RULE, not over, "a folder holds more than its quota", f"{root}: {mode}, {size} bytes"
                )


def _beside(tally: Tally, top: Path) -> None:
    """What links of a folder lead to is not in it: neither the bytes nor the names there count, or an app would learn
    of them by what it may still write."""
    folder, outside = top / "folder", top / "outside"
    for place in (folder, outside):
        place.mkdir()
    for number in range(_NAMES):
        (outside / f"{number}").write_bytes(bytes(_BYTES))
    (folder / "to-a-folder").symlink_to(outside)
    (folder / "to-a-file").symlink_to(outside / "0")
    for alone in (True, False):
        tree = BoundedTree(LocalTree(folder), max_bytes=_BYTES, max_files=_NAMES, alone=alone)
        fits = _taken(partial(tree.write, f"fits-{alone}", bytes(_BYTES // 4), "create"))
        tally.judge(RULE, fits, "what links lead to counts as the app's own", f"alone: {alone}")


def _taken(change: Callable[[], object]) -> bool:
    try:
        change()
    except CallError:
        return False
    return True

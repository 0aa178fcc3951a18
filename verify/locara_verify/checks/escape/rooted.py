"""LC202 and LC112 at the trees of an app's roots, each kind of root by itself: own data, a folder of the person, a
shared one. The trees work on real folders in this process; what lies beside them is compared afterwards.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from locara.core.grant import Grants, SharedFolder
from locara.errors import CallError
from locara.runtime.files import Files
from locara.runtime.trees import Refused
from locara.sandbox.broker_client import BrokerClient
from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.oracle.canaries import snapshot
from locara_verify.tally import Tally

LINKS: Final = "LC202"
MODES: Final = "LC112"
ROOTS: Final = {"$APP_DATA": "mine", "$DOCUMENTS": "user/documents", "$SHARED/pair": "user/shared/pair"}
THROUGH: Final = (
    "out",
    "out/secret.txt",
    "out/new",
    "out/sub",
    "file",
    "sub/up/secret.txt",
    "near/a.txt",
    "nowhere",
)
"""Names that are links, and names behind one; `near` leads to a folder of the same root."""


@check("escape-rooted", rules=(LINKS, MODES), quick=True)
def run(ctx: Context) -> CheckResult:
    """Every method of every tree at every link, and then what it writes where it may."""
    tally = Tally()
    before = os.umask(0)
    try:
        with roots(ctx.fresh_dir("rooted").resolve()) as (files, top):
            for root, folder in ROOTS.items():
                linked(tally, files.tree(root), root, top)
                written(tally, files.tree(root), root, top / folder)
    finally:
        os.umask(before)
    return tally.result()


@contextmanager
def roots(top: Path) -> Iterator[tuple[Files, Path]]:
    """The roots of an app that has one of each kind, with links in each that lead out, astray and nowhere."""
    outside = top / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "secret.txt").write_bytes(b"a secret")
    for place in ROOTS.values():
        folder = top / place
        (folder / "sub").mkdir(parents=True)
        (folder / "sub/a.txt").write_bytes(b"a")
        links = {"out": outside, "file": outside / "secret.txt", "sub/up": outside, "near": folder / "sub"}
        for name, aim in (links | {"nowhere": outside / "none"}).items():
            (folder / name).symlink_to(os.path.relpath(aim, (folder / name).parent))
    shared = (SharedFolder("pair", ("test/other",), "read-write"),)
    grants = replace(Grants.none(), quota_mb=1, shared_folders=shared)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Files(grants, app_data=top / "mine", user_roots=top / "user", broker=BrokerClient(ours)), top


def uses(tree: Any, path: str) -> dict[str, Callable[[], object]]:  # noqa: ANN401 - a tree of the product
    """What can be done with a name."""
    writes = {
        f"write {mode}": partial(tree.write, path, b"x", mode) for mode in ("create", "replace", "append")
    }
    return {
        "open": lambda: os.close(tree.open_read(path)),
        "list": partial(tree.entries, path, 10),
        "stat": partial(tree.metadata, path),
        **writes,
        "mkdir": partial(tree.make_folder, path),
        "remove": partial(tree.remove, path),
    }


def linked(tally: Tally, tree: Any, root: str, top: Path) -> None:  # noqa: ANN401 - as above
    """No link is followed, and nothing that one leads to is changed."""
    before = snapshot(top, times=False)
    for path in THROUGH:
        for what, use in uses(tree, path).items():
            told = f"{what} of {path} in {root}"
            tally.judge(LINKS, not done(use), "a link in a root was followed or taken away", told)
    same = snapshot(top, times=False) == before
    tally.judge(LINKS, same, "what links of a root lead to was changed", root)


def written(tally: Tally, tree: Any, root: str, folder: Path) -> None:  # noqa: ANN401 - as above
    """What an app writes is the person's alone, whatever the umask."""
    for number, what in enumerate(("write create", "write replace", "write append", "mkdir")):
        name = f"sub/new{number}"
        works = done(uses(tree, name)[what])
        tally.twin(LINKS, works, f"{what} works where no link is ({root})")
        mode = stat.S_IMODE((folder / name).lstat().st_mode) if works else 0
        tally.judge(
            MODES, not mode & 0o077, "what an app writes is open to others", f"{what} in {root}: {mode:04o}"
        )


def done(use: Callable[[], object]) -> bool:
    """Whether it was done."""
    try:
        use()
    except (CallError, Refused, OSError):
        return False
    return True

"""LC771: what says which registry is followed, what is forgotten with it, and what is no file where a copy lies."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from locara.errors import LocaraError
from locara_verify.check import CheckResult, check
from locara_verify.checks.updates.attacks import OFFLINE, Trial, new_trial
from locara_verify.checks.waiting import in_time
from locara_verify.context import Context
from locara_verify.finding import first_of_each

OTHER: Final = "https://other.test/updates/"
NO_ADDRESSES: Final = (
    "http://updates.test/", "http://127.0.0.1.test/", "http://127.0.0.2/", "http://[::2]/", "ftp://updates.test/",
    "file:///", "//updates.test/", "updates.test/", "", "https://", "https:///", "https:updates.test/", "HTTPS:///x",
    "https://person@updates.test/", "https://person:word@updates.test/", "https://updates.test/?a=b",
    "https://updates.test/#a", "https://updates.test:99999/", "https://updates.test:x/", "https://updates.test/ a",
    "https://updates.test/\n", "https://updates.test\\@other.test/", "https://updates.test/" + "a" * 2_100,
)  # fmt: skip
"""What no registry has for an address: without TLS beyond this machine, with a person, a query or odd characters."""
SECONDS: Final = 10.0


@check("update-followed", rules=(OFFLINE,))
def run(ctx: Context) -> CheckResult:
    """Addresses first, then what is no file, then another registry."""
    trial = new_trial(ctx, "followed")
    _addresses(trial)
    _no_files(trial, ctx.fresh_dir("elsewhere"))
    _forgotten(trial, new_trial(ctx, "other").forge.root)
    return CheckResult(
        first_of_each(trial.findings),
        {OFFLINE: trial.tried[OFFLINE]},
        attacks=trial.tried[OFFLINE],
        inconclusive={} if trial.findings else trial.broken,
    )


def _code(act: Callable[[], object]) -> str:
    try:
        act()
    except LocaraError as error:
        return error.code
    return "taken"


def _addresses(trial: Trial) -> None:
    """An address that cannot be followed is refused by who follows it, and where it was written into the file."""
    home, place = trial.home, trial.home.path / "registry.json"
    good = place.read_bytes()
    root = home.registry().root
    for url in NO_ADDRESSES:
        place.write_bytes(json.dumps({**json.loads(good), "url": url}).encode())
        read = _code(home.registry)
        place.write_bytes(good)
        followed = _code(lambda url=url: home.follow(url, root))  # type: ignore[misc]
        for where, said in (("read from the file", read), ("followed", followed)):
            told = f"{url[:80]!a}, {where}: {said}"
            fault = said not in ("bad_address", "copy_changed")
            trial.judge(OFFLINE, fault, "what is no address of a registry is taken for one", told)
        if place.read_bytes() != good:
            trial.judge(OFFLINE, True, "an address that was refused is kept", f"{url[:80]!a}")
            place.write_bytes(good)
    if _code(home.registry) != "taken":
        trial.broken[OFFLINE] = "the allow twin failed: the registry that is followed is not read any more"


def _no_files(trial: Trial, elsewhere: Path) -> None:
    """In the place of each file something that never ends, that is no file, or that is not there."""
    for place in sorted(path for path in trial.home.path.rglob("*") if path.is_file()):
        if "seen" in place.relative_to(trial.home.path).parts or place.name == "lock":
            continue
        data = place.read_bytes()
        for what in _replaced(place, elsewhere):
            said = _in_time(trial, place)
            told = f"{place.relative_to(trial.home.path).name}, {what}: {said}"
            trial.judge(
                OFFLINE,
                said in ("believed", "waits"),
                "what is no file of a copy is believed, or waited for",
                told,
            )
        place.write_bytes(data)
    if not isinstance(trial.believed(), dict):
        trial.broken[OFFLINE] = "the allow twin failed: a copy whose files were put back is not believed"


def _replaced(place: Path, elsewhere: Path) -> Iterator[str]:
    """Puts one thing after the other there; at the end there is nothing."""
    place.unlink()
    yield "nothing"
    os.mkfifo(place)
    yield "a pipe"
    place.unlink()
    place.mkdir()
    yield "a folder"
    place.rmdir()
    place.symlink_to(elsewhere)
    yield "a link to a folder"
    place.unlink()
    place.symlink_to("/dev/zero")
    yield "a link to what has no end"
    place.unlink()


def _in_time(trial: Trial, place: Path) -> str:
    """What the client says of its copy, or that it waits."""
    said: list[str] = []

    def ask() -> None:
        found = trial.believed()
        said.append(found if isinstance(found, str) else "believed")

    if not in_time(ask, SECONDS, place):
        return "waits"
    return said[0] if said else "broke off"


def _forgotten(trial: Trial, root: bytes) -> None:
    """With another registry, what was seen and kept of the first is gone; with the same one it stays."""
    home = trial.home
    before = trial.believed()
    home.follow(home.registry().url, home.registry().root)
    if not isinstance(before, dict) or trial.believed() != before or not any(home.seen.rglob("*")):
        trial.broken[OFFLINE] = "the allow twin failed: what is followed again is forgotten"
        return
    home.follow(OTHER, root)
    said = trial.believed()
    told = said if isinstance(said, str) else "believed"
    trial.judge(OFFLINE, said != "no_copy", "a copy of another registry is believed", told)
    left = [path.name for path in home.seen.rglob("*") if path.is_file()] if home.seen.exists() else []
    trial.judge(
        OFFLINE, bool(left), "what was seen of another registry is held against this one", ", ".join(left)
    )
    copies = [path.name for path in home.path.iterdir() if path.name.startswith(("copy-", ".copy-"))]
    trial.judge(OFFLINE, bool(copies), "a copy of another registry is kept", ", ".join(copies))
    shutil.rmtree(home.path)

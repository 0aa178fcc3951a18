"""LC707: bundles whose members lead out, link, collide or are not the listed ones, shown to the reader of bundles.

Judged by effects: a tree outside the place of unpacking must be the same afterwards (bytes, kinds, modes), and inside
there may be nothing but plain files and folders that nobody else can write or run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from locara_verify.check import CheckResult, check
from locara_verify.context import Context
from locara_verify.finding import Finding
from locara_verify.strategies import hostile_bundles as lies

RULE: Final = "LC707"
NAME: Final = "bundle-hostile"
_REASONS: Final = frozenset({"package_malformed", "package_mismatch"})
_MOST: Final = 20
# Names a careless verifier would hand to a shell, expand, or take for an option.
PLACES: Final = (
    "plain.locapp",
    "-x.locapp",
    "$HOME.locapp",
    "a b'\"`id`.locapp",
    "%TEMP%;id.locapp",
    "~.locapp",
)


class Reader:
    """The product's reader, its outcomes, and what lies around the place where it unpacks."""

    def __init__(self, ctx: Context) -> None:
        self.around = ctx.fresh_dir("around")
        self.canary = self.around / "canary.txt"
        self.canary.write_bytes(b"canary\n")
        self.findings: list[Finding] = []
        self.tried = 0
        self.digest = ""
        self._number = 0

    def read(self, path: Path) -> tuple[str, dict[str, bytes]]:
        """The reason of a refusal (empty: believed), and the bytes of the unpacked app."""
        from locara.trust.locapp import unpack  # noqa: PLC0415 - loads the framework
        from locara.trust.refusal import TrustError  # noqa: PLC0415

        self._number += 1
        into = self.around / f"into-{self._number}" / "deep"
        into.mkdir(parents=True, mode=0o700)
        before = state(self.around, into)
        try:
            found = unpack(path, into)
            found.whole()
            reason, self.digest = "", found.digest.hex
        except TrustError as error:
            reason = error.reason.value
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:200]
        if state(self.around, into) != before:
            self.fail(path.name, "something outside the place of unpacking was changed", reason)
        for entry in into.rglob("*"):
            status = entry.lstat()
            mode = status.st_mode
            if stat.S_ISREG(mode) and status.st_nlink != 1:
                self.fail(
                    path.name, "an unpacked file is one that others can write", f"{status.st_nlink} names"
                )
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                self.fail(path.name, "unpacking made something that is no plain file", oct(mode))
            elif mode & 0o7022 or (stat.S_ISREG(mode) and mode & 0o111):
                self.fail(path.name, "an unpacked file can be run or written by others", oct(mode))
        app = into / "app"
        plain = {
            str(one.relative_to(app)): one.read_bytes()
            for one in app.rglob("*")
            if one.is_file() and not one.is_symlink()
        }
        shutil.rmtree(into.parent)
        return reason, plain

    def refused(self, what: str, path: Path) -> None:
        """A lie: refused as such, for the reasons of bundles."""
        self.tried += 1
        reason, _ = self.read(path)
        if reason not in _REASONS:
            self.fail(
                what, "a bundle that lies is believed" if not reason else "a bundle broke the reader", reason
            )

    def fail(self, what: str, message: str, because: str) -> None:
        """Record a finding."""
        if len(self.findings) < _MOST:
            self.findings.append(Finding(RULE, message, because=f"{what}: {because}"[:400]))


def state(root: Path, but: Path) -> dict[str, tuple[int, str]]:
    """Kind, mode and bytes of everything below ``root`` that is not below ``but``."""
    found: dict[str, tuple[int, str]] = {}
    apart = str(but)
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if f"{folder}/{name}" != apart]
        for name in (*folders, *names):  # many thousand, many times: as texts, not as paths
            path = f"{folder}/{name}"
            mode = os.lstat(path).st_mode
            said = os.readlink(path) if stat.S_ISLNK(mode) else ""  # noqa: PTH115 - the text as it is
            if stat.S_ISREG(mode):
                with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
                    said = hashlib.sha256(file.read()).hexdigest()
            found[path] = (mode, said)
    return found


@check(NAME, rules=(RULE,))
def run(ctx: Context) -> CheckResult:
    """Archives and folders, each lie once, and honest ones by all names before and after."""
    rng = ctx.rng(NAME)
    files = lies.app_files(rng)
    reader, shelf = Reader(ctx), ctx.fresh_dir("bundles")
    broken = list(twins(reader, shelf, files))
    place = shelf / "lie.locapp"
    every = [(what, lies.zipped(members)) for what, members in lies.cases(rng, files, reader.canary)]
    every += lies.whole_archives(rng, files, reader.canary)
    for number, (what, data) in enumerate(every):
        ctx.progress(number, len(every), what)
        place.write_bytes(data)
        reader.refused(what, place)
    folder = ctx.fresh_dir("folder")
    lies.plant(folder, files)
    for what in lies.folder_lies(folder, files, reader.canary):
        reader.refused(f"folder with {what}", folder)
    for what, wide in lies.one_on_some_systems(files):
        both = ctx.fresh_dir("both")
        lies.plant(both, wide)
        reader.refused(f"folder with {what}", both)
    broken += list(twins(reader, shelf, files))
    if reader.read(folder) != ("", files):
        broken.append("an honest folder is refused, or unpacked as something else")
    return CheckResult(
        tuple(reader.findings),
        {RULE: reader.tried},
        attacks=reader.tried,
        inconclusive={RULE: f"the allow twin failed: {broken[0]}"} if broken and not reader.findings else {},
    )


def twins(reader: Reader, shelf: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """Honest archives under ordinary and odd names; whatever is not believed to the byte."""
    members = lies.honest(files)
    odd = [replace(one, mode=stat.S_IFREG | 0o6777) for one in members]
    for name in PLACES:
        for what, some in (("", members), (" with set-uid members", odd)):
            place = shelf / name
            place.write_bytes(lies.zipped(some))
            reason, found = reader.read(place)
            if reason or found != files:
                yield f"{name}{what}: {reason or 'other bytes'}"
            elif reader.digest != hashlib.sha256(lies.listing(files)).hexdigest():
                reader.fail(
                    name, "the digest of a bundle is not that of the bytes of its list", reader.digest
                )
            place.unlink()

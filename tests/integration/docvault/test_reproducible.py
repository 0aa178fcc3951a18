"""`npm run build` of a reference app gives the same bytes wherever, whenever and by whomever it is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT

APPS = ("docvault", "transcribe")
BUILT = ("dist", "build")
# What differs between two machines: the place, the zone and the words of the system, who may read, and what was there.
HERE = {"TZ": "UTC", "LC_ALL": "C"}
THERE = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "NODE_ENV": "development"}


def build(node: str, app: str, folder: Path, differs: dict[str, str], umask: int) -> dict[str, bytes]:
    """Every file that the build leaves, by its path."""
    copy = folder / "app"
    source = ROOT / "apps" / app
    shutil.copytree(
        source,
        copy,
        ignore=lambda place, _names: (
            BUILT if Path(place) == source else ()
        ),  # packages have a build/ of their own
        symlinks=True,
    )
    sdk = copy / "node_modules/@locara/sdk"  # a link to its place in the repository, from where the app was
    sdk.unlink()
    shutil.copytree(ROOT / "locara/js/sdk", sdk, ignore=shutil.ignore_patterns("node_modules"))
    env = {**os.environ, **differs, "PATH": os.pathsep.join([str(Path(node).parent), os.environ["PATH"]])}
    done = subprocess.run(
        ["npm", "run", "--silent", "build"],
        cwd=copy,
        env=env,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        path.relative_to(copy).as_posix(): path.read_bytes()
        for name in BUILT
        for path in sorted((copy / name).rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("app", APPS)
def test_two_builds_in_two_places_are_the_same_bytes(node: str, app: str, tmp_path: Path) -> None:
    near, far = tmp_path / "a", tmp_path / "elsewhere" / "much deeper" / "b"
    near.mkdir()
    far.mkdir(parents=True)
    one = build(node, app, near, HERE, 0o022)
    other = build(node, app, far, THERE, 0o077)
    assert "dist/index.html" in one and "dist/main.js" in one, "something was built"
    assert sorted(one) == sorted(other)
    assert [name for name in one if one[name] != other[name]] == []
    for place in (near, far, ROOT):
        assert [name for name, data in one.items() if str(place).encode() in data] == [], place

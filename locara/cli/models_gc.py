"""`locara models gc`: which models no app pins, and their removal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from locara.cli.exits import Exit
from locara.cli.terminal import printable, size_text
from locara.core.digest import Digest
from locara.errors import UsageError
from locara.models.cache import ModelCache
from locara.models.fetch import discard, partials
from locara.models.users import user_in, users


class _BusyError(Exception):
    """Another process is adding this model."""


def collect(cache: ModelCache, folders: Iterable[Path], *, remove: bool) -> int:
    """List what no app pins, and remove it when asked to. Returns 0.

    Raises UsageError when a named folder holds no app, and ManifestError when one that is known has a
    manifest which cannot be read: nothing is removed then, since nobody knows what it pins.
    """
    named = list(folders)
    for folder in named:
        if user_in(folder) is None:
            raise UsageError(f"{folder} is not an app: it has no locara.json")
    kept = {pin.digest for user in users(cache, named) for pin in user.pins}
    freed = 0
    for model in cache.list():
        if model.digest not in kept:
            freed += model.size
            print(f"{printable(str(model.meta.get('id', '?')))}@{model.digest}  {size_text(model.size)}")
            if remove:
                cache.remove(model.digest)
    for digest, size in partials(cache):
        if digest not in kept and (not remove or _forget(cache, digest)):
            freed += size
            print(f"part of {digest}  {size_text(size)}")
    if not freed:
        print("every model is pinned by an app: nothing to remove")
    elif remove:
        print(f"removed {size_text(freed)}")
    else:
        print(f"{size_text(freed)} can be removed: add --yes, and --app DIR for apps to keep models for")
    return Exit.PASSED


def _forget(cache: ModelCache, digest: Digest) -> bool:
    """Remove a part of a download, unless a process is at it right now."""

    def busy() -> None:
        raise _BusyError

    try:
        with cache.hold(digest, busy):
            discard(cache, digest)
    except _BusyError:
        return False
    return True

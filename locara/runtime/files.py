"""The roots of one app: its own folder, the declared user folders, and the handles of what the person
picked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from locara.core.grant import Grants, SharedFolder
from locara.errors import CallError
from locara.records import dataclass
from locara.runtime.picked_tree import PickedTree, denials
from locara.runtime.trees import LocalTree, Refused, Tree
from locara.sandbox.broker_client import BrokerClient, Picked
from locara.sandbox.broker_wire import PickAccess, PickKind

HANDLE_ROOT: Final = "user-selected"
APP_DATA: Final = "app-data"
_USER_ROOTS: Final = ("documents", "downloads", "desktop", "pictures", "music", "movies")
_NAMED: Final = {"$APP_DATA": APP_DATA, **{f"${name.upper()}": name for name in _USER_ROOTS}}
_SHARED: Final = "$SHARED/"
_MIB: Final = 1024 * 1024
MAX_FILES: Final = 100_000
_HALF_WAY: Final = frozenset(
    {"io_error", "disk_full"}
)  # a change that may have left something: measure again


def root_name(root: str) -> str:
    """The root of a request as the manifest calls it. Anything without a `$` is taken for a handle."""
    if root.startswith(_SHARED):
        return "shared/" + root[len(_SHARED) :]
    if root.startswith("$"):
        return _NAMED.get(root, root)
    return HANDLE_ROOT


@dataclass(frozen=True, slots=True)
class _Use:
    """What a tree holds: bytes, and names (files and folders)."""

    bytes: int
    names: int


class BoundedTree:
    """A folder with a cap on its bytes and names. Writers come one at a time, so the count is exact.

    Where the app is not `alone` in the folder it is measured before each change: others change it, too.
    """

    def __init__(
        self,
        tree: LocalTree,
        *,
        max_bytes: int,
        max_files: int = MAX_FILES,
        alone: bool = True,
    ) -> None:
        self._tree = tree
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._alone = alone
        self._use: _Use | None = None
        self._lock = threading.Lock()
        self.open_read = tree.open_read
        self.entries = tree.entries
        self.metadata = tree.metadata

    def write(self, path: str, data: bytes, mode: str) -> int:
        """See Tree. Raises CallError(quota_exceeded) before anything is written."""
        with self._changing() as use:
            before = self._size(path)
            grows = len(data) - (before or 0 if mode == "replace" else 0)
            self._check(use, grows, 0 if before is not None else 1)
            size = self._tree.write(path, data, mode)
            self._use = _Use(use.bytes + grows, use.names + (before is None))
            return size

    def make_folder(self, path: str) -> None:
        """See Tree."""
        with self._changing() as use:
            self._check(use, 0, 1)
            self._tree.make_folder(path)
            self._use = _Use(use.bytes, use.names + 1)

    def remove(self, path: str) -> None:
        """See Tree."""
        with self._changing() as use:
            before = self._size(path) or 0
            self._tree.remove(path)
            self._use = _Use(use.bytes - before, use.names - 1)

    @contextmanager
    def _changing(self) -> Iterator[_Use]:
        with self._lock:
            if self._use is None or not self._alone:
                self._use = _Use(*self._tree.measure())
            try:
                yield self._use
            except CallError as error:
                if error.code in _HALF_WAY:
                    self._use = None
                raise

    def _check(self, use: _Use, grows: int, names: int) -> None:
        if (grows > 0 and use.bytes + grows > self._max_bytes) or use.names + names > self._max_files:
            raise CallError(
                f"the folder may hold {self._max_bytes // _MIB} MiB in {self._max_files} files",
                code="quota_exceeded",
                fix='remove files, or raise "quota_mb" below "storage" in locara.json',
            )

    def _size(self, path: str) -> int | None:
        try:
            return self._tree.metadata(path).size
        except CallError:
            return None


def _one_sided(app_id: str, folder: SharedFolder | None) -> Refused:
    """Why a declared folder is closed. It tells of no other app whether it is installed, or what it says."""
    if folder is None:
        return Refused("no other app is named for this shared folder", fix='name the other app in "with"')
    because = (
        f'the shared folder "{folder.id}" is open only when every side declares it, and '
        f"{' and '.join(folder.partners)} did not when this app was started"
    )
    if len(folder.partners) > 1:
        circle = ", ".join(sorted((app_id, *folder.partners)))
        fix = (
            f'declare "{folder.id}" in each of {circle}, with all the others; start each, then this app again'
        )
        return Refused(because, fix=fix)
    line = json.dumps([{"id": folder.id, "with": [app_id], "access": folder.access}])
    fix = f'in the manifest of {folder.partners[0]}: "shared-folders": {line}; start it, then this app again'
    return Refused(because, fix=fix)


class Files:
    """Every root of one app. A root that is not there is refused, whatever the gate said before."""

    def __init__(self, grants: Grants, *, app_data: Path, user_roots: Path, broker: BrokerClient) -> None:
        self._broker = broker
        self._trees: dict[str, Tree] = {
            "$APP_DATA": BoundedTree(LocalTree(app_data), max_bytes=grants.quota_mb * _MIB)
        }
        for name in _USER_ROOTS:
            folder = user_roots / name
            if folder.is_dir():
                self._trees[f"${name.upper()}"] = LocalTree(folder)
        self._app_id = grants.app_id
        self._shared = {f"{_SHARED}{folder.id}": folder for folder in grants.shared_folders}
        for root, declared in self._shared.items():
            folder = user_roots / "shared" / declared.id
            if folder.is_dir():
                self._trees[root] = BoundedTree(
                    LocalTree(folder), max_bytes=grants.quota_mb * _MIB, alone=False
                )
        self._picked: dict[str, PickedTree] = {}

    def tree(self, root: str) -> Tree:
        """The tree of a root as the app names it. Raises Refused for a handle that nobody was given, and for
        a shared folder that not every side declares."""
        found = self._trees.get(root) or self._picked.get(root)
        if found is not None:
            return found
        if root.startswith(_SHARED):
            raise _one_sided(self._app_id, self._shared.get(root))
        if root.startswith("$"):
            raise CallError(f"{root} does not exist on this machine", code="not_found")
        raise Refused("fs.pick gave no such handle in this session", fix="use a handle that fs.pick returned")

    def pick(
        self, kind: PickKind, access: PickAccess, *, multiple: bool, recursive: bool, remember: bool
    ) -> list[Mapping[str, Any]]:
        """Ask the person; each answer is a handle with its name, kind and size in bytes, and its grant where
        the app may find it again."""
        found = self._broker.pick(kind, access, multiple=multiple, recursive=recursive, remember=remember)
        return [self._hold(picked) for picked in found]

    def dropped(self, *, recursive: bool) -> list[Mapping[str, Any]]:
        """What the person dropped on the window, as handles for reading."""
        return [self._hold(picked) for picked in self._broker.dropped(recursive=recursive)]

    def kept(self) -> list[Mapping[str, Any]]:
        """What the person lets this app find again."""
        return [{**grant, "picked": grant["picked"] * 1_000} for grant in self._broker.kept()]

    def reopen(self, grant: str) -> Mapping[str, Any]:
        """A handle of what was picked in an earlier run. Raises Refused when that does not stand any more."""
        with denials():
            return self._hold(self._broker.reopen(grant))

    def forget(self, grant: str) -> bool:
        """Give a remembered pick up; its handles end with it."""
        return self._broker.forget(grant)

    def _hold(self, picked: Picked) -> Mapping[str, Any]:
        is_file = picked.kind == "file"
        self._picked[picked.handle] = PickedTree(self._broker, picked.handle, is_file=is_file)
        told = {"handle": picked.handle, "name": picked.name, "kind": picked.kind, "size": picked.size}
        return told if picked.grant is None else {**told, "grant": picked.grant}

    def release(self, handle: str) -> None:
        """Forget a handle here and outside."""
        if self._picked.pop(handle, None) is not None:
            self._broker.release(handle)

"""What the person picked, reached through the broker: every open is resolved and decided again outside the
sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from locara.errors import CallError, CapabilityDenied
from locara.runtime.trees import Entry, Metadata, Refused, append_whole, closing, write_fully
from locara.sandbox.broker_client import BrokerClient

_FILE_PATH: Final = 'the handle is of a file: its path is ""'


@contextmanager
def denials() -> Iterator[None]:
    """A denial from outside is a refusal of the effect, so that the session records it too."""
    try:
        yield
    except CapabilityDenied as denied:
        raise Refused(denied.because, fix=denied.fix) from denied


class PickedTree:
    """A picked file (its only path is `""`) or folder. See locara.runtime.trees.Tree for what the methods
    promise."""

    def __init__(self, broker: BrokerClient, handle: str, *, is_file: bool) -> None:
        self._broker = broker
        self._handle = handle
        self._is_file = is_file

    def _check(self, path: str) -> None:
        if self._is_file and path:
            raise CallError(_FILE_PATH, code="not_found")

    def open_read(self, path: str) -> int:
        """See Tree."""
        self._check(path)
        with denials():
            return self._broker.open(self._handle, path, "read")

    def entries(self, path: str, limit: int) -> tuple[list[Entry], bool]:
        """See Tree. Links and special files are left out."""
        self._check(path)
        with denials():
            found = self._broker.entries(self._handle, path, most=limit)
        return [Entry(entry.name, entry.kind, entry.size) for entry in found[:limit]], len(found) > limit

    def metadata(self, path: str) -> Metadata:
        """See Tree. The time is exact to the second."""
        self._check(path)
        with denials():
            found = self._broker.stat(self._handle, path)
        return Metadata(found.kind, found.size, found.modified * 1_000)

    def write(self, path: str, data: bytes, mode: str) -> int:
        """See Tree. Replacing is atomic below a picked folder; a picked file is emptied and written in place,
        once there is room for the new content."""
        self._check(path)
        with denials():
            if mode == "replace":
                return self._replace(path, data)
            with closing(
                self._broker.open(self._handle, path, "create" if mode == "create" else "append")
            ) as fd:
                try:
                    append_whole(fd, os.fstat(fd).st_size, data)
                except OSError:
                    if mode == "create":
                        self._broker.remove(self._handle, path)
                    raise
                return os.fstat(fd).st_size

    def _replace(self, path: str, data: bytes) -> int:
        replacement = self._broker.replace(self._handle, path, size=len(data))
        try:
            with closing(replacement.fd) as fd:
                write_fully(fd, data)
                os.fsync(fd)
        except BaseException:
            if replacement.token is not None:
                self._broker.abort(replacement.token)
            raise
        if replacement.token is not None:
            self._broker.commit(replacement.token)
        return len(data)

    def remove(self, path: str) -> None:
        """See Tree."""
        self._check(path)
        with denials():
            self._broker.remove(self._handle, path)

    def make_folder(self, path: str) -> None:
        """See Tree."""
        self._check(path)
        with denials():
            self._broker.mkdir(self._handle, path)

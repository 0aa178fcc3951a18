"""Entries of many askers, added together: one wait for the disk and one checkpoint for all of them.

An asker is answered when the entry is public, so that its proof can be given at once.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from locara.records import dataclass
from locara.trust.log_refusal import LogRefused
from locara.trust.tiles import MAX_ENTRY
from locara_registry.trust.log.log import Cosigners, Log

MOST: Final = 4_096


@dataclass(frozen=True, slots=True)
class _Asked:
    entry: bytes
    answer: Future[int]


class Batcher:
    """Appends to a log from a thread of its own. Every method may be called from any thread.

    ``wait`` is how many seconds the first entry of a batch waits for others, ``most`` how many entries a batch
    has at most, ``waiting`` how many may wait in all; more are refused as `busy`.
    """

    def __init__(
        self,
        log: Log,
        *,
        wait: float = 0.25,
        most: int = MOST,
        waiting: int = 4 * MOST,
        cosigners: Cosigners | None = None,
    ) -> None:
        self._log = log
        self._wait = wait
        self._most = most
        self._cosigners = cosigners
        self._queue: queue.Queue[_Asked | None] = queue.Queue(waiting)
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="log-batches", daemon=True)
        self._thread.start()

    def submit(self, entry: bytes) -> Future[int]:
        """The index of the entry, once it is public. Raises LogRefused: `entry_too_large`, `busy`, `closed`;
        the future raises what `Log.append` and `Log.publish` raise."""
        if len(entry) > MAX_ENTRY:
            raise LogRefused(
                f"an entry has at most {MAX_ENTRY} bytes, not {len(entry)}", code="entry_too_large"
            )
        answer: Future[int] = Future()
        with self._gate:
            if self._closed:
                raise LogRefused("the log is closed", code="closed")
            try:
                self._queue.put_nowait(_Asked(entry, answer))
            except queue.Full as error:
                raise LogRefused(
                    "too many entries wait for the log", code="busy", fix="try again in a moment"
                ) from error
        return answer

    def close(self) -> None:
        """Finish what was submitted, then stop. The log stays open."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        going = True
        while going:
            batch, going = self._gather()
            if batch:
                self._add(batch)

    def _gather(self) -> tuple[list[_Asked], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        batch, end = [first], time.monotonic() + self._wait
        while len(batch) < self._most:
            try:
                more = self._queue.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            if more is None:
                return batch, False
            batch.append(more)
        return batch, True

    def _add(self, batch: Sequence[_Asked]) -> None:
        try:
            placed = self._log.append([one.entry for one in batch])
            self._log.publish(self._cosigners)
        except BaseException as error:
            for one in batch:
                one.answer.set_exception(error)
            return
        for one, index in zip(batch, placed, strict=True):
            one.answer.set_result(index)

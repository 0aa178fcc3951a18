"""The one Wasmtime engine of a process: its settings, the clock that stops calls, and the store of each call.

Two independent bounds on time: fuel counts instructions, and the epoch is moved on by a thread when a call's time
is over or nobody wants it any more, which also ends what fuel would let run too long. Neither ends a *blocked*
host call, so no host function that a tool can reach blocks: those that wait (`poll_oneoff`, sockets) are answered
"not supported".
"""

from __future__ import annotations

import hashlib
import platform
import threading
import time
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import wasmtime

from locara.records import dataclass

_TICK_SECONDS: Final = 0.01
_AWAKE_SECONDS: Final = 1.0
_STACK_BYTES: Final = 512 * 1024
_TABLE_ELEMENTS: Final = 100_000
# Part of the key of precompiled code: change it with any setting of `make_engine`.
_SETTINGS: Final = "fuel epoch stack=524288 no-threads no-memory64 no-multi-memory deterministic-nan 1"
_OF_COMPONENTS: Final = " components unoptimised"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many of each a call may make, whatever its tool's manifest says."""

    instances: int = 1
    tables: int = 4
    memories: int = 1


_ONE: Final = Bounds()


def make_engine(*, components: bool = False) -> wasmtime.Engine:
    """An engine with fuel and epochs, and without the proposals that no tool needs.

    With `components` it compiles those: they are large, so by all processors and without the optimiser.
    """
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.max_wasm_stack = _STACK_BYTES
    config.wasm_threads = False
    config.shared_memory = False
    config.wasm_memory64 = False
    config.wasm_multi_memory = False
    config.wasm_component_model = components
    config.cranelift_nan_canonicalization = True
    config.parallel_compilation = components
    if components:
        config.cranelift_opt_level = "none"
    # A process that confines itself keeps address space and memory files for what it needs.
    config.memory_init_cow = False
    return wasmtime.Engine(config)


def engine_key(*, components: bool = False) -> str:
    """What precompiled code depends on besides the module: Wasmtime, the settings above, the processor."""
    settings = _SETTINGS + (_OF_COMPONENTS if components else "")
    flags = ""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        flags = platform.processor()
    parts = (version("wasmtime"), settings, platform.system(), platform.machine(), flags)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def limited_store(
    engine: wasmtime.Engine, *, fuel: int, memory_bytes: int, bounds: Bounds = _ONE
) -> wasmtime.Store:
    """A fresh store: one instance, one memory, so much fuel, and the epoch's next move ends it."""
    store = wasmtime.Store(engine)
    store.set_limits(
        memory_size=memory_bytes,
        table_elements=_TABLE_ELEMENTS,
        instances=bounds.instances,
        tables=bounds.tables,
        memories=bounds.memories,
    )
    store.set_fuel(fuel)
    store.set_epoch_deadline(1)
    return store


class Watch:
    """Moves an engine's epoch on when the current call's time is over or it was cancelled.

    One call at a time. The thread sleeps while there are no calls and looks 100 times a second while there are,
    so that a call that takes microseconds wakes nobody.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._wake = threading.Event()
        # Held while the epoch is moved: a call that has ended cannot have its successor ended in its place.
        self._lock = threading.Lock()
        self._current: tuple[float, threading.Event] | None = None
        self._last = 0.0
        self._closed = False
        self._thread: threading.Thread | None = None

    def guard(self, seconds: float, cancelled: threading.Event) -> _Guarded:
        """A context in which a call ends after so many seconds, or soon after `cancelled` is set.

        The call's store is made inside it, so that its deadline counts from an epoch nobody else moves.
        """
        return _Guarded(self, time.monotonic() + seconds, cancelled)

    def begin(self, deadline: float, cancelled: threading.Event) -> None:
        """Start watching. The thread is made by the first call."""
        with self._lock:
            self._last = time.monotonic()
            self._current = (deadline, cancelled)
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="locara-tool-watch", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Stop watching."""
        with self._lock:
            self._current = None

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        while not self._closed:
            now = time.monotonic()
            with self._lock:
                current = self._current
                if current is not None and (now >= current[0] or current[1].is_set()):
                    self._engine.increment_epoch()
                idle = current is None and now - self._last > _AWAKE_SECONDS
                if idle:
                    self._wake.clear()
            if idle and not self._closed:
                self._wake.wait()
            else:
                time.sleep(_TICK_SECONDS)


class _Guarded:
    def __init__(self, watch: Watch, deadline: float, cancelled: threading.Event) -> None:
        self._watch = watch
        self._deadline = deadline
        self._cancelled = cancelled

    def __enter__(self) -> Self:
        self._watch.begin(self._deadline, self._cancelled)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.end()

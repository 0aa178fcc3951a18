"""LC909, LC910: what hearing costs beside whisper.cpp, and a call of a tool beside Wasmtime.

The raw sides do as little as a program can do around the native library: the tool's output goes to nowhere, and neither
side checks what the other does not.
"""

from __future__ import annotations

import json
import os
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locara_verify.check import CheckResult, check
from locara_verify.checks.bench.compare import Cost, measure, slowness
from locara_verify.checks.bench.engines import clock_for
from locara_verify.checks.bench.inference import KEPT, Bound, fixture, judge, report
from locara_verify.checks.models.probe import Tally
from locara_verify.context import Context
from locara_verify.target import Target

if TYPE_CHECKING:
    from locara.core.grant import Grants
    from locara.inference.whisper import Whisper

HEAR: Final = "LC909"
CALL: Final = "LC910"
HEARD: Final = Bound(HEAR, "a second of sound", KEPT, 300e-6)
"""300 microseconds are 3 % of a second of sound that takes 10 ms."""
CALLED: Final = Bound(CALL, "a call of a tool", None, 250e-6)
_SOUND: Final = "audio/s2-number.wav"
_TOOL: Final = "text-stats"
_TEXT: Final = "The budget of project Orion is 4000 euros and the owner is Anna.\n" * 8
_CALLS: Final = 8
_RATE: Final = 16_000


def _hears(target: Target) -> str | None:
    listed = target.manifest.modalities if target.manifest is not None else ()
    return None if "speech-to-text" in listed else "the app declares no speech-to-text"


@check("bench-speech", rules=(HEAR,), needs=frozenset({"models"}), steady=True, applies=_hears)
def speech(ctx: Context) -> CheckResult:
    """The same sound through our backend and through whisper.cpp alone, with one model in one process."""
    from locara.errors import ModelError  # noqa: PLC0415 - loads the framework

    tally = Tally()
    try:
        path, digest = fixture(ctx, "locara-tiny-whisper")
        from locara.inference.whisper import Whisper  # noqa: PLC0415 - as above

        model = Whisper(path, digest)
    except ModelError as error:
        tally.undecided(HEAR, error.message)
        return tally.result()
    try:
        ours, raw, clock = _hearing(model, ctx.fixtures / _SOUND)
        slow = slowness(clock)
        pairs = measure(
            ours,
            raw,
            seconds=ctx.profile.bench_seconds,
            seed=ctx.seed_for(HEAR),
            holds=HEARD.within(slow),
            clear=HEARD.clear(slow),
            least=6,
        )
    finally:
        model.close()
    judge(tally, HEARD, pairs, slow)
    return tally.result({"heard_second": report(pairs, unit="ms", scale=1e3, bound=HEARD)})


def _hearing(model: Whisper, sound: Path) -> tuple[Cost, Cost, Callable[[], float]]:
    """Costs of one second of sound, ours and raw, and the clock they are measured with."""
    import numpy as np  # noqa: PLC0415 - only this benchmark needs it

    from locara.inference.speech import Piece  # noqa: PLC0415 - loads the framework

    with wave.open(str(sound)) as file:
        read = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        samples = (read / 32_768).astype(np.float32)
    clock, seconds = clock_for(model._threads), len(samples) / _RATE
    lib, context = model._lib, model._context
    language = "en" if not model.shape.multilingual else "auto"

    def ours() -> float:
        start = clock()
        heard = model.hear(Piece(0.0, samples), None, lambda _segment: None, threading.Event())
        taken = clock() - start
        if not heard.complete:
            raise RuntimeError("the sound was not heard to its end")
        return taken / seconds

    def raw() -> float:
        start = clock()
        parameters = lib.whisper_full_default_params(lib.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY)
        parameters.n_threads = model._threads
        parameters.language = language
        parameters.n_max_text_ctx = 0
        parameters.temperature_inc = 0.0
        parameters.print_progress = parameters.print_timestamps = False
        if lib.whisper_full(context, parameters, samples, len(samples)):
            raise RuntimeError("whisper.cpp did not hear the sound")
        for index in range(lib.whisper_full_n_segments(context)):
            lib.whisper_full_get_segment_text(context, index)
        return (clock() - start) / seconds

    return ours, raw, clock


@check("bench-tools", rules=(CALL,), steady=True)
def tools(ctx: Context) -> CheckResult:
    """The same module called through our host and through Wasmtime alone, each call in a store of its own."""
    tally = Tally()
    slow = slowness(time.thread_time)
    with _calling(ctx, ctx.grants) as (ours, raw):
        pairs = measure(
            ours,
            raw,
            seconds=ctx.profile.bench_seconds / 4,
            seed=ctx.seed_for(CALL),
            holds=CALLED.within(slow),
            clear=CALLED.clear(slow),
        )
    judge(tally, CALLED, pairs, slow)
    return tally.result({"tool_call": report(pairs, unit="us", scale=1e6, bound=CALLED)})


@contextmanager
def _calling(ctx: Context, rights: Grants) -> Iterator[tuple[Cost, Cost]]:
    """Costs of one call, ours and raw."""
    from locara.tools.host import Folders, ToolHost  # noqa: PLC0415 - loads Wasmtime
    from locara.tools.manifest import read_tool  # noqa: PLC0415

    place, folder = ctx.fixtures / "tools" / _TOOL, ctx.fresh_dir("tool-bench")
    tool, wasm = read_tool((place / "tool.json").read_bytes()), (place / "tool.wasm").read_bytes()
    value = {"text": _TEXT}
    host = ToolHost(Folders(folder, folder))
    try:
        host.load(tool, wasm)
        raw = _raw_call(wasm, json.dumps(value).encode())

        def ours() -> float:
            start = time.thread_time()
            for _ in range(_CALLS):
                host.invoke(tool, value, rights=rights)
            return (time.thread_time() - start) / _CALLS

        def theirs() -> float:
            start = time.thread_time()
            for _ in range(_CALLS):
                raw()
            return (time.thread_time() - start) / _CALLS

        yield ours, theirs
    finally:
        host.close()


def _raw_call(wasm: bytes, stdin: bytes) -> Callable[[], None]:
    """A call with a store, a system interface and an instance, and nothing else."""
    import wasmtime  # noqa: PLC0415 - slow to load

    from locara.tools.wasi import wasi_config  # noqa: PLC0415 - as above

    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    ready = linker.instantiate_pre(wasmtime.Module(engine, wasm))

    def call() -> None:
        store, config = wasmtime.Store(engine), wasi_config(stdin, ())
        config.stdout_file = os.devnull
        store.set_wasi(config)
        exports = ready.instantiate(store).exports(store)
        start: Any = exports["_start"]
        try:
            start(store)
        except wasmtime.ExitTrap as ended:
            if ended.code:
                raise RuntimeError(f"the tool ended with code {ended.code}") from ended
        store.close()

    return call

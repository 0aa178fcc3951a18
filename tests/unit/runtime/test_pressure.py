"""What the kernel's files say about memory."""

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.runtime.pressure import PressureWatch, ProcGauge, left, stalled

CALM = "some avg10=0.12 avg60=3.00 avg300=50.00 total=1\nfull avg10=99.00 avg60=0 avg300=0 total=0\n"
MEMORY = "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:   8000000 kB\n"


def gauge(folder: Path, pressure: str | None, memory: str | None) -> ProcGauge:
    (folder / "pressure").mkdir()
    if pressure is not None:
        (folder / "pressure/memory").write_text(pressure)
    if memory is not None:
        (folder / "meminfo").write_text(memory)
    return ProcGauge(folder)


@pytest.mark.parametrize(
    ("pressure", "memory", "short"),
    [
        (CALM, MEMORY, False),
        (CALM.replace("avg10=0.12", "avg10=10.00"), MEMORY, True),
        (CALM.replace("avg10=0.12", "avg10=9.99"), MEMORY, False),
        (CALM, MEMORY.replace("8000000", "600000"), True),
        (CALM, MEMORY.replace("8000000", "700000"), False),
        (None, MEMORY, False),
        (None, MEMORY.replace("8000000", "1"), True),
        (None, None, False),
        ("some\nsome avg10=x\n", "MemTotal: \nMemAvailable: kB", False),
    ],
)
def test_short_is_stalling_or_nearly_nothing_left(tmp_path, pressure, memory, short) -> None:
    assert gauge(tmp_path, pressure, memory).is_short() is short


def test_this_machine_can_be_read() -> None:
    assert 0.0 < left(Path("/proc/meminfo").read_text()) <= 100.0
    assert ProcGauge().is_short() in {True, False}


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_gives_a_number(text: str) -> None:
    assert isinstance(stalled(text), float)
    assert isinstance(left(text), float)


def test_the_watch_relieves_while_memory_is_short_and_ends() -> None:
    relieved = threading.Semaphore(0)
    short = [False]

    class Told:
        looks = threading.Semaphore(0)

        def is_short(self) -> bool:
            self.looks.release()
            return short[0]

    told = Told()
    watch = PressureWatch(told, relieved.release, interval=0.001)
    for _ in range(3):
        told.looks.acquire()
    assert not relieved.acquire(blocking=False)
    short[0] = True
    relieved.acquire()
    watch.close()
    watch.close()

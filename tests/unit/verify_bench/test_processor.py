"""Processor time of others: it grows while they work, stands while they wait, and its absence is known."""

import subprocess
import sys
import time

import pytest

from locara_verify.checks.bench.processor import clock_of, used

WORKS = "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()"
"""In a thread of its own: what the threads of a process do counts as well."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a clock of Linux")
def test_work_of_another_process_counts_and_waiting_does_not() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", WORKS]) as works,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as waits,
    ):
        try:
            until = time.monotonic() + 60
            while used((works.pid,)) < 0.5 and time.monotonic() < until:
                time.sleep(0.05)
            before = used((waits.pid,))
            clock, mine = clock_of(works.pid), time.process_time()
            start = clock()
            while clock() - start < 0.1 and time.monotonic() < until:
                time.sleep(0.05)
            assert clock() - start > time.process_time() - mine, "only this process was counted"
            assert used((waits.pid,)) - before < 0.1
        finally:
            works.kill()
            waits.kill()


def test_without_an_answer_of_the_kernel_it_is_wall_time() -> None:
    assert clock_of(2**22 + 1) is time.perf_counter

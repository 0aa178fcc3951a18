"""Turns: one at a time, first come first served, and nobody is lost."""

import threading
import time

from locara.inference.backend import CancelFlag
from locara.inference.turns import Turns


def wait_until(condition) -> None:
    while not condition():
        time.sleep(0.001)


def test_turns_come_in_the_order_of_asking() -> None:
    turns, order = Turns(), []
    assert turns.take()
    threads = []
    for number in range(8):

        def work(number: int = number) -> None:
            assert turns.take(CancelFlag())
            order.append(number)
            turns.give()

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        wait_until(lambda number=number: turns.waiting == number + 1)
    turns.give()
    for thread in threads:
        thread.join()
    assert order == list(range(8))
    assert turns.take()


def test_one_at_a_time_among_many() -> None:
    turns, inside, most = Turns(), [0], [0]

    def work() -> None:
        for _ in range(200):
            flag = CancelFlag()
            assert turns.take(flag)
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            inside[0] -= 1
            turns.give()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert turns.waiting == 0


def test_who_is_cancelled_leaves_and_the_turn_goes_on() -> None:
    turns, flags, got = Turns(), [CancelFlag() for _ in range(3)], {}
    assert turns.take()
    threads = []
    for number, flag in enumerate(flags):

        def work(number: int = number, flag: CancelFlag = flag) -> None:
            got[number] = turns.take(flag)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        wait_until(lambda number=number: turns.waiting == number + 1)
    flags[0].set()
    threads[0].join()
    assert got == {0: False}
    turns.give()
    threads[1].join()
    assert got == {0: False, 1: True}
    turns.give()
    threads[2].join()
    assert got[2] is True

"""The pool: one load for many users, and nobody's model goes away under them."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.digest import Digest
from locara.inference.pool import Pool

A, B = Digest.of(b"a"), Digest.of(b"b")


class Fake:
    def __init__(self, digest: Digest) -> None:
        self.digest, self.closed = digest, False

    def close(self) -> None:
        self.closed = True


def test_a_model_in_use_is_never_unloaded_and_an_idle_one_loads_again() -> None:
    pool = Pool(Fake)
    with pool.lend(A) as first:
        assert pool.unload_idle() == 0
        with pool.lend(A) as again:
            assert again is first
        assert pool.unload_idle() == 0
        assert not first.closed
    assert pool.unload_idle() == 1
    assert first.closed
    with pool.lend(A) as second:
        assert second is not first
    assert pool.loads == 2


def test_idle_is_counted_from_the_last_use() -> None:
    now = [100.0]
    pool = Pool(Fake, clock=lambda: now[0])
    with pool.lend(A):
        now[0] = 200.0
    now[0] = 204.0
    assert pool.unload_idle(5.0) == 0
    now[0] = 205.0
    assert pool.unload_idle(5.0) == 1


def test_a_load_that_fails_leaves_nothing() -> None:
    def fail(digest: Digest) -> Fake:
        raise OSError

    pool = Pool(fail)
    with pytest.raises(OSError), pool.lend(A):
        pass
    assert (pool.loads, pool.unload_idle()) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from(["take", "give", "unload"]), st.sampled_from([A, B])), max_size=60))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_what_is_lent_is_open(steps) -> None:
    pool, held = Pool(Fake), []
    for step, digest in steps:
        if step == "take":
            lease = pool.lend(digest)
            held.append((lease, lease.__enter__()))
        elif step == "give" and held:
            held.pop(0)[0].__exit__(None, None, None)
        else:
            pool.unload_idle()
        assert not any(model.closed for _, model in held)
        assert len({id(model) for _, model in held}) == len({model.digest for _, model in held})
    for lease, _ in held:
        lease.__exit__(None, None, None)


def test_many_threads_share_one_load() -> None:
    pool, seen = Pool(Fake), set()

    def work() -> None:
        for _ in range(300):
            with pool.lend(A) as model:
                assert not model.closed
                seen.add(id(model))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pool.loads == 1
    assert len(seen) == 1

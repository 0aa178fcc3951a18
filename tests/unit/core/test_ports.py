"""Sets of ports against plain Python sets."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.ports import ALL_PORTS, HTTPS, NO_PORTS, PortSet, is_port

EDGES = st.sampled_from([1, 2, 3, 79, 80, 81, 442, 443, 444, 65_533, 65_534, 65_535])
PLAIN = st.frozensets(EDGES, max_size=8)


@settings(deadline=None, max_examples=200)
@given(PLAIN, PLAIN, st.sampled_from([operator.or_, operator.and_, operator.sub]))
def test_operations_agree_with_plain_sets(
    a: frozenset[int], b: frozenset[int], combine: Callable[..., PortSet]
) -> None:
    combined = combine(PortSet.of(a), PortSet.of(b))
    assert combined == PortSet.of(combine(a, b))
    assert bool(combined) == bool(combine(a, b))
    for port in range(500):
        assert (port in combined) == (port in combine(a, b))


@settings(deadline=None, max_examples=100)
@given(PLAIN)
def test_the_complement_is_exact(a: frozenset[int]) -> None:
    rest = ALL_PORTS - PortSet.of(a)
    assert not rest & PortSet.of(a)
    assert rest | PortSet.of(a) == ALL_PORTS


def test_adjacent_ports_are_one_interval() -> None:
    assert PortSet.of([3, 1, 2]).intervals == ((1, 3),)
    assert PortSet.span(1, 3) == PortSet.of([1, 2, 3])


@pytest.mark.parametrize("port", [0, -1, 65_536, True, 443.0, "443", None])
def test_what_is_no_port_is_refused_and_never_a_member(port: object) -> None:
    assert not is_port(port)
    assert port not in ALL_PORTS
    with pytest.raises((ValueError, TypeError)):
        PortSet.of([port])  # type: ignore[list-item]


def test_https_is_port_443() -> None:
    assert [port for port in range(70_000) if port in HTTPS] == [443]


def test_a_span_runs_upwards() -> None:
    assert PortSet.span(7, 7) == PortSet.of([7])
    with pytest.raises(ValueError, match="upwards"):
        PortSet.span(3, 2)


def test_empty_means_nothing() -> None:
    assert not NO_PORTS
    assert NO_PORTS.smallest() is None
    assert all(port not in NO_PORTS for port in (1, 443, 65_535))


def test_the_smallest_port_is_in_the_set() -> None:
    assert PortSet.of([443, 80]).smallest() == 443
    assert PortSet.of([8080, 80]).smallest() == 80
    assert (PortSet.span(10, 20) | PortSet.of([30])).smallest() == 10

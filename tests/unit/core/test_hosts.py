"""Host names, patterns and sets of hosts, against a list-of-patterns reading of them."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.core.hosts import MAX_WILDCARD_BASE, HostSet, is_host, is_pattern
from locara.core.ports import ALL_PORTS, HTTPS, NO_PORTS, PortSet

LONG = ".".join(["a" * 63] * 3 + ["b" * 61])

GOOD_HOSTS = [
    "example.com", "a.b", "a-b.c-d.example", "1.example.com", "0x1.com", "xn--bcher-kva.example",
    "a.b.c.d.e.f.g",
    "localhost.example", "internal.example", "my-local.example", LONG, "a" * 63 + ".com", "123.456.com",
    "a.0xg",
]  # fmt: skip
BAD_HOSTS = [
    "", "com", "localhost", "a.localhost", "printer.local", "db.internal", "example.com.", ".example.com",
    "a..b",
    "Example.com", "exa_mple.com", "-a.example", "a-.example", "a" * 64 + ".com", LONG + "b",
    "bücher.example",
    "127.0.0.1", "1.2.3", "0177.1", "1.0x7f", "0x7f.0x1", "a.0x", "[::1]", "::1", "2130706433",
    "example.com:443",
    "https://example.com", "user@example.com", "example.com/", "example.com\n", " example.com",
    "example.com ",
    "exam ple.com", "example.com\0", "ｅxample.com", "example。com", "example.c\u200dom", "*.example.com",
    "*",
    "a.b.1", "evil/example.com", "a.example.com#", "a.example%2ecom", "\u202eexample.com",
]  # fmt: skip


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_a_host_is_a_pattern_for_itself(host: str) -> None:
    assert is_host(host)
    assert is_pattern(host)
    assert HostSet.of([host], HTTPS).covers(host, 443)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_what_is_no_host_is_in_no_set(host: str) -> None:
    assert not is_host(host)
    assert not HostSet.everything().covers(host, 443)
    assert not HostSet.of(["*.example.com", "*.b.c"], HTTPS).covers(host, 443)
    if not host.startswith("*.example"):
        assert not is_pattern(host)
        with pytest.raises(ValueError, match="pattern"):
            HostSet.of([host], HTTPS)


@pytest.mark.parametrize(
    "pattern",
    ["*", "*.", "*.com", "*.*.example.com", "a.*.example.com", "*a.example.com", "**.example.com",
    "*.localhost",
     "*.a.local", "*.a.internal", "*.1.2", "*.example.com.", "*.Example.com", "*.example.com:443"],
)  # fmt: skip
def test_a_wildcard_stands_leftmost_and_has_two_labels_after_it(pattern: str) -> None:
    assert not is_pattern(pattern)
    with pytest.raises(ValueError, match="pattern"):
        HostSet.of([pattern], HTTPS)


def test_a_wildcard_leaves_room_for_any_label() -> None:
    base = ".".join(["a" * 63, "b" * 63, "c" * 61])
    assert len(base) == MAX_WILDCARD_BASE
    assert is_pattern(f"*.{base}")
    assert is_host(f"{'x' * 63}.{base}")
    assert not is_pattern(f"*.{base}d") and is_host(f"{base}d")


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("sub.example.test", True),
        ("a.b.sub.example.test", True),
        ("example.test", False),
        ("notexample.test", False),
        ("xsub.example.test.evil", False),
        ("example.test.evil", False),
        ("sub.example.tes", False),
        ("sub.example.test.", False),
        ("SUB.example.test", False),
    ],
)
def test_a_wildcard_matches_below_and_never_the_name_itself(host: str, inside: bool) -> None:
    assert HostSet.of(["*.example.test"], HTTPS).covers(host, 443) is inside


def test_ports_belong_to_their_hosts() -> None:
    both = HostSet.of(["a.test"], PortSet.of([443])) | HostSet.of(["b.test"], PortSet.of([80]))
    assert both.covers("a.test", 443)
    assert both.covers("b.test", 80)
    assert not both.covers("a.test", 80)
    assert not both.covers("b.test", 443)


# -- the algebra, against the plainest reading: a set is a list of (pattern, ports) --

LABELS = ("a", "b", "c")
NAMES = [f"{x}.{y}" for x in LABELS for y in ("test", "org")]
NAMES += [f"{z}.{name}" for z in LABELS for name in NAMES]
UNIVERSE = NAMES + [f"z.{name}" for name in NAMES] + [f"z.z.{name}" for name in NAMES[:6]] + ["z.example"]
PATTERNS = NAMES + [f"*.{name}" for name in NAMES]
PORT_SETS = st.sampled_from([HTTPS, ALL_PORTS, PortSet.of([80]), PortSet.of([80, 443])])
SETS = st.one_of(
    st.builds(HostSet.of, st.lists(st.sampled_from(PATTERNS), max_size=5), PORT_SETS),
    st.builds(HostSet.everything, PORT_SETS),
    st.just(HostSet()),
)
EXPRESSIONS = st.recursive(
    SETS,
    lambda inner: st.builds(
        lambda combine, a, b: combine(a, b),
        st.sampled_from([operator.or_, operator.and_, operator.sub]),
        inner,
        inner,
    ),
    max_leaves=5,
)
COMBINED = [
    (operator.or_, lambda a, b: a or b),
    (operator.and_, lambda a, b: a and b),
    (operator.sub, lambda a, b: a and not b),
]


def _plain_covers(patterns: list[str], host: str) -> bool:
    return any(host.endswith(p[1:]) and host != p[2:] if p.startswith("*.") else host == p for p in patterns)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PATTERNS), max_size=6))
def test_membership_agrees_with_reading_the_patterns(patterns: list[str]) -> None:
    hosts = HostSet.of(patterns, HTTPS)
    for host in UNIVERSE:
        assert hosts.covers(host, 443) == _plain_covers(patterns, host)
        assert not hosts.covers(host, 80)


@settings(deadline=None, max_examples=150)
@given(EXPRESSIONS, EXPRESSIONS)
def test_operations_agree_with_membership(a: HostSet, b: HostSet) -> None:
    for combine, meaning in COMBINED:
        combined: HostSet = combine(a, b)
        for host in UNIVERSE:
            for port in (80, 443, 8443):
                assert combined.covers(host, port) == bool(
                    meaning(a.covers(host, port), b.covers(host, port))
                )
        for name in ("test", "org", "a", "", "localhost", "a.localhost", "a.test.", "*.a.test"):
            assert not combined.ports(name), "what is no host is in no set, however it was made"


@settings(deadline=None, max_examples=150)
@given(EXPRESSIONS, EXPRESSIONS, EXPRESSIONS)
def test_equal_sets_are_equal_values(a: HostSet, b: HostSet, c: HostSet) -> None:
    assert a & (b | c) == (a & b) | (a & c)
    assert a - (b | c) == (a - b) & (a - c)
    assert (a - b) | (a & b) == a
    assert a | a == a & a == a
    assert not (a - a)
    assert a - a == HostSet()
    assert (a | b) - b == a - b
    assert hash((a - b) | (a & b)) == hash(a)
    assert (a == b) == (not (a - b) and not (b - a))


@settings(deadline=None, max_examples=200)
@given(EXPRESSIONS)
def test_a_witness_is_in_the_set_and_only_the_empty_set_has_none(a: HostSet) -> None:
    found = a.witness()
    assert (found is None) == (not a)
    if found is not None:
        assert is_host(found[0])
        assert a.covers(*found)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(PATTERNS), max_size=6), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(patterns: list[str], random: object) -> None:
    shuffled = [*patterns, *patterns]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert HostSet.of(patterns, HTTPS) == HostSet.of(shuffled, HTTPS)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(PATTERNS), max_size=6))
def test_the_listing_reads_back_as_the_same_set(patterns: list[str]) -> None:
    hosts = HostSet.of(patterns, HTTPS)
    assert HostSet.of([pattern for pattern, _ in hosts.listing()], HTTPS) == hosts
    assert hosts.is_named()
    assert not HostSet.everything().is_named()
    assert HostSet.everything().listing() == [("*", ALL_PORTS)]


def test_what_is_cut_out_of_a_wildcard_stays_out() -> None:
    rest = HostSet.of(["*.a.test"], HTTPS) - HostSet.of(["b.a.test", "*.c.a.test"], HTTPS)
    assert rest.covers("d.a.test", 443)
    assert rest.covers("x.b.a.test", 443)
    assert rest.covers("c.a.test", 443)
    assert not rest.covers("b.a.test", 443)
    assert not rest.covers("x.y.c.a.test", 443)


def test_a_witness_is_found_when_every_short_name_is_taken() -> None:
    taken = HostSet.of([f"{letter}.a.test" for letter in "abcdefghijklmnopqrstuvwxyz"], HTTPS)
    rest = HostSet.of(["*.a.test"], HTTPS) - taken
    found = rest.witness()
    assert found is not None
    assert rest.covers(*found)


def test_no_ports_is_no_set() -> None:
    assert HostSet.of(["a.test"], NO_PORTS) == HostSet()
    assert HostSet.everything(NO_PORTS) == HostSet()


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=80))
def test_any_text_has_an_answer(text: str) -> None:
    assert HostSet.everything().covers(text, 443) == is_host(text)
    assert not HostSet().covers(text, 443)

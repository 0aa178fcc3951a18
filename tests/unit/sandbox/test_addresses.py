from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locara.sandbox.addresses import is_host_name, refused_address

LONGEST = ".".join(["a" * 63] * 3 + ["b" * 61])  # 253 characters


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::7f00:1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2001:db8::1",
        "2001::1",
        "2002:7f00:1::1",
        "3fff::1",
        "100::1",
        "fec0::1",
        "",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "1.2.3.4 ",
        "1.2.3.4\n",
    ],
)
def test_near_and_odd_addresses_are_refused(address: str) -> None:
    assert refused_address(address) is not None


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1", "172.32.0.1", "100.128.0.1"],
)
def test_public_addresses_are_not(address: str) -> None:
    assert refused_address(address) is None


@settings(max_examples=300, deadline=None)
@given(value=st.integers(0, 2**32 - 1))
def test_no_ipv4_address_passes_that_the_standard_library_calls_private(value: int) -> None:
    address = ipaddress.IPv4Address(value)
    if (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
    ):
        assert refused_address(str(address)) is not None
    assert refused_address(f"::ffff:{address}") is not None


@settings(max_examples=300, deadline=None)
@given(value=st.integers(0, 2**128 - 1))
def test_no_ipv6_address_passes_that_the_standard_library_calls_private(value: int) -> None:
    address = ipaddress.IPv6Address(value)
    if not address.is_global or address.is_multicast:
        assert refused_address(str(address)) is not None


@pytest.mark.parametrize(
    "host",
    [
        "api.example.com",
        "a.b",
        "xn--bcher-kva.example",
        "1.example",
        "a-b.c1",
        "a.1.example",
        "a.0x1.b.example",
        LONGEST,
    ],
)
def test_host_names(host: str) -> None:
    assert is_host_name(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "127.0.0.1",
        "1.2",
        "a.1",
        "a.b.1",
        "a.b.c.0x1f",
        LONGEST + "c",
        "a.0x7f",
        "0x7f.0x1",
        "[::1]",
        "::1",
        "a..b",
        ".a.b",
        "a.b.",
        "-a.b",
        "a-.b",
        "a_b.c",
        "A.b",
        "bücher.example",
        "a.b:80",
        "a@b.c",
        "a b.c",
        "a" * 64 + ".b",
        ("a" * 60 + ".") * 5 + "b",
        "a.b\x00.c",
        "a.b\n",
    ],
)
def test_what_is_no_canonical_host_name(host: str) -> None:
    assert not is_host_name(host)

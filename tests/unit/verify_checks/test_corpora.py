"""What the generators must never lose: attacks that are known by name, and each part that they are made of."""

from __future__ import annotations

import random
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import Phase, find, settings
from hypothesis.strategies import SearchStrategy

from locara_verify.strategies import addresses, frames, hosts, names, paths, sql
from locara_verify.testing import strategies

ESCAPES = (
    "..", "../secret.txt", "../../secret.txt", "../../../../../../../../../secret.txt", "/etc/passwd", "//etc/passwd",
    "/proc/self/environ", "/proc/self/root", "/proc/self/fd/3", "/dev/zero", "C:\\Windows\\win.ini",
    "\\\\server\\share\\x",
    "..\\..\\x", "file:///etc/passwd", "~", "$APP_DATA/../x", "CON", "NUL", "COM1", "x::$DATA", "x.", "x ", "x\x00",
    "x\x00.txt", "%2e%2e/x", "..%2fx", "%252e%252e%252fx", "..%c0%afx", "．．/x", "..／x", "\u202e../x", "\ufeff../x",
    "../audit/log.jsonl", "../db/app.sqlite", "../files-evil/secret.txt", "a" * 256, "a//b", "a/../../b", "*", "-rf",
    "\ud800", "..\ud800/x", "secret.txt/..", "a/../secret.txt", "notes/..", "./..//secret.txt",
    "a/b/../../secret.txt",
)  # fmt: skip
NO_HOSTS = (
    "127.0.0.1", "0x7f000001", "2130706433", "017700000001", "127.1", "[::1]", "::1", "[::ffff:127.0.0.1]",
    "169.254.169.254",
    "10.0.0.1", "localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local", "metadata.google.internal",
    "intranet",
    "", ".", "a..b", ".a.com", "a.com.", "a.com\n", "a.com\x00", "a.com:443", "a.com/x", "user@a.com",
    "https://a.com",
    "a。com", "ａ.com", "bücher.example", "a\u00ad.com", "a.\ud800.com", "A.COM", "*", "*.*", "a.*.com", "**.a.com",
    "[a].com",
    "[!a].com", "{a,b}.com", "^a.com", "(a|b).com",
)  # fmt: skip
NEAR = (
    "example.com", "a.example.com", "b.a.example.com", "notexample.com", "example.com.evil.test", "example.comx",
    "x-example.com",
    "com", "evil.com", "example.com.", ".example.com", "EXAMPLE.COM", "example-com", "examplexcom", "*.example.com",
    "example.com:443", "example.com@evil.test", "evil.test/example.com", "example.com\x00.evil.test", "example。com",
    "example.com%00",
)  # fmt: skip
FRAMES = {
    "empty frame", "NUL bytes", "not JSON", "cut JSON", "trailing data", "two objects", "array frame", "null frame",
    "byte order mark", "UTF-16 frame", "overlong UTF-8", "UTF-8 surrogate", "escaped lone surrogate", "duplicate cmd",
    "duplicate cmd by escape", "duplicate id", "duplicate key in arguments", "NaN", "Infinity", "minus Infinity",
    "overflowing number", "very long number", "deep arrays", "very deep objects", "comment", "trailing comma",
    "no id", "no cmd",
    "cmd is a list", "args is a list", "extra member", "forged grant member", "forged capability", "prototype member",
    "forged reply", "cancel and call", "cancel null",
}  # fmt: skip
STREAMS = {
    "length over the cap",
    "length of 4 GiB",
    "negative length",
    "text protocol",
    "JSON without header",
}


def test_no_known_way_out_of_a_folder_is_lost() -> None:
    corpus = {attack.text for attack in paths.corpus()}
    assert [text for text in ESCAPES if text not in corpus] == []
    targets = {attack.text for attack in paths.corpus(("one", "two"))}
    assert {"../one", "../two"} <= targets


def test_each_part_of_a_path_is_drawn_and_each_climb_is_made() -> None:
    rng = random.Random(1)
    drawn = [paths.draw(rng, ("secret.txt",)) for _ in range(4_000)]
    assert {attack.family for attack in drawn} == {attack.family for attack in paths.corpus()} >= {
        "climb", "dots", "absolute", "foreign", "device", "ending", "encoded", "protected", "long", "empty",
        "wild", "surrogate",
    }  # fmt: skip
    text = [attack.text for attack in drawn]
    for part in (
        "\\",
        "//",
        "%2e%2e",
        "%2f",
        "．．",
        "\x00/",
        "/./",
        "\x00.txt",
        "file://",
        "％２ｆ",
        "secret.txt",
        "SECRET.TXT",
    ):
        assert any(part in one for one in text), part
    climbs = {attack.text for attack in paths.towards("/etc/passwd")}
    assert {"../" * depth + "etc/passwd" for depth in range(1, 13)} <= climbs
    assert {"/etc/passwd", "//etc/passwd", "..%2fetc%2fpasswd", "..\\etc\\passwd"} <= climbs


def test_no_known_name_that_is_no_host_is_lost() -> None:
    rng = random.Random(1)
    drawn = {hosts.hostile(rng) for _ in range(20_000)}
    assert [name for name in NO_HOSTS if name not in drawn] == []


@pytest.mark.parametrize("pattern", ["example.com", "*.example.com"])
def test_each_neighbour_of_a_pattern_is_drawn(pattern: str) -> None:
    rng = random.Random(1)
    drawn = {hosts.near(rng, (pattern,)) for _ in range(4_000)}
    assert [name for name in NEAR if name not in drawn] == []


def test_no_known_frame_is_lost() -> None:
    assert FRAMES - {attack.name for attack in frames.refused()} == set()
    assert STREAMS - {attack.name for attack in frames.fatal()} == set()
    depths = [max(attack.data.count(b"["), attack.data.count(b"{")) for attack in frames.refused()]
    assert {depth > frames.MAX_DEPTH for depth in depths} == {True, False}
    edges = {tuple(sorted(attack.codes)) for attack in frames.refused() if attack.name.endswith(" deep")}
    assert edges == {("bad_frame",), ("bad_request",)}, "as deep as may be, and deeper"
    ids = [attack for attack in frames.refused() if attack.name.startswith("id ")]
    assert len(ids) == len(frames.BAD_IDS) > 15


def test_each_control_character_is_hidden_in_an_address() -> None:
    coded = [unquote_to_bytes(address) for address in addresses.coded("a.test")]
    for code in (*range(0x20), 0x7F):
        assert sum(bytes([code]) in address for address in coded) >= 9, code
    written = set(addresses.coded("a.test"))
    assert {
        "https://a.test/%0ax",
        "https://a.test/%0Ax",
        "https://a.test?%0dx",
        "https://a.test%00/",
    } <= written


def test_each_way_to_write_an_address_is_made() -> None:
    each = set(addresses.each("a.test"))
    assert {
        "http://a.test/", "HTTPS://a.test/", "https:a.test/", "https:///a.test/", "https:\\\\a.test/",
        "file://a.test/",
        "https://user@a.test/", "https://a.test\\@a.test/", "https://a.test:0/", "https://a.test:65536/",
        "https://a.test:٤٤٣/",
        "https://a.test/\r\nHost: a.test", "https://a.test\\a.test", "https://127.0.0.1/", "https://localhost/",
        "https://[::1]/", "https://[fe80::1%25eth0]/",
    } <= each  # fmt: skip
    assert any("\x00" in address for address in each)
    assert any("\u202e" in address for address in each)
    assert {
        "http://a.test/",
        "https://user:x@a.test/",
        "https://a.test\\@a.test/",
        "data:text/plain,x",
    } <= set(hosts.urls("a.test"))


PLACES = sql.Places(("/data/db/app.sqlite",), ("/etc/passwd",), ("/tmp/new",))


@pytest.mark.parametrize("family", sql.FAMILIES)
def test_each_family_of_sql_is_sent_in_each_way(family: str) -> None:
    made = [attack for seed in range(20) for attack in sql.corpus(family, random.Random(seed), PLACES)]
    made += [sql.draw(family, random.Random(seed), PLACES) for seed in range(400)]
    assert {attack.family for attack in made} == {family}
    text = [statement for attack in made for statement, _ in attack.statements]
    assert len(set(text)) > 20
    if family == "exhaustion":
        return
    assert {attack.entry for attack in made} >= {"exec", "batch"}
    if family == "smuggling":
        assert "search" in {attack.entry for attack in made}
        return
    for part in ("/**/", "--", "\n", "\t", ";"):
        assert any(part in one for one in text), part
    assert any(one != one.upper() and one != one.lower() and "SELECT" not in one.split() for one in text)


def test_what_takes_two_statements_is_sent_as_two() -> None:
    made = list(sql.corpus("internal", random.Random(1), PLACES))
    assert sum(len(attack.statements) > 1 for attack in made) >= 2
    slow = list(sql.slow_bombs(random.Random(1), 3))
    assert len({attack.shown for attack in slow}) == 3


def test_the_strategies_of_an_app_have_each_kind() -> None:
    quick = settings(max_examples=4_000, deadline=None, database=None, phases=[Phase.generate])

    def some(strategy: SearchStrategy[str], holds: Callable[[str], bool]) -> None:
        find(strategy, holds, settings=quick, random=random.Random(1))

    some(strategies.hosts(), lambda host: host in hosts.MALFORMED)
    some(strategies.hosts(), lambda host: host in hosts.LOCAL_NAMES)
    some(strategies.hosts(), lambda host: host in hosts.ADDRESSES)
    some(strategies.hosts(), lambda host: host.startswith("0x"))
    some(strategies.paths("x"), lambda path: path.count("..∕") >= 5)
    some(strategies.paths("x"), lambda path: "%2f" in path)
    some(strategies.paths("x"), lambda path: not path.isascii())
    some(strategies.paths("x"), lambda path: "\\" in path)
    some(strategies.command_names(), lambda name: name in names.NOT_NAMES)
    some(strategies.command_names(), lambda name: name not in names.NOT_NAMES)

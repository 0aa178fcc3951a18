"""Web addresses from a grammar of their parts, each part with the spellings that have split two readers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import product

from locara_verify.strategies import hosts

SCHEMES = (
    "https://", "https://", "https://", "https://", "https://", "https://",
    "http://", "HTTPS://", "hTTps://", "https:/", "https:", "https:///", "https:\\\\", "//", "wss://", "ftp://",
    "file://", "https+unix://", "javascript://", "blob:https://", "",
)  # fmt: skip
USERS = (
    "user@", "user:word@", "@", ":@", "a.test@", "a.test:443@", "a.test\\@", "a.test/@", "a.test#@", "a.test?@",
    "%40", "a@b@", "[@",
)  # fmt: skip
PORTS = (
    "", "", "", "", ":443", ":443", ":8443", ":80", ":", ":0", ":00443", ":65535", ":65536", ":99999", ":-1", ":+443",
    ":4_43", ":4 43", ":٤٤٣", ":443:80", ":0x1bb", ":443@a.test", ":443\\", ":443.",
)  # fmt: skip
TARGETS = (
    "", "/", "/a", "/a?b=c", "?b", "#c", "/#@a.test/", "/?@a.test/", "/@a.test/", "//a.test/", "/../..//a.test",
    "/\\@a.test", "\\a.test", ";@a.test", "/%2e%2e/%00", "/a b", "/ä", "/\r\nHost: a.test", "/a#b#c", "/[", "/a|b",
    "/%0d%0aHost:%20a.test", "/a'b\"c", "?https://a.test/", "/`", "/^", "/<a>", "/{a}",
)  # fmt: skip
BEFORE = ("", "", "x", "%40", "a.test", "a.test.", "127.0.0.1", "%5b", "a.test%00")
INSIDE = (
    "::1",
    "fd00::1",
    "::ffff:127.0.0.1",
    "FE80::1",
    "fe80::1%25eth0",
    "v1.a",
    "a.test",
    "127.0.0.1",
    "[::1]",
    "",
)
AFTER = ("", "", "x", ".a.test", "]", "%40", "%5d")
ODD = (
    *map(chr, range(0x21)), "\x7f", "\x80", "\x85", "\xa0", "\xad", "\u200b", "\u2028", "\u202e", "\ufeff", "\ud800",
    "\\", "@", "#", "?", "/", ":", "%", "[", "]", "。", "．", "／", "＠", "%00", "%2f", "%40", "%5c", "\t", "\n", "\r",
)  # fmt: skip


def bracketed(rng: random.Random) -> str:
    """A host in brackets, and what may stand in, before and behind them."""
    return f"{rng.choice(BEFORE)}[{rng.choice(INSIDE)}]{rng.choice(AFTER)}"


def hosts_near(rng: random.Random, patterns: Sequence[str]) -> str:
    """Mostly a host near the patterns, now and then one that is an address, local or malformed."""
    roll = rng.random()
    if roll < 0.7:
        return hosts.near(rng, patterns)
    if roll < 0.87:
        return hosts.hostile(rng)
    if roll < 0.92:
        return bracketed(rng)
    name = hosts.near(rng, patterns)
    return rng.choice(
        (name.upper(), name.title(), f"[{name}]", f"{name}..", f"%{ord(name[:1] or 'a'):x}{name[1:]}")
    )


def address(rng: random.Random, patterns: Sequence[str]) -> str:
    """One address: parts drawn apart, and in one of three a character put in, doubled or taken out somewhere."""
    text = "".join(
        (
            rng.choice(SCHEMES) if rng.random() < 0.5 else "https://",
            rng.choice(USERS) if rng.random() < 0.12 else "",
            hosts_near(rng, patterns),
            rng.choice(PORTS),
            rng.choice(TARGETS),
        )
    )
    while rng.random() < 0.33:
        at = rng.choice((0, len(text), rng.randrange(len(text) + 1)))
        text = (
            text[:at]
            + rng.choice((rng.choice(ODD), text[at : at + 1] * 2, ""))
            + text[at + rng.choice((0, 0, 1)) :]
        )
    return text


def each(name: str) -> Iterator[str]:
    """Addresses of a host, one part of each spelled in one of the ways above, and one character more in one place."""
    yield from (f"{scheme}{name}/" for scheme in dict.fromkeys(SCHEMES))
    yield from (f"https://{user}{name}/" for user in USERS)
    yield from (f"https://{name}{port}/" for port in dict.fromkeys(PORTS))
    yield from (f"https://{name}{target}" for target in TARGETS)
    yield from (f"https://{host}/" for host in (*hosts.ADDRESSES, *hosts.LOCAL_NAMES, *hosts.MALFORMED))
    yield from (
        f"https://{before}[{inside}]{after}/"
        for before, inside, after in product(dict.fromkeys(BEFORE), INSIDE, dict.fromkeys(AFTER))
    )
    for odd in dict.fromkeys(ODD):
        parts = ("", "https", "://", name[:1], name[1:], ":443", "/", "a")
        yield from ("".join((*parts[:at], odd, *parts[at:])) for at in range(len(parts) + 1))


def coded(name: str) -> Iterator[str]:
    """Addresses of a host with characters in percent form: every control character in each place, written in both
    cases; then the same ones coded twice or too long, which are ordinary bytes to all who decode once."""
    for code in (*range(0x20), 0x7F):
        for written in dict.fromkeys((f"%{code:02x}", f"%{code:02X}")):
            yield from (f"https://{name}{place}{written}x" for place in ("/", "/a/", "/?a=", "?", "/#", "#"))
            yield from (
                f"https://{name}{written}/",
                f"https://{name}{written}.a.test/",
                f"https://{written}{name}/",
            )
    for plain in ("%20", "%41", "%7e", "%2e%2e", "%22", "%60", "%2f", "%5c", "%3b", "%c3%a4"):
        yield from (f"https://{name}{place}{plain}x" for place in ("/", "/?a=", "/#"))
    for odd in (
        "%250a",
        "%2500",
        "%25250d",
        "%c0%8a",
        "%e0%80%8a",
        "%c0%80",
        "%u000a",
        "%0",
        "%",
        "%g0",
        "%c2%85",
        "%ff",
    ):
        yield from (f"https://{name}{place}{odd}" for place in ("/", "/?a=", "/#", ""))


def pattern(rng: random.Random) -> str:
    """What stands in a list of hosts: a plain pattern, or one with text or signs a matcher could understand."""
    plain = hosts.pattern(rng)
    if rng.random() < 0.5:
        return plain
    at = rng.randrange(len(plain) + 1)
    sign = rng.choice(
        (*"*?+|()[]{}^$\\", ".*", "**", "*.", "[a-z]", "(?:", "\\.", "|a.test", "$\n", "/x", ":443", "%2a")
    )
    return rng.choice(
        (plain[:at] + sign + plain[at:], plain + sign, sign + plain, f"*.{plain}", f"a.{plain}")
    )

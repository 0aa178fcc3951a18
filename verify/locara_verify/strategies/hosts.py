"""Host names: patterns for manifests, requests near their edges, and addresses that split parsers."""

from __future__ import annotations

import random
from collections.abc import Sequence

LABELS = ("a", "b", "api", "example", "test", "org", "com", "net", "xn--bcher-kva", "cdn-1", "x" * 63)
TOPS = ("com", "org", "test", "example", "xn--p1ai", "io", "museum")

ADDRESSES = (
    "127.0.0.1", "127.1", "0", "0.0.0.0",  # noqa: S104 - an attack
    "2130706433", "0x7f000001", "0x7f.1", "017700000001", "010.0.0.1",
    "127.0.0.0x1", "1.2.3.0x4", "0x7f.0x1", "a.0x7f", "a.0x",
    "127.0.0.1.",
    "[::1]", "::1", "[::]", "[::ffff:127.0.0.1]", "[::1%25lo]", "[fe80::1%25eth0]", "[::1%25.example.test]",
    "169.254.169.254",
    "10.0.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1", "[fd00::1]", "[::127.0.0.1]", "127.0.0.1.nip.io",
    "①②⑦.⓪.⓪.①",
)  # fmt: skip
LOCAL_NAMES = (
    "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "a.localhost", "ip6-localhost",
    "broadcasthost", "printer.local",
    "host.internal", "metadata.google.internal", "kubernetes.default.svc", "intranet", "com", "a",
)  # fmt: skip
ORDINARY_LOOKING = ("127.0.0.1.nip.io", "kubernetes.default.svc", "localhost.localdomain")
"""Local names that no spelling gives away: a manifest may name them, and their addresses are refused when resolved."""
MALFORMED = (
    "", ".", "..", "a..b", ".a.com", "a.com.", "-a.com", "a-.com", "a_b.com", "a b.com", " a.com", "a.com ",
    "a.com\n", "a.com\x00", "a\x00.com",
    "*.com", "*", "*.*", "a.*.com", "a*.com", "*a.com", "*.a.com", "a.com:443", "a.com/x", "a.com?x",
    "a.com#x", "user@a.com", "user:pw@a.com",
    "https://a.com", "//a.com", "a.com\\@b.com", "a.com%00", "a.com%2eb", "%61.com", "a。com", "a．com",
    "ａ.com", "ß.com", "bücher.example",
    "xn--.com", "a℀b.com", "a／b.com", "a﹕80.com", "a\u00ad.com", "a\u200b.com", "\u202ea.com", "a.123",
    "1.2.3.4.5", "a." + "b" * 64,
    ".".join(["a" * 60] * 5), "a" * 254, "A.COM", "Example.Com", "a.\ud800.com", "a,b.com", "a;b.com",
    "[a.com]", "a.com]",
    # What other pattern languages know: sets, their complement in two spellings, depth, choice, escapes, anchors.
    "[a].com", "[!a].com", "[^a].com", "[a-c].com", "**.a.com", "**", "*.**.com", "?.com", "a?.com", "{a,b}.com",
    "\\*.a.com", "*\\.a.com", "!a.com", "!*.a.com", "^a.com", "a.com$", "~a.com", "/a.com/", ".*\\.a\\.com",
    "(a|b).com", "+(a).com", "@(a).com", "*.*.com", "*..com", "*.", ".*", "%.a.com", "_.a.com", "\uff0a.a.com",
    "\u2217.a.com", "*\u200b.a.com", "*.a.com*", "*.a.*",
)  # fmt: skip


def host(rng: random.Random) -> str:
    """A well-formed public host name of two to five labels from a small alphabet, so that names collide."""
    count = rng.choice((1, 1, 2, 2, 3, 4))
    labels = [rng.choice(LABELS) for _ in range(count)]
    while (
        len(name := ".".join([*labels, rng.choice(TOPS)])) > 253
    ):  # four of the longest are no name any more
        labels.pop()
    return name


def pattern(rng: random.Random) -> str:
    """A pattern that may stand in a manifest."""
    name = host(rng)
    return "*." + name if rng.random() < 0.4 and len(name) <= 189 else name


def near(rng: random.Random, patterns: Sequence[str]) -> str:
    """A host at the edge of one of ``patterns``: itself, its apex, a child, a sibling, a look-alike."""
    if not patterns:
        return host(rng)
    chosen = rng.choice(patterns)
    apex = chosen[2:] if chosen.startswith("*.") else chosen
    if rng.random() < 0.5:
        return rng.choice((apex, "a." + apex, "b.a." + apex)) if chosen.startswith("*.") else apex
    return rng.choice(
        (
            apex,
            apex,
            "a." + apex,
            "a." + apex,
            "b.a." + apex,
            "not" + apex,
            apex + ".evil.test",
            apex + "x",
            "x-" + apex,
            apex.split(".", 1)[1],
            "evil." + apex.split(".", 1)[1],
            apex + ".",
            "." + apex,
            apex.upper(),
            apex.replace(".", "-", 1),
            apex.replace(".", "x", 1),
            "*." + apex,
            apex + ":443",
            apex + "@evil.test",
            "evil.test/" + apex,
            apex + "\x00.evil.test",
            apex.replace(".", "。", 1),
            apex + "%00",
        )
    )


def hostile(rng: random.Random) -> str:
    """A name that no grant may ever cover."""
    return rng.choice(rng.choice((ADDRESSES, LOCAL_NAMES, MALFORMED)))


def urls(name: str, *, user: str = "x") -> tuple[str, ...]:
    """Spellings of an address of ``name``, each of which some client has read differently from its guard."""
    return (
        f"https://{name}/",
        f"HTTPS://{name}/",
        f"http://{name}/",
        f"https://{name}:443/",
        f"https://{name}:8443/",
        f"https://{name}./",
        f"https://user@{name}/",
        f"https://user:{user}@{name}/",
        f"https://a.test@{name}/",
        f"https://{name}@a.test/",
        f"https://{name}#@a.test/",
        f"https://{name}?@a.test/",
        f"https://{name}\\@a.test/",
        f"https://a.test\\@{name}/",
        f"https:\\\\{name}\\",
        f"https:/{name}/",
        f"https:///{name}/",
        f"https:{name}",
        f"//{name}/",
        f" https://{name}/",
        f"https://{name}/ ",
        f"\x01https://{name}/",
        f"https://{name}\x00.a.test/",
        f"https://{name}\r\nHost: a.test/",
        f"https://{name}/\r\nX: y",
        f"ftp://{name}/",
        f"ws://{name}/",
        f"wss://{name}/",
        "file:///etc/passwd",
        f"file://{name}/etc/passwd",
        "data:text/plain,x",
        "blob:https://a/1",
        "javascript:1",
        f"gopher://{name}:70/x",
        f"dict://{name}:11/x",
        f"unix:{user}",
        f"https+unix://{name}",
        f"https://{name}:0/",
        f"https://{name}:65536/",
        f"https://{name}:-1/",
        f"https://{name}:4 43/",
        f"https://{name}:٤٤٣/",
        f"https://[{name}]/",
        f"https://{name}%00/",
        f"https://%61{name}/",
        f"https://{name.upper()}/",
        f"https://{name}。/",
        "https://",
        "https://:443/",
        "",
        "https://*/",
        f"https://{name}:/",
    )

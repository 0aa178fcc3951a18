"""The bytes of a manifest, damaged in the ways that parsers disagree about."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

from locara_verify.strategies.nests import nested


def damaged(rng: random.Random, data: bytes) -> tuple[bytes, str]:
    """Damage the bytes of a manifest in one of the ways parsers disagree about."""
    text, make = rng.choice(_damages(rng, data))
    return make(), text


def each_damage(rng: random.Random, data: bytes) -> Iterator[tuple[bytes, str]]:
    """The bytes of a manifest damaged in each of those ways, and with each odd number, string and surrogate."""
    for text, make in _damages(rng, data):
        yield make(), text
    for odd in (*NUMBERS, *STRINGS):
        yield data.rstrip()[:-1] + b', "x": ' + odd + b"}", f"the value {odd[:20]!r}"
        yield data.replace(b'"A probe."', odd, 1), f"a description that is {odd[:20]!r}"
    for half in SURROGATES:
        yield data.replace(b'"displayName": "', b'"displayName": "' + half, 1), f"{half!r} in a text"
    for shape, depth in itertools.product(NESTS, range(29, 35)):
        yield (
            data.rstrip()[:-1] + b', "x": ' + nested(shape, depth) + b"}",
            f"{shape!r} to the depth of {depth}",
        )


def _damages(rng: random.Random, data: bytes) -> tuple[tuple[str, Callable[[], bytes]], ...]:
    where = rng.randrange(len(data) + 1)
    return (
        ("byte order mark", lambda: b"\xef\xbb\xbf" + data),
        (
            "trailing data",
            lambda: data + rng.choice((b"{}", b" x", b"\x00", b",", b"//", b"\n\n", b"\xa0", b"\x0c")),
        ),
        (
            "leading data",
            lambda: rng.choice((b" ", b"\n\t", b"\x0b", b"\x00", b"/**/", b"\xff\xfe", b"#x\n")) + data,
        ),
        ("duplicate key", lambda: data.replace(b'"schema"', b'"schema": "locara/v1", "schema"', 1)),
        ("duplicate key by escape", lambda: data.replace(b'"name"', b'"n\\u0061me": "other", "name"', 1)),
        (
            "duplicate capability",
            lambda: data.replace(b'"capabilities": {', b'"capabilities": {"net": true, "net": false, ', 1),
        ),
        ("one byte", lambda: data[:where] + bytes([rng.randrange(256)]) + data[where + 1 :]),
        ("one byte less", lambda: data[:where] + data[where + 1 :]),
        (
            "one byte more",
            lambda: (
                data[:where]
                + rng.choice((b",", b'"', b"{", b"}", b"\\", b"\x00", b"\x80", b"'", b"1", b"-"))
                + data[where:]
            ),
        ),
        ("cut", lambda: data[:where]),
        ("number", lambda: data.rstrip()[:-1] + b', "x": ' + rng.choice(NUMBERS) + b"}"),
        ("string", lambda: data.rstrip()[:-1] + b', "x": ' + rng.choice(STRINGS) + b"}"),
        ("depth", lambda: data.rstrip()[:-1] + b', "x": ' + nest(rng) + b"}"),
        (
            "size",
            lambda: (
                data
                + b" "
                * rng.choice((262_144 - len(data) - 1, 262_144 - len(data), 262_145 - len(data), 300_000))
            ),
        ),
        ("utf-16", lambda: data.decode("utf-8", "replace").encode("utf-16")),
        ("latin-1", lambda: data.replace(b'"displayName": "', b'"displayName": "\xe9', 1)),
        ("overlong", lambda: data.replace(b'"displayName": "', b'"displayName": "\xc0\xaf', 1)),
        ("raw surrogate", lambda: data.replace(b'"displayName": "', b'"displayName": "\xed\xa0\x80', 1)),
        (
            "escaped surrogate",
            lambda: data.replace(
                b'"displayName": "',
                b'"displayName": "' + rng.choice(SURROGATES),
                1,
            ),
        ),
        ("single quotes", lambda: data.replace(b'"', b"'")),
        ("trailing comma", lambda: data.rstrip()[:-1] + b",}"),
        ("comment", lambda: data.replace(b"{", b"{ /* x */", 1)),
        (
            "nothing",
            lambda: rng.choice(
                (b"", b" ", b"null", b"[]", b"{}", b"0", b'""', b"true", b"{", b"[[[[", b"\x00")
            ),
        ),
    )


SURROGATES = (b"\\ud800", b"\\udc00", b"\\udc00\\ud800", b"\\ud83d\\ude00")
NUMBERS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e309", b"-1e309", b"1e400", b"-0", b"-0.0", b"0e0", b"01", b"+1",
    b".5", b"1.", b"0x10", b"1_0", b"1e", b"1e+",
    b"9" * 400, b"1e-400", b"\xd9\xa1", b"--1", b"1" * 5000,
)  # fmt: skip
STRINGS = (
    b'"\\x41"', b'"\\u00"', b'"\\u{41}"', b'"\t"', b'"\n"', b'"\x7f"', b'"\\/"', b'"\\\'"', b'"\\u0000"',
    b'"\\uD800"', b'"\\uDFFF"', b'"\\uD800\\u0041"',
    b'"\\ud83d\\ude00"', b"'x'", b'"unterminated', b'"\\', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
    b'"\xc1\x81"',
)  # fmt: skip


NESTS = ((b"[",), (b'{"a":',), (b"[", b'{"a":'), (b'{"a":', b"[", b"["))


def nest(rng: random.Random) -> bytes:
    """Brackets nested around the limit of depth, or far beyond it."""
    return nested(rng.choice(NESTS), rng.choice((30, 31, 32, 33, 64, 1000, 100_000)))

"""Hostile IPC frames: lengths, encodings, JSON oddities, ids, members and floods."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from locara.records import dataclass
from locara_verify.strategies.nests import nested

Json = Any

MAX_FRAME = 16 * 1024 * 1024
MAX_DEPTH = 64
HEADER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Attack:
    """Bytes to send, and what must come back.

    ``data`` is complete with headers. ``codes`` are the error codes of which one must be answered; an empty
    set means that the frame is ordinary and must be answered ``ok``. ``fatal`` frames may be answered, after
    which the stream must close; they need a connection of their own.
    """

    name: str
    data: bytes
    codes: frozenset[str]
    fatal: bool = False


BAD_FRAME = frozenset({"bad_frame"})
BAD_REQUEST = frozenset({"bad_request"})
EITHER = BAD_FRAME | BAD_REQUEST


def pack(payload: bytes) -> bytes:
    """``payload`` with its length before it."""
    return HEADER.pack(len(payload)) + payload


def call(call_id: Json, cmd: Json, args: Json = None) -> bytes:
    """An ordinary call frame."""
    return pack(json.dumps({"id": call_id, "cmd": cmd, "args": {} if args is None else args}).encode())


def padded(frame: bytes, size: int) -> bytes:
    """The same frame with white space behind its object, so that its payload has ``size`` bytes."""
    return pack(frame[HEADER.size :].ljust(size))


def _bad_payloads() -> tuple[tuple[str, bytes, frozenset[str]], ...]:
    good = b'{"id":1,"cmd":"app.info","args":{}}'
    deep = b'{"id":1,"cmd":"app.info","args":{"x":' + b"[" * 200 + b"]" * 200 + b"}}"
    abyss = b'{"id":1,"cmd":"app.info","args":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    pit = b'{"id":1,"cmd":"app.info","args":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"
    return (
        ("empty frame", b"", BAD_FRAME),
        ("blank frame", b"   ", BAD_FRAME),
        ("NUL bytes", b"\0\0\0\0", BAD_FRAME),
        ("not JSON", b"hello", BAD_FRAME),
        ("cut JSON", good[:-5], BAD_FRAME),
        ("trailing data", good + b"{}", BAD_FRAME),
        ("two objects", good + good, BAD_FRAME),
        ("array frame", b"[1]", BAD_FRAME),
        ("string frame", b'"app.info"', BAD_FRAME),
        ("number frame", b"1", BAD_FRAME),
        ("null frame", b"null", BAD_FRAME),
        ("byte order mark", b"\xef\xbb\xbf" + good, BAD_FRAME),
        ("UTF-16 frame", good.decode().encode("utf-16"), BAD_FRAME),
        ("Latin-1 byte", good.replace(b"app", b"\xe9pp"), BAD_FRAME),
        ("overlong UTF-8", good.replace(b"app", b"\xc0\xaf"), BAD_FRAME),
        ("UTF-8 surrogate", good.replace(b"app", b"\xed\xa0\x80"), BAD_FRAME),
        ("escaped lone surrogate", good.replace(b"app.info", b"\\ud800"), BAD_FRAME),
        ("lone surrogate in arguments", b'{"id":1,"cmd":"app.info","args":{"\\udfff":"x"}}', BAD_FRAME),
        ("duplicate cmd", b'{"id":1,"cmd":"app.info","cmd":"fs.read","args":{}}', BAD_FRAME),
        ("duplicate cmd by escape", b'{"id":1,"cmd":"app.info","c\\u006dd":"fs.read","args":{}}', BAD_FRAME),
        ("duplicate id", b'{"id":1,"id":2,"cmd":"app.info","args":{}}', BAD_FRAME),
        (
            "duplicate key in arguments",
            b'{"id":1,"cmd":"settings.get","args":{"key":"a","key":"b"}}',
            BAD_FRAME,
        ),
        ("NaN", b'{"id":NaN,"cmd":"app.info"}', BAD_FRAME),
        ("NaN in arguments", b'{"id":1,"cmd":"settings.set","args":{"key":"a","value":NaN}}', BAD_FRAME),
        ("Infinity", b'{"id":1,"cmd":"settings.set","args":{"key":"a","value":Infinity}}', BAD_FRAME),
        ("minus Infinity", b'{"id":1,"cmd":"settings.set","args":{"key":"a","value":-Infinity}}', BAD_FRAME),
        ("overflowing number", b'{"id":1,"cmd":"settings.set","args":{"key":"a","value":1e400}}', BAD_FRAME),
        ("very long number", b'{"id":' + b"9" * 5_000 + b',"cmd":"app.info"}', EITHER),
        ("deep arrays", deep, BAD_FRAME),
        ("very deep arrays", abyss, BAD_FRAME),
        ("very deep objects", pit, BAD_FRAME),
        ("comment", b'{"id":1,/*x*/"cmd":"app.info"}', BAD_FRAME),
        ("trailing comma", b'{"id":1,"cmd":"app.info",}', BAD_FRAME),
        ("single quotes", b"{'id':1,'cmd':'app.info'}", BAD_FRAME),
        ("raw control character", b'{"id":1,"cmd":"app\x01info"}', BAD_FRAME),
        ("leading zero", b'{"id":01,"cmd":"app.info"}', BAD_FRAME),
        ("no id", b'{"cmd":"app.info","args":{}}', BAD_REQUEST),
        ("no cmd", b'{"id":1,"args":{}}', BAD_REQUEST),
        ("empty object", b"{}", BAD_REQUEST),
        ("cmd is null", b'{"id":1,"cmd":null}', BAD_REQUEST),
        ("cmd is a number", b'{"id":1,"cmd":7}', BAD_REQUEST),
        ("cmd is a list", b'{"id":1,"cmd":["app.info"]}', BAD_REQUEST),
        ("cmd is an object", b'{"id":1,"cmd":{"toString":"app.info"}}', BAD_REQUEST),
        ("args is a list", b'{"id":1,"cmd":"app.info","args":[]}', BAD_REQUEST),
        ("args is null", b'{"id":1,"cmd":"app.info","args":null}', BAD_REQUEST),
        ("args is a string", b'{"id":1,"cmd":"app.info","args":"{}"}', BAD_REQUEST),
        ("extra member", b'{"id":1,"cmd":"app.info","args":{},"origin":"locara://app"}', BAD_REQUEST),
        ("forged grant member", b'{"id":1,"cmd":"fs.read","args":{},"grants":{"net":true}}', BAD_REQUEST),
        (
            "forged capability",
            b'{"id":1,"cmd":"fs.read","args":{},"capability":"fs.read","allowed":true}',
            BAD_REQUEST,
        ),
        ("prototype member", b'{"id":1,"cmd":"app.info","args":{},"__proto__":{"admin":true}}', BAD_REQUEST),
        ("forged reply", b'{"id":1,"ok":true,"result":{}}', BAD_REQUEST),
        ("cancel and call", b'{"id":1,"cmd":"app.info","cancel":1}', BAD_REQUEST),
        ("cancel null", b'{"cancel":null}', BAD_REQUEST),
        ("cancel list", b'{"cancel":[1]}', BAD_REQUEST),
        ("cancel true", b'{"cancel":true}', BAD_REQUEST),
        ("cancel real", b'{"cancel":1.0}', BAD_REQUEST),
        *_nested(),
        *((f"{coding} frame", payload, BAD_FRAME) for coding, payload in _coded(good)),
        *_several(good),
        *(
            (f"half a pair {half!r}", b'{"id":1,"cmd":"app.info","args":{"x":"%b"}}' % half, BAD_FRAME)
            for half in HALVES
        ),
        *((f"window {more!r}", b'{"window":%b}' % more, BAD_REQUEST) for more in WINDOWS),
    )


def _several(good: bytes) -> Iterator[tuple[str, bytes, frozenset[str]]]:
    """Calls in a member of a frame, by themselves and beside a call."""
    for word in HOLDERS:
        yield f"calls in {word!r}", b'{"%b":[%b,%b]}' % (word, good, good), BAD_REQUEST
        yield f"{word!r} beside a call", b'{"%b":[%b],%b' % (word, good, good[1:]), BAD_REQUEST


def _coded(good: bytes) -> Iterator[tuple[str, bytes]]:
    """A call as other protocols would write it: packed, in other encodings of text, and in other notations."""
    text = good.decode()
    yield from (("gzip", gzip.compress(good)), ("zlib", zlib.compress(good)), ("bzip2", bz2.compress(good)))
    yield from (("xz", lzma.compress(good)), ("lzma", lzma.compress(good, lzma.FORMAT_ALONE)))
    yield "deflate", zlib.compress(good)[2:-4]
    block = (len(good) << 3 | 1).to_bytes(3, "little")
    yield "zstd, stored", b"\x28\xb5\x2f\xfd\x20%c%b%b" % (len(good), block, good)
    yield from (
        (code, text.encode(code)) for code in ("utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
    )
    yield "EBCDIC", text.encode("cp037")
    yield from (
        ("base64", base64.b64encode(good)),
        ("hex", good.hex().encode()),
        ("quoted", json.dumps(text).encode()),
    )
    yield "CBOR", b"\xa3bid\x01ccmdhapp.infodargs\xa0"
    yield "MessagePack", b"\x83\xa2id\x01\xa3cmd\xa8app.info\xa4args\x80"
    yield from (("form", b"id=1&cmd=app.info"), ("YAML", b"id: 1\ncmd: app.info\nargs: {}\n"))
    yield from (
        ("a sequence", b"\x1e" + good),
        ("JSON5", b"{id:1,cmd:'app.info'}"),
        ("a guard", b")]}'\n" + good),
    )


HALVES = (
    b"\\uD800", b"\\uDFFF", b"\\udFfF", b"\\uDc00", b"\\uD83D\\uD83D", b"\\uDE00\\uD83D",
    b"\\ud83d x \\ude00", b"\\\\\\uDBFF",
)  # fmt: skip
HOLDERS = (
    b"batch", b"calls", b"requests", b"frames", b"messages", b"all", b"queue", b"params", b"then", b"ops", b"multi",
    b"parallel", b"pipeline", b"transaction", b"resume", b"retry", b"replay", b"event", b"result", b"also", b"after",
)  # fmt: skip
"""Members in which other protocols put several calls."""
WINDOWS = (
    b"null", b"true", b"1", b'"Open"', b'"closed "', b'["closed"]', b'{"closed":true}', b'"none"',
    b'"open","id":1', b'"open","cmd":"app.info"', b'"open","args":{}', b'"open","more":1',
)  # fmt: skip


def _nested() -> Iterator[tuple[str, bytes, frozenset[str]]]:
    """Arguments as deep as a frame may be, of one kind and of both in turn, which this command has not; and deeper."""
    for shape in ((b"[",), (b'{"a":',), (b"[", b'{"a":'), (b'{"a":', b'{"a":', b"[")):
        for depth, codes in (
            (MAX_DEPTH, BAD_REQUEST),
            (MAX_DEPTH + 1, BAD_FRAME),
            (MAX_DEPTH + 40, BAD_FRAME),
        ):
            inner = nested(shape, depth - 2)  # inside of the frame and of its arguments
            yield f"{shape!r} {depth} deep", b'{"id":1,"cmd":"app.info","args":{"x":%b}}' % inner, codes


BAD_IDS: tuple[Json, ...] = (
    None, True, False, 0, -1, 1.0, 1.5, 2**53 + 1, 2**64, 10**400, "", "x" * 65, "x" * 100_000, [], [1], {},
    {"id": 1}, -0.0,
)  # fmt: skip


def refused() -> tuple[Attack, ...]:
    """Every frame that must be answered with an error while the stream goes on, in a fixed order."""
    attacks = [Attack(name, pack(payload), codes) for name, payload, codes in _bad_payloads()]
    attacks += [
        Attack(f"id {index}", pack(json.dumps({"id": bad, "cmd": "app.info", "args": {}}).encode()), EITHER)
        for index, bad in enumerate(BAD_IDS)
    ]
    return tuple(attacks)


def fatal() -> tuple[Attack, ...]:
    """Byte streams that lose the frame boundaries: the runtime must answer or close, and never serve on."""
    return (
        Attack(
            "length over the cap", HEADER.pack(MAX_FRAME + 1) + b"x", frozenset({"too_large"}), fatal=True
        ),
        Attack("length of 4 GiB", HEADER.pack(2**32 - 1), frozenset({"too_large"}), fatal=True),
        Attack("negative length", b"\xff\xff\xff\x9c", frozenset({"too_large"}), fatal=True),
        Attack("text protocol", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", frozenset({"too_large"}), fatal=True),
        Attack("JSON without header", b'{"id":1,"cmd":"app.info"}', frozenset({"too_large"}), fatal=True),
    )


def damaged(rng: random.Random) -> bytes:
    """A call frame with a few bytes of its payload changed; the header stays right."""
    payload = bytearray(json.dumps({"id": rng.randint(1, 99), "cmd": "app.info", "args": {}}).encode())
    for _ in range(rng.randint(1, 4)):
        where = rng.randrange(len(payload))
        action = rng.random()
        if action < 0.5:
            payload[where] = rng.randrange(256)
        elif action < 0.75:
            payload[where:where] = bytes([rng.randrange(256)])
        elif len(payload) > 1:
            del payload[where]
    return pack(bytes(payload))

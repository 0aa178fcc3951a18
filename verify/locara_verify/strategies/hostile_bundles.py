"""Bundles that lie: archives of two kinds and folders whose members leave, link, collide, or are not the listed ones.

Made from the text of docs/trust.md with the archive modules of the standard library; nothing of the product is used.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import socket
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from locara.records import dataclass
from locara_verify.strategies.by_the_way import BELOW, LEFT

COMMIT: Final = "ab" * 20
LIST: Final = "locapp.json"
_ATTESTATIONS: Final = 64
_LOADED: Final = (".js", ".mjs", ".wasm", ".html", ".css", ".json", ".py", ".so", ".sql", ".zip")
_KINDS: Final = {
    "a link": stat.S_IFLNK,
    "a pipe": stat.S_IFIFO,
    "a socket": stat.S_IFSOCK,
    "a disk": stat.S_IFBLK,
    "a device": stat.S_IFCHR,
}
_TAR: Final = {
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a bundle. For a link ``data`` is where it leads."""

    name: str
    data: bytes
    mode: int = stat.S_IFREG | 0o644
    method: int = zipfile.ZIP_DEFLATED


def app_files(rng: random.Random) -> dict[str, bytes]:
    """A small built app, by path below ``app/``."""
    names = ("locara.json", "db/schema.sql", "dist/index.html", "dist/js/app.js", "dist/js/deep/er/worker.js")
    return {name: f"{name} {rng.randrange(2**64)}\n".encode() * rng.randint(1, 90) for name in names}


def listing(names: Mapping[str, bytes], **more: object) -> bytes:
    """The text of locapp.json for these files, with some fields set to something else."""
    listed = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in names.items()
    }
    about: dict[str, object] = {
        "format": "locapp/1",
        "app": "acme/notes",
        "version": "1.0.0",
        "commit": COMMIT,
    }
    about |= {"source": "https://git.example/acme/notes", "files": listed}
    return json.dumps(about | more).encode()


def honest(files: Mapping[str, bytes]) -> list[Member]:
    """The members of a bundle that is what it says."""
    return [
        Member(LIST, listing(files)),
        *(Member(f"app/{name}", data) for name, data in sorted(files.items())),
    ]


def zipped(members: list[Member]) -> bytes:
    """A zip archive with these members in this order."""
    out = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(out, "w") as archive:
        for one in members:
            info = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
            info.filename, info.external_attr, info.create_system = one.name, one.mode << 16, 3
            archive.writestr(info, one.data, one.method)
    return out.getvalue()


def tarred(members: list[Member], form: int = tarfile.DEFAULT_FORMAT) -> bytes:
    """A tar archive with the same members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for one in members:
            info = tarfile.TarInfo(one.name)
            info.type, info.mode = _TAR.get(stat.S_IFMT(one.mode), tarfile.REGTYPE), stat.S_IMODE(one.mode)
            if info.type == tarfile.SYMTYPE:
                info.linkname = os.fsdecode(one.data)
            info.size = len(one.data) if info.type == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(one.data))
    return out.getvalue()


def cases(rng: random.Random, files: Mapping[str, bytes], canary: Path) -> Iterator[tuple[str, list[Member]]]:
    """Every lie by its name, as members of an archive. ``canary`` is a file outside that none may touch."""
    yield from _leaving(files, canary)
    yield from _linking(files, canary)
    yield from _other_bytes(rng, files)
    yield from _resources(rng, files)
    yield from _other_names(files)
    for what, wide in one_on_some_systems(files):
        yield what, honest(wide)
    yield from _more(files)
    yield from _left(files)
    yield from _lists(files)


def _left(files: Mapping[str, bytes]) -> Iterator[tuple[str, list[Member]]]:
    """What a program that packs leaves by the way, each in one of the places where it does."""
    for number, name in enumerate(LEFT):
        below = BELOW[number % len(BELOW)] if not name.startswith(".") else "app/dist/"
        yield f"{below}{name} by the way", [*honest(files), Member(f"{below}{name}", b"left by the way")]


def _leaving(files: Mapping[str, bytes], canary: Path) -> Iterator[tuple[str, list[Member]]]:
    """Members whose names lead out: unlisted, and listed like any other."""
    out, bad = canary.name, b"changed\n"
    names = [f"{'../' * up}{out}" for up in range(1, 6)]
    names += [
        str(canary),
        f"/{canary}",
        f"./../{out}",
        f"dist/../../{out}",
        f"dist/./../../../{out}",
        f"..\\{out}",
    ]
    names += [
        f"C:\\{out}",
        f"C:{out}",
        f"\\\\?\\{out}",
        f"{'d/' * 400}{'../' * 401}{out}",
        f"dist/{'x' * 300}",
        "..",
        ".",
    ]
    names += [
        *(
            "CON.js",
            "dist/aux",
            "dist/com1.txt",
            "lpt\u00b9",
            "dist/x:$DATA",
            "dist/index.html::$DATA",
            "dist/x ",
        ),
        *(
            "dist/x.",
            "dist/\u202elmth.x",
            "dist//x",
            "dist/./x",
            "dist/x/",
            "dist/x\x00.html",
            "dist/x\n",
            "-rf/..",
        ),
        f"\uff0e\uff0e/../{out}",
    ]
    for name in names:
        yield f"a member {name[:60]!r}", [*honest(files), Member(f"app/{name}", bad)]
        yield f"a member {name[:60]!r} at the top", [*honest(files), Member(name, bad)]
        yield (
            f"an attestation {name[:60]!r}",
            [*honest(files), Member(f"attestations/{name}", bad)][: len(files) + 2],
        )
        wide = {**files, name: bad}
        yield f"a listed file {name[:60]!r}", honest(wide)


def _linking(files: Mapping[str, bytes], canary: Path) -> Iterator[tuple[str, list[Member]]]:
    """Links, chains of links with a file or a folder behind them, and special files."""
    outside, bad = os.fsencode(canary.parent), b"changed\n"
    for what, kind in _KINDS.items():
        for name in ("app/extra", "app/dist/index.html", "attestations/a.json", LIST):
            rest = [one for one in honest(files) if one.name != name]
            yield f"{what} as {name}", [Member(name, os.fsencode(canary), kind | 0o777), *rest]
    for length in range(1, 6):
        chain = [
            Member(f"app/l{number}", f"l{number + 1}".encode(), stat.S_IFLNK | 0o777)
            for number in range(length - 1)
        ]
        chain.append(Member(f"app/l{length - 1}", outside, stat.S_IFLNK | 0o777))
        through = Member(f"app/l0/{canary.name}", bad)
        folder = Member("app/l0/made/", b"", stat.S_IFDIR | 0o777)
        same = Member("app/l0/", b"", stat.S_IFDIR | 0o777)
        for what, last in (
            ("a file", [through]),
            ("a folder", [folder, through]),
            ("its own folder", [same]),
        ):
            yield f"{length} links and then {what}", [*honest(files), *chain, *last]
        wide = {**files, f"l0/{canary.name}": bad}
        yield f"{length} links before a listed file", [*chain, *honest(wide)]


def _other_bytes(rng: random.Random, files: Mapping[str, bytes]) -> Iterator[tuple[str, list[Member]]]:
    """Each file changed: one bit, cut, longer, empty, that of another version, or gone."""
    good = honest(files)
    for at, one in enumerate(good):
        if one.name == LIST:
            continue
        flipped = bytearray(one.data)
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        older = one.data.replace(b"1", b"2") + b"// older\n"
        ways = {"one bit": bytes(flipped), "cut": one.data[:-1], "longer": one.data + b"\n", "empty": b""}
        for what, data in {**ways, "of an older version": older, "a bomb": bytes(3_000_000)}.items():
            if data != one.data:
                yield f"{one.name}: {what}", [*good[:at], replace(one, data=data), *good[at + 1 :]]
        yield f"{one.name}: missing", [*good[:at], *good[at + 1 :]]
        folder = Member(f"{one.name}/", b"", stat.S_IFDIR | 0o755)
        yield f"{one.name}: a folder in its place", [*good[:at], folder, *good[at + 1 :]]
        inner = Member(one.name, zipped([Member("x", one.data)]))
        yield f"{one.name}: an archive in its place", [*good[:at], inner, *good[at + 1 :]]
    first, second = good[1], good[2]
    swapped = [good[0], replace(first, data=second.data), replace(second, data=first.data), *good[3:]]
    yield "two files exchanged", swapped


def _resources(rng: random.Random, files: Mapping[str, bytes]) -> Iterator[tuple[str, list[Member]]]:
    """A file of each kind that a page or a runtime loads, listed, and of one bit changed."""
    for suffix in (*_LOADED, ".png", ".svg", ".woff2", ".map", ".min.js", ".txt", ""):
        for name in (f"dist/deep/er/r{suffix}",):
            good = honest({**files, name: f"{name} {rng.randrange(2**64)}\n".encode() * 40})
            at = next(number for number, one in enumerate(good) if one.name == f"app/{name}")
            flipped = bytearray(good[at].data)
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            yield f"{name}: one bit", [*good[:at], replace(good[at], data=bytes(flipped)), *good[at + 1 :]]


def _other_names(files: Mapping[str, bytes]) -> Iterator[tuple[str, list[Member]]]:
    """Each file once more, or only, under a name that is nearly its own."""
    good = honest(files)
    for at, one in enumerate(good):
        near: tuple[str, ...] = (
            one.name.upper(),
            one.name.replace("/", "\\"),
            f"{one.name}.",
            f"{one.name} ",
            f"./{one.name}",
        )
        near += (one.name.replace("/", "//"), one.name.replace("a", "\u0430", 1), f"{one.name}\u200b")
        folder, slash, last = one.name.rpartition("/")
        near += tuple(
            f"{folder}{slash}{name}"
            for name in (
                f"../{folder.rpartition('/')[2]}/{last}" if folder else f"x/../{last}",
                f"x/../{last}",
                f"{last[:6]}~1{last[last.rindex('.') :]}".upper(),
                f"{last}::$DATA",
                f"{last}:stream",
                f"{last[0]}\u200c{last[1:]}",
                f"{last[0]}\ufeff{last[1:]}",
                "".join(chr(ord(letter) + 0xFEE0) for letter in last),
                last.replace("s", "\u017f", 1),
            )
        )
        for name in dict.fromkeys(near):
            if name != one.name:
                yield f"{name!a} instead", [*good[:at], replace(one, name=name), *good[at + 1 :]]
                if one.name != LIST:
                    yield f"{name!a} besides", [*good, replace(one, name=name, data=b"other")]
        yield f"{one.name} twice", [*good, replace(one, data=b"other")]
        yield f"{one.name} twice, first", [replace(one, data=b"other"), *good]


def one_on_some_systems(files: Mapping[str, bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Apps with two listed files, each with its own bytes, that some file systems hold as one."""
    for name in files:
        folder, slash, last = name.rpartition("/")
        for other in (
            last.upper(),
            last.title(),
            f"{last[0]}\u200c{last[1:]}",
            f"{last[0]}\u200d{last[1:]}",
            f"\ufeff{last}",
            "".join(chr(ord(letter) + 0xFEE0) for letter in last),
            last.replace("s", "\u017f", 1),
        ):
            if other != last:
                yield f"{name} and {other!a} listed", {**files, f"{folder}{slash}{other}": b"other"}
        if folder:
            yield f"{name} and {folder.upper()!a}, a file", {**files, f"{folder.upper()}": b"other"}
    for one, other in (
        ("caf\u00e9.js", "cafe\u0301.js"), ("\u212bngstrom.js", "\u00e5ngstrom.js"), ("stra\u00dfe.js", "strasse.js"),
        ("\u1e9e.js", "SS.js"), ("\u03c3.js", "\u03c2.js"), ("\u0390.js", "\u1fd3.js"), ("\ufb06.js", "\ufb05.js"),
    ):  # fmt: skip
        yield f"{one!a} and {other!a} listed", {**files, one: b"one", other: b"other"}


def _more(files: Mapping[str, bytes]) -> Iterator[tuple[str, list[Member]]]:
    """A file that nobody listed, in every folder and of every kind that something loads."""
    folders = {str(Path(name).parent) for name in files} | {"", "new/folder"}
    for folder in sorted(folders - {"."}):
        for suffix in _LOADED:
            name = f"app/{folder}/extra{suffix}" if folder else f"app/extra{suffix}"
            yield f"unlisted {name}", [*honest(files), Member(name, b"extra")]
    for name in (
        "extra.js",
        "App/dist/index.html",
        "attestations/../app/x.js",
        "META-INF/MANIFEST.MF",
        "app",
    ):
        yield f"unlisted {name}", [*honest(files), Member(name, b"extra")]
    many = [Member(f"attestations/{number}.json", b"{}") for number in range(_ATTESTATIONS + 1)]
    yield "more attestations than there may be", [*honest(files), *many]
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"packed by method {method}", [replace(one, method=method) for one in honest(files)]


def _lists(files: Mapping[str, bytes]) -> Iterator[tuple[str, list[Member]]]:
    """Lists that cannot be what somebody attested."""
    body = honest(files)[1:]
    good = listing(files)
    some = next(iter(files))
    under = {**files, f"{some}/inner.js": b"x"}
    texts = {
        "no list": None,
        "an empty list": b"",
        "a list cut": good[:-9],
        "a key twice": good.replace(b'{"format"', b'{"version": "9.0.0", "format"', 1),
        "an unknown key": listing(files, trusted=True),
        "another format": listing(files, format="locapp/2"),
        "no files": listing(files, files={}),
        "words behind it": good + b"x",
        "a size below zero": listing(files, files={some: {"size": -1, "sha256": "0" * 64}}),
        "a size as text": listing(files, files={some: {"size": "1", "sha256": "0" * 64}}),
        "a short digest": listing(files, files={some: {"size": 1, "sha256": "0" * 63}}),
        "a list without end": listing(files, version="1." * 3_000_000),
    }
    for what, text in texts.items():
        yield what, [*([] if text is None else [Member(LIST, text)]), *body]
    yield "a file that is a folder too", honest(under)
    yield "a file that is a folder too, turned", [honest(under)[0], *honest(under)[:0:-1]]


def whole_archives(
    rng: random.Random, files: Mapping[str, bytes], canary: Path
) -> Iterator[tuple[str, bytes]]:
    """Archives that are damaged, or of another kind."""
    good = zipped(honest(files))
    for _ in range(12):
        yield "cut", good[: rng.randrange(4, len(good) - 30)]
    for what, members in _linking(files, canary):
        yield f"a tar archive, {what}", tarred(members)
    for what, members in _leaving(files, canary):
        yield f"a tar archive, {what}", tarred(members)
    yield "an honest tar archive", tarred(honest(files))
    for form, name in (
        (tarfile.PAX_FORMAT, "PAX"),
        (tarfile.GNU_FORMAT, "GNU"),
        (tarfile.USTAR_FORMAT, "ustar"),
    ):
        yield f"a {name} archive", tarred(honest(files), form)
    yield from two_readings(files)
    locked = bytearray(good)
    at = locked.find(b"PK\x01\x02")
    while at >= 0:
        locked[at + 8] |= 1
        at = locked.find(b"PK\x01\x02", at + 4)
    yield "encrypted", bytes(locked)
    yield "other names in front of the members", good.replace(b"app/db/schema.sql", b"app/db/Schema.sql", 1)


def two_readings(files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Archives that show one app to programs that read from the front and another to those that read the list, or
    whose further fields are read by some programs only. Each holds an honest app in one of its readings."""
    good = zipped(honest(files))
    some, data = next((name, data) for name, data in sorted(files.items()))
    evil = zipped(honest({**files, some: b"evil " + data}))
    listed, end = good.index(b"PK\x01\x02"), good.rindex(b"PK\x05\x06")
    yield "another archive in front", evil + good
    yield "another archive behind", good + evil
    yield "the same archive twice", good + good
    yield "words in front", b"#!/bin/sh\nexit 0\n" + good
    yield "words behind", good + b"\n"
    yield "words between members and list", good[:listed] + b"evil" + good[listed:]
    yield "words between list and end", good[:end] + b"evil" + good[end:]
    tail = good[end:]
    yield "a comment", good[:-2] + struct.pack("<H", 4) + b"evil"
    yield "an archive as comment", good[:-2] + struct.pack("<H", min(len(evil), 0xFFFF)) + evil[:0xFFFF]
    yield "an end in the comment of the end", good[:-2] + struct.pack("<H", len(tail)) + tail
    for at, what in ((4, "disk"), (6, "first disk"), (8, "members here"), (10, "members")):
        (number,) = struct.unpack_from("<H", tail, at)
        for other in {number + 1, max(0, number - 1), 0xFFFF} - {number}:
            yield (
                f"an end with {other} as {what}",
                good[: end + at] + struct.pack("<H", other) + good[end + at + 2 :],
            )
    for at, what in ((12, "length of the list"), (16, "place of the list")):
        (number,) = struct.unpack_from("<L", tail, at)
        for other in (number + 1, number - 1, 0, 0xFFFFFFFF):
            yield (
                f"an end with {other} as {what}",
                good[: end + at] + struct.pack("<L", other) + good[end + at + 4 :],
            )
    yield from _members_said_twice(good, files)
    yield from _seams(good)
    for name, text in (
        ("another name", b"\x01" + struct.pack("<L", zlib.crc32(b"app/" + some.encode())) + b"app/evil.js"),
        ("a wide size", struct.pack("<Q", 3)),
    ):
        for kind in (0x7075, 0x6375) if name == "another name" else (0x0001, 0x9901, 0x5455):
            field = struct.pack("<HH", kind, len(text)) + text
            yield f"{name} in a further field {kind:#x} of all members", _with_field(files, field)
            behind = struct.pack("<HH", 1, 0) + field
            yield (
                f"{name} in a field {kind:#x} behind an empty wide one of all members",
                _with_field(files, behind),
            )
    for kind in (0x7075, 0x6375, 0x9901, 0x5455, 0x000A, 0xCAFE, 0):
        yield (
            f"an empty further field {kind:#x} of all members",
            _with_field(files, struct.pack("<HH", kind, 0)),
        )
    for bit in (*range(11), *range(12, 16)):
        yield f"flag {bit} of all members, said twice", _flagged(good, 1 << bit)


def _members_said_twice(good: bytes, files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """What stands before a member and what the list says of it, made to differ in one field."""
    local = {
        "flags": (6, "<H", 8),
        "method": (8, "<H", 8),
        "crc": (14, "<L", 1),
        "packed": (18, "<L", 1),
        "size": (22, "<L", 1),
    }
    listed = {
        "flags": (8, "<H", 8),
        "method": (10, "<H", 8),
        "crc": (16, "<L", 1),
        "packed": (20, "<L", 1),
        "size": (24, "<L", 1),
    }
    listed |= {"place": (42, "<L", 1), "disk": (34, "<H", 1)}
    for mark, fields, where in (
        (b"PK\x03\x04", local, "before a member"),
        (b"PK\x01\x02", listed, "in the list"),
    ):
        starts, at = [], good.find(mark)
        while at >= 0:
            starts.append(at)
            at = good.find(mark, at + 4)
        for what, (offset, form, change) in fields.items():
            for start in (starts[0], starts[-1]):
                (number,) = struct.unpack_from(form, good, start + offset)
                for other in (number ^ change, number ^ 0x40):
                    bent = bytearray(good)
                    struct.pack_into(form, bent, start + offset, other)
                    yield f"another {what} {where}", bytes(bent)
    name = f"app/{next(iter(sorted(files)))}".encode()
    swapped = name[:-1] + b"~"
    first, second = good.find(name), good.rfind(name)
    yield "another name before a member", good[:first] + swapped + good[first + len(name) :]
    yield "another name in the list", good[:second] + swapped + good[second + len(name) :]


def _seams(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Something at each place where two parts of an archive meet, with every number in it put right; comments in the
    list, and one that is announced at the end and is not there."""
    end = good.rindex(b"PK\x05\x06")
    (at,) = struct.unpack_from("<L", good, end + 16)
    entries, place = list[bytes](), at
    while place < end:
        stop = place + 46 + sum(struct.unpack_from("<3H", good, place + 28))
        entries.append(good[place:stop])
        place = stop
    starts = [*(struct.unpack_from("<L", one, 42)[0] for one in entries), at]
    members = [good[one:other] for one, other in pairwise(starts)]

    def joined(seam: int = -1, more: bytes = b"", listed: list[bytes] = entries) -> bytes:
        """The archive with ``more`` before this member; behind the members, the list and its last entry it is next."""
        body, text = b"", b""
        for number, (member, entry) in enumerate(zip(members, listed, strict=True)):
            body += more if number == seam else b""
            text += entry[:42] + struct.pack("<L", len(body)) + entry[46:]
            body += member
        body += more if seam == len(members) else b""
        behind = more if seam == len(members) + 1 else b""
        text += more if seam == len(members) + 2 else b""
        return (
            body + text + behind + good[end : end + 12] + struct.pack("<LL", len(text), len(body)) + good[-2:]
        )

    if joined() != good:
        raise ValueError("an archive cannot be taken apart and put together again")
    for what, more in (("words", b"evil"), ("a member", members[1]), ("an entry of the list", entries[1])):
        for seam in range(len(members) + 3):
            yield f"{what} at seam {seam} of {len(members) + 2}", joined(seam, more)
    for number in range(len(entries)):
        with_comment = entries[number][:32] + struct.pack("<H", 4) + entries[number][34:] + b"evil"
        listed = [*entries[:number], with_comment, *entries[number + 1 :]]
        yield f"a comment of member {number}", joined(listed=listed)
    for length in (1, 0xFFFF):
        yield f"a comment of {length} bytes that is not there", good[:-2] + struct.pack("<H", length)


def _flagged(good: bytes, flag: int) -> bytes:
    """An archive with this flag before each member and in the list: both say that more is to be known."""
    bent = bytearray(good)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = good.find(mark)
        while at >= 0:
            (flags,) = struct.unpack_from("<H", good, at + offset)
            struct.pack_into("<H", bent, at + offset, flags | flag)
            at = good.find(mark, at + 4)
    return bytes(bent)


def _with_field(files: Mapping[str, bytes], field: bytes) -> bytes:
    """An archive whose members each have this further field, before them and in the list."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for one in honest(files):
            info = zipfile.ZipInfo(one.name, (1980, 1, 1, 0, 0, 0))
            info.external_attr, info.create_system, info.extra = one.mode << 16, 3, field
            archive.writestr(info, one.data, one.method)
    return out.getvalue()


def plant(root: Path, files: Mapping[str, bytes]) -> None:
    """An honest bundle as a folder."""
    for one in honest(files):
        place = root / one.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(one.data)


def folder_lies(root: Path, files: Mapping[str, bytes], canary: Path) -> Iterator[str]:
    """Make one lie after the other in an honest folder, say which, and take it back when asked for the next."""
    index = root / "app/dist/index.html"
    same = canary.parent / "same.html"
    same.write_bytes(index.read_bytes())
    for place in (root / "app/extra", root / "app/dist/extra.js", root / "attestations"):
        place.symlink_to(canary.parent)
        yield f"a linked folder at {place.relative_to(root)}"
        place.unlink()
        os.mkfifo(place)
        yield f"a pipe at {place.relative_to(root)}"
        place.unlink()
        place.write_bytes(b"extra")
        yield f"an unlisted file at {place.relative_to(root)}"
        place.unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(root, os.O_PATH)
        try:
            listening.bind(f"/proc/self/fd/{here}/sock")
        finally:
            os.close(here)
        yield "a socket"
        (root / "sock").unlink()
    for name in (*(f"app/{name}" for name in files), LIST):
        place, kept = root / name, (root / name).read_bytes()
        place.unlink()
        (canary.parent / "kept").write_bytes(kept)
        place.symlink_to(canary.parent / "kept")
        yield f"a link to the same bytes as {name}"
        place.unlink()
        os.mkfifo(place)
        yield f"a pipe as {name}"
        place.unlink()
        place.mkdir()
        yield f"a folder as {name}"
        place.rmdir()
        yield f"no {name}"
        if name != LIST:
            place.write_bytes(kept[:-1] + b"~")
            yield f"another last byte of {name}"
        place.write_bytes(kept)
    same.unlink()
    (canary.parent / "kept").unlink()

"""Path attacks: atoms that have broken real systems, times encodings, times positions.

An attack is a string meant to name something outside its root, or a protected thing inside it. ``corpus``
is the enumerated part (every atom at every position, at loop speed); ``draw`` combines at random without end.
"""

# ruff: noqa: S108 - these paths are attacks, nothing is created at them

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from locara.records import dataclass

CLIMBS = ("..", "../..", "../../..", "../../../../../../../../..")
DOTS = (
    ".",
    "./",
    "./.",
    "...",
    "....",
    ". .",
    ".. ",
    " ..",
    "..\t",
    "..\x00",
    ".\u200b.",
    "\u2024\u2024",
    "．．",
    "‥",
    "\u00ad..",
)
ABSOLUTE = (
    "/", "//", "/etc/passwd", "//etc/passwd", "/proc/self/environ", "/proc/self/mem", "/proc/self/root",
    "/proc/self/fd/0", "/proc/self/fd/3", "/proc/1/environ", "/proc/1/root/etc/passwd", "/proc/self/cwd",
    "/proc/thread-self/root", "/dev/null", "/dev/zero", "/dev/stdin", "/dev/fd/0", "/dev/tty", "/dev/shm/x",
    "/sys/kernel", "/sys/class", "/data/audit/log.jsonl", "/data/db/app.sqlite", "/app/locara.json",
    "/models", "/run", "/tmp",
)  # fmt: skip
FOREIGN = (
    "C:\\Windows\\win.ini", "C:/Windows/win.ini", "c:", "C:x", "\\\\server\\share\\x", "\\\\?\\C:\\x",
    "\\??\\C:\\x",
    "\\\\.\\pipe\\x", "..\\..\\x", "a\\..\\..\\x", "\\etc\\passwd", "file:///etc/passwd", "file:/etc/passwd",
    "~", "~/x", "~root/x", "$HOME/x", "${HOME}/x", "%HOME%/x", "$(id)", "`id`", "$APP_DATA/../x", "a;id",
    "|id",
)  # fmt: skip
DEVICES = (
    "CON", "con", "CON.txt", "con .txt", "PRN", "AUX", "NUL", "nul.", "COM1", "COM1 ", "com9.log", "COM¹",
    "LPT1", "lpt³",
    "LPT0", "CONIN$", "CONOUT$", "CLOCK$", "a/NUL", "NUL/a", "x:stream", "x::$DATA", "a:b",
)  # fmt: skip
ENDINGS = (
    "x.",
    "x ",
    "x. .",
    "x\t",
    "x\n",
    "x\r",
    "x/",
    "x//",
    "x/.",
    "x/..",
    "x\x00",
    "x\x00.txt",
    "x\x7f",
    "x\x85",
    "x\u2028",
)
ENCODED = (
    "%2e%2e/x", "%2e%2e%2fx", "..%2fx", "..%5cx", "%252e%252e%252fx", "..%c0%afx", "%c0%ae%c0%ae/x",
    "..%00/x", "&#46;&#46;/x",
    "\\u002e\\u002e/x", "．．/x", "..／x", "..∕x", "..⁄x", "..＼x", "․․/x", "\u202e../x", "\ufeff../x",
    "\ufe52\ufe52/x", "．./x",
)  # fmt: skip
PROTECTED = (
    "audit/log.jsonl", "../audit/log.jsonl", "../audit", "../db/app.sqlite", "../db/app.sqlite-wal", "../db",
    "../tmp",
    "../files", "../../app/locara.json", "../../models", "../locara.json", ".locara",
    "locara.json/../../audit",
    "Audit/log.jsonl", "../AUDIT/log.jsonl", "../ａudit/log.jsonl", "../audit./log.jsonl",
    "../audit /log.jsonl",
    "../db/APP.SQLITE", "../files-evil/secret.txt", "../files.bak/secret.txt", "../filesx/secret.txt",
    "../files/../files-evil/secret.txt",
)  # fmt: skip
LONG = (
    "a" * 256,
    "a" * 4097,
    "a/" * 17 + "a",
    "a/" * 2100 + "a",
    "../" * 1400 + "x",
    "é" * 128,
    "/".join(["a" * 200] * 2),
)
EMPTY = (
    "//",
    "a//b",
    "/a",
    "a/",
    "./a",
    "a/./b",
    "a/../b",
    "a/../../b",
    "a/b/../../../x",
    "\x00",
    "\n",
    " ",
    "\t",
)
WILD = (
    "*",
    "**",
    "?",
    "[a-z]*.txt",
    "{a,b}",
    "*.txt",
    "../*",
    "../[f]iles-evil/secret.txt",
    "-rf",
    "--help",
    "@file",
)
SURROGATES = ("\ud800", "a\udfff", "..\ud800/x")

FAMILIES: dict[str, Sequence[str]] = {
    "climb": CLIMBS, "dots": DOTS, "absolute": ABSOLUTE, "foreign": FOREIGN, "device": DEVICES,
    "ending": ENDINGS,
    "encoded": ENCODED, "protected": PROTECTED, "long": LONG, "empty": EMPTY, "wild": WILD,
    "surrogate": SURROGATES,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PathAttack:
    """One hostile path and the family it belongs to."""

    text: str
    family: str


def _after(atom: str, target: str) -> str:
    return f"{atom}/{target}"


POSITIONS: tuple[Callable[[str, str], str], ...] = (
    lambda atom, _target: atom,
    _after,
    lambda atom, target: f"a/{atom}/{target}",
    lambda atom, target: f"a/b/{atom}/{atom}/{target}",
    lambda atom, target: f"{target}/{atom}",
    lambda atom, _target: f"notes/{atom}",
    lambda atom, target: f"./{atom}//{target}",
)  # fmt: skip


def corpus(targets: Sequence[str] = ("secret.txt",)) -> tuple[PathAttack, ...]:
    """Every atom at every position towards every target, without repeats, in a fixed order."""
    seen: dict[str, PathAttack] = {}
    for family, atoms in FAMILIES.items():
        for atom in atoms:
            for position in POSITIONS:
                for target in targets:
                    text = position(atom, target)
                    seen.setdefault(text, PathAttack(text, family))
    return tuple(seen.values())


def _percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


ENCODINGS: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: text.replace("/", "\\"),
    lambda text: text.replace("/", "//"),
    lambda text: text.replace("..", "%2e%2e"),
    lambda text: text.replace("/", "%2f"),
    lambda text: text.replace("..", "．．"),
    lambda text: text.replace("/", "\x00/"),
    lambda text: text.replace("/", "/./"),
    lambda text: text.upper(),
    lambda text: text + "\x00.txt",
    lambda text: text + ".",
    lambda text: text + " ",
    lambda text: " " + text,
    lambda text: "file://" + text,
    _percent,
    _fullwidth,
)  # fmt: skip


def draw(rng: random.Random, targets: Sequence[str]) -> PathAttack:
    """One attack: one to three atoms of any families, joined towards a target, encoded once or twice."""
    family = rng.choice(tuple(FAMILIES))
    parts = [rng.choice(FAMILIES[family])]
    while rng.random() < 0.4 and len(parts) < 3:
        parts.append(rng.choice(FAMILIES[rng.choice(tuple(FAMILIES))]))
    if rng.random() < 0.7:
        parts.append(rng.choice(targets))
    if rng.random() < 0.2:
        parts.insert(0, rng.choice(("a", "notes", "sub/dir")))
    text = "/".join(parts)
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        text = rng.choice(ENCODINGS)(text)
    return PathAttack(text, family)


def towards(target: str) -> Iterator[PathAttack]:
    """Climbs of every depth from one to twelve towards an absolute ``target``, plain and encoded."""
    bare = target.lstrip("/")
    for depth in range(1, 13):
        plain = "../" * depth + bare
        for encode in ENCODINGS:
            yield PathAttack(encode(plain), "climb")
    yield PathAttack(target, "absolute")
    yield PathAttack("/" + target, "absolute")


ORDINARY = (
    "a.txt", "notes/today.md", "b-c_d.e", "Ünïcode/ß.txt", "日本語/メモ.txt", "with space/file name.txt",
    "deep/" * 15 + "x",
    "UPPER.TXT", "a+b=c&d@e!.txt", ".hidden", "..notdots", "a..b", "...three", "x" * 255, "emoji-😀.txt",
    "console", "comma,", "NULL", "COM",
)  # fmt: skip


def ordinary(rng: random.Random) -> str:
    """A path that is fine: relative, portable, without climbing."""
    if rng.random() < 0.5:
        return rng.choice(ORDINARY)
    depth = rng.randint(1, 5)
    return "/".join(rng.choice(("a", "b1", "notes", "sub", "x-y", "Z_9", "été")) for _ in range(depth))

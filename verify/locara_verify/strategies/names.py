"""Command names that are not the command: siblings, look-alikes, inherited and dotted names."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from urllib.parse import quote

INTROSPECTION = (
    "__class__", "__init__", "__dict__", "__globals__", "__getattribute__", "__import__", "_private",
    "constructor", "__proto__", "prototype",
    "toString", "hasOwnProperty", "app.__class__", "app.info.__call__", "app.info.__globals__", "fs.__init__",
    "commands", "dispatch", "register",
    "handlers", "gate", "gate.require", "audit.append", "audit.clear", "app.exit", "app.eval", "exec", "eval",
    "os.system", "builtins.exec", "self",
    "0", "1", "-1", "null", "true", "[]", "{}", "undefined", "NaN", "import", "debug", "debug.enable",
    "inspect", "sandbox.disable", "policy.set",
    "consent.grant", "grants.add", "shell.exec", "process.spawn", "tools.invoke", "net.connect", "net.listen",
    "net.request", "fs.open", "fs.watch",
    "fs.symlink", "fs.link", "fs.rename", "fs.copy", "fs.chmod", "fs.realpath", "fs.readFile", "fs.readdir",
    "db.attach", "db.open", "db.backup",
    "db.loadExtension", "llm.load", "models.pull", "models.import", "models.delete", "settings.reset",
    "clipboard.read", "clipboard.write",
    "notify.show", "shell.openExternal", "audio.open", "camera.open", "transcribe.stream", "ocr.fromFile",
    "vlm.describe", "locara_llm_chat",
)  # fmt: skip
NOT_NAMES = (
    "", " ", ".", "..", "...", "\x00", "\n", "\ufeff", "\u200b", "*", "app.*", "*.info", "app", "app.",
    ".info", "app..info", "app/info", "app:info",
    "app\\info", "../app.info", "app.info\x00", "app.info\n", " app.info", "app.info ", "app.info;fs.read",
    "app.info()", "a" * 65_537, "app." * 4096,
    "%61pp.info", "app%2einfo", "\u202eofni.ppa",
)  # fmt: skip
_TAILS = "@?#;,|&=+~!$%^*:/\\\t\r\x01-_"
"""Signs behind which, or before which, a careless reader sees something else than a name: a version, a query, a
user."""
CONFUSABLES = str.maketrans({"a": "а", "e": "е", "o": "о", "p": "р", "c": "с", "i": "і", "s": "ѕ", ".": "．"})


def variants(name: str) -> tuple[str, ...]:
    """Spellings of ``name`` which are not ``name`` but which a careless comparison takes for it."""
    area, _, verb = name.partition(".")
    candidates = (
        name.upper(),
        name.capitalize(),
        f"{area}.{verb.capitalize()}",
        name.swapcase(),
        name.translate(CONFUSABLES),
        name.replace(".", "_"),
        name.replace(".", "-"),
        name.replace(".", ""),
        name.replace(".", ".."),
        name.replace(".", "。"),
        name + ".",
        "." + name,
        name + "\x00",
        "\x00" + name,
        name + " ",
        " " + name,
        name + "\n",
        name + "\u200b",
        name + "()",
        name + ".call",
        name + ".__call__",
        "locara." + name,
        "window." + name,
        name + "2",
        name + "Sync",
        name + "Async",
        "_" + name,
        f"{area}._{verb}",
        f"{area}.__{verb}__",
        name[:-1],
        name + name[-1],
        f"{area}/{verb}",
        f"{area}:{verb}",
        "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name),
        name.replace("i", "ı"),
        name.replace("s", "ſ"),
        name.replace("k", "\u212a"),
        *(f"{name}{sign}1" for sign in _TAILS),
        *(f"1{sign}{name}" for sign in _TAILS),
        quote(name, safe="").replace(".", "%2e"),
        "".join(f"%{ord(c):02x}" for c in name),
        f'"{name}"',
        f"[{name}]",
    )
    return tuple(dict.fromkeys(candidate for candidate in candidates if candidate != name))


def corpus(open_commands: Iterable[str], all_commands: Iterable[str]) -> tuple[str, ...]:
    """Every name that must be unknown to an app which has ``open_commands``, in a fixed order."""
    opened = frozenset(open_commands)
    names: dict[str, None] = dict.fromkeys(sorted(frozenset(all_commands) - opened))
    for name in sorted(frozenset(all_commands) | opened):
        names.update(dict.fromkeys(variants(name)))
    names.update(dict.fromkeys(INTROSPECTION))
    names.update(dict.fromkeys(NOT_NAMES))
    return tuple(name for name in names if name not in opened)


def always(open_command: str) -> tuple[str, ...]:
    """The names that every run tries: what is no name at all, and each spelling of a command that answers everybody."""
    return (*NOT_NAMES, *variants(open_command))


def draw(rng: random.Random, names: Sequence[str]) -> str:
    """One hostile name: from the corpus, or a corpus name with one character changed."""
    name = rng.choice(names)
    if rng.random() < 0.5 or not name:
        return name
    at = rng.randrange(len(name))
    return name[:at] + rng.choice("\x00._-/ aAеZ0\u200b") + name[at + 1 :]

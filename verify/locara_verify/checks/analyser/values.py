"""What an expression of a frontend can stand for, as far as it leads to commands, and the SDK as a table.

A test reads the SDK's own sources and compares them with `COMMANDS_OF`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from locara.records import dataclass

COMMANDS_OF: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "app": {"info": ("app.info",), "commands": ("app.commands",)},
        "audio": {"open": ("audio.open", "audio.read", "audio.close")},
        "audit": {"capabilityLog": ("audit.capabilityLog",)},
        "background": {
            "begin": ("background.begin",),
            "end": ("background.end",),
            "status": ("background.status",),
        },
        "camera": {"open": ("camera.open", "camera.read", "camera.close")},
        "clipboard": {"read": ("clipboard.read",), "write": ("clipboard.write",)},
        "db": {"query": ("db.query",), "exec": ("db.exec",), "batch": ("db.batch",)},
        "db.search": {"vector": ("db.search",), "fts": ("db.search",), "hybrid": ("db.search",)},
        "embed": {"create": ("embed.create",), "one": ("embed.create",)},
        "fs": {
            "pick": ("fs.pick",),
            "release": ("fs.release",),
            "dropped": ("fs.dropped",),
            "remembered": ("fs.remembered",),
            "reopen": ("fs.reopen",),
            "forget": ("fs.forget",),
            "readBytes": ("fs.read",),
            "list": ("fs.list",),
            "stat": ("fs.stat",),
            "writeBytes": ("fs.write",),
            "remove": ("fs.remove",),
            "mkdir": ("fs.mkdir",),
        },
        "llm": {
            "chat": ("llm.chat",),
            "chatStream": ("llm.chat",),
            "chatWithTools": ("llm.chat", "tools.invoke"),
        },
        "net": {"fetch": ("net.fetch",)},
        "notify": {"show": ("notify.show",), "badge": ("notify.show",), "sound": ("notify.show",)},
        "ocr": {
            "fromFile": ("ocr.fromFile",),
            "fromBytes": ("ocr.fromBytes",),
            "languages": ("ocr.languages",),
        },
        "pdf": {"text": ("pdf.text",), "render": ("pdf.render",)},
        "settings": {
            "get": ("settings.get",),
            "set": ("settings.set",),
            "getAll": ("settings.getAll",),
            "delete": ("settings.delete",),
            "subscribe": ("settings.subscribe", "settings.unsubscribe"),
        },
        "shell": {"openExternal": ("shell.openExternal",)},
        "tools": {"invoke": ("tools.invoke",)},
        "transcribe": {
            "live": (
                "audio.open", "audio.read", "audio.close",
                "transcribe.open", "transcribe.push", "transcribe.close",
            ),
            "fromFile": ("transcribe.fromFile",),
            "stream": ("transcribe.open", "transcribe.push", "transcribe.close"),
        },
        "tts": {"speak": ("tts.speak",), "voices": ("tts.voices",)},
    }
)  # fmt: skip
"""Commands behind each method of each module of `@locara/sdk`."""

MODULES: Final = frozenset(name for name in COMMANDS_OF if "." not in name)
BRIDGE: Final = "__locara"
"""What the window's own script calls the bridge."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something with members: `sdk`, `client`, `transports`, `transport`, `bridge`, `global`, or a maker of one."""

    kind: str


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the SDK, by its path (`fs`, `db.search`)."""

    path: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the SDK: naming it is using its commands."""

    name: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Own:
    """A module of the app itself, as a namespace."""

    file: str


@dataclass(frozen=True, slots=True)
class Returns:
    """A function of the app that returns one of these values: its file and where it begins."""

    file: str
    start: int


@dataclass(frozen=True, slots=True)
class Holder:
    """An object that is written out with one of these values in it. By name its fields are found without it."""

    file: str
    start: int


Value: TypeAlias = Thing | Module | Method | Own | Returns | Holder

SDK: Final = Thing("sdk")
CLIENT: Final = Thing("client")
MAKER: Final = Thing("createLocara")
TRANSPORTS: Final = Thing("transports")
OPENER: Final = Thing("ofWindow")
TRANSPORT: Final = Thing("transport")
CALLER: Final = Thing("call")
BRIDGE_OBJECT: Final = Thing("bridge")
SENDER: Final = Thing("send")
GLOBAL: Final = Thing("global")

_MEMBERS: Final[Mapping[Thing, Mapping[str, Value | None]]] = MappingProxyType(
    {
        SDK: {
            **{name: Module(name) for name in MODULES},
            "createLocara": MAKER,
            "WindowTransport": TRANSPORTS,
            "NodeTransport": TRANSPORTS,
        },
        CLIENT: {**{name: Module(name) for name in MODULES}, "close": None},
        TRANSPORTS: {"ofWindow": OPENER, "prototype": None},
        TRANSPORT: {"call": CALLER, "close": None},
        BRIDGE_OBJECT: {"send": SENDER, "listen": None, "close": None},
        MAKER: {"name": None, "length": None},
    }
)
GLOBALS: Final = frozenset({"window", "globalThis", "self", "top", "parent", "frames"})
RESULTS: Final[Mapping[Thing, Value]] = MappingProxyType({MAKER: CLIENT, OPENER: TRANSPORT})
"""What calling one of them gives. `TRANSPORTS` gives a transport by `new`."""


def member(value: Value, name: str) -> tuple[bool, Value | None]:
    """Whether ``value`` has a member of that name, and what it stands for; None leads to no command."""
    if isinstance(value, Module):
        methods = COMMANDS_OF[value.path]
        if name in methods:
            return True, Method(f"{value.path}.{name}", methods[name])
        inner = f"{value.path}.{name}"
        return (True, Module(inner)) if inner in COMMANDS_OF else (False, None)
    if value == SDK:
        return True, _MEMBERS[SDK].get(name)
    if value == GLOBAL:
        return True, BRIDGE_OBJECT if name == BRIDGE else GLOBAL if name in GLOBALS else None
    if isinstance(value, Thing) and name in _MEMBERS.get(value, {}):
        return True, _MEMBERS[value][name]
    return False, None


def reach(value: Value) -> tuple[str, ...] | None:
    """The commands that code with ``value`` in its hands can use; None: any there is."""
    if isinstance(value, Method):
        return value.commands
    if isinstance(value, Module):
        parts = [
            methods
            for path, methods in COMMANDS_OF.items()
            if path == value.path or path.startswith(f"{value.path}.")
        ]
        return tuple(
            sorted({command for methods in parts for names in methods.values() for command in names})
        )
    return None


def words(value: Value) -> str:
    """What ``value`` is, for a person."""
    match value:
        case Module(path) | Method(path):
            return path
        case Own(file):
            return f"the module {file}"
        case Holder():
            return "an object with parts of Locara in it"
        case Returns():
            return "a function that gives access to Locara"
        case Thing(kind):
            return {
                "sdk": "the SDK as a whole",
                "client": "the client",
                "createLocara": "createLocara",
                "transports": "a class of transports",
                "ofWindow": "WindowTransport.ofWindow",
                "transport": "the transport",
                "call": "the transport's call",
                "bridge": "the bridge",
                "send": "the bridge's send",
                "global": "the window",
            }[kind]

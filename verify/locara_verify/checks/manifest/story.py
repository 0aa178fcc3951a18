"""What every projection has to say, worked out from the plain JSON of a manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from locara.records import dataclass

CAPABILITIES: Final = (
    "net",
    "fs.user-selected",
    "fs.app-data",
    "fs.user-paths",
    "device.microphone",
    "device.camera",
    "device.system-audio",
    "models",
    "tools",
    "shared-folders",
    "clipboard",
    "notifications",
    "background",
    "open-external",
)
ALWAYS: Final = frozenset(
    {"app.info", "app.commands", "audit.capabilityLog", "db.query", "db.exec", "db.batch", "db.search"}
    | {f"settings.{name}" for name in ("get", "set", "getAll", "delete", "subscribe", "unsubscribe")}
)
_INSIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "clipboard": ("read", "write"),
    "notifications": ("modes",),
    "background": ("mode",),
    "open-external": ("hosts",),
}
"""Where the power of a capability is when the object alone gives none."""

_APPLE: Final = "com.apple.security."
_MAC_FOLDERS: Final = {
    "downloads": "files.downloads",
    "pictures": "assets.pictures",
    "music": "assets.music",
    "movies": "assets.movies",
}


@dataclass(frozen=True, slots=True)
class Story:
    """``kinds``: capabilities that grant something. ``binds``: role to writable. ``skills``: how many there are."""

    kinds: frozenset[str]
    commands: frozenset[str]
    binds: Mapping[str, bool]
    network: str
    entitlements: frozenset[str]
    models: frozenset[str]
    local: bool
    skills: int


def story_of(manifest: Mapping[str, Any]) -> Story:
    """The story of a manifest that the parser accepts, given as its JSON value."""
    declared = manifest["capabilities"]
    kinds = frozenset(kind for kind in CAPABILITIES if _grants(kind, declared))
    folders: Mapping[str, str] = declared.get("fs.user-paths") or {}
    digests = {pin.partition("@sha256:")[2] for pin in declared.get("models", [])}
    binds = {"app": False, "data": True, **{f"model:{digest}": False for digest in digests}}
    binds |= {f"tool:{pin[-64:]}": False for pin in declared.get("tools", [])}
    binds |= {f"root:{root}": access == "read-write" for root, access in folders.items() if access}
    shared = declared.get("shared-folders") or []
    binds |= {f"shared:{folder['id']}": folder["access"] == "read-write" for folder in shared}
    commands = _commands(manifest, declared, kinds)
    return Story(
        kinds=kinds,
        commands=commands,
        binds=binds,
        network="proxy" if "net" in kinds else "none",
        entitlements=_entitlements(declared, folders, kinds),
        models=frozenset(pin.partition("@")[0] for pin in declared.get("models", [])),
        local="net" not in kinds,
        skills=len({name.partition(".")[0] for name in commands} & {"ocr", "tts"}),
    )


def _grants(kind: str, declared: Mapping[str, Any]) -> bool:
    if kind == "fs.app-data":
        return declared.get(kind) is not False  # absent means read-write: the one default that grants
    value = declared.get(kind)
    if kind in _INSIDE and value:
        return any(value.get(key) for key in _INSIDE[kind])
    return any(value.values()) if kind == "fs.user-paths" and value else bool(value)


def _commands(
    manifest: Mapping[str, Any], declared: Mapping[str, Any], kinds: frozenset[str]
) -> frozenset[str]:
    names = set(ALWAYS)
    accesses = {str(declared.get("fs.user-selected")), str(declared.get("fs.app-data", "read-write"))}
    accesses |= {str(access) for access in (declared.get("fs.user-paths") or {}).values()}
    accesses |= {str(folder["access"]) for folder in declared.get("shared-folders", [])}
    if "net" in kinds:
        names.add("net.fetch")
    if "fs.user-selected" in kinds:
        names |= {"fs.pick", "fs.release", "fs.dropped", "fs.remembered", "fs.reopen", "fs.forget"}
    if accesses & {"read", "read-write"}:
        names |= {"fs.read", "fs.list", "fs.stat"}
    if "read-write" in accesses:
        names |= {"fs.write", "fs.remove", "fs.mkdir"}
    names |= {"tools.invoke"} if "tools" in kinds else set()
    modalities, tooling = manifest.get("modalities", []), manifest.get("tooling", [])
    if "image-to-text" in modalities or "ocr" in tooling:
        names |= {f"ocr.{verb}" for verb in ("fromFile", "fromBytes", "languages")} | {
            "pdf.text",
            "pdf.render",
        }
    if "text-to-speech" in modalities or "audio.synthesize" in tooling:
        names |= {"tts.speak", "tts.voices"}
    if "models" in kinds:
        talks = {"text-to-text", "text-to-text-thinking"} & set(modalities)
        names |= {"llm.chat"} if talks else set()
        names |= {"embed.create"} if "text-to-embedding" in modalities else set()
        speech = "fromFile", "open", "push", "close"
        names |= {f"transcribe.{verb}" for verb in speech} if "speech-to-text" in modalities else set()
    return frozenset(names | _desktop(declared, kinds))


def _desktop(declared: Mapping[str, Any], kinds: frozenset[str]) -> set[str]:
    """The commands of devices and of the desktop, by the capability that opens them."""
    groups = (
        ({"device.microphone", "device.system-audio"}, "audio", ("open", "read", "close")),
        ({"device.camera"}, "camera", ("open", "read", "close")),
        ({"notifications"}, "notify", ("show",)),
        ({"open-external"}, "shell", ("openExternal",)),
        ({"background"}, "background", ("begin", "end", "status")),
    )
    names = {f"{area}.{verb}" for keys, area, verbs in groups if keys & kinds for verb in verbs}
    clipboard = declared.get("clipboard") or {}
    return names | {f"clipboard.{use}" for use in ("read", "write") if clipboard.get(use)}


def _entitlements(
    declared: Mapping[str, Any], folders: Mapping[str, str], kinds: frozenset[str]
) -> frozenset[str]:
    keys = {"app-sandbox"}
    ends = {"read": "read-only", "read-write": "read-write"}
    if "net" in kinds:
        keys.add("network.client")
    if "fs.user-selected" in kinds:
        keys.add(f"files.user-selected.{ends[declared['fs.user-selected']]}")
    keys |= {f"{_MAC_FOLDERS[r]}.{ends[a]}" for r, a in folders.items() if a and r in _MAC_FOLDERS}
    if "device.camera" in kinds:
        keys.add("device.camera")
    if "device.microphone" in kinds:
        keys |= {"device.audio-input", "device.microphone"}
    return frozenset(_APPLE + key for key in keys)

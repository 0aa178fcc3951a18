"""A second judge of ``locara.json``: which bytes are a manifest, from the field table alone.

``judge_bytes`` answers with the places that are wrong, as JSON pointers; an empty answer means accepted. The
rules are written as plain functions over the parsed value, without a schema language, so that neither the
product's models nor its published JSON Schema can lend their mistakes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from locara_verify.oracle import json_text, names

Json = Any

LICENSES: frozenset[str] = frozenset()
CATEGORIES = (
    "productivity", "creative", "developer", "education", "utilities",
    "media", "communication", "finance", "health", "games",
)
MODALITIES = (
    "text-to-text", "text-to-text-thinking", "speech-to-text", "text-to-speech",
    "voice-to-voice", "image-to-text", "text-to-image", "text-to-embedding",
)
TOOLING = (
    "ocr", "filesystem.search", "filesystem.read", "filesystem.write", "code-exec.python",
    "code-exec.javascript", "audio.transcribe", "audio.synthesize", "vision.classify",
    "browser.fetch", "vector.search",
)
BACKED_MODALITIES = ("text-to-text", "text-to-embedding")
BACKED_TOOLING = ("vector.search",)
ACCESS = ("read", "read-write")
REFUSED_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
CAPABILITY_KEYS = (
    "net", "fs.user-selected", "fs.app-data", "fs.user-paths", "device.microphone", "device.camera",
    "device.system-audio", "models", "tools", "shared-folders", "clipboard", "notifications",
    "background", "open-external",
)
NOTIFY = ("alert", "badge", "sound")
USER_PATHS = ("documents", "downloads", "desktop", "pictures", "music", "movies")
MAX_LONG_DESCRIPTION = 20_000


@dataclass(slots=True)
class Judge:
    """Collects the JSON pointers of what is wrong while the rules walk the value."""

    wrong: list[str] = field(default_factory=list)

    def need(self, fine: bool, pointer: str) -> bool:
        """Record ``pointer`` unless ``fine``; hand ``fine`` back."""
        if not fine:
            self.wrong.append(pointer)
        return fine

    def record(self, value: Json, pointer: str, required: Sequence[str], optional: Sequence[str]) -> bool:
        """Require an object with all of ``required`` and nothing outside both lists."""
        if not self.need(isinstance(value, dict), pointer):
            return False
        for key in value:
            self.need(key in required or key in optional, f"{pointer}/{escape(key)}")
        for key in required:
            self.need(key in value, f"{pointer}/{escape(key)}")
        return True

    def each(self, value: Json, pointer: str, fine: Callable[[Json], bool], least: int, most: int) -> bool:
        """Require an array of ``least`` to ``most`` items that are all fine."""
        if not self.need(isinstance(value, list), pointer):
            return False
        self.need(least <= len(value) <= most, pointer)
        good = [self.need(fine(item), f"{pointer}/{index}") for index, item in enumerate(value)]
        return all(good)


def escape(key: str) -> str:
    """Write ``key`` as a JSON pointer token."""
    return key.replace("~", "~0").replace("/", "~1")


def is_text(value: Json, longest: int, *, breaks: bool = False) -> bool:
    """Tell whether ``value`` is free text that shows as what it is."""
    if not isinstance(value, str) or not 1 <= len(value) <= longest or not value.strip():
        return False
    return all(
        (breaks and character in "\n\t") or unicodedata.category(character) not in REFUSED_CATEGORIES
        for character in value
    )


def is_whole(value: Json, least: int, most: int) -> bool:
    """Tell whether ``value`` is an integer (never a boolean) within bounds."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_url(value: Json) -> bool:
    """Tell whether ``value`` is an https address with a public host and no credentials."""
    if not isinstance(value, str) or not value.startswith("https://") or len(value) > 2048:
        return False
    rest = value[len("https://"):]
    if any(not "!" <= character <= "~" or character in '"<>\\^`{|}' for character in rest):
        return False
    host = rest
    for stop in "/?#":
        host = host.split(stop)[0]
    return names.is_host(host)


def is_email(value: Json) -> bool:
    """Tell whether ``value`` is a plain address ``local@host``."""
    if not isinstance(value, str) or value.count("@") != 1 or len(value) > 254:
        return False
    local, host = value.split("@")
    allowed = names.LOWER + names.LOWER.upper() + names.DIGITS + "._%+-"
    return 1 <= len(local) <= 64 and names.only(local, allowed) and names.is_host(host.lower())


def unique(values: Sequence[Json]) -> bool:
    """Tell whether no value comes twice."""
    return all(value not in values[:index] for index, value in enumerate(values))


def judge_bytes(data: bytes) -> tuple[str, ...]:
    """Say what is wrong with ``data`` as a manifest, nothing when it is one. JSON faults are codes."""
    try:
        value = json_text.read(data)
    except json_text.Refused as refusal:
        return (refusal.reason,)
    return judge_value(value)


def judge_value(value: Json) -> tuple[str, ...]:
    """Say which places of a parsed manifest are wrong, as JSON pointers."""
    judge = Judge()
    required = (
        "schema", "name", "publisher", "version", "displayName", "description", "license",
        "author", "icon", "screenshots", "category",
    )
    optional = (
        "longDescription", "homepage", "repository", "tags", "capabilities", "profiles", "storage",
        "entry", "build", "modalities", "tooling",
    )
    if not judge.record(value, "", required, optional):
        return tuple(judge.wrong)
    for key, rule in FIELDS.items():
        if key in value:
            judge.need(rule(value[key]), f"/{key}")
    if "author" in value:
        judge_author(judge, value["author"])
    judge.each(value.get("screenshots", ["a"]), "/screenshots", names.is_portable_path, 1, 5)
    if judge.each(value.get("tags", []), "/tags", is_tag, 0, 10):
        judge.need(unique(value.get("tags", [])), "/tags")
    judge_build(judge, value.get("build", {}))
    judge_storage(judge, value.get("storage", {}))
    models = judge_capabilities(judge, value.get("capabilities", {}))
    judge_lists(judge, value, models)
    judge_profiles(judge, value.get("profiles", {}), models)
    return tuple(judge.wrong)


def is_tag(value: Json) -> bool:
    """Tell whether ``value`` is a tag."""
    return isinstance(value, str) and 1 <= len(value) <= 32 and names.only(value,
    names.LOWER + names.DIGITS + "-")


FIELDS: Mapping[str, Callable[[Json], bool]] = {
    "schema": lambda value: value == "locara/v1",
    "name": names.is_slug,
    "publisher": names.is_slug,
    "version": names.is_semver,
    "displayName": lambda value: is_text(value, 40),
    "description": lambda value: is_text(value, 140),
    "longDescription": lambda value: is_text(value, MAX_LONG_DESCRIPTION, breaks=True),
    "license": lambda value: isinstance(value, str) and value in LICENSES,
    "homepage": is_url,
    "repository": is_url,
    "icon": names.is_portable_path,
    "category": lambda value: isinstance(value, str) and value in CATEGORIES,
    "entry": names.is_portable_path,
}


def judge_author(judge: Judge, author: Json) -> None:
    """Judge ``author``."""
    if judge.record(author, "/author", ("name", "email"), ("url",)):
        judge.need(is_text(author.get("name", "x"), 80), "/author/name")
        judge.need(is_email(author.get("email", "a@b.cc")), "/author/email")
        judge.need(is_url(author.get("url", "https://b.cc")), "/author/url")


def judge_build(judge: Judge, build: Json) -> None:
    """Judge ``build``: a closed tool name and a path, never a command."""
    if judge.record(build, "/build", (), ("tool", "out")):
        judge.need(build.get("tool", "none") in ("vite", "none"), "/build/tool")
        judge.need(names.is_portable_path(build.get("out", "dist")), "/build/out")


def judge_storage(judge: Judge, storage: Json) -> None:
    """Judge ``storage``; the engine this version has no backend for is refused."""
    if not judge.record(storage, "/storage", (), ("vector", "quota_mb")):
        return
    judge.need(is_whole(storage.get("quota_mb", 1), 1, 1_048_576), "/storage/quota_mb")
    vector = storage.get("vector", {})
    if judge.record(vector, "/storage/vector", (), ("engine",)):
        judge.need(vector.get("engine", "sqlite-vec") == "sqlite-vec", "/storage/vector/engine")


def judge_capabilities(judge: Judge, capabilities: Json) -> Sequence[str]:
    """Judge ``capabilities`` and hand the pinned models back."""
    if not judge.record(capabilities, "/capabilities", (), CAPABILITY_KEYS):
        return ()
    where = "/capabilities/"
    judge_net(judge, capabilities.get("net", False))
    for key in ("fs.user-selected", "fs.app-data"):
        judge.need(capabilities.get(key, False) is False or capabilities[key] in ACCESS, where + key)
    paths = capabilities.get("fs.user-paths", {})
    if judge.record(paths, where + "fs.user-paths", (), USER_PATHS):
        for name, access in paths.items():
            judge.need(access in ACCESS, f"{where}fs.user-paths/{escape(name)}")
    for device in ("device.microphone", "device.camera", "device.system-audio"):
        judge.need(isinstance(capabilities.get(device, False), bool), where + device)
    for key in ("models", "tools"):
        judge_pins(judge, capabilities.get(key, []), where + key)
    judge_shared(judge, capabilities.get("shared-folders", []), where + "shared-folders")
    clipboard = capabilities.get("clipboard", {})
    if judge.record(clipboard, where + "clipboard", (), ("read", "write")):
        for key, value in clipboard.items():
            judge.need(isinstance(value, bool), f"{where}clipboard/{escape(key)}")
    judge_attention(judge, capabilities, where)
    external = capabilities.get("open-external", {"hosts": ["a.bc"]})
    if judge.record(external, where + "open-external", ("hosts",), ()):
        judge_hosts(judge, external.get("hosts", ["a.bc"]), where + "open-external/hosts")
    models = capabilities.get("models", [])
    return [item for item in models if isinstance(item, str)] if isinstance(models, list) else ()


def judge_net(judge: Judge, net: Json) -> None:
    """Judge ``net``."""
    if isinstance(net, bool):
        return
    if judge.record(net, "/capabilities/net", ("allowed_hosts",), ("allowed_ports",)):
        judge_hosts(judge, net.get("allowed_hosts", ["a.bc"]), "/capabilities/net/allowed_hosts")
        ports = net.get("allowed_ports", [443])
        where = "/capabilities/net/allowed_ports"
        if judge.each(ports, where, names.is_port, 1, 65_535):
            judge.need(unique(ports), where)


def judge_hosts(judge: Judge, hosts: Json, where: str) -> None:
    """Judge a list of host patterns: 1 to 200, none twice."""
    if judge.each(hosts, where, names.is_host_pattern, 1, 200):
        judge.need(unique(hosts), where)


def judge_pins(judge: Judge, pins: Json, where: str) -> None:
    """Judge a list of pins: no id twice."""
    if judge.each(pins, where, lambda pin: names.split_pin(pin) is not None, 0, 64):
        judge.need(unique([pin.split("@")[0] for pin in pins]), where)


def judge_shared(judge: Judge, folders: Json, where: str) -> None:
    """Judge ``shared-folders``."""
    if not judge.each(folders, where, lambda folder: isinstance(folder, dict), 0, 16):
        return
    for index, folder in enumerate(folders):
        here = f"{where}/{index}"
        judge.record(folder, here, ("id", "with", "access"), ())
        judge.need(names.is_slug(folder.get("id", "x")), here + "/id")
        judge.need(folder.get("access", "read") in ACCESS, here + "/access")
        judge.each(folder.get("with", ["a/b"]), here + "/with", is_app_id, 1, 16)
    judge.need(unique([folder.get("id") for folder in folders]), where)


def is_app_id(value: Json) -> bool:
    """Tell whether ``value`` is ``publisher/name``."""
    if not isinstance(value, str):
        return False
    parts = value.split("/")
    return len(parts) == 2 and all(names.is_slug(part) for part in parts)


def judge_attention(judge: Judge, capabilities: Mapping[str, Json], where: str) -> None:
    """Judge ``notifications`` and ``background``."""
    notifications = capabilities.get("notifications", {"modes": ["alert"]})
    if judge.record(notifications, where + "notifications", ("modes",), ()):
        modes = notifications.get("modes", ["alert"])
        known = judge.each(modes, where + "notifications/modes", lambda mode: mode in NOTIFY, 1, 3)
        judge.need(not known or unique(modes), where + "notifications/modes")
    background = capabilities.get("background", {"mode": False})
    if judge.record(background, where + "background", ("mode",), ("reasons",)):
        mode = background.get("mode", False)
        judge.need(mode is False or mode in ("passive", "active"), where + "background/mode")
        reasons = background.get("reasons", [])
        judge.each(reasons, where + "background/reasons", lambda reason: is_text(reason, 140), 0, 8)


def judge_lists(judge: Judge, value: Mapping[str, Json], models: Sequence[str]) -> None:
    """Judge ``modalities`` and ``tooling``: closed, backed in this version, with a model to run."""
    modalities = value.get("modalities", [])
    if judge.each(modalities, "/modalities", lambda item: item in BACKED_MODALITIES, 0, len(MODALITIES)):
        judge.need(unique(modalities), "/modalities")
        judge.need(not modalities or len(models) > 0, "/modalities")
    tooling = value.get("tooling", [])
    if judge.each(tooling, "/tooling", lambda item: item in BACKED_TOOLING, 0, len(TOOLING)):
        judge.need(unique(tooling), "/tooling")


def judge_profiles(judge: Judge, profiles: Json, models: Sequence[str]) -> None:
    """Judge ``profiles``: their models are among the pinned ones."""
    if not judge.record(profiles, "/profiles", (), ("low", "mid", "high")):
        return
    for name, profile in profiles.items():
        here = f"/profiles/{escape(name)}"
        if judge.record(profile, here, ("min_ram_gb", "models"), ()):
            judge.need(is_whole(profile.get("min_ram_gb", 1), 1, 1024), here + "/min_ram_gb")
            judge.each(profile.get("models", []), here + "/models", lambda pin: pin in models, 0, 64)

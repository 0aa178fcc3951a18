"""A second judge of ``locara.json``: which bytes are a manifest, from the field table alone.

``judge_bytes`` answers with the places that are wrong, as JSON pointers; an empty answer means accepted. The
rules are written as plain functions over the parsed value, without a schema language, so that neither the
product's models nor its published JSON Schema can lend their mistakes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from locara.records import dataclass
from locara_verify.oracle import json_text, names

Json = Any

LICENSES = (
    "0BSD", "AFL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-2.0", "Artistic-2.0", "BSD-2-Clause",
    "BSD-2-Clause-Patent", "BSD-3-Clause", "BSD-3-Clause-Clear", "BSL-1.0", "BlueOak-1.0.0", "CC-BY-4.0",
    "CC-BY-SA-4.0", "CC0-1.0", "CECILL-2.1", "ECL-2.0", "EPL-2.0", "EUPL-1.2", "GPL-2.0-only",
    "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "ISC", "LGPL-2.1-only", "LGPL-2.1-or-later",
    "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MIT-0", "MPL-2.0", "MS-PL", "MulanPSL-2.0", "NCSA",
    "OFL-1.1", "OSL-3.0", "PostgreSQL", "Python-2.0", "UPL-1.0", "Unlicense", "Vim", "WTFPL", "X11",
    "Zlib",
)  # fmt: skip
CATEGORIES = (
    "productivity", "creative", "developer", "education", "utilities",
    "media", "communication", "finance", "health", "games",
)  # fmt: skip
MODEL_MODALITIES = ("text-to-text", "text-to-text-thinking", "text-to-embedding", "speech-to-text")
BACKED_MODALITIES = (*MODEL_MODALITIES, "image-to-text", "text-to-speech")
RUN_BY_A_TOOL = ("code-exec.javascript", "code-exec.python")
BACKED_TOOLING = ("vector.search", "ocr", "audio.synthesize", *RUN_BY_A_TOOL)
ACCESS = ("read", "read-write")
REFUSED_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
DRAWN_AS_NOTHING = frozenset((
    0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0,
    *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
))  # fmt: skip
MOST_MARKS = 4
URL_CHARACTERS = names.LOWER + names.LOWER.upper() + names.DIGITS + "._~:/?#[]@!$&'()*+,;=%-"
CAPABILITY_KEYS = (
    "net", "fs.user-selected", "fs.app-data", "fs.user-paths", "device.microphone", "device.camera",
    "device.system-audio", "models", "tools", "shared-folders", "clipboard", "notifications",
    "background", "open-external",
)  # fmt: skip
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

    def distinct(
        self, value: Json, pointer: str, fine: Callable[[Json], bool], least: int, most: int
    ) -> bool:
        """Require what ``each`` requires and that no item comes twice."""
        good = self.each(value, pointer, fine, least, most)
        return good and self.need(unique(value), pointer)


def escape(key: str) -> str:
    """Write ``key`` as a JSON pointer token."""
    return key.replace("~", "~0").replace("/", "~1")


def is_text(value: Json, longest: int, *, breaks: bool = False) -> bool:
    """Tell whether ``value`` is free text that shows as what it is."""
    if not isinstance(value, str) or not 1 <= len(value) <= longest or value != value.strip():
        return False
    if value.isascii() and value.isprintable():
        return True  # from the blank to the tilde: none of them is refused, and none is a mark
    marks = 0
    for character in value:
        if breaks and character in "\n\t":
            marks = 0
            continue
        category = unicodedata.category(character)
        if category in REFUSED_CATEGORIES or ord(character) in DRAWN_AS_NOTHING:
            return False
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > MOST_MARKS:
            return False
    return True


def is_one_of(value: Json, words: Sequence[str]) -> bool:
    """Tell whether ``value`` is one of a closed list of texts (never something merely equal to one)."""
    return isinstance(value, str) and value in words


def is_whole(value: Json, least: int, most: int) -> bool:
    """Tell whether ``value`` is an integer (never a boolean) within bounds."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_web_host(host: str) -> bool:
    """Tell whether ``host`` may stand in an address that is only shown: labels, the last begins with a
    letter."""
    labels = host.split(".")
    good = len(labels) >= 2 and all(names.is_label(label) for label in labels)
    return good and labels[-1][0] in names.LOWER


def is_url(value: Json) -> bool:
    """Tell whether ``value`` is an https address without credentials."""
    if not isinstance(value, str) or not value.startswith("https://") or len(value) > 2048:
        return False
    place = value[len("https://") :]
    for stop in "/?#":
        place = place.split(stop)[0]
    rest = value[len("https://") + len(place) :]
    host, colon, port = place.partition(":")
    if colon and not (names.only(port, names.DIGITS) and port and port[0] != "0" and int(port) <= 65535):
        return False
    return is_web_host(host) and names.only(rest, URL_CHARACTERS)


def is_email(value: Json) -> bool:
    """Tell whether ``value`` is a plain address ``local@host``."""
    if not isinstance(value, str) or value.count("@") != 1 or len(value) > 254:
        return False
    local, host = value.split("@")
    allowed = names.LOWER + names.LOWER.upper() + names.DIGITS + "_%+-"
    return all(atom and names.only(atom, allowed) for atom in local.split(".")) and is_web_host(host)


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
        "schema",
        "name",
        "publisher",
        "version",
        "displayName",
        "description",
        "license",
        "author",
        "icon",
        "screenshots",
        "category",
        "capabilities",
    )
    optional = (
        "longDescription",
        "homepage",
        "repository",
        "tags",
        "profiles",
        "storage",
        "entry",
        "build",
        "modalities",
        "tooling",
    )
    if not judge.record(value, "", required, optional):
        return tuple(judge.wrong)
    for key, rule in FIELDS.items():
        if key in value:
            judge.need(rule(value[key]), f"/{key}")
    if "author" in value:
        judge_author(judge, value["author"])
    judge.distinct(value.get("screenshots", ["a"]), "/screenshots", names.is_portable_path, 1, 5)
    judge.distinct(value.get("tags", []), "/tags", is_tag, 0, 10)
    judge_build(judge, value)
    judge_storage(judge, value.get("storage", {}))
    app_id = f"{value.get('publisher')}/{value.get('name')}"
    models = judge_capabilities(judge, value.get("capabilities", {}), app_id)
    judge_lists(judge, value, models)
    judge_profiles(judge, value.get("profiles", {}), models)
    return tuple(judge.wrong)


def is_tag(value: Json) -> bool:
    """Tell whether ``value`` is a tag."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 32
        and names.only(value, names.LOWER + names.DIGITS + "-")
    )


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
}  # fmt: skip


def judge_author(judge: Judge, author: Json) -> None:
    """Judge ``author``."""
    if judge.record(author, "/author", ("name", "email"), ("url",)):
        judge.need(is_text(author.get("name", "x"), 80), "/author/name")
        judge.need(is_email(author.get("email", "a@b.cc")), "/author/email")
        judge.need(is_url(author.get("url", "https://b.cc")), "/author/url")


def judge_build(judge: Judge, value: Mapping[str, Json]) -> None:
    """Judge ``build``, a closed tool name and a path, never a command; the entry page lies below that
    path."""
    build = value.get("build", {})
    if judge.record(build, "/build", (), ("tool", "out")):
        judge.need(is_one_of(build.get("tool", "none"), ("vite", "none")), "/build/tool")
        out, entry = build.get("out", "dist"), value.get("entry", "dist/index.html")
        if judge.need(names.is_portable_path(out), "/build/out") and isinstance(entry, str):
            judge.need(entry.startswith(out + "/"), "/entry")


def judge_storage(judge: Judge, storage: Json) -> None:
    """Judge ``storage``."""
    if not judge.record(storage, "/storage", (), ("vector", "quota_mb")):
        return
    judge.need(is_whole(storage.get("quota_mb", 1), 1, 1_048_576), "/storage/quota_mb")
    vector = storage.get("vector", {})
    if judge.record(vector, "/storage/vector", (), ("engine",)):
        judge.need(
            is_one_of(vector.get("engine", "sqlite-vec"), ("sqlite-vec", "zvec")), "/storage/vector/engine"
        )


def judge_capabilities(judge: Judge, capabilities: Json, app_id: str) -> Sequence[str]:
    """Judge ``capabilities`` and hand the pinned models back."""
    if not judge.record(capabilities, "/capabilities", (), CAPABILITY_KEYS):
        return ()
    where = "/capabilities/"
    judge_net(judge, capabilities.get("net", False))
    for key in ("fs.user-selected", "fs.app-data"):
        judge.need(capabilities.get(key, False) is False or is_one_of(capabilities[key], ACCESS), where + key)
    paths = capabilities.get("fs.user-paths", {})
    if judge.record(paths, where + "fs.user-paths", (), USER_PATHS):
        for name, access in paths.items():
            judge.need(is_one_of(access, ACCESS), f"{where}fs.user-paths/{escape(name)}")
    for device in ("device.microphone", "device.camera", "device.system-audio"):
        judge.need(isinstance(capabilities.get(device, False), bool), where + device)
    for key in ("models", "tools"):
        judge_pins(judge, capabilities.get(key, []), where + key)
    judge_shared(judge, capabilities.get("shared-folders", []), where + "shared-folders", app_id)
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
        judge.distinct(ports, "/capabilities/net/allowed_ports", names.is_port, 1, 200)


def judge_hosts(judge: Judge, hosts: Json, where: str) -> None:
    """Judge a list of host patterns: 1 to 200, none twice."""
    judge.distinct(hosts, where, names.is_host_pattern, 1, 200)


def judge_pins(judge: Judge, pins: Json, where: str) -> None:
    """Judge a list of pins: no id twice."""
    if judge.each(pins, where, lambda pin: names.split_pin(pin) is not None, 0, 64):
        judge.need(unique([pin.split("@")[0] for pin in pins]), where)


def judge_shared(judge: Judge, folders: Json, where: str, app_id: str) -> None:
    """Judge ``shared-folders``."""
    if not judge.each(folders, where, lambda folder: isinstance(folder, dict), 0, 16):
        return
    for index, folder in enumerate(folders):
        here = f"{where}/{index}"
        judge.record(folder, here, ("id", "with", "access"), ())
        judge.need(names.is_slug(folder.get("id", "x")), here + "/id")
        judge.need(is_one_of(folder.get("access", "read"), ACCESS), here + "/access")
        partners = folder.get("with", ["a/b"])
        if judge.distinct(partners, here + "/with", is_app_id, 1, 16):
            judge.need(app_id not in partners, here + "/with")
    judge.need(unique([folder.get("id") for folder in folders]), where)


def is_app_id(value: Json) -> bool:
    """Tell whether ``value`` is ``publisher/name``."""
    if not isinstance(value, str):
        return False
    parts = value.split("/")
    return len(parts) == 2 and all(names.is_slug(part) for part in parts)


def judge_attention(judge: Judge, capabilities: Mapping[str, Json], where: str) -> None:
    """Judge ``notifications`` and ``background``."""
    notifications = capabilities.get("notifications", {"modes": []})
    if judge.record(notifications, where + "notifications", ("modes",), ()):
        modes = notifications.get("modes", [])
        judge.distinct(modes, where + "notifications/modes", lambda mode: is_one_of(mode, NOTIFY), 0, 3)
    background = capabilities.get("background", {"mode": False})
    if judge.record(background, where + "background", ("mode",), ("reasons",)):
        mode = background.get("mode", False)
        judge.need(mode is False or is_one_of(mode, ("passive", "active")), where + "background/mode")
        reasons = background.get("reasons", [])
        judge.distinct(reasons, where + "background/reasons", lambda reason: is_text(reason, 140), 0, 5)


def judge_lists(judge: Judge, value: Mapping[str, Json], models: Sequence[str]) -> None:
    """Judge ``modalities`` and ``tooling``: closed, backed in this version, with a model to run."""
    modalities = value.get("modalities", [])
    if judge.distinct(modalities, "/modalities", lambda item: is_one_of(item, BACKED_MODALITIES), 0, 16):
        thinking = [item for item in modalities if item in MODEL_MODALITIES]
        judge.need(not thinking or len(models) > 0, "/modalities")
    tooling = value.get("tooling", [])
    if judge.distinct(tooling, "/tooling", lambda item: is_one_of(item, BACKED_TOOLING), 0, 16):
        judge.need(not any(name in tooling for name in RUN_BY_A_TOOL) or has_tools(value), "/tooling")


def has_tools(value: Mapping[str, Json]) -> bool:
    """Whether the manifest pins a tool."""
    capabilities = value.get("capabilities")
    return isinstance(capabilities, Mapping) and bool(capabilities.get("tools"))


def judge_profiles(judge: Judge, profiles: Json, models: Sequence[str]) -> None:
    """Judge ``profiles``: their models are among the pinned ones."""
    if not judge.record(profiles, "/profiles", (), ("low", "mid", "high")):
        return
    for name, profile in profiles.items():
        here = f"/profiles/{escape(name)}"
        if judge.record(profile, here, ("min_ram_gb", "models"), ()):
            judge.need(is_whole(profile.get("min_ram_gb", 1), 1, 1024), here + "/min_ram_gb")
            judge.distinct(profile.get("models", []), here + "/models", lambda pin: pin in models, 1, 64)

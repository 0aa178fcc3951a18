"""The policy, implemented a second time from its description, slowly and without the product's code.

The judge works on the plain JSON value of a manifest and on plain questions (``Ask``, JSON objects with a
``kind``). It re-reads the manifest for every question, so nothing compiled or cached can be wrong in the
same way as in the product. It is used to check ``decide`` by difference and to tell the live attacks what
the app may do.

Questions, by ``kind``:

* ``net`` (host, port) · ``fs`` (root, path, access) · ``device`` (device) · ``model`` (model)
* ``tool`` (tool) · ``clipboard`` (access) · ``notify`` (mode) · ``background`` (mode)
* ``open-external`` (host)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from locara.records import dataclass
from locara_verify.oracle import names

Json = Any
Ask = Mapping[str, Any]

USER_PATH_ROOTS = ("documents", "downloads", "desktop", "pictures", "music", "movies")
DEVICES = ("microphone", "camera", "system-audio")
NOTIFICATION_MODES = ("alert", "badge", "sound")
BACKGROUND_MODES = ("passive", "active")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The oracle's answer: whether the manifest permits it, and the capability key it turns on."""

    allowed: bool
    capability: str


def judge(manifest: Mapping[str, Json], ask: Ask) -> Judgement:
    """Answer ``ask`` from the JSON value of a manifest that ``oracle.manifest`` accepts.

    Total for any question content: a question that is not well formed is never permitted.
    """
    capabilities = manifest.get("capabilities", {})
    kind = ask["kind"]
    if kind == "fs":
        return judge_file(capabilities, ask["root"], ask["path"], ask["access"])
    if kind == "device":
        return judge_device(capabilities, ask["device"])
    capability, allowed = judge_simple(capabilities, kind, ask)
    return Judgement(allowed, capability)


def judge_simple(capabilities: Mapping[str, Json], kind: str, ask: Ask) -> tuple[str, bool]:
    """Answer a question whose kind belongs to one capability key."""
    if kind == "net":
        return "net", net_allows(capabilities.get("net", False), ask["host"], ask["port"])
    if kind in ("model", "tool"):
        return f"{kind}s", is_pinned(capabilities.get(f"{kind}s", []), ask[kind])
    if kind == "clipboard":
        access = ask["access"]
        return kind, access in ("read", "write") and capabilities.get(kind, {}).get(access) is True
    if kind == "notify":
        modes = capabilities.get("notifications", {}).get("modes", [])
        return "notifications", ask["mode"] in NOTIFICATION_MODES and ask["mode"] in modes
    if kind == "background":
        # Who may go on without a window may also finish there what was begun.
        reach = {"passive": ("passive",), "active": ("passive", "active")}
        granted = capabilities.get(kind, {}).get("mode", False) or ""
        return kind, ask["mode"] in reach.get(granted, ())
    if kind == "open-external":
        return kind, any_host(capabilities.get(kind, {}).get("hosts", []), ask["host"])
    raise ValueError(f"not a kind of question: {kind!r}")


def judge_device(capabilities: Mapping[str, Json], device: object) -> Judgement:
    """Answer a question about one device."""
    if device not in DEVICES:
        return Judgement(False, "")
    return Judgement(capabilities.get(f"device.{device}", False) is True, f"device.{device}")


def net_allows(net: Json, host: object, port: object) -> bool:
    """Tell whether the value of ``net`` permits a connection to ``host``:``port``."""
    if not names.is_port(port) or not names.is_host(host):
        return False
    if net is True:
        return True
    if not isinstance(net, Mapping):
        return False
    return port in net.get("allowed_ports", [443]) and any_host(net["allowed_hosts"], host)


def any_host(patterns: Sequence[str], host: object) -> bool:
    """Tell whether one of ``patterns`` names ``host``."""
    if not isinstance(host, str) or not names.is_host(host):
        return False
    for pattern in patterns:  # noqa: SIM110 - asked often, and a loop is quicker than any()
        if names.host_matches(pattern, host):
            return True
    return False


def access_covers(granted: Json, access: object) -> bool:
    """Tell whether the value ``false``, ``"read"`` or ``"read-write"`` permits one access."""
    if access == "read":
        return granted in ("read", "read-write")
    return access == "write" and granted == "read-write"


def judge_file(capabilities: Mapping[str, Json], root: object, path: object, access: object) -> Judgement:
    """Answer a question about one file below one root."""
    if root == "user-selected":
        granted, capability = capabilities.get("fs.user-selected", False), "fs.user-selected"
    elif root == "app-data":
        granted, capability = capabilities.get("fs.app-data", "read-write"), "fs.app-data"
    elif root in USER_PATH_ROOTS:
        granted, capability = capabilities.get("fs.user-paths", {}).get(root, False), "fs.user-paths"
    elif isinstance(root, str) and root.startswith("shared/"):
        capability, granted = "shared-folders", False
        for folder in capabilities.get("shared-folders", []):
            if root == "shared/" + folder["id"]:
                granted = folder["access"]
    else:
        return Judgement(False, "")
    lexically_fine = path == "" or names.is_portable_path(path)
    return Judgement(lexically_fine and access_covers(granted, access), capability)


def is_pinned(pins: Sequence[str], name: object) -> bool:
    """Tell whether ``name``, a bare id or a full pin, is one of ``pins``."""
    if not isinstance(name, str):
        return False
    for pin in pins:
        parts = names.split_pin(pin)
        if parts is not None and name in (parts[0], pin):
            return True
    return False


def possible(ask: Ask) -> bool:
    """Tell whether any manifest at all could permit what ``ask`` asks for."""
    kind = ask["kind"]
    if kind in ("net", "open-external"):
        return names.is_host(ask["host"]) and (kind == "open-external" or names.is_port(ask["port"]))
    if kind == "fs":
        root, path = ask["root"], ask["path"]
        shared = (
            isinstance(root, str) and root.startswith("shared/") and names.is_slug(root[len("shared/") :])
        )
        known = shared or root in ("user-selected", "app-data", *USER_PATH_ROOTS)
        return known and ask["access"] in ("read", "write") and (path == "" or names.is_portable_path(path))
    if kind in ("model", "tool"):
        name = ask[kind]
        return isinstance(name, str) and (names.is_item_id(name) or names.split_pin(name) is not None)
    choices = {
        "device": ("device", DEVICES),
        "clipboard": ("access", ("read", "write")),
        "notify": ("mode", NOTIFICATION_MODES),
        "background": ("mode", BACKGROUND_MODES),
    }
    field, words = choices[kind]
    return ask[field] in words


def commands(manifest: Mapping[str, Json]) -> frozenset[str]:
    """The IPC commands a manifest opens, from its description: everything else must be absent."""
    capabilities = manifest.get("capabilities", {})
    modalities = manifest.get("modalities", [])
    opened = {
        "app.info",
        "app.commands",
        "audit.capabilityLog",
        "settings.get",
        "settings.set",
        "settings.getAll",
        "settings.delete",
        "settings.subscribe",
        "settings.unsubscribe",
        "db.query",
        "db.exec",
        "db.batch",
        "db.search",
    }
    if capabilities.get("models"):
        if "text-to-text" in modalities or "text-to-text-thinking" in modalities:
            opened.add("llm.chat")
        if "text-to-embedding" in modalities:
            opened.add("embed.create")
        if "speech-to-text" in modalities:
            opened |= {"transcribe.fromFile", "transcribe.open", "transcribe.push", "transcribe.close"}
    tooling = manifest.get("tooling", [])
    if "image-to-text" in modalities or "ocr" in tooling:
        opened |= {"ocr.fromFile", "ocr.fromBytes", "ocr.languages", "pdf.text", "pdf.render"}
    if "text-to-speech" in modalities or "audio.synthesize" in tooling:
        opened |= {"tts.speak", "tts.voices"}
    selected = capabilities.get("fs.user-selected", False)
    levels = [selected, capabilities.get("fs.app-data", "read-write")]
    levels += list(capabilities.get("fs.user-paths", {}).values())
    levels += [folder["access"] for folder in capabilities.get("shared-folders", [])]
    if selected is not False:
        opened |= {"fs.pick", "fs.release", "fs.dropped", "fs.remembered", "fs.reopen", "fs.forget"}
    if any(level is not False for level in levels):
        opened |= {"fs.read", "fs.list", "fs.stat"}
    if any(level == "read-write" for level in levels):
        opened |= {"fs.write", "fs.remove", "fs.mkdir"}
    if capabilities.get("net", False) is not False:
        opened.add("net.fetch")
    if capabilities.get("tools"):
        opened.add("tools.invoke")
    return frozenset(opened | desktop_commands(capabilities))


def desktop_commands(capabilities: Mapping[str, Json]) -> frozenset[str]:
    """The commands of devices and of the person's desktop: microphone, camera, clipboard and the like."""
    opened: set[str] = set()
    if capabilities.get("device.microphone") is True or capabilities.get("device.system-audio") is True:
        opened |= {"audio.open", "audio.read", "audio.close"}
    if capabilities.get("device.camera") is True:
        opened |= {"camera.open", "camera.read", "camera.close"}
    clipboard = capabilities.get("clipboard", {})
    opened |= {f"clipboard.{access}" for access in ("read", "write") if clipboard.get(access) is True}
    if capabilities.get("notifications", {}).get("modes"):
        opened.add("notify.show")
    if capabilities.get("background", {}).get("mode"):
        opened |= {"background.begin", "background.end", "background.status"}
    if capabilities.get("open-external", {}).get("hosts"):
        opened.add("shell.openExternal")
    return frozenset(opened)

"""Questions for the policy, biased towards the edges of one manifest so that both answers are frequent."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from locara_verify.strategies import hosts, paths

Json = Any
Ask = dict[str, Any]

ROOTS = ("user-selected", "app-data", "documents", "downloads", "desktop", "pictures", "music", "movies")
ODD_ROOTS = (
    "",
    "Documents",
    "home",
    "tmp",
    "/",
    "..",
    "shared",
    "shared/",
    "shared/none",
    "shared/../documents",
    "app-data/..",
    "\x00",
    "app_data",
    "documents ",
)
ACCESSES = (*["read", "read", "write"] * 5, "read-write", "READ", "", "execute")
HOSTILE_PATHS = paths.corpus()


def ask(rng: random.Random, manifest: Mapping[str, Json]) -> Ask:
    """One question about ``manifest``; kinds with larger spaces come more often."""
    return rng.choice(MAKERS)(rng, manifest.get("capabilities", {}))


def ask_net(rng: random.Random, capabilities: Mapping[str, Json]) -> Ask:
    """A connection near the granted hosts and ports."""
    net = capabilities.get("net")
    granted = net if isinstance(net, Mapping) else {}
    near = rng.random()
    if near < 0.75:
        host = hosts.near(rng, granted.get("allowed_hosts", ()))
    else:
        host = hosts.host(rng) if near < 0.88 else hosts.hostile(rng)
    ports = list(granted.get("allowed_ports", (443,)))
    port = (
        rng.choice(ports)
        if rng.random() < 0.85
        else rng.choice(
            (*[p + 1 for p in ports], *[p - 1 for p in ports], 0, -1, 1, 80, 443, 65535, 65536, 2**40)
        )
    )
    return {"kind": "net", "host": host, "port": port}


def ask_file(rng: random.Random, capabilities: Mapping[str, Json]) -> Ask:
    """A file below a root the manifest mentions, or not."""
    folders = ["shared/" + folder["id"] for folder in capabilities.get("shared-folders", ())]
    likely = [*folders, *capabilities.get("fs.user-paths", {}), "user-selected", "app-data"]
    chance = rng.random()
    root = rng.choice(likely) if chance < 0.8 else rng.choice(ROOTS if chance < 0.95 else ODD_ROOTS)
    kind = rng.random()
    if kind < 0.1:
        path = ""
    elif kind < 0.7:
        path = paths.ordinary(rng)
    else:
        path = (
            rng.choice(HOSTILE_PATHS).text
            if kind < 0.85
            else paths.draw(rng, ("secret.txt", "audit/log.jsonl")).text
        )
    return {"kind": "fs", "root": root, "path": path, "access": rng.choice(ACCESSES)}


def _name_near(rng: random.Random, pins: list[str]) -> str:
    if pins and rng.random() < 0.8:
        pin = rng.choice(pins)
        name = pin.split("@")[0]
        return rng.choice(
            (
                name,
                name,
                name,
                pin,
                pin,
                name + "x",
                name[:-1],
                name.upper(),
                pin[:-1],
                pin[:-1] + ("0" if pin[-1] != "0" else "1"),
                name + "@sha256:" + "0" * 64,
                name + "@",
                pin + "@",
                pin.upper(),
                " " + name,
                name + "\x00",
                name + "/",
                "../" + name,
                pin.replace("sha256:", "sha256:0"),
                "@" + pin.split("@")[1],
            )
        )
    return rng.choice(
        ("", "chat-b", "minilm-l6", "other", "*", ".", "..", "\x00", "a" * 65, "m1@sha256:" + "a" * 64)
    )


def ask_model(rng: random.Random, capabilities: Mapping[str, Json]) -> Ask:
    """A model near the pinned ones."""
    return {"kind": "model", "model": _name_near(rng, capabilities.get("models", []))}


def ask_tool(rng: random.Random, capabilities: Mapping[str, Json]) -> Ask:
    """A tool near the pinned ones."""
    return {"kind": "tool", "tool": _name_near(rng, capabilities.get("tools", []))}


def ask_device(rng: random.Random, _capabilities: Mapping[str, Json]) -> Ask:
    """A device."""
    return {
        "kind": "device",
        "device": rng.choice(("microphone", "camera", "system-audio", "Microphone", "", "gps", "screen")),
    }


def ask_clipboard(rng: random.Random, _capabilities: Mapping[str, Json]) -> Ask:
    """Clipboard access."""
    return {"kind": "clipboard", "access": rng.choice(("read", "write", "read-write", "", "READ"))}


def ask_notify(rng: random.Random, _capabilities: Mapping[str, Json]) -> Ask:
    """A way to notify."""
    return {"kind": "notify", "mode": rng.choice(("alert", "badge", "sound", "Alert", "", "vibrate"))}


def ask_background(rng: random.Random, _capabilities: Mapping[str, Json]) -> Ask:
    """A background mode."""
    return {"kind": "background", "mode": rng.choice(("passive", "active", "false", "", "Active"))}


def ask_external(rng: random.Random, capabilities: Mapping[str, Json]) -> Ask:
    """A host to open in the person's browser."""
    granted = capabilities.get("open-external", {}).get("hosts", ())
    return {
        "kind": "open-external",
        "host": hosts.near(rng, granted) if rng.random() < 0.8 else hosts.hostile(rng),
    }


MAKERS: tuple[Callable[[random.Random, Mapping[str, Json]], Ask], ...] = (
    ask_net, ask_net, ask_net, ask_net, ask_file, ask_file, ask_file, ask_file, ask_model, ask_model,
    ask_tool,
    ask_device, ask_clipboard, ask_notify, ask_background, ask_external, ask_external,
)  # fmt: skip

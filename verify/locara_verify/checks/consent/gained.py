"""What an update says it adds, read back: each thing that is allowed only now must be named by a sentence of it.

The sentences are taken apart by patterns that are written down again on purpose, and hosts and ports are compared by
the oracle's own reading of names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from locara_verify.oracle import names

Json = Any
_HOSTS: Final = re.compile(r"(.+?)(?: on port ([0-9, -]+)| on (every port))?(?:, for example .+)?")
_BACKGROUND: Final = {"passive": "finish what it began", "active": "go on working"}


def covers(sentence: str, ask: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Tell whether one sentence about an update to the manifest ``new`` names what is asked."""
    kind = ask["kind"]
    if kind in ("model", "tool"):
        name = str(ask[kind]).partition("@")[0]
        digest = _digest(new["capabilities"].get(f"{kind}s", ()), name)
        what = "run the AI model" if kind == "model" else "run the tool"
        return sentence.startswith(f"{what} {name},") and digest in sentence
    return _READERS[kind](sentence, ask)


def declared_one_by_one(new: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Questions about each pin, and about each host on each of its first ports, that a manifest declares."""
    capabilities = new["capabilities"]
    for kind in ("model", "tool"):
        for pin in capabilities.get(f"{kind}s", ()):
            yield {"kind": kind, kind: pin.partition("@")[0]}
    net = capabilities.get("net")
    if isinstance(net, Mapping):
        for pattern in net["allowed_hosts"]:
            for port in net.get("allowed_ports", (443,))[:4]:
                yield {"kind": "net", "host": pattern.replace("*.", "w."), "port": port}
    for pattern in capabilities.get("open-external", {}).get("hosts", ()):
        yield {"kind": "open-external", "host": pattern.replace("*.", "w.")}


def unnamed_partners(
    old: Mapping[str, Json], new: Mapping[str, Json], sentences: Sequence[str]
) -> Iterator[str]:
    """Apps that a folder is shared with only now, and that no sentence about that folder names."""
    before = {folder["id"]: set(folder["with"]) for folder in old["capabilities"].get("shared-folders", ())}
    for folder in new["capabilities"].get("shared-folders", ()):
        about = " ".join(
            text for text in sentences if re.search(rf"\bfolder {re.escape(folder['id'])} ", text)
        )
        told = set(re.split(r"[ ,()]+", about))
        for partner in folder["with"]:
            if partner not in before.get(folder["id"], ()) and partner not in told:
                yield f"it does not say that the folder {folder['id']} is shared with {partner}"


def _reaches(sentence: str, begin: str, host: str, port: int | None) -> bool:
    if not sentence.startswith(begin):
        return False
    said = sentence.removeprefix(begin)
    if said.startswith("every host on every port"):
        return True
    found = _HOSTS.fullmatch(said)
    if found is None or not (found[1] == "*" or names.host_matches(found[1], host)):
        return False
    return port is None or bool(found[3]) or port in _ports(found[2] or "443")


def _ports(text: str) -> set[int]:
    spans = [span.partition("-") for span in text.replace(" ", "").split(",")]
    return {port for first, _, last in spans for port in range(int(first), int(last or first) + 1)}


def _file(sentence: str, root: str, verb: str) -> bool:
    if root == "user-selected":
        return "that you pick" in sentence and _verb(sentence, verb)
    if root == "app-data":
        return sentence.endswith("its own private folder") and _verb(sentence, verb)
    if root.startswith("shared/"):
        identity = root.removeprefix("shared/")
        return bool(re.search(rf"\bfolder {re.escape(identity)}\b", sentence)) and _verb(sentence, verb)
    return sentence.endswith(f"everything in your {root.capitalize()} folder") and _verb(sentence, verb)


def _verb(sentence: str, verb: str) -> bool:
    return bool(re.search(rf"\b{'read' if verb == 'read' else 'change'}\b", sentence))


def _digest(pins: Sequence[str], name: str) -> str:
    found = [pin.partition("@sha256:")[2][:12] for pin in pins if pin.partition("@")[0] == name]
    return found[0] if found else "?"


def _device(sentence: str, ask: Mapping[str, Json]) -> bool:
    device = ask["device"]
    return sentence == ("record the sound of other apps" if device == "system-audio" else f"use the {device}")


def _background(sentence: str, ask: Mapping[str, Json]) -> bool:
    return sentence.startswith("run in the background") and _BACKGROUND[ask["mode"]] in sentence


def _clipboard(sentence: str, ask: Mapping[str, Json]) -> bool:
    return sentence.endswith(" the clipboard") and _verb(sentence, ask["access"])


_READERS: Final[Mapping[str, Callable[[str, Mapping[str, Json]], bool]]] = {
    "net": lambda said, ask: _reaches(said, "connect to ", ask["host"], ask["port"]),
    "open-external": lambda said, ask: _reaches(said, "open web pages of ", ask["host"], None),
    "fs": lambda said, ask: _file(said, str(ask["root"]), ask["access"]),
    "clipboard": _clipboard,
    "notify": lambda said, ask: said == f"notify you by {ask['mode']}",
    "background": _background,
    "device": _device,
}

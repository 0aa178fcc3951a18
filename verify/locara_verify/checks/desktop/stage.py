"""A desktop that is watched: every device, the clipboard, notifications and the browser, with what reached each.

The browser is a real program that writes down its arguments; sound comes from a file; the rest is kept in memory.
"""

from __future__ import annotations

import copy
import json
import os
import threading
import time
import wave
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from locara.core.compile import compile_grants
from locara.core.grant import Grants
from locara.core.manifest import parse_manifest
from locara.records import dataclass
from locara.sandbox.desktop.opener import SessionOpener
from locara.sandbox.desktop.ports import Desktop, Recording, SoundSource
from locara.sandbox.desktop.scripted import FedRecording, FileRecorder, HeldClipboard, KeptNotes
from locara_verify.context import Context
from locara_verify.oracle import policy

PAGES: Final = "LC311"
SUBSCRIBED: Final = "LC421"
ENDS: Final = "LC422"
DEVICES: Final = "LC811"
CLIPBOARD: Final = "LC812"
NOTES: Final = "LC813"
GRANTED_HOST: Final = "docs.granted.example"
WILD_HOST: Final = "*.wild.example"
EVERYTHING: Final[Mapping[str, Any]] = {
    "device.microphone": True,
    "device.system-audio": True,
    "device.camera": True,
    "clipboard": {"read": True, "write": True},
    "notifications": {"modes": ["alert", "badge", "sound"]},
    "background": {"mode": "active", "reasons": ["index"]},
    "open-external": {"hosts": [GRANTED_HOST, WILD_HOST]},
}

Json = Any


@dataclass(slots=True)
class Flood:
    """A microphone that gives ``first`` bytes as quickly as they are taken, and goes on until nobody reads it.

    ``given`` is set once all of them were taken; ``on`` counts what is on now.
    """

    first: int
    given: threading.Event = field(default_factory=threading.Event)
    recordings: list[FedRecording] = field(default_factory=list)

    @property
    def on(self) -> int:
        """How many devices are on now."""
        return sum(recording.running() for recording in self.recordings)

    def listen(self, _source: SoundSource, _rate: int, _channels: int) -> Recording:
        """See Recorder."""
        self.recordings.append(FedRecording(self._feed))
        return self.recordings[-1]

    def watch(self, _width: int, _height: int) -> Recording:
        """See Recorder."""
        return self.listen("microphone", 0, 0)

    def _feed(self, fd: int) -> None:
        left = self.first
        while left:
            left -= os.write(fd, bytes(min(left, 65_536)))
        self.given.set()
        while True:
            time.sleep(0.01)
            os.write(fd, bytes(64))


@dataclass(slots=True)
class Watched:
    """The desktop and what happened on it. ``minutes`` is its clock: a minute for each look, unless it stands;
    ``reads`` counts what was read of devices, by command."""

    folder: Path
    canary: str
    told: list[str] = field(default_factory=list)
    standing: bool = False
    minutes: int = 0
    clipboard: HeldClipboard = field(default_factory=HeldClipboard)
    notes: KeptNotes = field(default_factory=KeptNotes)
    recorder: FileRecorder = field(default_factory=FileRecorder)
    reads: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clipboard.text = self.canary.encode()
        sound = self.folder / "sound.wav"
        with wave.open(str(sound), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(b"\1\2" * 160_000)
        picture = self.folder / "picture.jpg"
        picture.write_bytes(b"\xff\xd8 a picture \xff\xd9")
        self.recorder = FileRecorder(sound, sound, [picture])
        browser = self.folder / "browser"
        browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" --end >> {self.folder}/pages\n', "utf-8")
        browser.chmod(0o755)

    @property
    def desktop(self) -> Desktop:
        """What the launcher is handed."""
        opener = SessionOpener(str(self.folder / "browser"))
        return Desktop(self.clipboard, self.notes, opener, self.recorder, self.told.append, self.clock)

    def clock(self) -> float:
        """Seconds."""
        self.minutes += not self.standing
        return self.minutes * 60.0

    def pages(self) -> list[list[str]]:
        """The arguments of each start of the browser, oldest first."""
        path = self.folder / "pages"
        if not path.exists():
            return []
        starts = path.read_text("utf-8", "replace").split("--end\n")
        return [start.splitlines() for start in starts[:-1]]

    def effects(self) -> dict[str, int]:
        """How often each thing happened so far."""
        found = {device: self.recorder.opened.count(device) for device in policy.DEVICES}
        modes = {
            mode: sum(_calls(note, mode) for note in self.notes.shown) for mode in policy.NOTIFICATION_MODES
        }
        written = int(self.clipboard.text != self.canary.encode())
        return {
            **found,
            **modes,
            "clipboard.read": self.clipboard.reads,
            "clipboard.write": written,
            "pages": len(self.pages()),
            "background": sum("goes on" in line for line in self.told),
        }


def _calls(note: Any, mode: str) -> bool:  # noqa: ANN401 - a Note
    return bool(note.badge is not None if mode == "badge" else getattr(note, mode))


def watched(ctx: Context) -> Watched:
    """A fresh desktop with a canary on its clipboard."""
    folder = ctx.fresh_dir("desktop")
    folder.chmod(0o755)
    return Watched(folder, f"clipboard-{ctx.rng(f'desktop-{folder}').getrandbits(64):016x}")


def narrowed(document: dict[str, Json], capabilities: Mapping[str, Json]) -> None:
    """Make a manifest declare exactly these capabilities."""
    document["capabilities"] = {"fs.app-data": False, **copy.deepcopy(dict(capabilities))}
    for part in ("modalities", "profiles", "tooling"):
        document.pop(part, None)


def manifest_of(ctx: Context, capabilities: Mapping[str, Json]) -> tuple[dict[str, Json], Grants]:
    """The target's manifest with other capabilities, as JSON and as grants."""
    document: dict[str, Json] = json.loads(ctx.target.manifest_bytes)
    narrowed(document, capabilities)
    return document, compile_grants(parse_manifest(json.dumps(document).encode()))


def page_fault(manifest: Mapping[str, Json], arguments: Sequence[str]) -> str | None:
    """What is wrong with the arguments a browser was started with; None when the manifest allows them."""
    if len(arguments) != 1:
        return f"{len(arguments)} arguments in place of one"
    (address,) = arguments
    if not address.startswith("https://") or not address.isascii() or not address.isprintable():
        return "not a plain https address"
    if any(character in address for character in ' "<>\\^`{|}'):
        return "it holds characters that no address has"
    return _host_fault(manifest, address)


def _host_fault(manifest: Mapping[str, Json], address: str) -> str | None:
    """The same for the host that another parser reads out of an address."""
    try:
        parts = urlsplit(address)
        plain = parts.username is None and parts.password is None and parts.port is None
    except ValueError:
        return "another parser cannot read it"
    if not plain or "@" in parts.netloc:
        return "it holds credentials or a port"
    if parts.netloc != parts.netloc.lower():
        return "its host is not written in the one way that is judged"
    allowed = policy.judge(manifest, {"kind": "open-external", "host": parts.netloc}).allowed
    return None if allowed else "its host is not granted"


def logs(home: Path) -> str:
    """Everything that an app's start left in logs."""
    found = []
    for folder, _, files in os.walk(home):
        for name in files:
            path = Path(folder, name)
            if path.suffix in {".jsonl", ".log"} or "audit" in path.parts:
                found.append(path.read_text("utf-8", "replace"))
    return "\n".join(found)

"""The commands a frontend can call, as data: the first projection of the grants.

A command whose capability is not declared does not exist for the app: it is absent from `command_table`, not
denied later. Commands of the app's own (its settings, its store, its log) carry no power and are always
there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from locara.core.capability import FS_KINDS, Kind
from locara.core.scope import AtomScope
from locara.core.skills import READING, SPEAKING
from locara.records import dataclass

if TYPE_CHECKING:  # the table itself needs no manifest, so that `locara explain` starts at once
    from locara.core.grant import Grants


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One command: when it opens, the manifest key behind it (``""``: none), and the line that would open it.

    ``stream`` says whether the command can send events before its reply.
    """

    name: str
    opens: Callable[[Grants], bool]
    capability: str
    stream: bool
    summary: str
    fix: str = ""


def _always(grants: Grants) -> bool:
    return True


def _granted(*kinds: Kind) -> Callable[[Grants], bool]:
    def opens(grants: Grants) -> bool:
        return any(kind in grants.by_kind for kind in kinds)

    return opens


def _writes_files(grants: Grants) -> bool:
    scopes = (grants.scope(kind) for kind in FS_KINDS)
    return any(use == "write" for scope in scopes if isinstance(scope, AtomScope) for _, use in scope.atoms)


def _uses(kind: Kind, use: str) -> Callable[[Grants], bool]:
    def opens(grants: Grants) -> bool:
        scope = grants.scope(kind)
        return isinstance(scope, AtomScope) and any(granted == use for _, granted in scope.atoms)

    return opens


def _modality(*names: str) -> Callable[[Grants], bool]:
    def opens(grants: Grants) -> bool:
        return not grants.modalities.isdisjoint(names) and bool(grants.models)

    return opens


_FILES: Final = '"fs.app-data": "read"'
_WRITES: Final = '"fs.app-data": "read-write"'
_PICKER: Final = '"fs.user-selected": "read"'
_MODEL: Final = '"models": ["id@sha256:…"]'

_COMMANDS: Final = (
    CommandSpec("app.info", _always, "", False, "Who the app is and what it may do"),
    CommandSpec("app.commands", _always, "", False, "The commands that exist for this app"),
    CommandSpec("audit.capabilityLog", _always, "", False, "The latest decisions about this app"),
    CommandSpec("settings.get", _always, "", False, "Read one setting"),
    CommandSpec("settings.set", _always, "", False, "Write one setting"),
    CommandSpec("settings.getAll", _always, "", False, "Read all settings of a scope"),
    CommandSpec("settings.delete", _always, "", False, "Remove one setting"),
    CommandSpec("settings.subscribe", _always, "", True, "Be told of every change of the settings"),
    CommandSpec("settings.unsubscribe", _always, "", False, "Be told no longer"),
    CommandSpec("db.query", _always, "", False, "Read rows of the app's own store"),
    CommandSpec("db.exec", _always, "", False, "Change the app's own store"),
    CommandSpec("db.batch", _always, "", False, "Several changes of the app's own store, all or none"),
    CommandSpec("db.search", _always, "", False, "Search the app's own store by vector, by text or by both"),
    CommandSpec(
        "llm.chat",
        _modality("text-to-text", "text-to-text-thinking"),
        "models",
        True,
        "Answer a conversation with a pinned model",
        f'"modalities": ["text-to-text"] and in "capabilities" {_MODEL}',
    ),
    CommandSpec(
        "embed.create",
        _modality("text-to-embedding"),
        "models",
        False,
        "Turn texts into vectors with a pinned model",
        f'"modalities": ["text-to-embedding"] and in "capabilities" {_MODEL}',
    ),
    *(
        CommandSpec(
            f"transcribe.{name}",
            _modality("speech-to-text"),
            "models",
            name == "fromFile",
            summary,
            f'"modalities": ["speech-to-text"] and in "capabilities" {_MODEL}',
        )
        for name, summary in (
            ("fromFile", "Turn the speech of a sound file into text with times"),
            ("open", "Begin to turn speech into text while it is spoken"),
            ("push", "Give the next sound of an open transcription"),
            ("close", "End an open transcription"),
        )
    ),
    *(
        CommandSpec(name, READING.of, "modalities", False, summary, READING.fix)
        for name, summary in (
            ("ocr.fromFile", "Read the text in a picture file"),
            ("ocr.fromBytes", "Read the text in a picture"),
            ("ocr.languages", "The languages in which pictures can be read"),
            ("pdf.text", "Read the text of PDF pages"),
            ("pdf.render", "Turn a PDF page into a picture"),
        )
    ),
    *(
        CommandSpec(name, SPEAKING.of, "modalities", False, summary, SPEAKING.fix)
        for name, summary in (
            ("tts.speak", "Speak a text with a computer voice"),
            ("tts.voices", "The voices there are"),
        )
    ),
    CommandSpec(
        "fs.pick",
        _granted(Kind.FS_USER_SELECTED),
        Kind.FS_USER_SELECTED.value,
        False,
        "Let the person pick files or a folder",
        _PICKER,
    ),
    CommandSpec(
        "fs.release",
        _granted(Kind.FS_USER_SELECTED),
        Kind.FS_USER_SELECTED.value,
        False,
        "Give up what the person picked",
        _PICKER,
    ),
    *(
        CommandSpec(
            f"fs.{name}",
            _granted(Kind.FS_USER_SELECTED),
            Kind.FS_USER_SELECTED.value,
            False,
            summary,
            _PICKER,
        )
        for name, summary in (
            ("dropped", "Take what the person dropped on the window"),
            ("remembered", "What the person picked before and lets the app find again"),
            ("reopen", "Open what the person picked in an earlier run"),
            ("forget", "Give up what the person lets the app find again"),
        )
    ),
    CommandSpec("fs.read", _granted(*FS_KINDS), Kind.FS_APP_DATA.value, False, "Read a file", _FILES),
    CommandSpec("fs.list", _granted(*FS_KINDS), Kind.FS_APP_DATA.value, False, "List a folder", _FILES),
    CommandSpec(
        "fs.stat", _granted(*FS_KINDS), Kind.FS_APP_DATA.value, False, "Tell size and kind of a file", _FILES
    ),
    CommandSpec("fs.write", _writes_files, Kind.FS_APP_DATA.value, False, "Write a file", _WRITES),
    CommandSpec(
        "fs.remove", _writes_files, Kind.FS_APP_DATA.value, False, "Remove a file or an empty folder", _WRITES
    ),
    CommandSpec("fs.mkdir", _writes_files, Kind.FS_APP_DATA.value, False, "Make a folder", _WRITES),
    CommandSpec(
        "net.fetch",
        _granted(Kind.NET),
        Kind.NET.value,
        False,
        "Fetch an https address of a declared host",
        '"net": {"allowed_hosts": ["api.example.com"]}',
    ),
    CommandSpec(
        "tools.invoke",
        _granted(Kind.TOOLS),
        Kind.TOOLS.value,
        False,
        "Run a pinned tool",
        '"tools": ["id@sha256:…"]',
    ),
    *(
        CommandSpec(
            f"audio.{name}",
            _granted(Kind.MICROPHONE, Kind.SYSTEM_AUDIO),
            Kind.MICROPHONE.value,
            False,
            summary,
            '"device.microphone": true',
        )
        for name, summary in (
            ("open", "Listen to the microphone, or to what the computer plays"),
            ("read", "Take the sound that was heard since the last call"),
            ("close", "Stop listening"),
        )
    ),
    *(
        CommandSpec(
            f"camera.{name}",
            _granted(Kind.CAMERA),
            Kind.CAMERA.value,
            False,
            summary,
            '"device.camera": true',
        )
        for name, summary in (
            ("open", "Switch the camera on"),
            ("read", "Take the newest picture of the camera"),
            ("close", "Switch the camera off"),
        )
    ),
    *(
        CommandSpec(
            f"clipboard.{use}",
            _uses(Kind.CLIPBOARD, use),
            Kind.CLIPBOARD.value,
            False,
            summary,
            f'"clipboard": {{"{use}": true}}',
        )
        for use, summary in (
            ("read", "Read the text on the clipboard"),
            ("write", "Put text on the clipboard"),
        )
    ),
    CommandSpec(
        "notify.show",
        _granted(Kind.NOTIFICATIONS),
        Kind.NOTIFICATIONS.value,
        False,
        "Notify the person",
        '"notifications": {"modes": ["alert"]}',
    ),
    CommandSpec(
        "shell.openExternal",
        _granted(Kind.OPEN_EXTERNAL),
        Kind.OPEN_EXTERNAL.value,
        False,
        "Open an https page in the person's browser",
        '"open-external": {"hosts": ["example.com"]}',
    ),
    *(
        CommandSpec(
            f"background.{name}",
            _granted(Kind.BACKGROUND),
            Kind.BACKGROUND.value,
            False,
            summary,
            '"background": {"mode": "passive", "reasons": ["…"]}',
        )
        for name, summary in (
            ("begin", "Go on when the window is closed"),
            ("end", "Go on no longer when the window is closed"),
            ("status", "Whether the app goes on when the window is closed"),
        )
    ),
)

COMMANDS: Final[Mapping[str, CommandSpec]] = MappingProxyType({spec.name: spec for spec in _COMMANDS})


NOT_HERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "vlm": "this version has no backend that describes pictures; ocr.fromFile reads the text in them",
        "image": "this version has no backend that makes pictures",
        "voice": "this version has no backend that talks; transcribe.* hears and tts.* speaks",
    }
)
"""Families of commands that the format speaks of and this version has none of, with what to say of them."""


def command_table(grants: Grants) -> frozenset[str]:
    """The names of the commands that exist under these grants, and no other."""
    return frozenset(name for name, spec in COMMANDS.items() if spec.opens(grants))

"""The objects inside a manifest: capabilities, profiles, storage, build and author, as written.

Nothing here has a default that grants, with one exception that the format itself makes: ``fs.app-data`` is
``read-write`` when it is absent, because an app's own store is no one else's business.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from locara.core.fields import (
    Absent,
    AppId,
    Email,
    HostPattern,
    Name,
    Pin,
    Portable,
    Shown,
    Url,
    Value,
    each_once,
    refuse,
)
from locara.core.vocabulary import MODALITIES_WITH_BACKEND, TOOLING_WITH_BACKEND, VECTOR_ENGINES_WITH_BACKEND


def _word(value: object) -> object:
    # 0 == False, and a literal type compares: without this, 0 would pass for false.
    if not isinstance(value, str | bool):
        raise refuse("a word or false is expected", code="wrong_type")
    return value


FileAccess: TypeAlias = Annotated[Literal[False, "read", "read-write"], BeforeValidator(_word)]
GivenAccess: TypeAlias = Literal["read", "read-write"]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65_535)]
Reason: TypeAlias = Annotated[str, Shown(140)]

_UNIQUE = {"uniqueItems": True}


def _supported_modality(value: str) -> str:
    if value not in MODALITIES_WITH_BACKEND:
        raise refuse(f'the modality "{value}" has no backend in this version', code="unsupported")
    return value


def _supported_tooling(value: str) -> str:
    if value not in TOOLING_WITH_BACKEND:
        raise refuse(f'the tooling "{value}" has no backend in this version', code="unsupported")
    return value


def _supported_engine(value: str) -> str:
    if value not in VECTOR_ENGINES_WITH_BACKEND:
        raise refuse(
            f'the vector engine "{value}" has no backend in this version',
            code="unsupported",
            fix='"engine": "sqlite-vec"',
        )
    return value


Modality: TypeAlias = Annotated[
    Literal[
        "text-to-text",
        "text-to-text-thinking",
        "speech-to-text",
        "text-to-speech",
        "voice-to-voice",
        "image-to-text",
        "text-to-image",
        "text-to-embedding",
    ],
    AfterValidator(_supported_modality),
]
Tooling: TypeAlias = Annotated[
    Literal[
        "ocr",
        "filesystem.search",
        "filesystem.read",
        "filesystem.write",
        "code-exec.python",
        "code-exec.javascript",
        "audio.transcribe",
        "audio.synthesize",
        "vision.classify",
        "browser.fetch",
        "vector.search",
    ],
    AfterValidator(_supported_tooling),
]


class NetHosts(Value):
    """Outbound connections to these hosts on these ports (443 when no port is named)."""

    allowed_hosts: Annotated[
        tuple[HostPattern, ...],
        Field(strict=False, min_length=1, max_length=200, json_schema_extra=_UNIQUE),
        AfterValidator(each_once),
    ]
    allowed_ports: Annotated[
        tuple[Port, ...],
        Field(strict=False, min_length=1, max_length=200, json_schema_extra=_UNIQUE),
        AfterValidator(each_once),
    ] = (443,)


def _net_form(value: object) -> str:
    return "hosts" if isinstance(value, dict | NetHosts) else "flag"


Net: TypeAlias = Annotated[
    Annotated[bool, Tag("flag")] | Annotated[NetHosts, Tag("hosts")], Discriminator(_net_form)
]
UNION_TAGS = frozenset({"flag", "hosts"})


_Given: TypeAlias = Annotated[GivenAccess | None, Absent()]


class UserPaths(Value):
    """Lasting access to the standard folders of the person."""

    documents: _Given = None
    downloads: _Given = None
    desktop: _Given = None
    pictures: _Given = None
    music: _Given = None
    movies: _Given = None


class SharedFolder(Value):
    """A folder shared with other apps; it opens only when every side declares it."""

    id: Name
    with_: Annotated[
        tuple[AppId, ...],
        Field(strict=False, alias="with", min_length=1, max_length=16, json_schema_extra=_UNIQUE),
        AfterValidator(each_once),
    ]
    access: GivenAccess


class Clipboard(Value):
    """The clipboard, each direction by itself."""

    read: bool = False
    write: bool = False


class Notifications(Value):
    """How the app may call for attention."""

    modes: Annotated[
        tuple[Literal["alert", "badge", "sound"], ...],
        Field(strict=False, max_length=3, json_schema_extra=_UNIQUE),
        AfterValidator(each_once),
    ]


class Background(Value):
    """Work while no window is open; the reasons are shown to the person as they are."""

    mode: Annotated[Literal[False, "passive", "active"], BeforeValidator(_word)]
    reasons: Annotated[
        tuple[Reason, ...],
        Field(strict=False, max_length=5, json_schema_extra=_UNIQUE),
        AfterValidator(each_once),
    ] = ()


class OpenExternal(Value):
    """https pages the app may open in the person's browser."""

    hosts: Annotated[
        tuple[HostPattern, ...],
        Field(strict=False, min_length=1, max_length=200, json_schema_extra=_UNIQUE),
        AfterValidator(each_once),
    ]


Pins: TypeAlias = Annotated[
    tuple[Pin, ...],
    Field(strict=False, max_length=64, json_schema_extra=_UNIQUE),
    AfterValidator(each_once),
]


class Capabilities(Value):
    """Every power the app declares. What is absent is denied."""

    net: Net = False
    fs_user_selected: FileAccess = Field(False, alias="fs.user-selected")
    fs_app_data: FileAccess = Field("read-write", alias="fs.app-data")
    fs_user_paths: UserPaths = Field(UserPaths(), alias="fs.user-paths")
    microphone: bool = Field(False, alias="device.microphone")
    camera: bool = Field(False, alias="device.camera")
    system_audio: bool = Field(False, alias="device.system-audio")
    models: Pins = ()
    tools: Pins = ()
    shared_folders: Annotated[tuple[SharedFolder, ...], Field(strict=False, max_length=16)] = Field(
        (), alias="shared-folders"
    )
    clipboard: Clipboard = Clipboard()
    notifications: Notifications = Notifications(modes=())
    background: Background = Background(mode=False)
    open_external: Annotated[OpenExternal | None, Absent()] = Field(None, alias="open-external")


class Author(Value):
    """Who wrote the app."""

    name: Annotated[str, Shown(80)]
    email: Email
    url: Annotated[Url | None, Absent()] = None


class VectorStorage(Value):
    """How vectors are kept."""

    engine: Annotated[Literal["sqlite-vec", "zvec"], AfterValidator(_supported_engine)] = "sqlite-vec"


class Storage(Value):
    """The app's own store: its vector engine and its size limit in MiB."""

    vector: VectorStorage = VectorStorage()
    quota_mb: Annotated[int, Field(ge=1, le=1_048_576)] = 2_048


class Build(Value):
    """How the page is made: the tool is one of ours, never a command of the author's."""

    tool: Literal["vite", "none"] = "vite"
    out: Portable = "dist"


class Profile(Value):
    """The models for machines with at least this much memory (GiB)."""

    min_ram_gb: Annotated[int, Field(ge=1, le=1_024)]
    models: Annotated[
        tuple[Pin, ...],
        Field(strict=False, min_length=1, max_length=64, json_schema_extra=_UNIQUE),
        AfterValidator(each_once),
    ]


class Profiles(Value):
    """Models by size of machine."""

    low: Annotated[Profile | None, Absent()] = None
    mid: Annotated[Profile | None, Absent()] = None
    high: Annotated[Profile | None, Absent()] = None

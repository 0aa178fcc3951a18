"""``locara.json`` as written: bytes in, a checked `Manifest` or every reason why not out.

The format is ``locara/v1``. Unknown keys are errors, one bad entry fails the file, nothing is converted and
nothing is guessed. What this version has no backend for is refused with the code ``unsupported``, never
silently accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, ValidationError

from locara.core import strict_json
from locara.core.declarations import (
    Author,
    Background,
    Build,
    Capabilities,
    Clipboard,
    Modality,
    NetHosts,
    Notifications,
    OpenExternal,
    Profile,
    Profiles,
    SharedFolder,
    Storage,
    Tooling,
    UserPaths,
    VectorStorage,
)
from locara.core.digest import Digest
from locara.core.fields import Absent, Name, Portable, Shown, TagName, Url, Value, Version, each_once, refuse
from locara.core.problems import MAX_PROBLEMS, translate
from locara.core.strict_json import Place, at
from locara.core.vocabulary import LICENSES, MODALITIES_WITH_MODEL, TOOLING_WITH_TOOL
from locara.errors import ManifestError, Problem
from locara.records import dataclass

SOURCE: Final = "locara.json"


@dataclass(frozen=True, slots=True)
class _Written:
    """Where a manifest came from."""

    digest: Digest
    source: str
    positions: Mapping[str, Place]


def _license(value: str) -> str:
    if value not in LICENSES:
        raise refuse(
            "not an SPDX licence identifier of the accepted list", fix='for example "license": "Apache-2.0"'
        )
    return value


class Manifest(Value):
    """A manifest that passed every rule of the format. Frozen; `parse_manifest` is the way to make one."""

    model_config = ConfigDict(title="Locara manifest")

    schema_: Literal["locara/v1"] = Field(alias="schema")
    name: Name
    publisher: Name
    version: Version
    display_name: Annotated[str, Shown(40)] = Field(alias="displayName")
    description: Annotated[str, Shown(140)]
    long_description: Annotated[Annotated[str, Shown(20_000, lines=True)] | None, Absent()] = Field(
        None, alias="longDescription"
    )
    license: Annotated[str, AfterValidator(_license), Field(json_schema_extra={"enum": list(LICENSES)})]
    homepage: Annotated[Url | None, Absent()] = None
    repository: Annotated[Url | None, Absent()] = None
    author: Author
    icon: Portable
    screenshots: Annotated[
        tuple[Portable, ...],
        Field(strict=False, min_length=1, max_length=5, json_schema_extra={"uniqueItems": True}),
        AfterValidator(each_once),
    ]
    category: Literal[
        "productivity",
        "creative",
        "developer",
        "education",
        "utilities",
        "media",
        "communication",
        "finance",
        "health",
        "games",
    ]
    tags: Annotated[
        tuple[TagName, ...],
        Field(strict=False, max_length=10, json_schema_extra={"uniqueItems": True}),
        AfterValidator(each_once),
    ] = ()
    modalities: Annotated[
        tuple[Modality, ...],
        Field(strict=False, max_length=16, json_schema_extra={"uniqueItems": True}),
        AfterValidator(each_once),
    ] = ()
    tooling: Annotated[
        tuple[Tooling, ...],
        Field(strict=False, max_length=16, json_schema_extra={"uniqueItems": True}),
        AfterValidator(each_once),
    ] = ()
    capabilities: Capabilities
    profiles: Profiles = Profiles()
    storage: Storage = Storage()
    entry: Portable = "dist/index.html"
    build: Build = Build()

    _written: _Written = PrivateAttr()

    def model_post_init(self, context: object, /) -> None:
        """Keep where the manifest came from; without it there is no manifest."""
        if not isinstance(context, _Written):
            raise TypeError("a Manifest is made by parse_manifest")
        self._written = context

    @property
    def digest(self) -> Digest:
        """The content address of the bytes that were parsed."""
        return self._written.digest

    @property
    def source(self) -> str:
        """The name of the file, for messages."""
        return self._written.source

    @property
    def app_id(self) -> str:
        """``publisher/name``."""
        return f"{self.publisher}/{self.name}"

    @property
    def positions(self) -> Mapping[str, Place]:
        """Line and column, from 1, of every key and item by JSON pointer."""
        return self._written.positions

    def position(self, pointer: str) -> Place:
        """Line and column, from 1, of a JSON pointer; of the nearest thing around it if it is not written."""
        return at(self.positions, pointer)


def _keys(*models: type[Value]) -> frozenset[str]:
    return frozenset(field.alias or name for model in models for name, field in model.model_fields.items())


KNOWN_KEYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType({
    "": _keys(Manifest),
    "/capabilities": _keys(Capabilities),
    "*": _keys(
        Author, Background, Build, Clipboard, NetHosts, Notifications, OpenExternal, Profile, Profiles,
        SharedFolder, Storage, UserPaths, VectorStorage,
    ),
})  # fmt: skip


def parse_manifest(data: bytes, *, source: str = SOURCE) -> Manifest:
    """The manifest in these bytes; else `ManifestError` with all problems in the order of the file."""
    document = strict_json.parse(data, source=source)
    written = _Written(Digest.of(data), source, document.positions)
    try:
        manifest = Manifest.model_validate(document.value, context=written)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ManifestError(
            translate(details, document.value, document.positions, KNOWN_KEYS), source=source
        ) from None
    problems = sorted(
        (
            Problem(code, message, pointer, *manifest.position(pointer), fix)
            for code, message, pointer, fix in _clashes(manifest)
        ),
        key=lambda problem: (problem.line, problem.column, problem.pointer),
    )
    if problems:
        raise ManifestError(problems[:MAX_PROBLEMS], source=source)
    return manifest


def _clashes(manifest: Manifest) -> Iterator[tuple[str, str, str, str | None]]:
    """What no single field can tell: code, message, pointer and fix of every clash between fields."""
    yield from _unserved(manifest)
    yield from _repeated(manifest)
    for tier in ("low", "mid", "high"):
        profile: Profile | None = getattr(manifest.profiles, tier)
        for index, pin in enumerate(profile.models if profile else ()):
            if pin not in manifest.capabilities.models:
                message = f'the model "{pin.partition("@")[0]}" of this profile is not in capabilities.models'
                yield "bad_value", message, f"/profiles/{tier}/models/{index}", f'"models": ["{pin}"]'
    if not manifest.entry.startswith(f"{manifest.build.out}/"):
        message = f'the entry page is not below the build output "{manifest.build.out}"'
        yield "bad_value", message, "/entry", f'"entry": "{manifest.build.out}/index.html"'


def _unserved(manifest: Manifest) -> Iterator[tuple[str, str, str, str | None]]:
    """Modalities and tooling that need a model or a tool, and none is declared."""
    declared = manifest.capabilities
    for index, modality in enumerate(manifest.modalities):
        if modality in MODALITIES_WITH_MODEL and not declared.models:
            message = f'the modality "{modality}" needs at least one model in capabilities.models'
            yield "bad_value", message, f"/modalities/{index}", '"models": ["id@sha256:…"]'
    for index, work in enumerate(manifest.tooling):
        if work in TOOLING_WITH_TOOL and not declared.tools:
            message = f'the tooling "{work}" needs at least one tool in capabilities.tools'
            yield "bad_value", message, f"/tooling/{index}", '"tools": ["id@sha256:…"]'


def _repeated(manifest: Manifest) -> Iterator[tuple[str, str, str, str | None]]:
    """Ids that are declared twice, and a folder shared with oneself."""
    declared = manifest.capabilities
    for key, listed in (("models", declared.models), ("tools", declared.tools)):
        names = [pin.partition("@")[0] for pin in listed]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield "bad_value", f'the id "{name}" is pinned twice', f"/capabilities/{key}/{index}", None
    folders = [folder.id for folder in declared.shared_folders]
    for index, folder in enumerate(declared.shared_folders):
        where = f"/capabilities/shared-folders/{index}"
        if folder.id in folders[:index]:
            yield "bad_value", f'the folder "{folder.id}" is declared twice', f"{where}/id", None
        if manifest.app_id in folder.with_:
            place = f"{where}/with/{folder.with_.index(manifest.app_id)}"
            yield "bad_value", "an app shares a folder with others, not with itself", place, None

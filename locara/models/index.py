"""The model index `locara-models/1`: what a model is called, what it is, and where its one file can be had.

An index names; it decides nothing. Whoever writes one can send a download to another server, but only the
digest that the manifest pins says which bytes are taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field, ValidationError

from locara.core import strict_json
from locara.core.digest import Digest
from locara.core.fields import Absent, Shown, Value, each_once, refuse
from locara.core.paths import is_portable
from locara.core.problems import translate
from locara.core.vocabulary import MODALITIES
from locara.errors import ManifestError, ModelError, Problem
from locara.models.pin import MODEL_ID, Pin
from locara.models.web import Url, Web
from locara.records import dataclass

SCHEMA: Final = "locara-models/1"
MAX_INDEX: Final = 8 << 20
MAX_MODEL: Final = 1 << 44  # 16 TiB: larger numbers are mistakes
LOCAL_NAME: Final = "locara-models.json"  # an app's own index, beside its locara.json


def _address(value: str) -> str:
    if value.startswith("https://"):
        try:
            Url.parse(value)
        except ModelError as error:
            raise refuse(error.message) from None
    elif not is_portable(value):
        raise refuse("neither an https address nor a plain path beside the index")
    return value


def _modality(value: str) -> str:
    if value not in MODALITIES:
        raise refuse("not a modality of locara/v1")
    return value


class Entry(Value):
    """One model of an index. `urls` are mirrors in the order they are tried, each for the same bytes.

    A url is an https address, or a plain relative path that is resolved against the place of the index.
    `signature` is one such address: a Sigstore bundle with the OpenSSF model signature of this one file.
    """

    id: Annotated[str, Field(pattern=f"^{MODEL_ID.pattern}$")]
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$")]
    display_name: Annotated[str, Shown(80)] = Field(alias="displayName")
    license: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$")]
    modality: Annotated[str, AfterValidator(_modality)]
    size: Annotated[int, Field(ge=1, le=MAX_MODEL)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    urls: Annotated[
        tuple[Annotated[str, AfterValidator(_address)], ...],
        Field(strict=False, min_length=1, max_length=16),
        AfterValidator(each_once),
    ]
    context_length: Annotated[Annotated[int, Field(ge=1, le=1 << 30)] | None, Absent()] = Field(
        None, alias="contextLength"
    )
    ram_mb: Annotated[Annotated[int, Field(ge=1, le=1 << 24)] | None, Absent()] = Field(None, alias="ramMb")
    signature: Annotated[Annotated[str, AfterValidator(_address)] | None, Absent()] = None

    @property
    def pin(self) -> Pin:
        """How a manifest pins this model."""
        return Pin(self.id, Digest(self.sha256))

    @property
    def meta(self) -> dict[str, Any]:
        """What is kept beside the file in the cache."""
        written: dict[str, Any] = self.model_dump(by_alias=True, exclude_none=True)
        return {key: written[key] for key in written if key not in {"sha256", "size", "urls", "signature"}}


class _Document(Value):
    schema_: Literal["locara-models/1"] = Field(alias="schema")
    models: Annotated[tuple[Entry, ...], Field(strict=False, max_length=10_000)]


_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"schema", "models"}),
    "/capabilities": frozenset(),
    "*": frozenset(field.alias or name for name, field in Entry.model_fields.items()),
}


@dataclass(frozen=True, slots=True)
class Index:
    """The entries of one index and where it was read: the base of the relative paths in it."""

    entries: tuple[Entry, ...]
    place: Url | Path

    def find(self, digest: Digest) -> Entry | None:
        """The first entry for these bytes. The id plays no part: the digest is what a manifest pins."""
        return next((entry for entry in self.entries if entry.sha256 == digest.hex), None)

    def sources(self, entry: Entry) -> tuple[Url | Path, ...]:
        """Where the file of an entry can be had, in order."""
        return tuple(self._source(text) for text in entry.urls)

    def signature(self, entry: Entry) -> Url | Path | None:
        """Where the signature of an entry can be had; None when the index names none."""
        return None if entry.signature is None else self._source(entry.signature)

    def _source(self, text: str) -> Url | Path:
        if text.startswith("https://"):
            return Url.parse(text)
        if isinstance(self.place, Url):
            return self.place.join(quote(f"./{text}"))
        return self.place.parent / text


def parse_index(data: bytes, *, place: Url | Path) -> Index:
    """Read an index strictly: unknown keys, wrong types and two sizes for one digest are errors.

    Raises ManifestError with every problem and its line.
    """
    name = place.origin if isinstance(place, Url) else place.name
    document = strict_json.parse(data, max_bytes=MAX_INDEX, source=name)
    try:
        entries = _Document.model_validate(document.value).models
    except ValidationError as error:
        problems = translate(error.errors(include_url=False), document.value, document.positions, _KEYS)
        raise ManifestError(problems, source=name) from None
    clashes = [
        Problem("bad_value", message, pointer, *strict_json.at(document.positions, pointer))
        for message, pointer in _clashes(entries)
    ]
    if clashes:
        raise ManifestError(clashes, source=name)
    return Index(entries, place)


def _clashes(entries: Iterable[Entry]) -> Iterable[tuple[str, str]]:
    sizes: dict[str, int] = {}
    for number, entry in enumerate(entries):
        if sizes.setdefault(entry.sha256, entry.size) != entry.size:
            yield "the same digest was given another size above", f"/models/{number}/size"


def verified_index(data: bytes, *, base: str) -> Index:
    """The index that a registry signed, from bytes that were verified already.

    ``base`` is the address of the registry's targets and ends in a slash: relative paths in the index belong to it
    and are fetched by https. Raises ManifestError, and ModelError ``bad_address`` for a base that is none.
    """
    secure = f"https://{base.partition('://')[2]}" if base.startswith("http://") else base
    return parse_index(data, place=Url.parse(f"{secure}models/index.json"))


def read_index(place: str, web: Web | None = None) -> Index:
    """Read the index at an https address (one request) or in a local file.

    Raises ManifestError when it is not valid, ModelError `unreachable` or `bad_address`, and `bad_format`
    when the file cannot be read.
    """
    if "://" not in place:
        return _read_file(Path(place))
    url = Url.parse(place)
    with (web or Web()).ask(url) as answer:
        if answer.status != 200:
            raise ModelError(f"{url.origin} answers {answer.status} for the index", code="unreachable")
        # Relative paths belong to where the index really lies.
        return parse_index(answer.read_all(MAX_INDEX), place=answer.url)


def _read_file(path: Path) -> Index:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_INDEX + 1)
    except OSError as error:
        raise ModelError(f"the index {path} cannot be read: {error.strerror}") from error
    return parse_index(data, place=path.absolute())


def write_local(folder: Path, entry: Entry) -> Path:
    """Put an entry into an app's own index, in place of one with the same id, and return the file.

    Raises ManifestError when the file is there and not valid.
    """
    path = folder / LOCAL_NAME
    kept = [one for one in _read_file(path).entries if one.id != entry.id] if path.exists() else []
    models = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in (*kept, entry)]
    text = json.dumps({"schema": SCHEMA, "models": models}, indent=2, ensure_ascii=False)
    draft = path.with_name(f".{LOCAL_NAME}.new")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)
    return path

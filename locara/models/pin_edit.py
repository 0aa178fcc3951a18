"""Writing one pin into a locara.json: the rest of the file keeps every byte, and nothing else is widened."""

from __future__ import annotations

import copy
import json
import os
import re
import stat
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any, Final

from locara.core import strict_json
from locara.core.compile import compile_grants
from locara.core.grant import widening
from locara.core.manifest import Manifest, parse_manifest
from locara.core.request import ModelRequest
from locara.errors import ModelError
from locara.models.pin import Pin
from locara.models.profiles import TIERS

_SPACE = re.compile(r"[ \t\r\n]*")
_MODELS: Final = "/capabilities/models"


def with_pin(data: bytes, pin: Pin, *, source: str = "locara.json") -> bytes:
    """The manifest with this pin: in place of the one with the same id, in its profiles too, else added.

    Returns the same bytes when the pin is there. Raises ManifestError when the manifest is not valid before
    or after, and ModelError `not_declared` should the edit change anything but that pin.
    """
    before = parse_manifest(data, source=source)
    old = next((text for text in before.capabilities.models if Pin.parse(text).id == pin.id), None)
    if old == str(pin):
        return data
    document = strict_json.parse(data, source=source)
    text = data.decode("utf-8")
    places = _Places(text, document)
    edited = places.add(pin) if old is None else places.replace(before, old, pin)
    result = edited.encode("utf-8")
    _prove(data, result, pin, old, source)
    return result


def replace_file(path: Path, before: bytes, after: bytes) -> None:
    """Write the manifest by one rename, with the mode it had.

    Raises ModelError `not_declared` when it is a link or somebody changed it in the meantime.
    """
    info = path.lstat()
    if not stat.S_ISREG(info.st_mode) or path.read_bytes() != before:
        raise ModelError(
            f"{path} is a link or was changed meanwhile; nothing was written", code="not_declared"
        )
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with draft.open("xb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(stat.S_IMODE(info.st_mode))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class _Places:
    """Offsets of things in the text of a manifest that is known to be valid."""

    def __init__(self, text: str, document: strict_json.Document) -> None:
        self._text = text
        self._document = document
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def replace(self, manifest: Manifest, old: str, pin: Pin) -> str:
        """The text with every place of the old pin holding the new one."""
        text = self._text
        for start in sorted((self._offset(pointer) for pointer in _pointers(manifest, old)), reverse=True):
            text = text[:start] + json.dumps(str(pin)) + text[self._string_end(start) :]
        return text

    def add(self, pin: Pin) -> str:
        """The text with the pin as the last one, written as its neighbours are."""
        text, literal = self._text, json.dumps(str(pin))
        if _MODELS not in self._document.positions:
            start = self._value("/capabilities") + 1
            gap = self._gap(start)
            first = text[start + len(gap)]
            comma = "" if first == "}" else ","
            return f'{text[:start]}{gap if comma else ""}"models": [{literal}]{comma}{text[start:]}'
        start = self._value(_MODELS) + 1
        gap = self._gap(start)
        count = len(self._document.value["capabilities"]["models"])  # type: ignore[call-overload, index]
        if not count:
            return text[:start] + literal + text[start + len(gap) :]
        end = self._string_end(self._offset(f"{_MODELS}/{count - 1}"))
        return f"{text[:end]},{gap if chr(10) in gap else ' '}{literal}{text[end:]}"

    def _offset(self, pointer: str) -> int:
        line, column = self._document.positions[pointer]
        return self._lines[line - 1] + column - 1

    def _value(self, pointer: str) -> int:
        """Where the value of a member starts: its own place is that of its key."""
        colon = self._text.index(":", self._string_end(self._offset(pointer)))
        return colon + 1 + len(self._gap(colon + 1))

    def _gap(self, start: int) -> str:
        match = _SPACE.match(self._text, start)
        return match.group() if match else ""

    def _string_end(self, start: int) -> int:
        end: int = scanstring(self._text, start + 1, True)[1]
        return end


def _pointers(manifest: Manifest, pin: str) -> Iterator[str]:
    yield f"{_MODELS}/{manifest.capabilities.models.index(pin)}"
    for tier in TIERS:
        profile = getattr(manifest.profiles, tier)
        if profile is not None and pin in profile.models:
            yield f"/profiles/{tier}/models/{profile.models.index(pin)}"


def _prove(data: bytes, result: bytes, pin: Pin, old: str | None, source: str) -> None:
    """The new document is the old one but for the pin, and allows no more than that pin."""
    expected: Any = copy.deepcopy(strict_json.parse(data, source=source).value)
    if old is None:
        expected["capabilities"].setdefault("models", []).append(str(pin))
    else:
        holders = [expected["capabilities"], *expected.get("profiles", {}).values()]
        for holder in holders:
            holder["models"] = [str(pin) if item == old else item for item in holder["models"]]
    before, after = parse_manifest(data, source=source), parse_manifest(result, source=source)
    gained = widening(compile_grants(before), compile_grants(after))
    names = {pin.id, str(pin)}
    if strict_json.parse(result, source=source).value != expected or any(
        not isinstance(request, ModelRequest) or request.model not in names for request in gained
    ):
        raise ModelError("the edit would change more than the pin; nothing was written", code="not_declared")

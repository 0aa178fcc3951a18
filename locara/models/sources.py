"""Where a pinned model can be had: the first index that names its digest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from locara.errors import ModelError
from locara.models.index import Entry, Index
from locara.models.pin import Pin
from locara.models.web import Url
from locara.records import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A pin with its entry and its sources, in the order in which they are tried."""

    pin: Pin
    entry: Entry
    sources: tuple[Url | Path, ...]
    signature: Url | Path | None = None

    @property
    def origin(self) -> str:
        """The hosts it comes from, for a person."""
        return ", ".join(dict.fromkeys(_place(source) for source in self.sources))


def find_source(pin: Pin, indexes: Iterable[Index]) -> Found:
    """What the indexes say of a pin. Raises ModelError ``unknown_model`` when none names it."""
    for index in indexes:
        entry = index.find(pin.digest)
        if entry is not None:
            return Found(pin, entry, index.sources(entry), index.signature(entry))
    raise ModelError(
        f"no index names a source for {pin}",
        code="unknown_model",
        fix="name one with --index FILE or --index https://…, or add the file with `locara models import`",
    )


def _place(source: Url | Path) -> str:
    return source.origin if isinstance(source, Url) else "a file on this machine"

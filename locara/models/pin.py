"""A pinned model: a readable id and the digest of the one file it stands for."""

from __future__ import annotations

import re

from locara.core.digest import Digest
from locara.errors import ModelError
from locara.records import dataclass

MODEL_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pin:
    """`id@sha256:<64 hex>`. The digest decides; the id is for people."""

    id: str
    digest: Digest

    @staticmethod
    def parse(text: str) -> Pin:
        """Return the pin written in `text`.

        Raises ModelError `bad_format` for anything else than a lower-case id, `@` and a full sha256 digest.
        """
        name, at, digest = text.partition("@")
        if not at or MODEL_ID.fullmatch(name) is None:
            raise _malformed(text)
        try:
            return Pin(name, Digest.parse(digest))
        except ValueError as error:
            raise _malformed(text) from error

    def __str__(self) -> str:
        return f"{self.id}@{self.digest}"


def _malformed(text: str) -> ModelError:
    shown = ascii(text[:96])
    return ModelError(
        f"{shown} is not a model pin",
        code="bad_format",
        fix="write it as name@sha256:<64 hexadecimal digits>; `locara models list` prints pins",
    )

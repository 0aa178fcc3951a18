"""Resource descriptors of in-toto: something outside the statement, named and pinned."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from locara.trust.statement.reading import Hex256, Part, Text

DigestSet = dict[Text, Annotated[str, Field(pattern=r"^[0-9a-zA-Z+/=:_-]{1,512}$")]]


class Resource(Part):
    """Something that took part. At least one of uri, digest and content says what it is."""

    name: Text | None = None
    uri: Text | None = None
    digest: DigestSet | None = None
    content: Text | None = None
    download_location: Text | None = None
    media_type: Text | None = None
    annotations: dict[str, Any] | None = None

    @property
    def git_commit(self) -> str | None:
        """The commit that the digest names, whichever of its two names was used."""
        digest = self.digest or {}
        return digest.get("gitCommit") or digest.get("sha1")


class Pinned(Part):
    """A document by address and SHA-256."""

    uri: Text
    digest: DigestSet

    @property
    def sha256(self) -> str | None:
        """The SHA-256, or None when the digest is of another kind."""
        return self.digest.get("sha256")


def file(name: str, sha256: Hex256, media_type: str | None = None) -> Resource:
    """A file by name and digest."""
    return Resource(name=name, digest={"sha256": sha256}, media_type=media_type)

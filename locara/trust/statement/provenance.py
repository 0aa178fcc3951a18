"""SLSA provenance v1: from which source and by which builder something was built."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import Field

from locara.trust.statement.descriptor import Resource
from locara.trust.statement.reading import Part, Text

TYPE: Final = "https://slsa.dev/provenance/v1"


class Builder(Part):
    """Who ran the build, and vouches for the rest of the statement."""

    id: Text
    version: dict[str, str] | None = None
    builder_dependencies: tuple[Resource, ...] | None = Field(default=None, strict=False)


class BuildDefinition(Part):
    """What was asked for: the kind of build, its inputs, and everything that was fetched for it."""

    build_type: Text
    external_parameters: dict[str, Any]
    internal_parameters: dict[str, Any] | None = None
    resolved_dependencies: tuple[Resource, ...] | None = Field(default=None, strict=False)


class BuildMetadata(Part):
    """One run of the build."""

    invocation_id: Text | None = None
    started_on: datetime | None = Field(default=None, strict=False)
    finished_on: datetime | None = Field(default=None, strict=False)


class RunDetails(Part):
    """How it was built."""

    builder: Builder
    metadata: BuildMetadata | None = None
    byproducts: tuple[Resource, ...] | None = Field(default=None, strict=False)


class Provenance(Part):
    """The predicate."""

    build_definition: BuildDefinition
    run_details: RunDetails

    @property
    def builder(self) -> str:
        """The id of the builder."""
        return self.run_details.builder.id

    def commits_of(self, source: str) -> frozenset[str]:
        """Every commit that the statement names for a repository (``https://host/owner/name``)."""
        return frozenset(
            commit
            for one in self.build_definition.resolved_dependencies or ()
            if (commit := one.git_commit) is not None and repository_of(one.uri or "") == source
        )


def repository_of(uri: str) -> str:
    """The repository in a dependency's address: ``git+https://host/a/b.git@refs/tags/v1`` is https://host/a/b."""
    plain = uri.removeprefix("git+")
    scheme, separator, rest = plain.partition("://")
    place = rest.partition("#")[0].partition("@")[0].rstrip("/").removesuffix(".git")
    return f"{scheme}{separator}{place}"

"""CycloneDX 1.6: what an app is made of. Only what a reader needs is modelled; the rest stays as it is."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from locara.trust.statement.reading import Part, Text

TYPE: Final = "https://cyclonedx.org/bom"
MODEL: Final = "machine-learning-model"


class Hash(Part):
    """One hash of a component."""

    alg: Text
    content: Text


class Component(Part):
    """A package, a file, a model."""

    type: Text
    name: Text
    version: str | None = None
    hashes: tuple[Hash, ...] = Field(default=(), strict=False)

    @property
    def sha256(self) -> str | None:
        """Its SHA-256, when the bill has it."""
        return next((one.content for one in self.hashes if one.alg == "SHA-256"), None)


class Metadata(Part):
    """What the bill is about."""

    component: Component | None = None


class Contents(Part):
    """The predicate."""

    bom_format: Literal["CycloneDX"]
    spec_version: Text
    version: int = 1
    metadata: Metadata | None = None
    components: tuple[Component, ...] = Field(default=(), strict=False)

    @property
    def models(self) -> tuple[Component, ...]:
        """The machine-learning models among the components."""
        return tuple(one for one in self.components if one.type == MODEL)

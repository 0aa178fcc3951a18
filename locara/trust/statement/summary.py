"""SLSA verification summary (VSA) v1: somebody verified it against a policy, and how that ended."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from locara.trust.statement.descriptor import DigestSet, Pinned
from locara.trust.statement.reading import Part, Text

TYPE: Final = "https://slsa.dev/verification_summary/v1"
LOCAL_ONLY: Final = "LOCARA_LOCAL_ONLY"
"""Our own level: every rule of `locara verify --strict` held, so the app cannot send what it reads anywhere."""


class Verifier(Part):
    """Who verified, with which versions."""

    id: Text
    version: dict[str, str] | None = None


class Policy(Part):
    """What it was verified against."""

    uri: Text
    digest: DigestSet | None = None


class Summary(Part):
    """The predicate."""

    verifier: Verifier
    time_verified: datetime = Field(strict=False)
    resource_uri: Text
    policy: Policy
    input_attestations: tuple[Pinned, ...] | None = Field(default=None, strict=False)
    verification_result: Literal["PASSED", "FAILED"]
    verified_levels: tuple[Text, ...] = Field(default=(), strict=False)
    dependency_levels: dict[str, int] | None = None
    slsa_version: Text | None = None

    @property
    def passed(self) -> bool:
        """True when the verification ended well."""
        return self.verification_result == "PASSED"

"""in-toto test-result v0.1: which checks ran, and which of them failed."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from locara.trust.statement.descriptor import Resource
from locara.trust.statement.reading import Part, Text

TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"


class TestResult(Part):
    """The predicate. Reports and logs are files beside it, named by digest in ``configuration``."""

    __test__ = False  # not a test, whatever a test runner thinks of the name

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: tuple[Resource, ...] = Field(strict=False)
    url: Text | None = None
    passed_tests: tuple[Text, ...] = Field(default=(), strict=False)
    warned_tests: tuple[Text, ...] = Field(default=(), strict=False)
    failed_tests: tuple[Text, ...] = Field(default=(), strict=False)

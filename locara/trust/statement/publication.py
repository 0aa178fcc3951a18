"""The statement of a package index (PEP 740): whoever signed it published this distribution. It says nothing more."""

from __future__ import annotations

from typing import Final

from locara.trust.statement.reading import Part

TYPE: Final = "https://docs.pypi.org/attestations/publish/v1"


class Publication(Part):
    """The predicate, which is empty: all that it says is in the certificate."""

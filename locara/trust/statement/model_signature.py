"""OpenSSF model signing v1.0: every file of a model by digest, and one digest over all of them.

The format lets a signer name paths that are not signed, and lets files stand for others by link. Both make a
signed model mean less than it seems to, so both are refused here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import ConfigDict, Field

from locara.core.digest import Digest
from locara.core.paths import is_portable
from locara.trust.refusal import Reason, TrustError
from locara.trust.statement.reading import Hex256, Part, Text

TYPE: Final = "https://model_signing/signature/v1.0"
ITSELF: Final = "."  # what signers call the one file of a model that is no folder


class _Snake(Part):
    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", alias_generator=None, validate_by_name=True
    )


class ModelFile(_Snake):
    """One file of the model."""

    name: Text
    algorithm: Literal["sha256"] = "sha256"
    digest: Hex256


class Serialization(_Snake):
    """How the files were turned into one digest."""

    method: Literal["files"] = "files"
    hash_type: Literal["sha256"] = "sha256"
    allow_symlinks: Literal[False] = False
    ignore_paths: tuple[Text, ...] = Field(default=(), strict=False, max_length=0)


class ModelSignature(_Snake):
    """The predicate."""

    serialization: Serialization
    resources: tuple[ModelFile, ...] = Field(strict=False, min_length=1)

    @classmethod
    def over(cls, files: Iterable[tuple[str, str]]) -> ModelSignature:
        """The predicate over (name, SHA-256) pairs, in the order of names that the format asks for."""
        listed = tuple(ModelFile(name=name, digest=digest) for name, digest in sorted(files))
        return cls(serialization=Serialization(), resources=listed)

    @property
    def root(self) -> str:
        """The digest over all digests, which is the subject of the statement."""
        return hashlib.sha256(b"".join(bytes.fromhex(one.digest) for one in self.resources)).hexdigest()

    def check(self, subjects: Iterable[str]) -> None:
        """Raise TrustError unless the subject is exactly the root, and each file has one portable name."""
        names = [one.name for one in self.resources]
        alone = names == [ITSELF]
        if not alone and (len(set(names)) != len(names) or not all(map(is_portable, names))):
            raise TrustError(Reason.PREDICATE_MALFORMED, "a file of the model has no name of its own")
        if list(subjects) != [self.root]:
            raise TrustError(
                Reason.SUBJECT_MISMATCH,
                "the files of the model do not add up to the subject of the statement",
            )

    def be_only(self, file: Digest) -> None:
        """Raise TrustError `SUBJECT_MISMATCH` unless the signed model is this file and no other.

        Names play no part: a file may be stored under another one, and its digest is what binds.
        """
        signed = [one.digest for one in self.resources]
        if file.hex not in signed:
            named = ", ".join(f"{one.name} {one.digest[:12]}…" for one in self.resources[:3])
            raise TrustError(
                Reason.SUBJECT_MISMATCH, f"the signature is over {named}, not over {file.hex[:12]}…"
            )
        if len(signed) > 1:
            raise TrustError(
                Reason.SUBJECT_MISMATCH,
                f"the signed model has {len(signed)} files, and only one of them is here",
                fix="a signature has to be over the one file alone",
            )

"""A built bundle as target: its app to attack, its attestations to judge, and what the caller expects of them.

Everything here comes from the command line. Nothing of it is ever read from inside the target.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from locara.errors import UsageError
from locara.records import dataclass
from locara_verify.finding import JSON
from locara_verify.target import TargetError


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller says about the bundle, and the material to check with (bytes of a trust instance)."""

    source: str | None = None
    builder: str | None = None
    identity: str | None = None
    trust: bytes | None = None
    public_good: bool = False
    attestations: tuple[Path, ...] = ()

    def whole(self) -> None:
        """Raise UsageError when a strict run would have to guess."""
        missing = [
            option
            for option, value in (
                ("--expect-source", self.source),
                ("--expect-builder", self.builder),
                ("--expect-identity", self.identity),
            )
            if not value
        ]
        if missing:
            raise UsageError(
                f"a strict run of a bundle assumes nothing; say {', '.join(missing)}",
                fix="the publisher's page or the catalogue says what to expect, not the bundle",
            )


@dataclass(frozen=True, slots=True)
class Supply:
    """One bundle: its place, the digest of its list, source and commit it names, where its files differ from the
    list, and its attestations by name with their bytes. ``now`` is the time the run began."""

    place: Path
    digest: str
    source: str
    commit: str
    problems: tuple[tuple[str, str], ...]
    attestations: tuple[tuple[str, bytes], ...]
    expected: Expected
    now: datetime

    @property
    def note(self) -> str:
        """What a report says beside the digest of the app."""
        return f"the bundle's list of files is {self.digest}; the digest below is that of the app in it"

    def to_json(self) -> dict[str, JSON]:
        """The value for a worker."""
        trust = self.expected.trust
        return {
            "place": str(self.place),
            "digest": self.digest,
            "source": self.source,
            "commit": self.commit,
            "problems": [list(one) for one in self.problems],
            "attestations": [[name, _text(raw)] for name, raw in self.attestations],
            "expected": {
                "source": self.expected.source,
                "builder": self.expected.builder,
                "identity": self.expected.identity,
                "trust": None if trust is None else _text(trust),
                "public_good": self.expected.public_good,
            },
            "now": self.now.isoformat(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Supply:
        """What `to_json` wrote."""
        told = value["expected"]
        expected = Expected(
            told["source"],
            told["builder"],
            told["identity"],
            None if told["trust"] is None else base64.b64decode(told["trust"]),
            told["public_good"],
        )
        return cls(
            place=Path(value["place"]),
            digest=value["digest"],
            source=value["source"],
            commit=value["commit"],
            problems=tuple((path, what) for path, what in value["problems"]),
            attestations=tuple((name, base64.b64decode(raw)) for name, raw in value["attestations"]),
            expected=expected,
            now=datetime.fromisoformat(value["now"]),
        )


@contextmanager
def opened(
    args: argparse.Namespace, expected: Expected
) -> Iterator[tuple[argparse.Namespace, Supply | None]]:
    """The arguments with the app's folder as target and, when the target is a bundle, the supply.

    A bundle is unpacked until left. Raises TargetError for a bundle that cannot be read, UsageError for options
    that do not fit, TrustError of the material (exit code 5) before anything runs.
    """
    from locara.trust.locapp import is_locapp, unpack  # noqa: PLC0415 - most targets are folders
    from locara.trust.refusal import TrustError  # noqa: PLC0415

    path, now = Path(args.target), datetime.now(UTC)
    if not is_locapp(path):
        if expected != Expected():
            raise UsageError(
                f"{path} is a folder of sources, and attestations are about bundles",
                fix="name a .locapp bundle, or leave --attestation, --trust-root and --expect-* out",
            )
        yield args, None
        return
    if args.fix or args.watch:
        raise UsageError("--fix and --watch are for sources, and a bundle is never edited")
    if args.strict:
        expected.whole()
    _material(expected, now)
    with tempfile.TemporaryDirectory(prefix="locara-bundle-") as folder:
        try:
            found = unpack(path, Path(folder))
        except TrustError as error:
            raise TargetError(error.message, code="not_an_app") from error
        outside = tuple((one.name, _read(one)) for one in expected.attestations)
        yield (
            argparse.Namespace(**{**vars(args), "target": str(found.app)}),
            Supply(
                path,
                str(found.digest),
                found.listed.source,
                found.listed.commit,
                found.problems,
                (*found.attestations, *outside),
                expected,
                now,
            ),
        )


def _material(expected: Expected, now: datetime) -> None:
    """Raise TrustError when there is nothing to check with, or it is too old or damaged."""
    from locara.trust.bundle.instance import TrustInstance  # noqa: PLC0415
    from locara.trust.refusal import Reason, TrustError  # noqa: PLC0415

    if expected.public_good:
        return
    if expected.trust is None:
        raise TrustError(
            Reason.MATERIAL_MISSING,
            "there is no trust instance to check the bundle against",
            fix="--trust-root FILE (from the registry), or --public-good",
        )
    TrustInstance.read(expected.trust).fresh(now)


def _read(place: Path) -> bytes:
    try:
        with place.open("rb") as file:
            return file.read((8 << 20) + 1)
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

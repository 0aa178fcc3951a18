"""`locara attest`: what an attestation says, in plain words, and whether it is to be believed."""

# ruff: noqa: PLC0415 - a verb imports what it needs when it runs, so that the others start at once

from __future__ import annotations

import argparse
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locara.cli.exits import Exit, exit_of
from locara.cli.terminal import print_error, printable
from locara.errors import LocaraError, UsageError
from locara.plain_files import NotPlainError, open_plain

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.core.strict_json import JSON
    from locara.trust.attestation import Expectation, Recalled
    from locara.trust.bundle.instance import TrustInstance
    from locara.trust.explain import Lines
    from locara.trust.published import Published

summary = "say what an attestation claims, or whether it is to be believed"

_EPILOG = """examples:
  locara attest show notes.provenance.json
  locara attest verify notes.provenance.json --artifact notes.locapp --trust-root instance.json \\
      --expect-source https://git.example/acme/notes --expect-builder https://ci.example/linux@v1 --strict

Nothing here uses the network. What you expect has to come from somewhere else than the file itself: the publisher's
page, or the catalogue. Exit code 1: not to be believed; 5: this machine lacks what it needs to tell.
"""
_MAX_FILE: Final = 8 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """show|verify, the attestation, and what is expected of it."""
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("show", "verify"))
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="the attestation: a Sigstore bundle, or an object of a package index",
    )
    parser.add_argument("--artifact", type=Path, metavar="PATH", help="verify: the file that it is about")
    parser.add_argument("--digest", metavar="sha256:HEX", help="verify: its digest, in place of --artifact")
    parser.add_argument(
        "--trust-root",
        type=Path,
        metavar="FILE",
        help="verify: the trust instance to check against (default: that of the registry you follow)",
    )
    parser.add_argument(
        "--public-good", action="store_true", help="verify: check against the public Sigstore instance"
    )
    parser.add_argument("--expect-source", metavar="URL", help="the repository it must be built from")
    parser.add_argument("--expect-builder", metavar="URL", help="the builder that must have built it")
    parser.add_argument("--expect-identity", metavar="URL", help="who must have signed it")
    parser.add_argument("--expect-commit", metavar="COMMIT", help="the commit it must be built from")
    parser.add_argument(
        "--strict", action="store_true", help="assume nothing: refuse what you did not expect"
    )
    parser.add_argument(
        "--revocations",
        type=Path,
        metavar="FILE",
        help="verify: a list of what was recalled (default: those on this machine)",
    )
    parser.add_argument("--format", choices=("human", "json"), default="human", help="how to print")


def run(args: argparse.Namespace) -> int:
    """0 believed or shown, 1 refused, 5 when this machine lacks what it needs."""
    raw = read_small(args.file)
    return _show(raw, args) if args.action == "show" else _verify(raw, args)


def _show(raw: bytes, args: argparse.Namespace) -> int:
    from locara.trust.explain import publisher_lines, signer_lines, statement_lines
    from locara.trust.published import claims_in

    claims = claims_in(raw)
    if args.format == "json":
        shown: list[dict[str, JSON]] = [
            {
                "verdict": "not checked",
                "kind": claim.statement.kind,
                "signer": dict(claim.signer.facts()),
                "says": [[*line] for line in statement_lines(claim.statement) + publisher_lines(publisher)],
            }
            for claim, publisher in claims
        ]
        print(json.dumps(_one_or_all(shown)))
        return Exit.PASSED
    for claim, publisher in claims:
        _print(statement_lines(claim.statement) + signer_lines(claim.signer) + publisher_lines(publisher))
        print()
    print("This is what the file claims. Nothing of it was checked: see `locara attest verify`.")
    return Exit.PASSED


def _verify(raw: bytes, args: argparse.Namespace) -> int:
    from locara.trust.attestation import Expectation
    from locara.trust.published import verify_file

    want = Expectation(
        artifact=_artifact(args),
        source=args.expect_source,
        builder=args.expect_builder,
        identity=args.expect_identity,
        commit=args.expect_commit,
    )
    try:
        if args.strict:
            want.whole()
        now = datetime.now(UTC)
        found = verify_file(
            raw,
            trust_instance(args),
            want,
            now=now,
            recalled=_recalled(args, now.timestamp()),
            strict=args.strict,
            name=None if args.artifact is None else args.artifact.name,
        )
    except LocaraError as error:
        return _refused(error, args.format)
    return _believed(found, want, args.format)


def _believed(found: tuple[Published, ...], want: Expectation, form: str) -> int:
    from locara.trust.explain import (
        as_json,
        not_compared,
        publisher_lines,
        record_lines,
        signer_lines,
        statement_lines,
    )

    if form == "json":
        print(json.dumps(_one_or_all([as_json(one.attestation, want) for one in found])))
        return Exit.PASSED
    for number, one in enumerate(found):
        attestation = one.attestation
        print("BELIEVED" if number == 0 else "\nBELIEVED, TOO")
        _print(statement_lines(attestation.statement) + signer_lines(attestation.signer))
        _print(publisher_lines(one.publisher) + record_lines(attestation))
    if missing := not_compared(want):
        print(f"\nNot compared, because you did not say what you expect: {', '.join(missing)}.")
        print("A valid attestation of a stranger is valid, too.")
    return Exit.PASSED


def _one_or_all(told: list[dict[str, JSON]]) -> object:
    """A file with one attestation is told as one object, one with several as a list."""
    return told[0] if len(told) == 1 else told


def _refused(error: LocaraError, form: str) -> int:
    from locara.trust.refusal import TrustError

    if form == "json":
        words = error.reason.words if isinstance(error, TrustError) else ""
        print(
            json.dumps({"verdict": "refused", "reason": error.code, "words": words, "message": error.message})
        )
    else:
        if isinstance(error, TrustError):
            print(f"REFUSED: {error.reason.words}")
        print_error(error.diagnostics())
    return exit_of(error)


def _print(lines: Lines) -> None:
    before = ""
    for label, text in lines:
        print(f"  {'' if label == before else label:<12}{printable(text)}")
        before = label


def trust_instance(args: argparse.Namespace) -> TrustInstance:
    """What --trust-root or --public-good names; without both, that of the registry which this machine follows.

    Opens no connection. Raises TrustError of the material, UsageError for both.
    """
    from locara.trust.bundle.instance import TrustInstance, public_good
    from locara.trust.refusal import Reason, TrustError

    if args.public_good and args.trust_root is not None:
        raise UsageError(
            "--public-good and --trust-root name two instances", fix="check against one at a time"
        )
    if args.public_good:
        return public_good()
    if args.trust_root is None:
        from locara.runtime.followed import followed_instance
        from locara.runtime.state import StateFolder, default_state_root

        return followed_instance(StateFolder(default_state_root()), now=datetime.now(UTC).timestamp())
    try:
        raw = read_small(args.trust_root)
    except UsageError as error:
        raise TrustError(Reason.MATERIAL_MISSING, error.message) from error
    return TrustInstance.read(raw)


def _recalled(args: argparse.Namespace, now: float) -> Recalled:
    from locara.trust.recall import recalled_by
    from locara.trust.refusal import Reason, TrustError
    from locara.trust.revocation.document import Known, parse_listed
    from locara.trust.revocation.refused import ListRefused

    if args.revocations is None:
        from locara.runtime.followed import recalled_here
        from locara.runtime.state import StateFolder, default_state_root

        return recalled_here(StateFolder(default_state_root()), now=now)
    try:
        return recalled_by(Known(parse_listed(read_small(args.revocations))), now=now)
    except UsageError as error:
        raise TrustError(Reason.MATERIAL_MISSING, error.message) from error
    except ListRefused as error:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, error.message) from error


def _artifact(args: argparse.Namespace) -> Digest:
    from locara.core.digest import Digest

    if (args.artifact is None) == (args.digest is None):
        raise UsageError(
            "say which file the attestation is about", fix="--artifact PATH or --digest sha256:HEX"
        )
    try:
        return Digest.parse(args.digest) if args.digest is not None else Digest(_hash(args.artifact))
    except ValueError as error:
        raise UsageError(f"{args.digest!r} is not a digest", fix="write sha256: and 64 digits") from error


def _hash(place: Path) -> str:
    hasher = hashlib.sha256()
    try:
        with place.open("rb") as file:
            while block := file.read(1 << 20):
                hasher.update(block)
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error
    return hasher.hexdigest()


def read_small(place: Path) -> bytes:
    """A small plain file; one that is larger than any attestation is read far enough to be refused as such."""
    try:
        with open_plain(place, follow=True) as file:
            return file.read(_MAX_FILE + 1)
    except NotPlainError as error:
        raise UsageError(f"{place} is not a file") from error
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error

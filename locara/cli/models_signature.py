"""The signature of a model, checked before the model enters the cache and whenever somebody asks.

`locara.models` keeps signatures and does not know what one is worth; `locara.trust` judges them and knows no
cache. Here the two meet.
"""

# ruff: noqa: PLC0415 - what verifies is imported when there is something to verify

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from locara.cli.terminal import printable
from locara.errors import LocaraError
from locara.models.signature_file import (
    find_beside,
    keep_signature,
    kept_note,
    kept_signature,
    read_signature,
    strangers,
)
from locara.records import dataclass

if TYPE_CHECKING:
    from locara.core.digest import Digest
    from locara.models.cache import ModelCache

_NOT_NAMED = "no trust instance was named (--trust-root FILE --expect-identity WHO)"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What to check the signatures of models against."""
    parser.add_argument(
        "--trust-root",
        metavar="FILE",
        type=Path,
        help="check signatures against this trust instance (default: that of the registry you follow)",
    )
    parser.add_argument(
        "--public-good", action="store_true", help="check signatures against the public Sigstore instance"
    )
    parser.add_argument("--expect-identity", metavar="WHO", help="who must have signed the model")


def add_requirement(parser: argparse.ArgumentParser) -> None:
    """`add_options`, and whether a model without a signature will do."""
    add_options(parser)
    parser.add_argument(
        "--require-signature", action="store_true", help="refuse a model without a signature that holds"
    )


@dataclass(frozen=True, slots=True)
class SignatureState:
    """What is known of a model's signature. `why` says against what it was checked, or why it was not."""

    word: Literal["signed", "unsigned", "not checked", "refused"]
    signer: str | None = None
    why: str = ""

    @property
    def text(self) -> str:
        """One phrase for a person, with nothing in it that could steer a terminal."""
        if self.word == "signed":
            return printable(f"signed by {self.signer} ({self.why})")
        if self.word == "unsigned":
            return "unsigned"
        return printable(f"signature {self.word}: {self.why}")

    def facts(self) -> dict[str, str | None]:
        """The same for a script."""
        return {"state": self.word, "signer": self.signer, "why": self.why or None}


@dataclass(frozen=True, slots=True)
class Signing:
    """What the person says about signatures."""

    args: argparse.Namespace

    @property
    def required(self) -> bool:
        """True when a model needs a signature that holds."""
        return bool(getattr(self.args, "require_signature", False))

    @property
    def asked(self) -> bool:
        """True when signatures are to be checked now; half of what that takes is asked for, too, and refused."""
        args = self.args
        return bool(
            self.required
            or args.trust_root is not None
            or args.public_good
            or args.expect_identity is not None
        )

    def beside(self, model: Path) -> bytes | None:
        """The signature that comes with a file. Raises ModelError when it is there and cannot be read."""
        place = self.args.signature or find_beside(model)
        return None if place is None else read_signature(place)

    def accept(self, bundle: bytes | None, model: Digest) -> Mapping[str, str] | None:
        """What was found in the signature of this model; None when it has none or nobody asked.

        Raises TrustError when it does not hold, is somebody else's, is over other files, or is required and
        absent, or when the lists of what was recalled cannot be read.
        """
        from locara.trust.attestation import Expectation, verify_strict
        from locara.trust.refusal import Reason, TrustError

        if bundle is None:
            if self.required:
                raise TrustError(
                    Reason.STATEMENT_MISSING,
                    f"the model {model} comes without a signature",
                    fix="put it beside the file as model.sig, or name it in the index",
                )
            return None
        if not self.asked:
            return None
        from locara.cli.attest import trust_instance
        from locara.runtime.followed import recalled_here
        from locara.runtime.state import StateFolder, default_state_root

        want = Expectation.of_model(model, self.args.expect_identity)
        want.whole()
        instance = trust_instance(self.args)
        now = datetime.now(UTC)
        state = StateFolder(default_state_root())
        recalled = recalled_here(state, now=now.timestamp())
        found = verify_strict(bundle, instance, want, now=now, recalled=recalled)
        return {
            "signer": found.signer.identity,
            "instance": instance.name,
            "signed": f"{found.signature.time:%Y-%m-%dT%H:%M:%SZ}",
            "checked": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }

    def again(self, cache: ModelCache, model: Digest) -> SignatureState:
        """Check the kept signature when that is asked for, else say what was found before.

        The bytes of the model are not read: its entry stands for its digest. Raises as `accept` does.
        """
        bundle = kept_signature(cache, model)
        found = self.accept(bundle, model)
        if bundle is None:
            return SignatureState("unsigned")
        note = kept_note(cache, model, bundle) if found is None else found
        if not note:
            return SignatureState("not checked", why=_NOT_NAMED)
        _nothing_more(cache, model)
        return state_of(note)

    def renew(self, cache: ModelCache, model: Digest) -> SignatureState:
        """`again`, and what was found now is what `list` tells from now on."""
        state = self.again(cache, model)
        bundle = kept_signature(cache, model)
        return keep(cache, model, bundle, self.accept(bundle, model)) if self.asked else state

    def seen(self, cache: ModelCache, model: Digest) -> SignatureState:
        """`again`, where a signature that does not hold is a state like others."""
        try:
            return self.again(cache, model)
        except LocaraError as error:
            return SignatureState("refused", why=error.message)


def keep(
    cache: ModelCache, model: Digest, bundle: bytes | None, found: Mapping[str, str] | None
) -> SignatureState:
    """Keep the signature that came with a model, and say what is known of it."""
    if bundle is None:
        return SignatureState("unsigned")
    keep_signature(cache, model, bundle, found)
    return SignatureState("not checked", why=_NOT_NAMED) if found is None else state_of(found)


def state_of(note: Mapping[str, str]) -> SignatureState:
    """The state that a check ended in."""
    why = f"checked {note.get('checked', 'once')} against {note.get('instance', 'an instance')}"
    return SignatureState("signed", note.get("signer", "nobody"), why)


def _nothing_more(cache: ModelCache, model: Digest) -> None:
    from locara.trust.refusal import Reason, TrustError

    if more := strangers(cache, model):
        raise TrustError(
            Reason.SUBJECT_MISMATCH,
            f"the model's entry holds files that nobody signed: {', '.join(more[:3])}",
        )

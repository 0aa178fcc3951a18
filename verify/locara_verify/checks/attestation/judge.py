"""One way to ask the product whether it believes a bundle, and what it then believes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from locara_verify.strategies.bundles import Side

if TYPE_CHECKING:
    from locara.trust.attestation import Attestation, Recalled
    from locara.trust.bundle.instance import TrustInstance


class Client:
    """A client with its trust instances, each read once as a client does."""

    def __init__(self) -> None:
        self._instances: dict[bytes, TrustInstance] = {}

    def ask(self, side: Side, *, revoked: str = "") -> tuple[str, Attestation | None]:
        """The reason of the refusal and nothing, or an empty reason and what is believed.

        ``revoked`` is the SHA-256 of a key that the list of revocations names.
        Any other error than a refusal is let through: the check then says that the product broke.
        """
        from locara.core.digest import Digest  # noqa: PLC0415 - loads the framework
        from locara.trust.attestation import Expectation  # noqa: PLC0415
        from locara.trust.bundle.instance import TrustInstance  # noqa: PLC0415
        from locara.trust.published import verify_file  # noqa: PLC0415
        from locara.trust.refusal import TrustError  # noqa: PLC0415

        want = Expectation(
            artifact=Digest(side.want["artifact"] or ""),
            source=side.want["source"],
            builder=side.want["builder"],
            identity=side.want["identity"],
            commit=side.want["commit"],
            kinds=frozenset({side.want["kind"] or ""}),
        )
        try:
            if side.trust not in self._instances:
                self._instances[side.trust] = TrustInstance.read(side.trust)
            instance = self._instances[side.trust]
            found = verify_file(
                side.bundle, instance, want, now=side.now, recalled=_recalled(revoked, side.now.timestamp())
            )
            return "", found[0].attestation
        except TrustError as error:
            return error.reason.value, None


def _recalled(key: str, now: float) -> Recalled:
    """The product's own judge, by a list that names this key and nothing else."""
    from locara.trust.recall import recalled_by  # noqa: PLC0415 - loads the framework
    from locara.trust.revocation.document import Known, parse_listed  # noqa: PLC0415

    about = {"id": "R1", "severity": "block", "kind": "compromise", "reason": "stolen", "time": 1.0}
    entries = [{**about, "key": f"sha256:{key}"}] if key else []
    value = {"format": "locara-revocations/2", "seq": 1, "updated": now, "entries": entries}
    return recalled_by(Known(parse_listed(json.dumps(value).encode())), now=now)


def facts(believed: Attestation) -> tuple[object, ...]:
    """What somebody who believes it now holds for true: who, what, when, where it is logged."""
    signature = believed.signature
    return (signature, believed.statement)

"""One way to ask the product whether it believes a bundle, and what it then believes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locara_verify.strategies.bundles import Side

if TYPE_CHECKING:
    from locara.trust.attestation import Attestation
    from locara.trust.bundle.instance import TrustInstance


class Client:
    """A client with its trust instances, each read once as a client does."""

    def __init__(self) -> None:
        self._instances: dict[bytes, TrustInstance] = {}

    def ask(self, side: Side) -> tuple[str, Attestation | None]:
        """The reason of the refusal and nothing, or an empty reason and what is believed.

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
            found = verify_file(side.bundle, instance, want, now=side.now, recalled=lambda _: None)
            return "", found[0].attestation
        except TrustError as error:
            return error.reason.value, None


def facts(believed: Attestation) -> tuple[object, ...]:
    """What somebody who believes it now holds for true: who, what, when, where it is logged."""
    signature = believed.signature
    return (signature, believed.statement)

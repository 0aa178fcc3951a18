"""The keys of the roles: `tuf-<role>-<number>` in the stores of the instance, online and offline.

A store need not be there: the machine that renews the timestamp holds no offline keys, and whoever signs a root
brings theirs. What cannot be signed here is an error that names the role and how many keys are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError
from locara_registry.trust.keys import Algorithm, Keys
from locara_registry.trust.repository.layout import OFFLINE, ROLES, Layout

_PREFIX: Final = "tuf-"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The stores: ``online`` on the registry's machine, ``offline`` where the few keep theirs (None: not here)."""

    online: Keys
    offline: Keys | None = None

    def create(self, layout: Layout) -> None:
        """Make every key of a layout. FileExistsError when there is one already."""
        for role in ROLES:
            for number in range(1, layout.role(role).keys + 1):
                self._store(role).create(key_name(role, number), Algorithm.ED25519)

    def add(self, role: str) -> str:
        """Make one more key for a role and return its name."""
        taken = [int(name.rsplit("-", 1)[1]) for name in self.names(role)]
        name = key_name(role, max(taken, default=0) + 1)
        self._store(role).create(name, Algorithm.ED25519)
        return name

    def names(self, role: str) -> tuple[str, ...]:
        """The names of the keys of a role that are here."""
        if role in OFFLINE and self.offline is None:
            return ()
        start = f"{_PREFIX}{role}-"
        found = [name for name in self._store(role).names() if name.startswith(start)]
        return tuple(sorted(found, key=lambda name: int(name.rsplit("-", 1)[1])))

    def signers(self, role: str) -> tuple[Signer, ...]:
        """Whatever can sign for a role here, in the order of the keys' numbers."""
        store = self._store(role) if role not in OFFLINE or self.offline is not None else None
        if store is None:
            return ()
        return tuple(CryptoSigner(store.open(name), None) for name in self.names(role))

    def _store(self, role: str) -> Keys:
        if role not in OFFLINE:
            return self.online
        if self.offline is None:
            raise TrustError(
                Reason.MATERIAL_MISSING,
                f"the keys of {role} are offline, and no folder with them was named",
                fix="--offline DIR",
            )
        return self.offline


def key_name(role: str, number: int) -> str:
    """The name of a key in its store."""
    return f"{_PREFIX}{role}-{number}"


def public_of(signer: Signer) -> Key:
    """The public key of a signer."""
    key = signer.public_key
    if not isinstance(key, SSlibKey):
        raise TrustError(Reason.MATERIAL_UNTRUSTED, "a key of this kind does not sign metadata")
    return key


def able(signers: Iterable[Signer], keyids: Iterable[str], threshold: int, role: str) -> Sequence[Signer]:
    """The signers whose keys are among these. TrustError (`MATERIAL_MISSING`) when they are too few."""
    wanted = set(keyids)
    found = [signer for signer in signers if public_of(signer).keyid in wanted]
    if len(found) < threshold:
        raise TrustError(
            Reason.MATERIAL_MISSING,
            f"{role} needs {threshold} signatures, and {len(found)} of its keys are here",
            fix="sign where the keys are: --offline DIR names their folder",
        )
    return found

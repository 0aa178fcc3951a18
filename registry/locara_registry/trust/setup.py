"""Making an instance, and replacing its keys one role at a time.

Root keys are made in a folder of their own, which is to be taken away: they sign two certificates a year. Everything
else is online. A rotation adds the new key, retires the old one, and leaves the old one in the trusted root for what
it signed.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from locara.records import dataclass
from locara.trust.refusal import Reason, TrustError
from locara_registry.trust import authority
from locara_registry.trust.authority import Chain
from locara_registry.trust.keys import Algorithm, Keys, public_pem
from locara_registry.trust.moments import Moments
from locara_registry.trust.record import Part, Record, Role

ROOT_LIFE: Final = timedelta(days=3650)
YEAR: Final = timedelta(days=365)
TIMESTAMPS_LIFE: Final = timedelta(days=5 * 365)
_TITLES: Final = {Role.AUTHORITY: "issuing authority", Role.TIMESTAMPS: "timestamps"}


@dataclass(frozen=True, slots=True)
class Setup:
    """The means: online keys, the offline root keys, and time."""

    keys: Keys
    roots: Keys
    moments: Moments

    def begin(self, record: Record) -> Record:
        """A new instance: both roots and one part for each role.

        Raises FileExistsError when a key of that name is there: an instance is never made over another.
        """
        for role in Role:
            if role.root is not None:
                self.roots.create(role.root, Algorithm.P384)
        for role in Role:
            record = record.with_part(self._part(record, role, None))
        return record

    def rotate(self, record: Record, role: Role) -> Record:
        """The record with a new key at work for a role, the old one retired now. Raises TrustError."""
        if role is Role.LOG:
            raise TrustError(
                Reason.LOG_FORK,
                "a log keeps its key for life: under another key it is another log",
                fix="begin a new log with a new origin, and keep this one readable",
            )
        before = record.at_work(role)
        part = self._part(record, role, before)
        # Leaves that are out may sign until they end.
        return record.with_part(part, retire=part.since + authority.LEAF_LIFE)

    def _part(self, record: Record, role: Role, before: Part | None) -> Part:
        taken = {*self.keys.names(), *(one.key for one in record.parts)}  # a rotation may have been killed
        name = next(name for number in count(1) if (name := f"{role}-{number}") not in taken)
        key = self.keys.create(name, role.algorithm)
        chain: tuple[str, ...] = ()
        if role.root is not None and isinstance(key, ec.EllipticCurvePrivateKey):
            made = self._below(record, role, key.public_key(), before)
            chain = tuple(one.public_bytes(Encoding.PEM).decode() for one in made.certificates)
        return Part(role=role, key=name, public=public_pem(key), chain=chain, since=self.moments.second())

    def _below(
        self, record: Record, role: Role, public: ec.EllipticCurvePublicKey, before: Part | None
    ) -> Chain:
        root_key = self.roots.open(str(role.root))
        if not isinstance(root_key, ec.EllipticCurvePrivateKey):
            raise TrustError(Reason.MATERIAL_UNTRUSTED, f"{role.root} is a key of another kind")
        title = f"{record.name} {_TITLES[role]}"
        if before is None:
            root = authority.make_root(root_key, record.name, f"{title} root", ROOT_LIFE, self.moments)
        else:
            root = x509.load_pem_x509_certificate(before.chain[-1].encode())
            if root.public_key() != root_key.public_key():
                raise TrustError(
                    Reason.MATERIAL_UNTRUSTED, f"this is not the {role.root} key of {record.name}"
                )
        stamps = role is Role.TIMESTAMPS
        return authority.make_below(
            root_key,
            root,
            public,
            title=title,
            life=TIMESTAMPS_LIFE if stamps else YEAR,
            moments=self.moments,
            timestamps=stamps,
        )

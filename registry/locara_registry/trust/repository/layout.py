"""Who may sign what in an update repository, how many must, and how long a signature lasts.

    root        2 of 3   everything below; offline
    timestamp   1        which state is current; online, renewed every few hours
    snapshot    1        the versions of all roles; online
    targets     2 of 3   what attestations are checked against, and the delegations below; offline
      models        models/*                index of models
      tools         tools/*                 index of tools
      revocations   revocations/list.json   2 of 3, offline
      urgent        revocations/urgent.json 1 of 2, at hand at any hour, also renews the lists' time
      catalog       apps/*/*/*              in hash bins, online

A pattern matches one path segment for each `*`: `apps/*` would not match `apps/acme/notes/1.0.0.json`, and the
target would just not be found. Each role is delegated to by one other and no more: clients keep a role by its name.
"""

from __future__ import annotations

from typing import Final

from locara.records import dataclass
from locara.trust.repository.names import (
    REVOCATIONS,
    SIGNING_CONFIG,
    TRUST_INSTANCE,
    TRUSTED_ROOT,
    URGENT,
)

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
BINS: Final = "bins"
BIN_PREFIX: Final = "bin"
TOP: Final = ("root", "timestamp", "snapshot", "targets")
DELEGATED: Final = ("models", "tools", "revocations", "urgent", "catalog")
ROLES: Final = (*TOP, *DELEGATED, BINS)
OFFLINE: Final = frozenset({"root", "targets", "revocations"})


@dataclass(frozen=True, slots=True)
class Role:
    """How many keys a role has, how many must sign, and how many seconds a signature lasts."""

    keys: int
    threshold: int
    life: int
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """All roles, and how often the online ones are renewed, in seconds. ``bits``: 2 to that power are the bins."""

    renew: int = 6 * HOUR
    bits: int = 8
    root: Role = Role(3, 2, 365 * DAY)
    timestamp: Role = Role(1, 1, 3 * DAY)
    snapshot: Role = Role(1, 1, 7 * DAY)
    targets: Role = Role(3, 2, 180 * DAY, (TRUSTED_ROOT, SIGNING_CONFIG, TRUST_INSTANCE))
    models: Role = Role(1, 1, 90 * DAY, ("models/*",))
    tools: Role = Role(1, 1, 90 * DAY, ("tools/*",))
    revocations: Role = Role(3, 2, 180 * DAY, (REVOCATIONS,))
    urgent: Role = Role(2, 1, 7 * DAY, (URGENT,))
    catalog: Role = Role(1, 1, 90 * DAY, ("apps/*/*/*",))
    bins: Role = Role(1, 1, 90 * DAY)

    def __post_init__(self) -> None:
        for name in ("timestamp", "snapshot", "urgent"):
            if self.role(name).life < 3 * self.renew:
                raise ValueError(
                    f"{name} lasts {self.role(name).life} s and is renewed every {self.renew} s: one missed renewal "
                    "and every client refuses; it must last three times as long"
                )
        if not 1 <= self.bits <= 14:
            raise ValueError("bins are 2 to the power of 1 to 14")
        for name in ROLES:
            role = self.role(name)
            if not 1 <= role.threshold <= role.keys:
                raise ValueError(f"{name}: {role.threshold} of {role.keys} keys cannot sign")

    def role(self, name: str) -> Role:
        """The role of that name; that of a bin is `bins`. KeyError for others."""
        found = getattr(self, holder(name), None)
        if not isinstance(found, Role):
            raise KeyError(name)
        return found


def holder(name: str) -> str:
    """Whose keys sign a role: a bin is signed by the keys of all bins."""
    return BINS if name.startswith(f"{BIN_PREFIX}-") else name


def delegator(name: str) -> str:
    """The role that names the keys of another: root for the top ones and for itself."""
    if name in TOP:
        return "root"
    return "catalog" if holder(name) == BINS else "targets"

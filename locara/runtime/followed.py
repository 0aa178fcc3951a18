"""What attestations are checked against where nobody names it: what the registry says that this machine follows.

It comes out of the copy that was verified when it was fetched and is verified again here, so it needs no network and
an edited file is refused. How fresh a copy must be to update from it is another question: the instance is good as
long as the roles are that signed it, which is months and not days.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from locara.runtime.revocation import latest_time, read_lists
from locara.runtime.state import StartError, StateFolder
from locara.trust.attestation import Recalled
from locara.trust.bundle.instance import TrustInstance
from locara.trust.recall import recalled_by
from locara.trust.refusal import Reason, TrustError

REGISTRY: Final = "registry"
_NO_REGISTRY: Final = (
    "--trust-root FILE (from the registry), --public-good, or `locara trust follow` a registry"
)
_REASONS: Final = {"not_followed": Reason.MATERIAL_MISSING, "no_copy": Reason.MATERIAL_MISSING}


def followed_instance(state: StateFolder, *, now: float) -> TrustInstance:
    """The trust instance of the registry that this machine follows. Opens no connection.

    Raises TrustError: `MATERIAL_MISSING` where no registry is followed, nothing was fetched, or it carries none;
    `MATERIAL_STALE` when those who signed it have not vouched for it lately; `MATERIAL_UNTRUSTED` when the copy is
    not the one that was verified.
    """
    home = state.path / REGISTRY
    if not (home / "registry.json").exists():
        raise TrustError(
            Reason.MATERIAL_MISSING, "there is no trust instance to check against", fix=_NO_REGISTRY
        )
    from locara.trust.repository.client import open_copy  # noqa: PLC0415 - only where there is a copy
    from locara.trust.repository.home import Home  # noqa: PLC0415
    from locara.trust.repository.names import TRUST_INSTANCE  # noqa: PLC0415
    from locara.trust.repository.refused import UpdateRefused  # noqa: PLC0415

    try:
        copy = open_copy(Home(home), (TRUST_INSTANCE,))
        if TRUST_INSTANCE not in copy.names:
            raise TrustError(
                Reason.MATERIAL_MISSING,
                "the registry that is followed carries no trust instance",
                fix="--trust-root FILE, or --public-good",
            )
        raw = copy.read(TRUST_INSTANCE)
    except UpdateRefused as error:
        reason = _REASONS.get(error.code, Reason.MATERIAL_UNTRUSTED)
        raise TrustError(reason, error.message, fix=error.fix) from error
    latest = latest_time(state, now)
    until = min(copy.metadata.root.expires, copy.metadata.roles["targets"].expires)
    if until.timestamp() < latest:
        raise TrustError(
            Reason.MATERIAL_STALE,
            f"what the registry says to check against was good until {until:%Y-%m-%d %H:%M} UTC",
            fix="get the newest: locara trust update",
        )
    instance = TrustInstance.read(raw)
    instance.fresh(datetime.fromtimestamp(latest, UTC))
    return instance


def recalled_here(state: StateFolder, *, now: float) -> Recalled:
    """The judge by the lists that this machine has: those of the registry, or the one it was shipped with.

    How old they are is told by the latest time ever seen, so a clock that is set back makes none younger. Raises
    TrustError `MATERIAL_UNTRUSTED` when they cannot be relied on.
    """
    try:
        lists = read_lists(state)
    except StartError as error:
        raise TrustError(Reason.MATERIAL_UNTRUSTED, error.message, fix=error.fix) from error
    latest = max(now, lists.memory.clock)
    return recalled_by(lists.known, now=latest, follows=lists.memory.since is not None)
